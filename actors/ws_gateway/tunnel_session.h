/* The gateway's copy of a live session: what it needs to route frames, credit and streams. Who may have one is the
 * session-manager's decision. */
#ifndef HOODY_ACTORS_TUNNEL_SESSION_H
#define HOODY_ACTORS_TUNNEL_SESSION_H

#include "gateway.h"
#include "message.h"
#include "stream.h"

enum {
    STREAM_REFILL_SHARE = 4,   /* a stream's window is granted back in quarters */
    SESSION_REFILL_SHARE = 16, /* the session's in sixteenths (protocol section 6) */
    FIRST_STREAM_ID = 2,
    STREAM_ID_STEP = 2,
};

struct tunnel_session {
    struct gateway *gateway;
    struct driver_connection *primary;
    struct session_id id;
    uint32_t stream_window; /* bytes, both directions */
    uint32_t max_streams;
    struct send_window send;
    struct receive_window receive;

    uint64_t next_stream_id;
    uint64_t streams_opened;
    unsigned stream_count;
    zhashx_t *streams; /* by wire id */
    TAILQ_HEAD(stream_list, stream) all;
    uint64_t blocked_since_ms; /* a stream has bytes and credit, the session has none; 0: not so */
    struct stream_list ready;  /* have something to send and credit of their own; they take turns */
    struct evbuffer *scratch;  /* one DATA payload on its way */

    /* end_session: no new streams; the goodbye is said when the last one ends or the grace is over. */
    bool is_ending;
    bool owes_goaway;
    enum error_code goaway_code;
    char *goaway_message;
    uint16_t close_code;
    struct event *grace;
};

/* NULL: out of memory. */
struct tunnel_session *tunnel_session_new(struct driver_connection *primary,
                                          const struct message_session_opened *opened);
/* Loses every stream with that code, then frees. Takes NULL. */
void tunnel_session_destroy(struct tunnel_session **p_session, enum error_code code, const char *reason);

/* One whole message of the driver's, unmasked. Errors end the connection. Empties `message`. */
void tunnel_session_receive(struct tunnel_session *session, struct evbuffer *message);

/* At the turn's end: DATA of the ready streams, one frame each in turn, while the connection's output is short. */
void tunnel_session_pump(struct tunnel_session *session);
/* One turn of one stream, out of line: as much as the session's credit allows. */
void tunnel_session_send_turn(struct tunnel_session *session, struct stream *stream);
bool tunnel_session_has_ready(const struct tunnel_session *session);

/* A WINDOW frame of the session. false: beyond 2^31-1. */
bool tunnel_session_grow_send_window(struct tunnel_session *session, uint32_t increment);
/* `bytes` received on any stream were passed on or discarded: gives session credit back. */
void tunnel_session_consumed(struct tunnel_session *session, uint32_t bytes);
void tunnel_session_add_stream(struct tunnel_session *session, struct stream *stream);
void tunnel_session_remove_stream(struct tunnel_session *session, struct stream *stream);

/* end_session of the session-manager. */
void tunnel_session_end(struct tunnel_session *session, const struct message_end_session *end);

#endif
