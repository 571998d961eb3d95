#include "session_manager/liveness.h"

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t liveness_interval_ms(const struct liveness_limits *limits)
{
    uint64_t interval_ms = earlier(limits->ping_interval_ms, limits->pong_timeout_ms / 2);
    return interval_ms > 0 ? interval_ms : 1;
}

void liveness_begin(struct liveness *liveness, const struct liveness_limits *limits, uint64_t now_ms)
{
    *liveness = (struct liveness){.used_ms = now_ms};
    liveness_probe(liveness, limits, now_ms);
}

void liveness_use(struct liveness *liveness, uint64_t now_ms)
{
    liveness->used_ms = now_ms;
}

void liveness_probe(struct liveness *liveness, const struct liveness_limits *limits, uint64_t now_ms)
{
    liveness->probe_at_ms = now_ms + liveness_interval_ms(limits);
}

enum liveness_verdict liveness_judge(struct liveness *liveness, const struct liveness_limits *limits,
                                     const struct liveness_signs *signs, uint64_t now_ms)
{
    bool is_used =
        signs->bindings > 0 || signs->active_streams > 0 || signs->streams_opened != liveness->streams_opened;
    liveness->streams_opened = signs->streams_opened;
    if (is_used)
        liveness->used_ms = now_ms;
    if (signs->silence_ms > limits->pong_timeout_ms)
        return LIVENESS_PONG_TIMEOUT;
    uint64_t idle_at_ms = liveness->used_ms + limits->idle_timeout_ms;
    if (!is_used && now_ms >= idle_at_ms)
        return LIVENESS_IDLE_TIMEOUT;
    uint64_t silent_at_ms = now_ms + (limits->pong_timeout_ms - signs->silence_ms) + 1;
    liveness->probe_at_ms = earlier(liveness->probe_at_ms, silent_at_ms);
    if (!is_used)
        liveness->probe_at_ms = earlier(liveness->probe_at_ms, idle_at_ms);
    return LIVENESS_GOOD;
}
