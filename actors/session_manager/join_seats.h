/* The seats of one session's connections beyond its primary (protocol section 4), numbered from 1, each free, with or
 * without a ticket that lets a connection in, or taken by one. Pure: time and randomness are arguments. */
#ifndef HOODY_ACTORS_JOIN_SEATS_H
#define HOODY_ACTORS_JOIN_SEATS_H

#include "session_payloads.h"

enum {
    JOIN_SEATS_MAX = 16, /* the primary's included: --max-connections-per-session goes no further */
    JOIN_NONCE_RANDOM_BYTES = 32,
    JOIN_NONCE_LENGTH = 2 * JOIN_NONCE_RANDOM_BYTES, /* lower-case hex */
};

struct join_seat {
    struct connection_id connection;   /* 0: the seat is free */
    char nonce[JOIN_NONCE_LENGTH + 1]; /* of its ticket; "": none is outstanding */
    uint64_t expires_ms;               /* monotonic; the ticket is good before */
};

/* Zero-initialised has no seats. */
struct join_seats {
    uint32_t granted; /* connections, the primary's included; seats are 1..granted-1 */
    struct join_seat seats[JOIN_SEATS_MAX];
};

/* All free, without tickets, whatever was before. granted: 1..JOIN_SEATS_MAX. */
void join_seats_begin(struct join_seats *seats, uint32_t granted);
/* Is there such a seat, and nobody on it? */
bool join_seats_is_free(const struct join_seats *seats, uint32_t index);
/* Who is on it; 0: nobody, or there is no such seat. */
struct connection_id join_seats_at(const struct join_seats *seats, uint32_t index);

/* A ticket for a free seat. The one that was outstanding for it, if any, is void. */
struct join_ticket join_seats_issue(struct join_seats *seats, uint32_t index,
                                    const uint8_t random[JOIN_NONCE_RANDOM_BYTES], uint64_t ttl_ms, uint64_t now_ms);

enum join_verdict {
    JOIN_ACCEPTED,
    JOIN_INDEX_IN_USE, /* whatever the ticket */
    JOIN_BAD_TICKET,   /* no such seat, no ticket is outstanding for it, or it has another nonce */
    JOIN_EXPIRED_TICKET,
};
/* Somebody shows a nonce, not trusted. JOIN_ACCEPTED: the connection is on the seat, and the ticket used up; otherwise
 * nothing is. The nonce is compared in constant time. */
enum join_verdict join_seats_take(struct join_seats *seats, uint32_t index, const char *nonce,
                                  struct connection_id connection, uint64_t now_ms);
/* Its connection is gone: free, without a ticket. */
void join_seats_leave(struct join_seats *seats, uint32_t index);

#endif
