/* A session that outlives its connections: when one is lost it is resumed, or opened anew with the same ports, at once
 * first, then after a backoff, until that is no use any more (protocol sections 3 and 7). */
#ifndef HOODY_DRIVER_PERSISTENT_SESSION_H
#define HOODY_DRIVER_PERSISTENT_SESSION_H

#include "session.h"

enum {
    PERSISTENT_STEADY_MS = 5000,            /* a session that stood so long was no failure */
    PERSISTENT_RETRY_AFTER_MAX_MS = 300000, /* as long as the daemon may ask to be left alone */
    PERSISTENT_CLOSE_TIMEOUT_MS = 5000,     /* longer than what a daemon gets that just doesn't answer */
};

struct persistent_options {
    uint32_t connections; /* 1..SESSION_SOCKETS_MAX */
    struct heartbeat_times heartbeat;
    bool waits_for_daemon; /* the first connection is tried again, too, until it stands */
    bool ends_on_loss;     /* nothing is tried again once it has stood */
    /* How long to wait after so many failures in a row; NULL: backoff_delay_ms with chance. */
    uint32_t (*delay_ms)(unsigned failures);
    uint32_t close_timeout_ms; /* 0: PERSISTENT_CLOSE_TIMEOUT_MS */
};

struct persistent_events {
    /* Calls the daemon; `attempt`: from 1, since it stood last. */
    void (*on_connecting)(void *owner, unsigned attempt);
    /* Each time. */
    void (*on_established)(void *owner, const struct session_id *id, bool is_resumed, uint32_t connections_granted);
    void (*on_sockets_changed)(void *owner, uint32_t attached, uint32_t granted, const char *why);
    void (*on_round_trip)(void *owner, uint64_t us);
    /* Bound, or bound again, perhaps to another port; and held still after a resume. */
    void (*on_bound)(void *owner, const struct binding_wish *wish, const struct bind_ok *ok);
    void (*on_kept)(void *owner, const struct binding_wish *wish);
    /* A port that we had is refused for now, `why` (one line), and asked for again. */
    void (*on_refused)(void *owner, const struct binding_wish *wish, const char *why);
    /* This binding is over for good; the others live on. The last one's end ends the session: on_ended follows. */
    void (*on_given_up)(void *owner, const struct binding_wish *wish, const char *why);
    /* It is over for now, `why` (one line), and tried again in `delay_ms`. */
    void (*on_interrupted)(void *owner, const char *why, uint32_t delay_ms);
    /* Once, nothing after it. `text`: one line for people, borrowed. */
    void (*on_ended)(void *owner, enum session_end end, const char *text);
};

struct persistent_session;

/* Connects at once. `access` and `events` must outlive it; the token of `access` is read anew for each session. */
struct persistent_session *persistent_session_new(struct loop *loop, struct daemon_access *access,
                                                  const struct persistent_options *options,
                                                  const struct persistent_events *events, void *owner);
/* Drops what is left; no event follows. */
void persistent_session_destroy(struct persistent_session **p_session);

/* At most SESSION_BINDINGS_MAX. `wish` must outlive the session. */
void persistent_session_bind(struct persistent_session *persistent, const struct binding_wish *wish);

/* Gives the ports back, on_ended with SESSION_CLOSED, or with SESSION_FORBIDDEN when it was over for good already;
 * whatever the daemon does, after close_timeout_ms. A second call: says goodbye, and waits for nobody's answer. */
void persistent_session_close(struct persistent_session *persistent);

#endif
