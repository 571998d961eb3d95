#include "http_head_write.h"

#include "check.h"
#include "http_byte_class.h"

#include <inttypes.h>

void http_head_writer_begin(struct http_head_writer *writer, struct evbuffer *out, size_t capacity)
{
    *writer = (struct http_head_writer){.out = out};
    check(evbuffer_reserve_space(out, (ev_ssize_t)capacity, &writer->space, 1) == 1);
}

static void write_bytes(struct http_head_writer *writer, const void *bytes, size_t length)
{
    check(length <= writer->space.iov_len - writer->length);
    if (length > 0) {
        memcpy((uint8_t *)writer->space.iov_base + writer->length, bytes, length);
    }
    writer->length += length;
}

void http_head_write_text(struct http_head_writer *writer, const char *text)
{
    write_bytes(writer, text, strlen(text));
}

void http_head_write_field(struct http_head_writer *writer, struct span name, struct span value)
{
    write_bytes(writer, name.data, name.length);
    write_bytes(writer, ": ", 2);
    write_bytes(writer, value.data, value.length);
    write_bytes(writer, "\r\n", 2);
}

void http_head_write_length(struct http_head_writer *writer, struct span name, uint64_t length)
{
    char digits[HTTP_LENGTH_DIGITS_MAX + 1];
    (void)snprintf(digits, sizeof digits, "%" PRIu64, length);
    http_head_write_field(writer, name, span_of_string(digits));
}

void http_head_writer_end(struct http_head_writer *writer)
{
    write_bytes(writer, "\r\n", 2);
    writer->space.iov_len = writer->length;
    check(evbuffer_commit_space(writer->out, &writer->space, 1) == 0);
}

size_t http_head_fields_size(const struct field_list *fields)
{
    size_t size = 0;
    for (size_t i = 0; i < fields->count; i++) {
        size += strlen(fields->pairs[i].name) + strlen(fields->pairs[i].value) + strlen(": \r\n");
    }
    return size;
}

bool http_token_is_valid(struct span token)
{
    return token.length > 0 && http_byte_run(token, BYTE_TOKEN) == token.length;
}

/* Other control bytes end no line, and are between the sender and the receiver (RFC 9110 section 5.5). */
bool http_value_is_safe(struct span value)
{
    for (size_t i = 0; i < value.length; i++) {
        const uint8_t byte = value.data[i];
        if (byte == '\r' || byte == '\n' || byte == '\0') {
            return false;
        }
    }
    return true;
}

bool http_field_is_safe(struct span name, struct span value)
{
    return http_token_is_valid(name) && http_value_is_safe(value);
}

/* 1*DIGIT below 2^63. */
static bool read_length(const char *value, uint64_t *ret_length)
{
    uint64_t length = 0;
    for (const char *at = value; *at != '\0'; at++) {
        if (*at < '0' || *at > '9') {
            return false;
        }
        const uint64_t digit = (uint64_t)(*at - '0');
        if (length > ((uint64_t)INT64_MAX - digit) / 10) {
            return false;
        }
        length = length * 10 + digit;
    }
    if (*value == '\0') {
        return false;
    }
    *ret_length = length;
    return true;
}

enum http_length_verdict http_declared_length(const struct field_list *fields, uint64_t *ret_length)
{
    bool is_given = false;
    uint64_t length = 0;
    for (size_t i = 0; i < fields->count; i++) {
        if (strcasecmp(fields->pairs[i].name, "content-length") != 0) {
            continue;
        }
        uint64_t said = 0;
        if (!read_length(fields->pairs[i].value, &said) || (is_given && said != length)) {
            return HTTP_LENGTH_BAD;
        }
        is_given = true;
        length = said;
    }
    if (!is_given) {
        return HTTP_LENGTH_ABSENT;
    }
    *ret_length = length;
    return HTTP_LENGTH_GIVEN;
}
