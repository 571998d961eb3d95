/* How long a round trip takes on a connection: the shortest of late, asked for by pings that are only sent while much
 * comes in. The shortest, since what queues on the way makes one longer and the link no longer. Pure: the time is an
 * argument, whoever asks sends the ping. */
#ifndef HOODY_TUNNEL_ROUND_TRIP_H
#define HOODY_TUNNEL_ROUND_TRIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROUND_TRIP_TOKEN_BYTES = 4,    /* of the ping's payload */
    ROUND_TRIP_INTERVAL_MS = 1000, /* from one ping to the next at least */
    ROUND_TRIP_MEMORY_MS = 10000,  /* an older one gives way to the next, as the way may have become longer */
};

struct round_trip {
    bool is_owed; /* a ping is to be sent */
    bool is_asked;
    bool is_known;
    uint32_t token; /* of the last ping */
    uint64_t asked_ms;
    uint32_t best_ms;
    uint64_t best_at_ms;
};

/* Much comes in. true: a ping is due now that was not before; is_owed says so until it is sent. */
bool round_trip_want(struct round_trip *trip, uint64_t now_ms);
/* The owed ping is sent now, with this payload. */
void round_trip_ask(struct round_trip *trip, uint64_t now_ms, uint8_t ret_token[ROUND_TRIP_TOKEN_BYTES]);
/* A pong came; others than ours are none of its business. */
void round_trip_hear(struct round_trip *trip, const uint8_t *token, size_t length, uint64_t now_ms);
/* 0: not known, or shorter than any window of ours is worth growing for. */
uint32_t round_trip_ms(const struct round_trip *trip);

#endif
