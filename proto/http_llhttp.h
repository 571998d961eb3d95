/* The second opinion: what llhttp, in strict mode, makes of a head that our scanner has passed. It stands apart because
 * llhttp.h and http_reader.h both claim the name HTTP_HEAD. Pure. */
#ifndef HOODY_PROTO_HTTP_LLHTTP_H
#define HOODY_PROTO_HTTP_LLHTTP_H

#include "span.h"

struct http_llhttp_view {
    uint8_t version_minor;
    uint16_t status;         /* answers */
    uint64_t content_length; /* 0 when none */
    bool is_chunked;
};

/* true: a method that llhttp knows in HTTP/1.x, upper case as registered. */
bool http_llhttp_knows_method(struct span method);

/* `head` is one whole head, in pieces. false: llhttp refuses it. */
bool http_llhttp_view_head(bool is_request, const struct span *pieces, size_t piece_count,
                           struct http_llhttp_view *ret_view);

#endif
