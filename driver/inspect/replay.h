/* Sends recorded requests to their local service once more, as the driver would have: a connection of its own, the same
 * head and body, nothing by way of the daemon. Each is recorded as a new request. */
#ifndef HOODY_DRIVER_REPLAY_H
#define HOODY_DRIVER_REPLAY_H

#include "inspect_store.h"
#include "loop.h"

enum {
    REPLAYS_MAX = 8,        /* at a time */
    REPLAY_SILENCE_S = 120, /* for so long an answer may make no progress */
};

struct replayer;

/* `store` must outlive it. */
struct replayer *replayer_new(struct loop *loop, struct inspect_store *store);
/* Ends those that are under way. */
void replayer_destroy(struct replayer **p_replayer);
void replayer_abort_all(struct replayer *replayer);

/* NULL: may be replayed. Otherwise why not (static, one line). */
const char *replay_refusal(const struct inspect_entry *entry);

/* NULL: it is under way as request *ret_id. Otherwise why not (static, one line). `entry` may be gone then. */
const char *replayer_start(struct replayer *replayer, const struct inspect_entry *entry, uint64_t *ret_id);

#endif
