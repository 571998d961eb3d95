/* A session with the daemon (protocol sections 3, 4, 5, 7): HELLO, bindings, and the frames of its streams. Stands on
 * connections, which it opens; they are apart, so that a session can outlive a connection. */
#ifndef HOODY_DRIVER_SESSION_H
#define HOODY_DRIVER_SESSION_H

#include "daemon_access.h"
#include "farewell.h"
#include "heartbeat.h"
#include "local_service.h"
#include "session_payloads.h"
#include "tcp_target.h"
#include "tunnel_connection.h"

enum { SESSION_BINDINGS_MAX = 32, SESSION_SOCKETS_MAX = 16 };

/* What to ask for; all borrowed, must outlive the session. */
struct binding_wish {
    uint16_t port;                 /* 0: any */
    const char *label;             /* NULL: none */
    struct local_service *service; /* EXPOSE: this one is published; NULL: PULL */
    bool takeover;                 /* EXPOSE */
    struct tcp_target *target;     /* PULL: this one is led to */
    const char *host;              /* PULL: the container's address that the port is on; NULL: its choice */
};

/* What an earlier connection or session held for a wish; zeroed: nothing. */
struct binding_past {
    uint32_t id;
    uint16_t port;
};

struct session_ending {
    enum session_end end;
    uint32_t retry_after_ms; /* the daemon asks to be left alone for so long */
    const char *text;        /* one line for people, borrowed */
};

struct session_events {
    /* The daemon knows us, as before or anew; bindings follow. */
    void (*on_established)(void *owner, const struct session_id *id, bool is_resumed, uint32_t connections_granted);
    /* With several sockets: all `granted` ones stand, for the first time or again; or not all any more, `why` (one
     * line) says what happened to the first that was lost. The session itself brings them back. */
    void (*on_sockets_changed)(void *owner, uint32_t attached, uint32_t granted, const char *why);
    /* From HELLO or a PING to its answer, on the primary socket. */
    void (*on_round_trip)(void *owner, uint64_t us);
    /* One of the wishes has come true. */
    void (*on_bound)(void *owner, const struct binding_wish *wish, const struct bind_ok *ok);
    /* A resumed session holds what it held: port and id are those of the past. */
    void (*on_kept)(void *owner, const struct binding_wish *wish);
    /* The port of the past is refused for now, `why` (one line): session_ask_again may have it later. */
    void (*on_refused)(void *owner, const struct binding_wish *wish, const char *why);
    /* Refused for good, or taken over by others: it is asked for no more. The last one's end ends the session, too. */
    void (*on_given_up)(void *owner, const struct binding_wish *wish, const char *why);
    /* Once, nothing after it. */
    void (*on_ended)(void *owner, const struct session_ending *ending);
};

struct session_options {
    uint32_t connections;            /* 1..SESSION_SOCKETS_MAX: so many are asked for */
    const struct session_id *resume; /* looked at by session_new alone; NULL: a fresh session */
    struct heartbeat_times heartbeat;
};

struct session;

/* Connects at once. `access` and `events` must outlive it. */
struct session *session_new(struct loop *loop, const struct daemon_access *access,
                            const struct session_options *options, const struct session_events *events, void *owner);
/* Drops what is left; no event follows. */
void session_destroy(struct session **p_session);

/* Asks for a binding, now or as soon as the session stands, unless a resumed one holds it still. At most
 * SESSION_BINDINGS_MAX. A wish for any port is for the past one first. A port that others took over from a session
 * while it was away: another one when any will do, otherwise it is given up. */
void session_bind(struct session *session, const struct binding_wish *wish, struct binding_past past);
/* Asks once more for those that were refused for now. */
void session_ask_again(struct session *session);

/* UNBIND, close 1000, on_ended. A second call: at once. */
void session_close(struct session *session);

enum {
    SESSION_GREETING_TIMEOUT_MS = 15000, /* HELLO_OK and BIND_OK must have come */
    SESSION_UNBIND_TIMEOUT_MS = 2000,
};

#endif
