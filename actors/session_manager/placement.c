#include "session_manager/placement.h"

#include <czmq.h>

#include "check.h"

struct expected {
    struct connection_id connection;
    uint32_t shard;
    TAILQ_ENTRY(expected) link;
};

void placement_init(struct placement *placement, uint32_t shards)
{
    *placement = (struct placement){.shards = shards};
    TAILQ_INIT(&placement->expected);
}

static void forget(struct placement *placement, struct expected *expected)
{
    placement_leave(placement, expected->shard);
    TAILQ_REMOVE(&placement->expected, expected, link);
    free(expected);
}

void placement_done(struct placement *placement)
{
    struct expected *expected;
    while ((expected = TAILQ_FIRST(&placement->expected)) != NULL)
        forget(placement, expected);
}

uint32_t placement_choose(const struct placement *placement)
{
    uint32_t best = 0;
    for (uint32_t shard = 1; shard < placement->shards; shard++)
        if (placement->sessions[shard] <= placement->sessions[best])
            best = shard;
    return best;
}

void placement_enter(struct placement *placement, uint32_t shard)
{
    check(shard < placement->shards);
    placement->sessions[shard]++;
}

void placement_leave(struct placement *placement, uint32_t shard)
{
    check(placement->sessions[shard] > 0);
    placement->sessions[shard]--;
}

void placement_expect(struct placement *placement, struct connection_id connection, uint32_t shard)
{
    struct expected *expected = zmalloc(sizeof *expected);
    expected->connection = connection;
    expected->shard = shard;
    TAILQ_INSERT_TAIL(&placement->expected, expected, link);
    placement_enter(placement, shard);
}

void placement_settle(struct placement *placement, struct connection_id connection)
{
    struct expected *expected;
    TAILQ_FOREACH(expected, &placement->expected, link)
    if (connection_id_equals(expected->connection, connection)) {
        forget(placement, expected);
        return;
    }
}
