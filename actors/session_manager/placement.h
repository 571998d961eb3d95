/* Which shard a new session lives on, for its whole life: the one with the fewest sessions, those on their way there
 * counted. Pure. */
#ifndef HOODY_ACTORS_PLACEMENT_H
#define HOODY_ACTORS_PLACEMENT_H

#include <sys/queue.h>

#include "ids.h"
#include "mailbox.h"

struct placement {
    uint32_t shards;
    uint32_t sessions[SHARDS_MAX];   /* by shard: those that live there, parked ones too, and those to come */
    TAILQ_HEAD(, expected) expected; /* told to move, not heard from since: few at a time */
};

void placement_init(struct placement *placement, uint32_t shards);
void placement_done(struct placement *placement);

/* Among equals the last shard: the first one has the base port to serve as well. */
uint32_t placement_choose(const struct placement *placement);

/* A session begins there, and ends. */
void placement_enter(struct placement *placement, uint32_t shard);
void placement_leave(struct placement *placement, uint32_t shard);

/* A connection that is to have a new session is told to move there. */
void placement_expect(struct placement *placement, struct connection_id connection, uint32_t shard);
/* It asks from there, or is gone. Others are nothing to it. */
void placement_settle(struct placement *placement, struct connection_id connection);

#endif
