/* Writes a head as one run of bytes, added to the output in one go: a socket's output calls back on every addition.
 * What may stand in it is the caller's to ask first, with http_field_is_safe. Pure. */
#ifndef HOODY_PROTO_HTTP_HEAD_WRITE_H
#define HOODY_PROTO_HTTP_HEAD_WRITE_H

#include <event2/buffer.h>

#include "stream_payloads.h"

enum {
    HTTP_LENGTH_DIGITS_MAX = 20, /* of a uint64_t */
    HTTP_HEAD_OWN_MAX = 256,     /* bytes of a head that are not its sender's: status line, framing, Connection */
};

struct http_head_writer {
    struct evbuffer *out;
    struct evbuffer_iovec space;
    size_t length; /* bytes written of it */
};

/* Room for `capacity` bytes; writing more is our error. Nothing else touches `out` until end. */
void http_head_writer_begin(struct http_head_writer *writer, struct evbuffer *out, size_t capacity);
void http_head_write_text(struct http_head_writer *writer, const char *text);
void http_head_write_field(struct http_head_writer *writer, struct span name, struct span value);
void http_head_write_length(struct http_head_writer *writer, struct span name, uint64_t length);
/* The empty line; the head goes to `out`. */
void http_head_writer_end(struct http_head_writer *writer);

/* Bytes that all the fields take, written as they are. */
size_t http_head_fields_size(const struct field_list *fields);

/* false: written out, this field would not be one line with this name. */
bool http_field_is_safe(struct span name, struct span value);
bool http_value_is_safe(struct span value);
bool http_token_is_valid(struct span token);

/* What the Content-Length fields say together. */
enum http_length_verdict {
    HTTP_LENGTH_ABSENT,
    HTTP_LENGTH_GIVEN,
    HTTP_LENGTH_BAD, /* not 1*DIGIT below 2^63, or two that differ */
};
enum http_length_verdict http_declared_length(const struct field_list *fields, uint64_t *ret_length);

#endif
