/* The client's half of the WebSocket opening handshake (RFC 6455 section 4.1; protocol section 1). Pure. */
#ifndef HOODY_DRIVER_HANDSHAKE_H
#define HOODY_DRIVER_HANDSHAKE_H

#include "http_reader.h"
#include "session_payloads.h"
#include "target.h"
#include "websocket.h"

struct evbuffer;

/* Appends the GET with `key` (websocket_random_key) that offers `subprotocols`, one or a list, and `token` as the
 * bearer's, "": none. */
void handshake_write(const struct server_url *url, const char *key, const char *subprotocols, const char *token,
                     struct evbuffer *out);

enum { HANDSHAKE_WHY_BYTES = 256 };

/* true: the daemon has switched to the WebSocket we asked for, with one of `subprotocols`. false: ret_why says in one
 * line, fit for a person, why not. */
bool handshake_is_accepted(const struct http_head *answer, const char *key, const char *subprotocols,
                           enum subprotocol *ret_subprotocol, char ret_why[HANDSHAKE_WHY_BYTES]);
/* An answer that was not accepted: it would be the same another time. Others may be those of an edge whose container is
 * away, or of a hotel's network that wants a word first. */
bool handshake_is_final(const struct http_head *answer);

#endif
