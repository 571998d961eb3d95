/* A stage for one actor: the real actor without its thread, all its peers played by the test, the clock an input.
 * Nothing here sleeps or waits: a message said is handled before stage_say returns, so every test runs the same way
 * each time.
 *
 *     struct options options;
 *     options_init(&options);
 *     struct stage *stage = stage_new(&session_manager_actor, &options);
 *     stage_say(stage, MESSAGE_OF(open_session, .connection = {7}, .subprotocol = 1, .hello = hello));
 *     const struct message *opened = stage_hear(stage, MESSAGE_session_opened);
 *     assert_int_equal(opened->session_opened.connection.value, 7);
 *     stage_silent(stage);                        // and it said nothing else
 *     stage_advance(stage, 20 * 1000);            // its timers ring when they are due
 *     stage_hear(stage, MESSAGE_probe_connection);
 *     stage_destroy(&stage);
 *     options_done(&options);
 *
 * Every peer (each other actor of the catalogue, the gateway with STAGE_SHARDS shards) has an inbox of its own: what
 * the actor says is heard in the order in which it was said to that peer; the order between peers is not known to
 * anybody. Whatever is not as the test says ends the test with a line that shows what was said instead. */
#ifndef HOODY_TESTS_TESTS_STAGE_H
#define HOODY_TESTS_TESTS_STAGE_H

#include "actor.h"

enum { STAGE_SHARDS = 2 };

struct stage;

/* The curtain rises: the actor is new, at some moment well above 0. options are borrowed until stage_destroy. */
struct stage *stage_new(const struct actor_spec *spec, const struct options *options);
/* What was said and not heard is forgotten: stage_silent first where that matters. Takes NULL. */
void stage_destroy(struct stage **p_stage);

/* The catalogue's sender says it (a gateway: the shard that the message names), and the actor handles it and what it
 * causes. */
void stage_say(struct stage *stage, const struct message *message);
/* For messages that the catalogue lets `any` say: `actor` says it. */
void stage_say_as(struct stage *stage, enum actor actor, uint32_t shard, const struct message *message);

/* The next message at the peer that the catalogue names (a gateway: shard 0) must be of this type. Valid until
 * stage_destroy. */
const struct message *stage_hear(struct stage *stage, enum message_type type);
/* The same at a named peer: for messages to `any` and to other shards. */
const struct message *stage_hear_at(struct stage *stage, enum actor actor, uint32_t shard, enum message_type type);
/* The next message at that peer whatever it is; NULL: none. */
const struct message *stage_next_at(struct stage *stage, enum actor actor, uint32_t shard);

/* Nothing that was said is left unheard, at any peer. */
void stage_silent(struct stage *stage);

/* Moves the clock by `ms`. Timers that are due on the way ring at their own moments, in order. */
void stage_advance(struct stage *stage, uint64_t ms);
/* The clock of the stage, monotonic ms. */
uint64_t stage_now(const struct stage *stage);

/* What the actor's mailbox counted. */
struct mailbox_counts stage_counts(const struct stage *stage);

#endif
