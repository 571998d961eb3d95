/* The session-manager's state, and its handlers of the handshake (protocol sections 3 and 4). */
#ifndef HOODY_ACTORS_HANDSHAKE_H
#define HOODY_ACTORS_HANDSHAKE_H

#include "mailbox.h"
#include "options.h"
#include "session_manager/session_table.h"

enum session_refusal {
#define SESSION_REFUSAL(name) REFUSAL_##name,
#include "session_manager/session_refusals.def"
#undef SESSION_REFUSAL
    SESSION_REFUSAL_COUNT,
};

struct session_manager {
    const struct options *options;
    struct mailbox *mailbox;
    const struct log *log;
    struct session_table *table; /* owned */

    struct liveness_limits limits;
    uint64_t probe_at_ms; /* no LIVE session is due for a probe before; UINT64_MAX: none */
    uint64_t swept_ms;

    bool is_draining;
    bool has_drained; /* said */
    uint32_t sessions_drained;
    uint64_t opened;
    uint64_t refused[SESSION_REFUSAL_COUNT];
};

void on_open_session(struct session_manager *self, const struct message *message, uint64_t now_ms);
void on_join_session(struct session_manager *self, const struct message *message, uint64_t now_ms);

#endif
