/* The session-manager's state, and the steps that a session takes through it: the rows of the table in
 * session_manager.c. Each step says what it has to say. */
#ifndef HOODY_ACTORS_SESSION_STEPS_H
#define HOODY_ACTORS_SESSION_STEPS_H

#include "mailbox.h"
#include "options.h"
#include "session_manager/auth_tokens.h"
#include "session_manager/expired_sessions.h"
#include "session_manager/session_table.h"
#include "tunnel_frame.h"

enum session_refusal {
#define SESSION_REFUSAL(name) REFUSAL_##name,
#include "session_manager/session_refusals.def"
#undef SESSION_REFUSAL
    SESSION_REFUSAL_COUNT,
};

/* Why a parked session was given up. */
enum session_expiry { EXPIRY_GRACE, EXPIRY_LIMIT, SESSION_EXPIRY_COUNT };

struct session_manager {
    const struct options *options;
    struct mailbox *mailbox;
    struct logger log;
    struct session_table *table; /* owned */
    struct auth_tokens tokens;   /* none: no --auth-token-file, everybody is let in */
    struct expired_sessions expired;

    struct liveness_limits limits;
    uint64_t probe_at_ms; /* no LIVE session is due for a probe before; UINT64_MAX: none */
    uint64_t swept_ms;

    bool is_draining;
    bool has_drained; /* said */
    uint32_t sessions_drained;
    uint64_t opened;
    uint64_t parked;
    uint64_t resumed;
    uint64_t joined;
    uint64_t expired_count[SESSION_EXPIRY_COUNT];
    uint64_t refused[SESSION_REFUSAL_COUNT];
};

/* Nothing more of the session is said to the registry. */
void session_release(struct session_manager *self, struct session *session, bool streams_may_end);

struct ending {
    enum error_code goaway_code;
    const char *goaway_message;
    uint32_t close_code;
    uint64_t grace_ms;
    bool goaway_last;
};
/* end_session, to the connection that it has now. What becomes of the session is the caller's. */
void session_end(struct session_manager *self, const struct session *session, const struct ending *ending);

/* Its driver is away: the registry is asked to keep its ports, and decides whether there are any. Without grace they
 * are released, and the session is gone. */
void session_park(struct session_manager *self, struct session *session, uint64_t now_ms);
/* Its driver is back on this link (takes link->peer): the ports are asked to lead there. The connection that it may
 * have had is ended, and nothing to it any more. */
void session_resume(struct session_manager *self, struct session *session, const struct session_link *link);
/* A connection that asks where it does not belong is told to move: it asks again from there. */
void connection_move(struct session_manager *self, uint32_t shard, struct connection_id connection, uint32_t to_shard);
/* A parked one's ports are released, and it is gone. */
void session_expire(struct session_manager *self, struct session *session, enum session_expiry why, uint64_t now_ms);

/* A connection that asks for a session, and is not let in. */
struct asking {
    uint32_t shard;
    struct connection_id connection;
    const char *peer;
    const char *session; /* the one it asks for; "": none, or none of ours */
};
struct refusal {
    enum session_refusal why;
    enum error_code goaway_code;
    const char *message; /* of GOAWAY, and the close reason */
    uint32_t close_code;
    bool has_no_goaway;
};
void connection_refuse(struct session_manager *self, const struct asking *asking, const struct refusal *refusal);
/* The connection of a RESUMING session is sent away; the session has none then. */
void session_refuse(struct session_manager *self, struct session *session, const struct refusal *refusal);

#endif
