#include "naive_request.h"

#include <ctype.h>
#include <event2/buffer.h>
#include <stdlib.h>

/* What is left of the bytes, and how many were taken. */
struct naive {
    struct span left;
    size_t taken;
    bool is_short;
};

static void skip(struct naive *naive, size_t length)
{
    if (length > naive->left.length) {
        naive->is_short = true;
        length = naive->left.length;
    }
    naive->left = span_of(naive->left.data + length, naive->left.length - length);
    naive->taken += length;
}

static struct span trimmed(struct span text)
{
    while (text.length > 0 && !isgraph(text.data[0]))
        text = span_of(text.data + 1, text.length - 1);
    while (text.length > 0 && !isgraph(text.data[text.length - 1]))
        text.length--;
    return text;
}

/* Without its LF and whatever stands before that. */
static struct span take_line(struct naive *naive)
{
    const uint8_t *end = memchr(naive->left.data, '\n', naive->left.length);
    const struct span line =
        span_of(naive->left.data, end != NULL ? (size_t)(end - naive->left.data) : naive->left.length);
    skip(naive, line.length + 1);
    return trimmed(line);
}

static struct span take_word(struct span *line)
{
    *line = trimmed(*line);
    size_t length = 0;
    while (length < line->length && !isspace(line->data[length]))
        length++;
    const struct span word = span_of(line->data, length);
    *line = span_of(line->data + length, line->length - length);
    return word;
}

static bool holds(struct span text, const char *word)
{
    const size_t length = strlen(word);
    for (size_t at = 0; at + length <= text.length; at++)
        if (strncasecmp((const char *)text.data + at, word, length) == 0)
            return true;
    return false;
}

static unsigned long long number(struct span text, int base)
{
    char digits[64] = "";
    if (text.length > 0)
        memcpy(digits, text.data, text.length < sizeof digits - 1 ? text.length : sizeof digits - 1);
    return strtoull(digits, NULL, base);
}

static void take_field(struct naive_request *request, struct span line)
{
    const uint8_t *colon = memchr(line.data, ':', line.length);
    const size_t length = colon != NULL ? (size_t)(colon - line.data) : line.length;
    const struct span name = trimmed(span_of(line.data, length));
    const struct span value = colon != NULL ? trimmed(span_of(colon + 1, line.length - length - 1)) : span_of(NULL, 0);
    if (span_equals_nocase(name, "content-length") && value.length > 0)
        request->length = number(value, 10);
    if (span_equals_nocase(name, "transfer-encoding") && holds(value, "chunked"))
        request->is_chunked = true;
    if (span_equals_nocase(name, "host"))
        request->hosts++;
}

static void take_body(struct naive *naive, unsigned long long length, struct evbuffer *body)
{
    if (length > naive->left.length) {
        naive->is_short = true;
        length = naive->left.length;
    }
    evbuffer_add(body, naive->left.data, (size_t)length);
    skip(naive, (size_t)length);
}

static void take_chunks(struct naive *naive, struct evbuffer *body)
{
    while (!naive->is_short) {
        const unsigned long long size = number(take_line(naive), 16);
        if (size == 0)
            break;
        take_body(naive, size, body);
        (void)take_line(naive);
    }
    while (!naive->is_short && take_line(naive).length > 0)
        continue;
}

size_t naive_request_read(struct span bytes, struct naive_request *ret_request, struct evbuffer *body)
{
    struct naive naive = {.left = bytes};
    struct span line = take_line(&naive);
    *ret_request = (struct naive_request){0};
    ret_request->method = take_word(&line);
    ret_request->target = take_word(&line);
    while (!naive.is_short && (line = take_line(&naive)).length > 0)
        take_field(ret_request, line);
    if (ret_request->is_chunked)
        take_chunks(&naive, body);
    else
        take_body(&naive, ret_request->length, body);
    return naive.taken + naive.is_short;
}
