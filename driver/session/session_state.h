/* The inside of a session, for session.c (its life), session_bindings.c, session_frames.c (what the daemon says),
 * session_liveness.c (whether it is there) and session_pool.c (its secondary sockets) alone. */
#ifndef HOODY_DRIVER_SESSION_STATE_H
#define HOODY_DRIVER_SESSION_STATE_H

#include "session.h"
#include "session_pool.h"
#include "stream_table.h"

enum session_state {
    SESSION_CONNECTING, /* no HELLO yet */
    SESSION_GREETING,   /* HELLO went out */
    SESSION_LIVE,       /* HELLO_OK came */
    SESSION_LEAVING,    /* UNBINDs went out */
    SESSION_CLOSING,    /* the daemon or we have said goodbye; only the end is awaited */
    SESSION_OVER,
};

enum binding_state {
    BINDING_WISHED, /* BIND has not gone out */
    BINDING_ASKED,
    BINDING_HELD,
    BINDING_REFUSED, /* for now */
    BINDING_LEAVING, /* UNBIND went out */
    BINDING_GONE,
};

struct binding {
    const struct binding_wish *wish;
    enum binding_state state;
    struct binding_past past;
    bool was_ours; /* there was a past when it was wished for */
    uint16_t asked_port;
    uint32_t id;
    uint16_t port;
};

enum socket_state {
    SOCKET_ABSENT,   /* there is none; a secondary waits for a ticket */
    SOCKET_OPENING,  /* dialing, upgrading */
    SOCKET_JOINING,  /* a secondary: JOIN went out */
    SOCKET_ATTACHED, /* carries frames of the session; the primary: as soon as it is open */
};

/* One WebSocket of the session. */
struct session_socket {
    struct session *session;
    uint32_t index; /* 0: the primary */
    enum socket_state state;
    struct tunnel_connection *connection;                  /* NULL: SOCKET_ABSENT */
    char nonce[sizeof((struct join_ticket *)NULL)->nonce]; /* of a secondary's ticket */
    struct event *deadline;                                /* of a secondary's JOIN_OK */
    int64_t attached_ms;                                   /* when; monotonic */
    uint64_t data_received;                                /* bytes of DATA payload */
    bool is_asked;                                         /* a PING went out on it */
    uint64_t heard_at_asked;                               /* tunnel_connection_heard then */
    int64_t asked_us;                                      /* when; monotonic. The primary: also its HELLO */
};

struct session {
    struct loop *loop;
    const struct daemon_access *access;
    const struct session_events *events;
    void *owner;
    enum session_state state;
    struct session_id id; /* with is_resuming: the one asked for */
    bool is_resuming;
    uint32_t connections; /* how many to ask for */
    struct heartbeat_times heartbeat_times;
    struct heartbeat *heartbeat; /* from HELLO_OK on */
    struct session_socket sockets[SESSION_SOCKETS_MAX];
    struct session_pool pool;
    struct stream_table streams;
    struct event *deadline;                        /* of the greeting, of UNBIND, of a GOAWAY's close */
    struct binding bindings[SESSION_BINDINGS_MAX]; /* clientBindRef: index + 1 */
    size_t binding_count;
    bool has_end;
    enum session_end end;
    struct farewell farewell;
    uint32_t retry_after_ms;
    char end_text[512];
};

/* For control frames, now: of that socket, of the primary. */
struct frame_batch *socket_control(struct session_socket *socket);
struct frame_batch *session_control(struct session *session);
/* Adds a session frame and frees the payload; NULL: out of memory, which ends the process. */
void session_say(struct session *session, enum frame_type type, char *payload);

/* What will be said at the end; the first reason is the real one. */
__attribute__((format(printf, 3, 4))) void session_settle_end(struct session *session, enum session_end end,
                                                              const char *format, ...);
/* All streams go, the connection closes; on_ended follows. */
void session_begin_closing(struct session *session, uint16_t close_code, const char *reason);
/* The daemon broke the protocol: GOAWAY, close. */
void session_fail(struct session *session, struct frame_error error);

/* Nothing is heard any more: the connection is dropped as it is, without a word, and may be resumed. */
void session_lose(struct session *session, const char *why);
void session_set_deadline(struct session *session, unsigned ms);

/* HELLO_OK came: asks for what was wished. */
void session_establish(struct session *session, const struct hello_ok *ok);
/* The daemon said goodbye: its close follows. */
void session_await_close(struct session *session);

/* Keeps what a resumed session holds still, asks for everything else. */
void session_bind_all(struct session *session, const struct hello_ok *ok);
/* BIND_OK came, BIND_ERR came, BIND_REVOKED came. */
void session_bind_granted(struct session *session, struct binding *binding, const struct bind_ok *ok);
void session_bind_refused(struct session *session, struct binding *binding, const struct bind_err *err);
void session_bind_revoked(struct session *session, struct binding *binding, const char *reason);
/* Gives all bindings back. false: there is none to be given back. */
bool session_leave_bindings(struct session *session);
/* A binding was bound, refused or is gone: asks for the next one; nothing is left to hold or to wait for: closes. */
void session_bindings_changed(struct session *session);

/* Monotonic. */
int64_t session_now_us(void);
/* An answer has come to the question of socket->asked_us. */
void session_tell_round_trip(struct session_socket *socket);

/* PINGs on all sockets, from now on; those on which nothing comes are lost. */
void session_liveness_begin(struct session *session);
void session_liveness_hear_pong(struct session_socket *socket, struct span payload);

/* Handles every frame of one message. */
void session_read_message(struct session_socket *socket, struct evbuffer *message);

#endif
