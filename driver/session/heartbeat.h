/* Asks a peer from time to time whether it is still there, and says when it is not. Time is CLOCK_BOOTTIME's, which
 * runs on while a laptop sleeps: a wake-up asks at once. */
#ifndef HOODY_DRIVER_HEARTBEAT_H
#define HOODY_DRIVER_HEARTBEAT_H

#include "loop.h"

#include <stdint.h>

struct heartbeat_times {
    uint32_t interval_ms; /* between two questions */
    uint32_t timeout_ms;  /* for an answer */
};

struct heartbeat_events {
    /* Time to ask. */
    void (*on_ask)(void *owner);
    /* The answer is due. Whoever did not answer is gone. */
    void (*on_due)(void *owner);
};

struct heartbeat;

/* Begins with an interval. `events` must outlive it. */
struct heartbeat *heartbeat_new(struct loop *loop, struct heartbeat_times times, const struct heartbeat_events *events,
                                void *owner);
void heartbeat_destroy(struct heartbeat **p_heartbeat);

enum heartbeat_step { HEARTBEAT_ASK, HEARTBEAT_JUDGE };

enum {
    HEARTBEAT_SLACK_MS =
        1000, /* an answer that is looked for so much later than it was due: we ourselves were asleep */
};

/* What a timer that fires at `now_ms` has to do, when the last question went out at `asked_ms`, -1: none is open. A
 * machine that slept in between has missed the answer: it asks again. Pure. */
enum heartbeat_step heartbeat_step(int64_t now_ms, int64_t asked_ms, uint32_t timeout_ms);

#endif
