/* Reading JSON payloads with Jansson. Private to proto/.
 *
 * The first failure sticks: the getters after it return nothing, so a decoder reads all it wants and asks once, at
 * payload_reader_done(). Each getter's `why` is static and names the field. A member that is null counts as absent:
 * drivers write what their callers left empty so. */
#ifndef HOODY_PROTO_PAYLOAD_JSON_H
#define HOODY_PROTO_PAYLOAD_JSON_H

#include "payload.h"

#include <jansson.h>

#define PAYLOAD_OUT_OF_MEMORY "out of memory"

struct payload_reader {
    json_t *root; /* owned */
    enum payload_verdict verdict;
    const char *why; /* static */
};

/* Loads the payload; returns its object, borrowed until done. NULL: failed. */
const json_t *payload_reader_init(struct payload_reader *reader, struct span json);
/* Frees what was loaded and gives the verdict. `ret_why` is set unless that is PAYLOAD_OK; it may be NULL. */
enum payload_verdict payload_reader_done(struct payload_reader *reader, const char **ret_why);

bool payload_is_ok(const struct payload_reader *reader);
/* PAYLOAD_INVALID, unless something failed before. */
void payload_refuse(struct payload_reader *reader, const char *why);

/* false: absent, null, or `object` is no object. */
bool payload_has(const json_t *object, const char *key);
/* true: the member is a string and this one. */
bool payload_text_is(const json_t *object, const char *key, const char *text);

/* The member must be there and of the type, or the payload is refused. Strings are malloc'd copies; one with a NUL is
 * refused. */
char *payload_text(struct payload_reader *reader, const json_t *object, const char *key, const char *why);
/* A copy of `fallback` when it is absent. */
char *payload_text_or(struct payload_reader *reader, const json_t *object, const char *key, const char *fallback,
                      const char *why);
/* 0 when refused. 3000.0 and numbers beyond int64_t are no integers. */
int64_t payload_integer(struct payload_reader *reader, const json_t *object, const char *key, int64_t min, int64_t max,
                        const char *why);
bool payload_flag(struct payload_reader *reader, const json_t *object, const char *key, const char *why);
/* Borrowed; NULL when refused. */
const json_t *payload_object(struct payload_reader *reader, const json_t *object, const char *key, const char *why);
const json_t *payload_array(struct payload_reader *reader, const json_t *object, const char *key, const char *why);
/* `count` zeroed elements of `size` bytes, malloc'd. NULL: count is 0, or refused. */
void *payload_allocate(struct payload_reader *reader, size_t count, size_t size);

#endif
