/* One WebSocket to a driver, from the 101 to the last byte of the goodbye: the primary connection of its session, which
 * said HELLO, or a secondary one, which said JOIN (protocol section 4). driver_connection.c is its life,
 * driver_handshake.c how it is let in, on this shard or another, driver_input.c what comes in, driver_output.c what
 * goes out. */
#ifndef HOODY_ACTORS_DRIVER_CONNECTION_H
#define HOODY_ACTORS_DRIVER_CONNECTION_H

#include "frame_batch.h"
#include "gateway.h"
#include "message.h"
#include "round_trip.h"
#include "session_payloads.h"
#include "stream_order.h"
#include "websocket.h"

struct tunnel_session;

enum driver_phase {
    DRIVER_AWAITS_HELLO,    /* upgraded; counts against the pre-auth cap */
    DRIVER_AWAITS_DECISION, /* the session-manager was asked */
    DRIVER_LIVE,
    DRIVER_CLOSING, /* our close frame is written, the peer's is awaited */
    DRIVER_GONE,
};

/* Whose fault the end is: what connection_closed tells the session-manager. */
enum driver_ending {
    DRIVER_ENDED_BY_PEER, /* dropped, or a close frame */
    DRIVER_ENDED_BY_GOAWAY,
    DRIVER_ENDED_BY_KIT, /* end_session, or the driver broke the protocol */
};

struct driver_connection {
    struct gateway *gateway;
    uint64_t id;
    struct bufferevent *socket;
    struct prompt_socket prompt;
    enum driver_phase phase;
    enum subprotocol subprotocol;
    char peer[ADDRESS_TEXT_MAX];
    char *bearer;              /* of the upgrade's Authorization; never logged */
    struct evbuffer *first;    /* the payload of its HELLO or JOIN, until it is decided; NULL: none */
    struct permit_wait permit; /* until it has one */
    struct websocket_reader reader;
    struct evbuffer *message; /* the one being handled */
    struct frame_batch batch;
    struct event *deadline;         /* HELLO timeout, later the close timeout */
    struct tunnel_session *session; /* while live */
    uint32_t index;                 /* in the session; 0: the primary, which owns it */
    char nonce[JOIN_NONCE_MAX + 1]; /* of a secondary's JOIN */
    uint64_t data_received;         /* bytes of DATA payload */
    TAILQ_HEAD(, stream) ready; /* its streams that have something to send and credit of their own; they take turns */
    struct barriers barriers;
    struct round_trip round_trip;
    uint64_t last_heard_ms;
    unsigned asks_waiting; /* of the session, when it is the primary: other actors owe an answer */
    bool joins;            /* it said JOIN */
    bool is_known;         /* the session-manager was told of it, and awaits connection_closed or secondary_closed */
    bool has_permit;
    struct event *probe; /* probe_connection is answered: see driver_connection_probe */
    bool is_unflushed;
    TAILQ_ENTRY(driver_connection) unflushed_link;
    STAILQ_HEAD(, revocation) revocations; /* BIND_REVOKED that wait for HELLO_OK */
};

/* Takes a socket on which the 101 has been written, `peer` and `bearer` ("" for none) are copied. When the pre-auth cap
 * is full, the socket is closed. */
void driver_connection_begin(struct gateway *gateway, struct bufferevent **p_socket, enum subprotocol subprotocol,
                             const char *peer, struct span bearer);
/* Takes one that came in on another shard; it asks here for what it asked there. */
void driver_connection_arrive(struct gateway *gateway, const struct message *message);
/* At the gateway's end. */
void driver_connection_drop(struct driver_connection *connection);

/* Answers of the session-manager. */
void driver_connection_move(struct driver_connection *connection, uint32_t to_shard);
void driver_connection_opened(struct driver_connection *connection, const struct message_session_opened *opened);
void driver_connection_refused(struct driver_connection *connection, const struct message_session_refused *refused);
/* `primary`: NULL when it is gone meanwhile. */
void driver_connection_joined(struct driver_connection *connection, struct driver_connection *primary,
                              const struct message_session_joined *joined);
void driver_connection_join_refused(struct driver_connection *connection, const struct message_join_refused *refused);
void driver_connection_probe(struct driver_connection *connection);

/* Says bind, unbind or reissue_tickets for the session of that primary. While too many wait for their answers, its
 * connections are not read from. */
void driver_connection_ask(struct driver_connection *primary, const struct message *message);
/* An answer came; the last thing to be done with it, as more of what the driver said may be handled here and now. */
void driver_connection_answered(struct driver_connection *primary);
/* Nothing is waited for any more: the session is ending. */
void driver_connection_read_on(struct driver_connection *primary);

/* Much comes in on it: the round trip is measured now and then. */
void driver_connection_measure(struct driver_connection *connection);
/* Frames were added to the batch: send them at the turn's end. */
void driver_connection_mark_unflushed(struct driver_connection *connection);
void driver_connection_flush(struct driver_connection *connection);
/* Bytes on their way out. */
size_t driver_connection_queued(const struct driver_connection *connection);
/* The output is short enough for more DATA. */
bool driver_connection_has_room(const struct driver_connection *connection);
/* The driver takes nothing off its socket: opening more streams would only pile up. */
bool driver_connection_is_stalled(const struct driver_connection *connection);

/* A session frame with that payload. */
void driver_connection_send(struct driver_connection *connection, enum frame_type type, struct span payload);
/* A session frame with a JSON payload; `json` may be NULL (out of memory): then nothing is sent. Frees it. */
void driver_connection_send_json(struct driver_connection *connection, enum frame_type type, char *json);
/* BIND_REVOKED; of a session that is just being resumed it waits until HELLO_OK is out. */
void driver_connection_revoke(struct driver_connection *connection, uint32_t bind, const char *reason);
void driver_connection_send_goaway(struct driver_connection *connection, enum error_code code, const char *message);

/* The driver broke the protocol: GOAWAY with the code and why, close 1002 (protocol section 2), session over. */
void driver_connection_fail(struct driver_connection *connection, enum error_code code, const char *why);
/* Session over: GOAWAY when asked for, then a close frame with that code. */
void driver_connection_end(struct driver_connection *connection, bool sends_goaway, enum error_code code,
                           const char *message, uint16_t close_code, enum driver_ending ending);
/* A secondary's session is over: a close frame with that code. */
void driver_connection_dismiss(struct driver_connection *connection, uint16_t close_code, const char *reason);

/* ---- between the files of a driver's connection ---- */

enum { DRIVER_OUTPUT_LOW = 32768 /* bytes on their way out: there is room for more DATA again */ };

/* Takes the socket, which nothing is enabled on yet; `id`: 0: a new one. NULL: out of memory, and the socket is still
 * the caller's. */
struct driver_connection *driver_connection_new(struct gateway *gateway, struct bufferevent **p_socket, uint64_t id,
                                                enum subprotocol subprotocol, const char *peer, struct span bearer);
/* From now on what its socket tells is handled. */
void driver_connection_watch(struct driver_connection *connection);

/* The first message has come. */
void driver_connection_greet(struct driver_connection *connection);
/* It counts no more against the pre-auth cap. */
void driver_connection_leave_pre_auth(struct driver_connection *connection);
/* BIND_REVOKED that waited: go out; or never will. */
void driver_connection_send_revocations(struct driver_connection *connection);
void driver_connection_forget_revocations(struct driver_connection *connection);

/* Handles what has come in, until it would have us write or ask too much. */
void driver_connection_read(struct driver_connection *connection);
/* It reads nothing of what we write: it is not read from either. */
bool driver_connection_is_flooded(const struct driver_connection *connection);

/* The session is over, or goes on without this secondary, whatever still happens to the socket. */
void driver_connection_detach(struct driver_connection *connection, uint16_t close_code, enum driver_ending ending);
/* Writes a close frame; the peer's is awaited. */
void driver_connection_write_close(struct driver_connection *connection, uint16_t close_code, const char *reason);
/* Of one that has no session: it is closed without a word. */
void driver_connection_refuse_silently(struct driver_connection *connection, enum driver_drop reason, const char *why);
/* Sends what is written, then FIN; the connection itself is forgotten. */
void driver_connection_let_go(struct driver_connection *connection);
/* Its socket has been given away or closed. */
void driver_connection_forget(struct driver_connection *connection);

#endif
