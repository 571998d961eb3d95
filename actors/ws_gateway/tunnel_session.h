/* The gateway's copy of a live session: what it needs to route frames, credit and streams. Who may have one is the
 * session-manager's decision. */
#ifndef HOODY_ACTORS_TUNNEL_SESSION_H
#define HOODY_ACTORS_TUNNEL_SESSION_H

#include "gateway.h"
#include "lost_credit.h"
#include "message.h"
#include "session_payloads.h"
#include "stream.h"

enum {
    STREAM_REFILL_SHARE = 4,   /* a stream's window is granted back in quarters */
    SESSION_REFILL_SHARE = 16, /* the session's in sixteenths (protocol section 6) */
    CONNECTIONS_MAX = 16,
    FIRST_STREAM_ID = 2,
    STREAM_ID_STEP = 2,
};

struct tunnel_session {
    struct gateway *gateway;
    struct driver_connection *primary;
    struct driver_connection *connections[CONNECTIONS_MAX]; /* by index, the primary at 0; NULL: not attached */
    unsigned turn;                                          /* whose turn it is among equals */
    unsigned credit_turn;                                   /* whose turn it is to use the credit of the session */
    struct session_id id;
    enum driver_kind driver;
    uint32_t stream_window; /* bytes, both directions */
    uint32_t max_streams;
    struct send_window send;
    struct receive_window receive;
    struct window_growth growth; /* of `receive` */
    struct lost_credit lost;     /* of connections that our driver has not told us of */
    uint32_t session_window;     /* bytes, both directions */
    uint32_t granted_on_trust;   /* bytes, to a driver that cannot tell us what was lost */

    uint64_t next_stream_id;
    uint64_t streams_opened;
    unsigned stream_count;
    zhashx_t *streams; /* by wire id */
    TAILQ_HEAD(, stream) all;
    uint64_t blocked_since_ms; /* a stream has bytes and credit, the session has none; 0: not so */
    struct evbuffer *scratch;  /* one DATA payload on its way */

    /* end_session: no new streams; the goodbye is said when the last one ends or the grace is over. */
    bool is_ending;
    bool owes_goaway;
    enum error_code goaway_code;
    char *goaway_message;
    uint16_t close_code;
    uint64_t ends_by_ms;
    bool is_leaving; /* all streams have ended; what went out on the secondaries is on its way */
    struct event *grace;
};

/* The session of its primary connection. NULL: out of memory. */
struct tunnel_session *tunnel_session_new(struct driver_connection *primary,
                                          const struct message_session_opened *opened);
/* Loses every stream, closes the secondary connections with that code, then frees. Takes NULL. */
void tunnel_session_destroy(struct tunnel_session **p_session, uint16_t close_code, const char *reason);

/* A secondary connection enters, and leaves; `said_goodbye`: with a close frame. */
void tunnel_session_attach(struct tunnel_session *session, struct driver_connection *connection);
void tunnel_session_detach(struct tunnel_session *session, struct driver_connection *connection, bool said_goodbye);
/* CONNECTION_LOST: the driver's word on what it had sent on a secondary. */
void tunnel_session_hear_lost(struct tunnel_session *session, const struct connection_lost *said);
/* Where the next stream goes: the fewest bytes queued, ties in turn. */
struct driver_connection *tunnel_session_next_connection(struct tunnel_session *session);

/* One whole message of the driver's, unmasked, that came on this connection of the session's. Errors end the session.
 * Empties `message`. */
void tunnel_session_receive(struct driver_connection *connection, struct evbuffer *message);
/* A HEAD, DATA or EOF whose turn has come; its payload is at the front of `payload`, and removed. */
void tunnel_session_handle_in_order(struct tunnel_session *session, struct stream *stream, struct frame_header header,
                                    struct evbuffer *payload);
/* Frames that nobody waits for any more: their DATA gives credit back. */
void tunnel_session_discard(struct tunnel_session *session, struct evbuffer *frames);

/* At the turn's end of one of its connections: DATA of all their ready streams, while their output is short;
 * connections take turns, and so do the streams of each, by single frames. */
void tunnel_session_pump(struct tunnel_session *session, struct driver_connection *connection);
/* A connection has answered a ping of ours. */
void tunnel_session_note_passed(struct tunnel_session *session);
/* One turn of one stream, out of line: as much as the session's credit allows. */
void tunnel_session_send_turn(struct tunnel_session *session, struct stream *stream);
/* There is credit again. */
void tunnel_session_wake(struct tunnel_session *session);

/* A WINDOW frame of the session. false: beyond 2^31-1. */
bool tunnel_session_grow_send_window(struct tunnel_session *session, uint32_t increment);
/* `bytes` received on any stream were passed on or discarded: gives session credit back. */
void tunnel_session_consumed(struct tunnel_session *session, uint32_t bytes);
void tunnel_session_add_stream(struct tunnel_session *session, struct stream *stream);
void tunnel_session_remove_stream(struct tunnel_session *session, struct stream *stream);

/* end_session of the session-manager. */
void tunnel_session_end(struct tunnel_session *session, const struct message_end_session *end);

#endif
