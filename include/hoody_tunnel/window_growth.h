/* Receive windows that grow with the link (protocol section 6): a sender that may have no more under way than a window
 * sends one window a round trip. So a window is to reach twice as far as what was consumed in a round trip, of which
 * one half is on its way while the other is granted anew. It grows by what was consumed, never by what has come:
 * whoever stops reading is granted no more. What is not used any more is kept back from later grants. Pure arithmetic.
 */
#ifndef HOODY_TUNNEL_WINDOW_GROWTH_H
#define HOODY_TUNNEL_WINDOW_GROWTH_H

#include "flow_window.h"

/* What windows may have grown by, all together. */
struct window_budget {
    uint64_t limit; /* bytes */
    uint64_t used;
};

enum {
    WINDOW_GROWTH_EPOCH_MS = 1000,  /* a window is not shortened for a pause shorter than that, */
    WINDOW_GROWTH_EPOCH_TRIPS = 16, /* nor than so many round trips */
};

struct window_growth {
    uint32_t base;  /* bytes: what it begins with, and never falls below */
    uint32_t max;   /* and never goes beyond */
    uint32_t reach; /* base..max, the window's size now */
    bool is_counting;
    uint64_t began_ms; /* of the round trip that is being counted */
    uint64_t consumed; /* in it, bytes */
    uint64_t epoch_ms; /* when the longer look began */
    uint64_t peak;     /* the most wanted in it, bytes */
};

/* max <= base: it never grows. */
void window_growth_init(struct window_growth *growth, uint32_t base, uint32_t max);
/* `bytes` were consumed of the window, which knows it already. round_trip_ms 0: not known. Returns what is to be
 * granted beside what the window gives back, at once; 0: nothing. */
uint32_t window_growth_consumed(struct window_growth *growth, struct receive_window *window,
                                struct window_budget *budget, uint64_t bytes, uint64_t now_ms, uint32_t round_trip_ms);
/* The window is gone. */
void window_growth_end(struct window_growth *growth, struct window_budget *budget);

#endif
