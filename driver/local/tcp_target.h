/* The TCP service that a PULL binding leads to, and each visitor's way to it (protocol section 6, PULL). */
#ifndef HOODY_DRIVER_TCP_TARGET_H
#define HOODY_DRIVER_TCP_TARGET_H

#include "dial.h"
#include "exchange_observer.h"
#include "stream.h"

struct tcp_target {
    struct loop *loop;
    struct endpoint endpoint;
    unsigned connect_timeout_ms; /* for each of its addresses */
    bool is_down;                /* as told last */
    struct exchange_place place; /* where its visitors are observed; set by the owner */
};

void tcp_target_init(struct tcp_target *target, struct loop *loop, const struct endpoint *endpoint,
                     unsigned connect_timeout_ms);

/* Dials for a fresh stream and takes its handler place. What the kit sends meanwhile, a window at most, is held and not
 * consumed. Ends by itself: handed over to a relay, or with a RESET that says why the target can't be reached. `target`
 * must outlive it. `open` is looked at only. */
void tcp_target_connect(struct tcp_target *target, struct stream *stream, const struct stream_open *open);

#endif
