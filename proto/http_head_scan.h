/* The strict scanner of raw heads, request line or status line to the empty line (RFC 9112 sections 2 to 5; protocol
 * section 6, request smuggling). It checks bytes and limits, not meaning, and does not keep the bytes: the caller does,
 * and places count from the head's first byte. Incremental: each byte is looked at once, however the input is cut. */
#ifndef HOODY_PROTO_HTTP_HEAD_SCAN_H
#define HOODY_PROTO_HTTP_HEAD_SCAN_H

#include "http_field_scan.h"

enum http_head_state {
    HEAD_METHOD,
    HEAD_TARGET,
    HEAD_VERSION,     /* "HTTP/1.0" or "HTTP/1.1" */
    HEAD_VERSION_END, /* CR of a request line, SP of a status line */
    HEAD_STATUS,      /* three digits */
    HEAD_STATUS_END,  /* SP, or the CR of a line that stops there */
    HEAD_REASON,
    HEAD_START_LF,
    HEAD_FIELDS,
};

struct http_head_scan {
    enum http_reader_kind kind;
    enum http_head_state state;
    uint8_t part; /* bytes of the version or digits of the status seen */
    uint8_t version_minor;
    uint16_t status;
    struct http_place method;
    struct http_place target;
    struct http_place reason;
    struct http_field_scan field; /* its `at` counts the whole head */
    size_t field_count;
    struct http_place names[HTTP_FIELDS_MAX]; /* last: what is beyond the count is never set */
    struct http_place values[HTTP_FIELDS_MAX];
};

enum http_head_verdict {
    HEAD_MORE, /* `in` is used up */
    HEAD_DONE, /* the head ended */
    HEAD_BAD,
};

void http_head_scan_init(struct http_head_scan *scan, enum http_reader_kind kind);
/* Advances `in` past what it scanned, at most to the end of the head. */
enum http_head_verdict http_head_scan(struct http_head_scan *scan, struct span *in, struct http_error *ret_error);

#endif
