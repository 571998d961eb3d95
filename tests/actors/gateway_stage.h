/* A stage for the ws-gateway: the real actor in its own thread, or its shards in theirs, on a free port of the
 * loopback, all its peers' mailboxes held by the test; drivers and visitors are in gateway_peers.h.
 *
 *     static void a_hello_asks_for_a_session(void **state)
 *     {
 *         struct gateway_stage *stage = *state;       // set up by gateway_stage_set_up
 *         stage->options.hello_timeout = 50;          // options may change until
 *         gateway_raise(stage);                       // the curtain rises
 *         ...
 *         gateway_say(stage, MESSAGE_OF(session_opened, .connection = connection, ...));
 *     }                                               // gateway_stage_tear_down: everything came back
 *
 * Nothing sleeps: hearing waits for what must come, order between messages is forced by gateway_ping, order between
 * sockets by driver_quiet. What does not come in PATIENCE_MS fails the test; that time is a measure of nothing. */
#ifndef HOODY_TESTS_TESTS_GATEWAY_STAGE_H
#define HOODY_TESTS_TESTS_GATEWAY_STAGE_H

#include <czmq.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "actor.h"

enum { PATIENCE_MS = 30000 };

struct driver; /* gateway_peers.h */
struct client;
struct heard;

struct gateway_stage {
    struct options options; /* yours until gateway_raise */
    struct log log;
    uint16_t port;                      /* of the base listener */
    zactor_t *gateway;                  /* shard 0 */
    zactor_t *others[SHARDS_MAX];       /* by shard, from 1: of options.shards */
    struct mailbox *peers[ACTOR_COUNT]; /* NULL where the gateway itself is */
    uint64_t last_ref;
    uint64_t permits; /* of the fd budget, when the curtain rose */
    LIST_HEAD(, heard) heard;
    LIST_HEAD(, driver) drivers;
    LIST_HEAD(, client) clients;
};

/* cmocka's setup and teardown: *state is the stage. The teardown hangs up all drivers and clients, closes the bindings
 * up to STAGE_BINDINGS_MAX, waits until every permit of the fd budget is back, and ends the gateway. */
int gateway_stage_set_up(void **state);
int gateway_stage_tear_down(void **state);
enum { STAGE_BINDINGS_MAX = 8 /* bind ids of tests are 1..8 */ };

void gateway_raise(struct gateway_stage *stage);
/* $TERM: the gateway begins its goodbyes. */
void gateway_terminate(struct gateway_stage *stage);
/* Waits for the thread's end. */
void gateway_await_end(struct gateway_stage *stage);

/* The catalogue's sender says it, to the shard that the message names. */
void gateway_say(struct gateway_stage *stage, const struct message *message);
/* The next message at the catalogue's receiver must be of this type; waits for it. Valid until the teardown. */
const struct message *gateway_hear(struct gateway_stage *stage, enum message_type type);
/* What was said before has been handled. */
void gateway_ping(struct gateway_stage *stage);
/* What was said before has been handled, and nothing is left unheard at any peer. */
void gateway_silent(struct gateway_stage *stage);

/* What was heard before is no longer valid, what was said before to the peers is never heard. */
void gateway_forget(struct gateway_stage *stage);

/* Asks count_streams of shard 0. */
const struct message_streams_counted *gateway_count(struct gateway_stage *stage);
/* Of the fd budget, when no other shard uses any. */
static inline uint64_t permits_left(const struct message_streams_counted *counted)
{
    return counted->fd_budget - counted->fd_permits_used;
}
/* Asks until that many permits are free: for what the gateway sees on its sockets at its own time. */
void gateway_await_permits(struct gateway_stage *stage, uint64_t permits);

#endif
