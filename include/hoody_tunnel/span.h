/* A borrowed run of bytes: pointer and length, never owned, valid until the handler that got it returns. */
#ifndef HOODY_TUNNEL_SPAN_H
#define HOODY_TUNNEL_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct span {
    const uint8_t *data; /* may be NULL when length is 0 */
    size_t length;       /* bytes */
};

static inline struct span span_of(const void *data, size_t length)
{
    return (struct span){.data = data, .length = length};
}

static inline struct span span_of_string(const char *text)
{
    return span_of(text, strlen(text));
}

static inline bool span_equals(struct span span, const char *text)
{
    return span.length == strlen(text) && (span.length == 0 || memcmp(span.data, text, span.length) == 0);
}

/* ASCII case folding, whatever the locale says: names of HTTP headers and tokens. */
static inline bool span_equals_nocase(struct span span, const char *text)
{
    return span.length == strlen(text) &&
           (span.length == 0 || strncasecmp((const char *)span.data, text, span.length) == 0);
}

#endif
