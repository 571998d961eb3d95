/* Which bytes may stand where in an HTTP/1.x head (RFC 9110 section 5, RFC 9112 section 3, RFC 3986). */
#ifndef HOODY_PROTO_HTTP_BYTE_CLASS_H
#define HOODY_PROTO_HTTP_BYTE_CLASS_H

#include "span.h"

enum {
    BYTE_TOKEN = 1,  /* tchar: methods, field names */
    BYTE_VALUE = 2,  /* field values, reasons, chunk extensions: HTAB, SP, VCHAR, 0x80 and above */
    BYTE_TARGET = 4, /* request targets: VCHAR but for " # < >, which no client sends unescaped by right. \ ^ ` { | }
                        are not URI characters either, yet browsers send them so */
    BYTE_HOST = 8,   /* a host and port: reg-name, IP literal, colon */
};

extern const uint8_t http_byte_class[256];

static inline bool http_byte_is(uint8_t byte, uint8_t class)
{
    return (http_byte_class[byte] & class) != 0;
}

/* How many bytes at the front of `in` are all of that class. */
static inline size_t http_byte_run(struct span in, uint8_t class)
{
    size_t length = 0;
    while (length < in.length && http_byte_is(in.data[length], class)) {
        length++;
    }
    return length;
}

#endif
