/* The runtime of the actors that own no sockets: a mailbox, a clock, a state, and one turn of them. The thread's loop
 * and the tests drive the very same turn; time is an argument. */
#ifndef HOODY_ACTORS_ACTOR_H
#define HOODY_ACTORS_ACTOR_H

#include <czmq.h>

#include "mailbox.h"
#include "options.h"

/* What an actor is to the runtime. */
struct actor_spec {
    enum actor actor;
    /* NULL: could not start (said in the log). All arguments are borrowed and outlive the state. */
    void *(*new)(const struct options *options, struct mailbox *mailbox, const struct log *log);
    void (*destroy)(void **p_self);
    /* now_ms: monotonic milliseconds. */
    void (*on_message)(void *self, const struct message *message, uint64_t now_ms);
    /* Timers that are due by now. Returns when to be called again (monotonic ms), UINT64_MAX: when a message changes
     * that. Called after each burst of messages too. NULL: no timers. */
    uint64_t (*on_time)(void *self, uint64_t now_ms);
};

/* Handles the messages that wait, MAILBOX_BURST of them at most, then the timers. Returns when to be called again
 * unless a message comes before (the poll for one sees those that were left). */
uint64_t actor_turn(const struct actor_spec *spec, void *self, struct mailbox *mailbox, uint64_t now_ms);

/* What a CZMQ actor thread gets; lives in the starter until the thread has signalled. */
struct actor_start {
    const struct actor_spec *spec; /* NULL for actors with loops of their own */
    const struct options *options;
    const struct log *log;
    uint32_t shard;
};
/* zactor_fn: signals 0 when ready, 1 when it could not start; runs until $TERM. args is a struct actor_start.
 * zactor_new takes that signal and keeps it to itself: a starter that must know pings the actor, and sees either the
 * answer or the pipe's second signal, which says that the thread has ended (poll for it, zactor_destroy wants to
 * receive it). */
void actor_thread(zsock_t *pipe, void *args);
/* The last thing that any actor's thread does. What OpenSSL keeps for a thread goes now: the main thread waits for the
 * actor, but not for the thread to be gone, and OpenSSL's clean-up at exit would free it a second time. */
void actor_thread_ends(void);

uint64_t monotonic_ms(void);

#endif
