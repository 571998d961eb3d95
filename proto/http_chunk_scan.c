#include "http_chunk_scan.h"

#include "check.h"
#include "http_byte_class.h"

static enum http_chunk_verdict chunk_bad(uint16_t status, const char *text, struct http_error *ret_error)
{
    *ret_error = (struct http_error){.status = status, .text = text};
    return CHUNK_BAD;
}

static void line_advance(struct http_chunk_scan *scan, struct span *in, size_t length)
{
    span_advance(in, length);
    scan->line_length = (uint16_t)(scan->line_length + length);
}

/* -1: no hexadecimal digit. */
static int hex_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    const int lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static enum http_chunk_verdict step_size(struct http_chunk_scan *scan, struct span *in, struct http_error *ret_error)
{
    const uint8_t byte = in->data[0];
    const int digit = hex_value(byte);

    if (digit >= 0) {
        if (scan->data_left > (uint64_t)INT64_MAX >> 4) {
            return chunk_bad(400, "a chunk size is too large", ret_error);
        }
        scan->data_left = scan->data_left << 4 | (uint64_t)digit;
        scan->state = CHUNK_SIZE_MORE;
    } else if (scan->state == CHUNK_SIZE_MORE && byte == ';') {
        scan->state = CHUNK_EXTENSION;
    } else if (scan->state == CHUNK_SIZE_MORE && byte == '\r') {
        scan->state = CHUNK_SIZE_LF;
    } else {
        return chunk_bad(400, "a chunk size is not a hexadecimal number", ret_error);
    }
    line_advance(scan, in, 1);
    return CHUNK_MORE;
}

static enum http_chunk_verdict step_extension(struct http_chunk_scan *scan, struct span *in,
                                              struct http_error *ret_error)
{
    if (in->data[0] == '\r') {
        scan->state = CHUNK_SIZE_LF;
        line_advance(scan, in, 1);
        return CHUNK_MORE;
    }
    const size_t room = HTTP_CHUNK_LINE_MAX - (size_t)scan->line_length;
    const size_t run = http_byte_run(span_of(in->data, in->length < room ? in->length : room), BYTE_VALUE);
    if (run == 0) {
        return chunk_bad(400, "a chunk extension holds a control byte", ret_error);
    }
    line_advance(scan, in, run);
    return CHUNK_MORE;
}

static enum http_chunk_verdict step_size_lf(struct http_chunk_scan *scan, struct span *in, struct http_error *ret_error)
{
    if (in->data[0] != '\n') {
        return chunk_bad(400, "a bare CR", ret_error);
    }
    span_advance(in, 1);
    scan->line_length = 0;
    scan->state = scan->data_left > 0 ? CHUNK_DATA : CHUNK_TRAILERS;
    return CHUNK_MORE;
}

static enum http_chunk_verdict step_data_end(struct http_chunk_scan *scan, struct span *in,
                                             struct http_error *ret_error)
{
    if (in->data[0] != (scan->state == CHUNK_DATA_CR ? '\r' : '\n')) {
        return chunk_bad(400, "a chunk does not end where its size says", ret_error);
    }
    span_advance(in, 1);
    scan->state = scan->state == CHUNK_DATA_CR ? CHUNK_DATA_LF : CHUNK_SIZE;
    return CHUNK_MORE;
}

/* Trailers are checked and dropped, however many; their bytes are bounded. */
static enum http_chunk_verdict step_trailers(struct http_chunk_scan *scan, struct span *in,
                                             struct http_error *ret_error)
{
    const size_t room = HTTP_TRAILERS_MAX - (size_t)scan->trailer.at;
    const size_t beyond = in->length > room ? in->length - room : 0;

    in->length -= beyond;
    const enum http_field_verdict verdict = http_field_scan(&scan->trailer, in, ret_error);
    in->length += beyond;
    switch (verdict) {
    case FIELD_MORE:
        return beyond > 0 ? chunk_bad(431, "the trailers are too large", ret_error) : CHUNK_MORE;
    case FIELD_LINE:
        return CHUNK_MORE;
    case FIELD_END:
        return CHUNK_DONE;
    case FIELD_BAD:
        return CHUNK_BAD;
    }
    check(false);
}

static enum http_chunk_verdict chunk_step(struct http_chunk_scan *scan, struct span *in, struct http_error *ret_error)
{
    if (scan->line_length == HTTP_CHUNK_LINE_MAX) {
        return chunk_bad(400, "a chunk size line is too long", ret_error);
    }
    switch (scan->state) {
    case CHUNK_SIZE:
    case CHUNK_SIZE_MORE:
        return step_size(scan, in, ret_error);
    case CHUNK_EXTENSION:
        return step_extension(scan, in, ret_error);
    case CHUNK_SIZE_LF:
        return step_size_lf(scan, in, ret_error);
    case CHUNK_DATA:
        return CHUNK_HAS_DATA;
    case CHUNK_DATA_CR:
    case CHUNK_DATA_LF:
        return step_data_end(scan, in, ret_error);
    case CHUNK_TRAILERS:
        return step_trailers(scan, in, ret_error);
    }
    check(false);
}

enum http_chunk_verdict http_chunk_scan(struct http_chunk_scan *scan, struct span *in, struct http_error *ret_error)
{
    while (in->length > 0) {
        const enum http_chunk_verdict verdict = chunk_step(scan, in, ret_error);
        if (verdict != CHUNK_MORE) {
            return verdict;
        }
    }
    return scan->state == CHUNK_DATA ? CHUNK_HAS_DATA : CHUNK_MORE;
}

void http_chunk_take(struct http_chunk_scan *scan, uint64_t length)
{
    check(scan->state == CHUNK_DATA && length <= scan->data_left);
    scan->data_left -= length;
    if (scan->data_left == 0) {
        scan->state = CHUNK_DATA_CR;
    }
}
