/* The strict scanner of chunk framing: size lines, the CRLF after data, the last chunk, trailers (RFC 9112 section 7.1;
 * protocol section 6, request smuggling). The data itself stays with the caller, who moves it and says so.
 *
 * llhttp does not see chunked bodies: this scanner already refuses more than it would, and only without a second
 * decoder can data be moved chain by chain instead of copied. */
#ifndef HOODY_PROTO_HTTP_CHUNK_SCAN_H
#define HOODY_PROTO_HTTP_CHUNK_SCAN_H

#include "http_field_scan.h"

enum http_chunk_state {
    CHUNK_SIZE,      /* first digit */
    CHUNK_SIZE_MORE, /* digits, ';' or CR */
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILERS,
};

struct http_chunk_scan {
    enum http_chunk_state state; /* 0 at first */
    uint16_t line_length;        /* bytes of the size line seen, CRLF included */
    uint64_t data_left;          /* bytes of the chunk at hand not yet taken */
    struct http_field_scan trailer;
};

enum http_chunk_verdict {
    CHUNK_MORE,     /* `in` is used up */
    CHUNK_HAS_DATA, /* data_left bytes of data come next; take them with http_chunk_take */
    CHUNK_DONE,     /* the body and its trailers ended */
    CHUNK_BAD,
};

/* Advances `in` past the framing it scanned, at most to the next data byte. */
enum http_chunk_verdict http_chunk_scan(struct http_chunk_scan *scan, struct span *in, struct http_error *ret_error);
/* The caller moved `length` bytes of data, at most data_left. */
void http_chunk_take(struct http_chunk_scan *scan, uint64_t length);

#endif
