/* The ids of sessions that were given up because their grace ran out, remembered for a while, so that their drivers can
 * be told (protocol section 3). */
#ifndef HOODY_ACTORS_EXPIRED_SESSIONS_H
#define HOODY_ACTORS_EXPIRED_SESSIONS_H

#include <stddef.h>

#include "ids.h"

enum {
    EXPIRED_SESSIONS_MAX = 4096, /* beyond: the oldest is forgotten */
    EXPIRED_SESSION_KEPT_MS = 10 * 60 * 1000,
};

/* Zero-initialised is empty. */
struct expired_sessions {
    struct expired_session {
        struct session_id id;
        uint64_t at_ms;
    } ring[EXPIRED_SESSIONS_MAX];
    size_t next; /* where the next one goes */
};

void expired_sessions_add(struct expired_sessions *expired, const struct session_id *id, uint64_t now_ms);
/* `id` as somebody sent it. */
bool expired_sessions_has(const struct expired_sessions *expired, const char *id, uint64_t now_ms);

#endif
