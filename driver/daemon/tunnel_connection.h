/* One WebSocket to the daemon: TCP, opening handshake, messages in, an outbox out, closing handshake. Knows nothing of
 * frames: a session may outlive it, and may have several. */
#ifndef HOODY_DRIVER_TUNNEL_CONNECTION_H
#define HOODY_DRIVER_TUNNEL_CONNECTION_H

#include "daemon_dial.h"
#include "outbox.h"
#include "session_payloads.h"

#include <stdint.h>

enum connection_end_kind {
    CONNECTION_UNREACHABLE, /* no TCP connection, or no answer on it */
    CONNECTION_REFUSED,     /* an answer, but no tunnel */
    CONNECTION_FORBIDDEN,   /* the same, and trying again is no use */
    CONNECTION_CLOSED,      /* closed by the peer's or our close frame */
    CONNECTION_LOST,        /* ended in any other way after it was open */
};

struct connection_end {
    enum connection_end_kind kind;
    uint16_t close_code; /* CONNECTION_CLOSED: the peer's, 1005 when it had none */
    char text[320];      /* one line, for people */
};

struct connection_events {
    void (*on_opened)(void *owner);
    /* A whole binary message; may be taken from. */
    void (*on_message)(void *owner, struct evbuffer *message);
    /* Once, and nothing after it. */
    void (*on_ended)(void *owner, const struct connection_end *end);
};

struct tunnel_connection;

/* Starts at once. Offers `subprotocols`, a list such as a Sec-WebSocket-Protocol field has it. `access`, `subprotocols`
 * and `events` must outlive it. */
struct tunnel_connection *tunnel_connection_new(struct loop *loop, const struct daemon_access *access,
                                                const char *subprotocols, const struct connection_events *events,
                                                void *owner);
/* Drops the socket if it is still there; no event follows. All senders must have left the outbox. */
void tunnel_connection_destroy(struct tunnel_connection **p_connection);

/* Only between on_opened and the end: what was agreed on, and what goes out. */
enum subprotocol tunnel_connection_subprotocol(const struct tunnel_connection *connection);
struct outbox *tunnel_connection_outbox(struct tunnel_connection *connection);
/* Grows whenever the peer is heard, be it a single byte. */
uint64_t tunnel_connection_heard(const struct tunnel_connection *connection);

/* Sends control frames that wait and a close frame; on_ended follows with the peer's close frame, or after
 * CLOSE_TIMEOUT_MS. Messages that come meanwhile are dropped. */
void tunnel_connection_close(struct tunnel_connection *connection, uint16_t code, const char *reason);

/* Gives it up without a close frame, which would release the session: what is lost may be resumed. on_ended follows. */
void tunnel_connection_drop(struct tunnel_connection *connection, const char *why);

enum {
    HANDSHAKE_TIMEOUT_MS = 10000,
    CLOSE_TIMEOUT_MS = 2000,
};

#endif
