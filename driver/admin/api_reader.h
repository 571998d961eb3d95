/* The API's JSON, read strictly: what is missing or of another type is noted, reading goes on with what does no harm,
 * and who reads asks at the end. Unknown fields are nobody's business. */
#ifndef HOODY_DRIVER_API_READER_H
#define HOODY_DRIVER_API_READER_H

#include "span.h"

#include <jansson.h>

struct api_reader {
    const char *bad_field; /* the first that was not as it must be; NULL: all is well */
};

/* One document without duplicate keys, nothing behind it. NULL: it is none, *ret_line says in which line. The caller
 * drops it (json_decref). */
json_t *api_parse(struct span body, int *ret_line);

/* Borrowed from `object`, as is all below; "" when there is none. */
struct span api_text(struct api_reader *reader, const json_t *object, const char *field);
/* 0 or more. */
json_int_t api_count(struct api_reader *reader, const json_t *object, const char *field);
bool api_flag(struct api_reader *reader, const json_t *object, const char *field);
/* An array; NULL (an array without items) when there is none. */
const json_t *api_list(struct api_reader *reader, const json_t *object, const char *field);
/* A field that may be missing. */
bool api_has(const json_t *object, const char *field);

#endif
