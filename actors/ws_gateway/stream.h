/* One stream: a visitor's request or connection on its way through a session (protocol section 6). It knows credit,
 * order and ends; what the bytes mean is its visitor's business. */
#ifndef HOODY_ACTORS_STREAM_H
#define HOODY_ACTORS_STREAM_H

#include <event2/buffer.h>
#include <sys/queue.h>

#include "early_streams.h"
#include "flow_window.h"
#include "gateway.h"
#include "stream_order.h"
#include "stream_payloads.h"
#include "tunnel_frame.h"

struct driver_connection;
struct tunnel_session;

enum { STREAM_OUTGOING_MAX = 131072 /* a visitor's bytes that may wait for credit */ };

/* What the stream tells its visitor. After on_reset the stream is gone. Any of them may end the stream. */
struct stream_events {
    enum bind_mode mode; /* of the bindings whose visitors these are */
    void (*on_head)(void *visitor, const struct response_head *head);
    void (*on_data)(void *visitor, struct evbuffer *bytes); /* takes all of them */
    void (*on_end)(void *visitor);                          /* the driver's EOF */
    void (*on_reset)(void *visitor, uint32_t code, struct span reason);
    void (*on_room)(void *visitor);  /* outgoing has been sent: there is room again */
    bool (*has_head)(void *visitor); /* DATA and EOF may come */
};

struct stream {
    uint64_t id; /* wire id; 64 bits wide as a key */
    struct tunnel_session *session;
    struct driver_connection *connection; /* carries its STREAM_OPEN and all our frames */
    const struct stream_events *events;
    void *visitor;

    struct evbuffer *open_payload; /* STREAM_OPEN until it is announced */
    struct evbuffer *outgoing;     /* from the visitor, waits for credit; NULL: nothing has ever waited */
    bool is_gated;                 /* an upgrade before its 101: outgoing waits */
    bool input_ended;              /* the visitor's side is complete: EOF follows outgoing */
    bool eof_sent;
    bool eof_received;
    struct early_stream early;
    struct stream_order order;

    uint64_t blocked_since_ms; /* bytes wait and the stream has no credit; 0: not so */
    uint64_t sent;             /* DATA bytes to the driver */
    struct send_window send;
    struct receive_window receive;
    struct window_growth growth; /* of `receive` */
    uint64_t received;           /* DATA bytes from the driver, but those held back for their order */
    uint64_t consumed;           /* of these, passed on or discarded */

    /* While received bytes wait for the visitor: see stalled_streams.h. */
    bool is_holding;
    uint64_t moved_ms; /* when the visitor last took any of them */
    uint64_t swept;    /* `received` at the last sweep */
    uint64_t budgeted; /* of them, given back to the session already and counted against --buffer-budget */
    bool lends;        /* the session was lent a frame more for it */
    TAILQ_ENTRY(stream) holding_link;

    bool is_ready; /* in its connection's ready list */
    TAILQ_ENTRY(stream) ready_link;
    TAILQ_ENTRY(stream) session_link;
};

/* Begins a stream with its STREAM_OPEN payload (taken over: `*p_open_payload` becomes NULL, also on failure). Nothing
 * is sent before stream_announce. NULL: *ret_refusal says why. */
struct stream *stream_new(struct tunnel_session *session, struct evbuffer **p_open_payload,
                          const struct stream_events *events, void *visitor, enum stream_refusal *ret_refusal);
/* Sends STREAM_OPEN, and in the same message what is at hand of the outgoing bytes, and EOF when they are all. */
void stream_announce(struct stream *stream);

/* What visitors and the access log are told. */
const char *stream_refusal_text(enum stream_refusal refusal);

/* Where the visitor's bytes are to be added, and how many wait there. */
struct evbuffer *stream_outgoing(struct stream *stream);
size_t stream_waiting(const struct stream *stream);
/* Bytes that may still be added to outgoing. */
size_t stream_outgoing_room(const struct stream *stream);
/* Outgoing bytes or the end of input have come, or the gate is open: take turns. */
void stream_wake(struct stream *stream);
void stream_end_input(struct stream *stream);
/* One turn: at most one DATA frame of at most `credit` bytes, and EOF when due. Returns the credit used. Called by its
 * connection's pump. */
uint32_t stream_send_turn(struct stream *stream, uint32_t credit);
/* A WINDOW frame. false: beyond 2^31-1, the stream was reset. */
bool stream_grow_send_window(struct stream *stream, uint32_t increment);

/* DATA of so many bytes came, credit of the session is taken already. false: beyond the stream's own window; the stream
 * was reset. */
bool stream_take_window(struct stream *stream, uint32_t bytes);
/* DATA is next in order. `bytes` is empty afterwards. */
void stream_receive_data(struct stream *stream, struct evbuffer *bytes);
void stream_receive_end(struct stream *stream);
void stream_receive_head(struct stream *stream, const struct response_head *head);
/* The visitor's socket has taken all received bytes but `unsent`: gives credit back. */
void stream_note_unsent(struct stream *stream, size_t unsent);

/* Its connection was lost: our frames go on the primary from here on. */
void stream_move(struct stream *stream, struct driver_connection *primary);
/* Grants of ours may have been lost with the connection; a driver that waits for them would wait for ever. */
void stream_grant_anew(struct stream *stream);

/* Sends RESET and forgets the stream; the visitor is not told. Takes NULL. */
void stream_reset(struct stream **p_stream, enum error_code code, const char *reason);
/* Forgets a stream whose both sides are done. Takes NULL. */
void stream_finish(struct stream **p_stream);
/* The driver's side is gone (RESET came, or its session ended): tells the visitor and forgets. */
void stream_lose(struct stream *stream, uint32_t code, struct span reason);
/* We refuse what the driver sent on it: RESET to the driver, and the visitor is told as by stream_lose. */
void stream_refuse(struct stream *stream, enum error_code code, const char *reason);

#endif
