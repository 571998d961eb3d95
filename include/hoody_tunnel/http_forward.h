/* What a proxy changes in heads on their way (protocol section 6; RFC 9110 section 7.6). Pure. */
#ifndef HOODY_TUNNEL_HTTP_FORWARD_H
#define HOODY_TUNNEL_HTTP_FORWARD_H

#include "http_reader.h"
#include "stream_payloads.h"

struct http_forward_policy {
    const char *peer_ip;  /* the visitor's address, without port */
    bool peer_is_trusted; /* keep and append to the x-forwarded-for|host|proto it sent; otherwise they are dropped */
    bool adds_forwarded_fields; /* ours go last; false: --no-forwarded-headers */
    const char *proto;          /* "http" */
};

/* Fills method, target, fields and is_upgrade of `open` (which has none) from a visitor's request: names lower-cased,
 * order and duplicates kept, hop-by-hop removed (on an upgrade connection and upgrade stay), Expect: 100-continue
 * removed, absolute-form made origin-form with its authority as host, GET and HEAD without body fields, a chunked
 * request keeps transfer-encoding: chunked, values that are not UTF-8 read as Latin-1. `open` gets its own copies.
 * false: out of memory, `open` is unchanged. */
bool http_forward_request(const struct http_head *head, const struct http_forward_policy *policy,
                          struct stream_open *open);

/* How the driver rewrites the request for its local service. */
enum host_policy { HOST_REWRITE /* to the target */, HOST_PRESERVE, HOST_FIXED };

/* Driver: writes STREAM_OPEN as an HTTP/1.1 request. Body framing follows the fields it carries: content-length as is,
 * transfer-encoding: chunked re-framed by the caller with http_chunk_write. `host` is the Host to send. Adds
 * x-forwarded-host when absent. Plain requests get no Connection field (keep-alive); upgrades keep connection and
 * upgrade. false: the open carries something that cannot be written safely, and nothing was written: method or field no
 * token, a CONNECT, CR, LF or NUL in a value or `host`, bytes other than 0x21..0x7E in the target, lengths that differ
 * or are none, a transfer-encoding other than chunked or beside a length, an upgrade with a body. */
bool http_forward_write_request(const struct stream_open *open, const char *host, struct evbuffer *out);
/* true: that request will carry a body in chunks; false: by length or none. */
bool http_forward_is_chunked(const struct stream_open *open);
/* The declared length, 0 when none. */
uint64_t http_forward_content_length(const struct stream_open *open);

/* Driver: fills a response_head from a local answer's head: hop-by-hop removed (but connection and upgrade kept on
 * 101), content-length kept, names as written, values as UTF-8 (else Latin-1); 1xx but 101 is not final. false: out of
 * memory. */
bool http_forward_answer(const struct http_head *head, struct response_head *ret_head);

/* One chunk of `length` bytes of `source`, which are moved; none of 0 bytes. And the last chunk. */
void http_chunk_write(struct evbuffer *source, size_t length, struct evbuffer *out);
void http_chunk_write_last(struct evbuffer *out);

#endif
