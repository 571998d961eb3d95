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
    *liveness = (struct liveness){.used_ms = now_ms, .probe_at_ms = now_ms + liveness_interval_ms(limits)};
}

void liveness_use(struct liveness *liveness, uint64_t now_ms)
{
    liveness->used_ms = now_ms;
}

/* Less than half an interval is not worth a thought: probes are said together. */
static void count_delay(struct liveness *liveness, const struct liveness_limits *limits, uint64_t due_ms,
                        uint64_t now_ms)
{
    uint64_t late_ms = now_ms - earlier(now_ms, due_ms);
    if (late_ms <= liveness_interval_ms(limits) / 2)
        return;
    liveness->late_ms += late_ms;
    liveness->late_at_ms = now_ms;
}

void liveness_probe(struct liveness *liveness, const struct liveness_limits *limits, uint64_t now_ms)
{
    count_delay(liveness, limits, liveness->probe_at_ms, now_ms);
    liveness->probed_ms = now_ms;
    liveness->probe_at_ms = now_ms + liveness_interval_ms(limits);
}

/* Without the time in which nobody asked. */
static uint64_t silence_asked_ms(struct liveness *liveness, const struct liveness_limits *limits, uint64_t silence_ms,
                                 uint64_t now_ms)
{
    bool was_heard_since = now_ms - earlier(now_ms, silence_ms) > liveness->late_at_ms;
    if (was_heard_since)
        liveness->late_ms = 0;
    if (liveness->probed_ms != 0) /* the gateway answers at once, when it runs */
        count_delay(liveness, limits, liveness->probed_ms, now_ms);
    liveness->probed_ms = 0;
    return silence_ms - earlier(silence_ms, liveness->late_ms);
}

enum liveness_verdict liveness_judge(struct liveness *liveness, const struct liveness_limits *limits,
                                     const struct liveness_signs *signs, uint64_t now_ms)
{
    bool is_used =
        signs->bindings > 0 || signs->active_streams > 0 || signs->streams_opened != liveness->streams_opened;
    liveness->streams_opened = signs->streams_opened;
    if (is_used)
        liveness->used_ms = now_ms;
    uint64_t silence_ms = silence_asked_ms(liveness, limits, signs->silence_ms, now_ms);
    if (silence_ms > limits->pong_timeout_ms)
        return LIVENESS_PONG_TIMEOUT;
    uint64_t idle_at_ms = liveness->used_ms + limits->idle_timeout_ms;
    if (!is_used && now_ms >= idle_at_ms)
        return LIVENESS_IDLE_TIMEOUT;
    uint64_t silent_at_ms = now_ms + (limits->pong_timeout_ms - silence_ms) + 1;
    liveness->probe_at_ms = earlier(liveness->probe_at_ms, silent_at_ms);
    if (!is_used)
        liveness->probe_at_ms = earlier(liveness->probe_at_ms, idle_at_ms);
    return LIVENESS_GOOD;
}
