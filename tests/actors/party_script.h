/* What the tests of sessions of several connections say and hear again and again. */
#ifndef HOODY_TESTS_TESTS_PARTY_SCRIPT_H
#define HOODY_TESTS_TESTS_PARTY_SCRIPT_H

#include "metric_ids.h"
#include "session_script.h"

#define HELLO_V2_SHARD_MAP                                                                                             \
    "{\"version\":\"hoody-tunnel.v2\",\"capabilities\":[\"multi-ws\",\"shard-map\"],\"maxConnections\":3}"

/* A session with its tickets, as its driver knows them. */
struct party {
    struct session_id session;
    uint32_t granted;
    struct join_ticket tickets[16]; /* by index */
    size_t ticket_count;            /* of the last time some came */
};

/* HELLO_OK of a v2 session. */
struct party hear_party(struct stage *stage, uint64_t connection);
struct party open_party(struct stage *stage, uint64_t connection, const char *hello);
/* A driver on connection 1, with connection 2 on its first seat of three. */
struct party open_joined_party(struct stage *stage);

void party_joins(struct stage *stage, const struct party *party, uint64_t connection, uint64_t primary, uint32_t index);
/* Somebody JOINs with the ticket of that index. */
void party_is_refused(struct stage *stage, const struct party *party, uint32_t index, const char *code);
/* REISSUE_JOIN_TICKETS: the tickets that come are the party's from here on. */
void party_asks_again(struct stage *stage, struct party *party, uint64_t primary);
/* The same, and none come. */
void expect_no_tickets(struct stage *stage, uint64_t primary);

/* SHARD_MAP of a session that was granted three, bit by index: which are attached. */
void hear_shards(struct stage *stage, uint64_t primary, unsigned attached);

double metric_of(struct stage *stage, enum metric metric, const char *labels);
/* The gauge of connections on seats. */
void expect_attached(struct stage *stage, int count);

#endif
