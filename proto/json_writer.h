/* Writes JSON by hand: no tree, no growing, straight to where it goes. Private to proto/.
 *
 * A payload's write function runs twice, first to measure and then to write, and so cannot fail. Text is valid UTF-8
 * and passed through; quotes, backslashes and control characters are escaped. Commas are set by the writer. */
#ifndef HOODY_PROTO_JSON_WRITER_H
#define HOODY_PROTO_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evbuffer;

struct json_writer {
    char *out; /* NULL: only measures */
    size_t length;
    bool needs_comma;
};

typedef void json_write_fn(struct json_writer *writer, const void *payload);

/* A malloc'd NUL-terminated string; NULL: out of memory. */
char *json_render(json_write_fn *write, const void *payload);
/* Appends in one piece; returns the bytes, 0: out of memory, `out` unchanged. */
size_t json_append(json_write_fn *write, const void *payload, struct evbuffer *out);

void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);

/* Keys are our own and need no escaping. */
void json_key(struct json_writer *writer, const char *key);
void json_text(struct json_writer *writer, const char *text);
void json_number(struct json_writer *writer, int64_t value);

/* Key and value. */
void json_text_member(struct json_writer *writer, const char *key, const char *text);
void json_number_member(struct json_writer *writer, const char *key, int64_t value);
void json_flag_member(struct json_writer *writer, const char *key, bool value);
void json_null_member(struct json_writer *writer, const char *key);

#endif
