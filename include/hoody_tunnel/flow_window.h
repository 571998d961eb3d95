/* Credit of one direction of one stream or session (protocol section 6, flow control). Pure arithmetic on bytes. */
#ifndef HOODY_TUNNEL_FLOW_WINDOW_H
#define HOODY_TUNNEL_FLOW_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define FLOW_WINDOW_MAX  INT64_C(2147483647) /* 2^31-1: what grants may add up to */
#define FLOW_WINDOW_UNIT 65536               /* windows are multiples of it; the most that a DATA frame takes */

/* What we may send. */
struct send_window {
    int64_t available; /* bytes */
};
/* bytes <= 2^31-1. */
void send_window_init(struct send_window *window, uint32_t bytes);
/* Takes at most `want` bytes of credit; returns how many. */
uint32_t send_window_take(struct send_window *window, uint32_t want);
/* A WINDOW frame came. false: the grant goes beyond 2^31-1, a flow control error; nothing changed. An increment of 0 is
 * a protocol error that the caller has to see first; here it changes nothing. */
bool send_window_grow(struct send_window *window, uint32_t increment);

/* What the peer may send. Every received byte is `taken`, later `consumed` (passed on or discarded), then granted
 * back in one WINDOW when `threshold` bytes wait for it. */
struct receive_window {
    int64_t size;      /* what the peer was granted at the start, and what it was lent since */
    int64_t available; /* what the peer may still send */
    int64_t waiting;   /* consumed, not granted back yet */
    int64_t threshold; /* grant when this many wait */
    int64_t lent;      /* part of size, to be withheld again one day */
    int64_t withheld;  /* still to be kept back from grants */
};
/* For grants of 1/share of a window. Of a small window they come sooner: drivers wait until there is credit for a whole
 * frame, and what is consumed but not granted back must leave room for one. size >= share. */
uint32_t receive_window_threshold(uint32_t size, uint32_t share);
/* size <= 2^31-1, 1 <= threshold <= size. */
void receive_window_init(struct receive_window *window, uint32_t size, uint32_t threshold);
/* DATA of `bytes` came. false: more than granted, a flow control error; nothing changed. */
bool receive_window_take(struct receive_window *window, uint32_t bytes);
/* `bytes` of the taken ones were consumed. Returns the increment to send in a WINDOW now, 0: not yet. */
uint32_t receive_window_consume(struct receive_window *window, uint32_t bytes);
/* Received and not consumed yet. */
int64_t receive_window_held(const struct receive_window *window);

/* For a stalled stream: the peer gets `bytes` beyond what it had; send a WINDOW of exactly that many at once. false:
 * the window would pass 2^31-1, nothing changed, send nothing. */
bool receive_window_lend(struct receive_window *window, uint32_t bytes);
/* The stream moved on or ended: `bytes` of those lent are kept back from what consumption grants from now on. */
void receive_window_withhold(struct receive_window *window, uint32_t bytes);

#endif
