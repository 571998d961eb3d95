#include "session_manager/session_timers.h"

#include <sys/param.h>

#include "session_manager/session_steps.h"

/* Probes that are due within this are said together; a quarter of the interval, if that is less. */
enum { SWEEP_GAP_MAX_MS = 250 };

/* Probes those that are due, and finds out when the next one is. */
static void sweep(struct session_manager *self, uint64_t now_ms)
{
    self->swept_ms = now_ms;
    self->probe_at_ms = UINT64_MAX;
    struct session *session;
    TAILQ_FOREACH(session, &self->table->sessions, opened)
    {
        if (session->state != SESSION_LIVE)
            continue;
        if (session->liveness.probe_at_ms <= now_ms) {
            liveness_probe(&session->liveness, &self->limits, now_ms);
            mailbox_send(self->mailbox, MESSAGE_OF(probe_connection, .shard = session->link.shard,
                                                   .connection = session->link.connection));
        }
        self->probe_at_ms = MIN(self->probe_at_ms, session->liveness.probe_at_ms);
    }
}

/* One timer for all probes. Returns when the next ones are due; UINT64_MAX: none. */
static uint64_t probe_on_time(struct session_manager *self, uint64_t now_ms)
{
    uint64_t quarter_ms = liveness_interval_ms(&self->limits) / 4;
    uint64_t gap_ms = MAX(1, MIN(quarter_ms, SWEEP_GAP_MAX_MS));
    if (self->probe_at_ms <= now_ms && self->swept_ms + gap_ms <= now_ms)
        sweep(self, now_ms);
    if (self->probe_at_ms == UINT64_MAX)
        return UINT64_MAX;
    return MAX(self->probe_at_ms, self->swept_ms + gap_ms);
}

/* All parked sessions have the same grace, so the longest parked one's ends first. Returns when the next one's does. */
static uint64_t expire_on_time(struct session_manager *self, uint64_t now_ms)
{
    struct session *session;
    while ((session = TAILQ_FIRST(&self->table->parked)) != NULL) {
        uint64_t expires_ms = session->parked_ms + self->options->takeover_grace;
        if (now_ms < expires_ms)
            return expires_ms;
        session_expire(self, session, EXPIRY_GRACE, now_ms);
    }
    return UINT64_MAX;
}

uint64_t session_timers(void *self, uint64_t now_ms)
{
    uint64_t expires_ms = expire_on_time(self, now_ms);
    uint64_t probe_ms = probe_on_time(self, now_ms);
    return MIN(expires_ms, probe_ms);
}
