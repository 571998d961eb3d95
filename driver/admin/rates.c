#include "admin/rates.h"

#include "admin/metrics_text.h"

#include <math.h>

double metrics_sum(struct span text, const char *family, const char *label)
{
    double sum = NAN;
    struct metrics_sample sample;
    while (metrics_text_next(&text, &sample)) {
        bool is_meant =
            span_equals(sample.name, family) &&
            (*label == '\0' || memmem(sample.labels.data, sample.labels.length, label, strlen(label)) != NULL);
        if (is_meant)
            sum = isnan(sum) ? sample.value : sum + sample.value;
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
