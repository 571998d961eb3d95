/* How many ws-gateway shards run: the one place that knows, for those who ask every shard. */
#ifndef HOODY_ACTORS_GATEWAY_SHARDS_H
#define HOODY_ACTORS_GATEWAY_SHARDS_H

#include "options.h"

/* 1..SHARDS_MAX */
static inline uint32_t gateway_shards(const struct options *options)
{
    return (uint32_t)options->shards;
}

#endif
