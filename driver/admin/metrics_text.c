#include "admin/metrics_text.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>

enum {
    VALUE_BYTES_MAX = 64,
    REAL_DIGITS = 15,
};

/* ---- samples ---- */

static struct span take_line(struct span *p_text)
{
    const uint8_t *end = memchr(p_text->data, '\n', p_text->length);
    size_t length = end != NULL ? (size_t)(end - p_text->data) : p_text->length;
    struct span line = span_of(p_text->data, length);
    length += end != NULL;
    *p_text = span_of(p_text->data + length, p_text->length - length);
    return line;
}

/* " 32", or with a time behind it. */
static bool read_value(struct span rest, double *ret_value)
{
    char value[VALUE_BYTES_MAX], *end = NULL;
    if (rest.length < 2 || rest.length >= sizeof value || *rest.data != ' ')
        return false;
    memcpy(value, rest.data, rest.length);
    value[rest.length] = '\0';
    *ret_value = strtod(value, &end);
    return end != value && (*end == '\0' || *end == ' ');
}

static bool read_sample(struct span line, struct metrics_sample *ret_sample)
{
    size_t name = 0;
    while (name < line.length && line.data[name] != '{' && line.data[name] != ' ')
        name++;
    if (name == 0 || name == line.length || *line.data == '#')
        return false;
    struct span labels = span_of("", 0), rest = span_of(line.data + name, line.length - name);
    if (*rest.data == '{') {
        const uint8_t *close = memrchr(rest.data, '}', rest.length);
        if (close == NULL)
            return false;
        labels = span_of(rest.data + 1, (size_t)(close - rest.data) - 1);
        rest = span_of(close + 1, (size_t)(rest.data + rest.length - close) - 1);
    }
    *ret_sample = (struct metrics_sample){.name = span_of(line.data, name), .labels = labels};
    return read_value(rest, &ret_sample->value);
}

bool metrics_text_next(struct span *p_text, struct metrics_sample *ret_sample)
{
    while (p_text->length > 0)
        if (read_sample(take_line(p_text), ret_sample))
            return true;
    return false;
}

/* ---- as JSON ---- */

json_t *metrics_number_json(double number)
{
    static const double WHOLE_MAX = 9007199254740992; /* 2^53: beyond it not every whole number is one of these */
    if (!isfinite(number))
        return json_null();
    if (number == trunc(number) && fabs(number) <= WHOLE_MAX)
        return json_integer((json_int_t)number);
    return json_real(number);
}

/* `"value"` at the front of `p_rest`, with \\, \" and \n in it. NULL: it is malformed, or no UTF-8. */
static json_t *take_text(struct span *p_rest)
{
    char *text = malloc(p_rest->length + 1);
    size_t used = 0, i = 1;
    json_t *json = NULL;
    check(text != NULL);
    bool is_open = p_rest->length > 0 && *p_rest->data == '"';
    for (; is_open && i < p_rest->length; i++) {
        char c = (char)p_rest->data[i];
        if (c == '"') {
            json = json_stringn(text, used);
            break;
        }
        if (c == '\\' && ++i < p_rest->length)
            c = p_rest->data[i] == 'n' ? '\n' : (char)p_rest->data[i];
        text[used++] = c;
    }
    free(text);
    if (json != NULL)
        *p_rest = span_of(p_rest->data + i + 1, p_rest->length - i - 1);
    return json;
}

/* NULL: they are malformed. */
static json_t *labels_json(struct span labels)
{
    json_t *object = json_object();
    check(object != NULL);
    while (labels.length > 0) {
        const uint8_t *equals = memchr(labels.data, '=', labels.length);
        size_t name = equals != NULL ? (size_t)(equals - labels.data) : 0;
        struct span rest = span_of(labels.data + name + 1, labels.length - name - 1);
        json_t *value = name > 0 ? take_text(&rest) : NULL; /* setn_new takes it in any case, and refuses none */
        bool is_set = json_object_setn_new(object, (const char *)labels.data, name, value) == 0;
        bool is_followed = rest.length > 0 && *rest.data == ',';
        if (!is_set || (rest.length > 0 && !is_followed)) {
            json_decref(object);
            return NULL;
        }
        labels = span_of(rest.data + is_followed, rest.length - is_followed);
    }
    return object;
}

bool metrics_text_print_json(struct span text, FILE *out)
{
    struct metrics_sample sample;
    while (metrics_text_next(&text, &sample)) {
        json_t *name = json_stringn((const char *)sample.name.data, sample.name.length);
        json_t *labels = labels_json(sample.labels);
        if (name == NULL || labels == NULL) {
            json_decref(name);
            json_decref(labels);
            return false;
        }
        json_t *line =
            json_pack("{s:o, s:o, s:o}", "name", name, "labels", labels, "value", metrics_number_json(sample.value));
        check(line != NULL);
        (void)json_dumpf(line, out,
                         JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS)); /* whoever flushes sees failures */
        fputc('\n', out);
        json_decref(line);
    }
    return true;
}
