/* The upgrade of a driver's connection (protocol section 1; RFC 6455 section 4.2). Pure: a parsed head in, a verdict
 * out. */
#ifndef HOODY_TUNNEL_TUNNEL_HANDSHAKE_H
#define HOODY_TUNNEL_TUNNEL_HANDSHAKE_H

#include "http_reader.h"
#include "session_payloads.h"

#define TUNNEL_CONNECT_PATH "/api/v1/tunnel/connect"

/* true: the target is TUNNEL_CONNECT_PATH, with or without a query, in origin-form or absolute-form. */
bool tunnel_handshake_is_for(const struct http_head *head);
/* Whom it was meant for: an absolute target says so, and Host is ignored then (RFC 9112 section 3.2.2). Borrowed. */
struct span tunnel_handshake_host(const struct http_head *head);

struct tunnel_handshake {
    uint16_t status;              /* 101, 400, 405 or 426 */
    enum subprotocol subprotocol; /* with 101: the first supported one in the client's order */
    char accept[29];              /* with 101: Sec-WebSocket-Accept, NUL-terminated */
    const char *text;             /* otherwise: the answer's body; static */
    const char *fields;           /* otherwise: more fields of the answer, each with CRLF; static, may be "" */
};

void tunnel_handshake_check(const struct http_head *head, struct tunnel_handshake *ret_handshake);

/* The token of `Authorization: Bearer TOKEN`; empty: none. Borrowed from the head. */
struct span tunnel_handshake_bearer(const struct http_head *head);

#endif
