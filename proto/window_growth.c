#include "window_growth.h"

void window_growth_init(struct window_growth *growth, uint32_t base, uint32_t max)
{
    *growth = (struct window_growth){.base = base, .max = max > base ? max : base, .reach = base};
}

static uint64_t round_up(uint64_t bytes)
{
    return (bytes + FLOW_WINDOW_UNIT - 1) / FLOW_WINDOW_UNIT * FLOW_WINDOW_UNIT;
}

static uint32_t grow(struct window_growth *growth, struct receive_window *window, struct window_budget *budget,
                     uint64_t wanted)
{
    uint64_t target = wanted < growth->max ? round_up(wanted) : growth->max;
    if (target > growth->max)
        target = growth->max;
    uint64_t left = budget->limit > budget->used ? budget->limit - budget->used : 0;
    uint64_t more = target > growth->reach ? target - growth->reach : 0;
    if (more > left)
        more = left;
    if (more == 0 || !receive_window_lend(window, (uint32_t)more))
        return 0;
    growth->reach += (uint32_t)more;
    budget->used += more;
    return (uint32_t)more;
}

static void shorten(struct window_growth *growth, struct receive_window *window, struct window_budget *budget,
                    uint64_t wanted)
{
    uint64_t target = wanted > growth->base ? round_up(wanted) : growth->base;
    if (target >= growth->reach)
        return;
    uint32_t less = growth->reach - (uint32_t)target;
    receive_window_withhold(window, less);
    growth->reach -= less;
    budget->used -= less;
}

/* Not at once: a sender that pauses for a moment has not become slower. */
static void look_back(struct window_growth *growth, struct receive_window *window, struct window_budget *budget,
                      uint64_t now_ms, uint32_t round_trip_ms)
{
    uint64_t epoch = (uint64_t)round_trip_ms * WINDOW_GROWTH_EPOCH_TRIPS;
    if (now_ms - growth->epoch_ms < (epoch > WINDOW_GROWTH_EPOCH_MS ? epoch : WINDOW_GROWTH_EPOCH_MS))
        return;
    if (growth->peak < growth->reach / 2)
        shorten(growth, window, budget, growth->peak);
    growth->epoch_ms = now_ms;
    growth->peak = 0;
}

static void begin_round(struct window_growth *growth, uint64_t now_ms)
{
    growth->began_ms = now_ms;
    growth->consumed = 0;
}

uint32_t window_growth_consumed(struct window_growth *growth, struct receive_window *window,
                                struct window_budget *budget, uint64_t bytes, uint64_t now_ms, uint32_t round_trip_ms)
{
    if (growth->max == growth->base || round_trip_ms == 0)
        return 0;
    if (!growth->is_counting) {
        growth->is_counting = true;
        growth->epoch_ms = now_ms;
        begin_round(growth, now_ms);
        return 0;
    }
    growth->consumed += bytes;
    uint64_t took_ms = now_ms - growth->began_ms;
    if (took_ms < round_trip_ms)
        return 0;
    uint64_t wanted = 2 * growth->consumed * round_trip_ms / took_ms;
    begin_round(growth, now_ms);
    if (wanted > growth->peak)
        growth->peak = wanted;
    uint32_t more = wanted > growth->reach ? grow(growth, window, budget, wanted) : 0;
    look_back(growth, window, budget, now_ms, round_trip_ms);
    return more;
}

void window_growth_end(struct window_growth *growth, struct window_budget *budget)
{
    budget->used -= growth->reach - growth->base;
    growth->reach = growth->base;
}
