/* Is there still somebody, and is the session of use to anybody (protocol section 7)? Pure: probes are said and heard
 * by the session-manager. A probe pings the driver; its answer says what happened up to then. */
#ifndef HOODY_ACTORS_LIVENESS_H
#define HOODY_ACTORS_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

struct liveness_limits {
    uint64_t ping_interval_ms;
    uint64_t pong_timeout_ms; /* more silence than that: gone */
    uint64_t idle_timeout_ms; /* no streams and no bindings for so long: of no use */
};

struct liveness {
    uint64_t probe_at_ms; /* the next probe; monotonic */
    uint64_t probed_ms;   /* when the last one was said; 0: its answer was heard */
    uint64_t late_ms;     /* how late probes and answers came in this silence: we were frozen, the driver not asked */
    uint64_t late_at_ms;  /* when the last of them came */
    uint64_t used_ms;     /* when it was last seen with a stream or a binding */
    uint64_t streams_opened; /* by the last probe */
};

/* What a probe found. */
struct liveness_signs {
    uint64_t silence_ms; /* since the last frame from the driver */
    uint32_t active_streams;
    uint64_t streams_opened; /* ever */
    uint32_t bindings;
};

enum liveness_verdict { LIVENESS_GOOD, LIVENESS_PONG_TIMEOUT, LIVENESS_IDLE_TIMEOUT };

/* Between probes: the ping interval, but at most half the pong timeout, so that a driver who answers is never timed
 * out. */
uint64_t liveness_interval_ms(const struct liveness_limits *limits);

void liveness_begin(struct liveness *liveness, const struct liveness_limits *limits, uint64_t now_ms);
/* It was of use just now. */
void liveness_use(struct liveness *liveness, uint64_t now_ms);
/* A probe was said: the next one is an interval away. */
void liveness_probe(struct liveness *liveness, const struct liveness_limits *limits, uint64_t now_ms);
/* Its answer was heard. Silence counts as far as somebody asked: a process that was frozen (a paused container) does
 * not hold that against its drivers. When a timeout would come before the next probe, the probe is moved up to it: a
 * timeout is only ever found by a probe. */
enum liveness_verdict liveness_judge(struct liveness *liveness, const struct liveness_limits *limits,
                                     const struct liveness_signs *signs, uint64_t now_ms);

#endif
