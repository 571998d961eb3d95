#include "admin/rates.h"

#include <math.h>
#include <stdlib.h>

enum { VALUE_BYTES_MAX = 64 };

/* The value of a sample `line` of that family whose labels hold `label`. */
static bool read_sample(struct span line, const char *family, const char *label, double *ret_value)
{
    char value[VALUE_BYTES_MAX], *end = NULL;
    size_t name = strlen(family);
    if (line.length <= name || memcmp(line.data, family, name) != 0)
        return false;
    struct span labels = span_of("", 0), rest = span_of(line.data + name, line.length - name);
    if (*rest.data == '{') {
        const uint8_t *close = memrchr(rest.data, '}', rest.length);
        if (close == NULL)
            return false;
        labels = span_of(rest.data + 1, (size_t)(close - rest.data) - 1);
        rest = span_of(close + 1, (size_t)(rest.data + rest.length - close) - 1);
    }
    if (rest.length < 2 || rest.length >= sizeof value || *rest.data != ' ')
        return false; /* another family, whose name begins like this one's */
    if (*label != '\0' && memmem(labels.data, labels.length, label, strlen(label)) == NULL)
        return false;
    memcpy(value, rest.data, rest.length);
    value[rest.length] = '\0';
    *ret_value = strtod(value, &end);
    return end != value && (*end == '\0' || *end == ' '); /* a time may follow */
}

double metrics_sum(struct span text, const char *family, const char *label)
{
    double sum = NAN, value = 0;
    while (text.length > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.length);
        size_t length = end != NULL ? (size_t)(end - text.data) : text.length;
        if (read_sample(span_of(text.data, length), family, label, &value))
            sum = isnan(sum) ? value : sum + value;
        length += end != NULL;
        text = span_of(text.data + length, text.length - length);
    }
    return sum;
}

void metrics_look_read(struct span text, double seconds, struct metrics_look *ret_look)
{
    static const char BYTES[] = "hoody_tunnel_stream_bytes_total", ANSWERS[] = "hoody_tunnel_http_answers_total";
    *ret_look = (struct metrics_look){
        .seconds = seconds,
        .started = metrics_sum(text, "process_start_time_seconds", ""),
        .bytes_to_visitors = metrics_sum(text, BYTES, "direction=\"to_visitor\""),
        .bytes_to_drivers = metrics_sum(text, BYTES, "direction=\"to_driver\""),
        /* Interim heads answer nothing. */
        .requests = metrics_sum(text, ANSWERS, "") - metrics_sum(text, ANSWERS, "class=\"1xx\""),
        .streams = metrics_sum(text, "hoody_tunnel_streams_opened_total", ""),
        .cpu_seconds = metrics_sum(text, "process_cpu_seconds_total", ""),
        .buffered_bytes = metrics_sum(text, "hoody_tunnel_buffered_bytes", ""),
        .memory_bytes = metrics_sum(text, "process_resident_memory_bytes", ""),
    };
}

struct metrics_rates metrics_rates_between(const struct metrics_look *before, const struct metrics_look *after)
{
    double seconds = after->seconds - before->seconds;
    if (!(seconds > 0) || before->started != after->started)
        seconds = NAN;
    return (struct metrics_rates){
        .bytes_to_visitors = (after->bytes_to_visitors - before->bytes_to_visitors) / seconds,
        .bytes_to_drivers = (after->bytes_to_drivers - before->bytes_to_drivers) / seconds,
        .requests = (after->requests - before->requests) / seconds,
        .streams = (after->streams - before->streams) / seconds,
        .cpu = (after->cpu_seconds - before->cpu_seconds) / seconds,
    };
}
