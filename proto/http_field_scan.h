/* The strict scanner of field lines, up to and with the empty line that ends them: the fields of a head, or trailers
 * (RFC 9112 sections 5 and 7.1.2; protocol section 6, request smuggling). It keeps no bytes, only where they were; each
 * byte is looked at once, however the input is cut. The caller bounds the section. */
#ifndef HOODY_PROTO_HTTP_FIELD_SCAN_H
#define HOODY_PROTO_HTTP_FIELD_SCAN_H

#include "http_reader.h"

/* A run of bytes in a head, counted from its first byte. */
struct http_place {
    uint16_t at;
    uint16_t length;
};
_Static_assert(HTTP_HEAD_MAX <= UINT16_MAX && HTTP_TRAILERS_MAX <= UINT16_MAX, "places must fit");

enum http_field_state { FIELD_START, FIELD_NAME, FIELD_VALUE_LEAD, FIELD_VALUE, FIELD_LINE_LF, FIELD_LAST_LF };

struct http_field_scan {
    enum http_field_state state; /* 0 at first */
    uint16_t at;                 /* bytes scanned; begins where the caller says the section does */
    struct http_place name;      /* of the line at hand */
    struct http_place value;     /* without surrounding white space */
};

enum http_field_verdict {
    FIELD_MORE, /* `in` is used up */
    FIELD_LINE, /* a line ended: name and value say where they are */
    FIELD_END,  /* the empty line */
    FIELD_BAD,
};

/* Advances `in` past what it scanned, at most to the end of one line. */
enum http_field_verdict http_field_scan(struct http_field_scan *scan, struct span *in, struct http_error *ret_error);

static inline void span_advance(struct span *in, size_t length)
{
    in->data += length;
    in->length -= length;
}

#endif
