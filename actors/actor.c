/* The runtime: a turn, and the thread that takes turns until it is told to end. */
#include "actor.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <time.h>

#include "gateway_shards.h"

uint64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t actor_turn(const struct actor_spec *spec, void *self, struct mailbox *mailbox, uint64_t now_ms)
{
    struct message message;
    for (int handled = 0; handled < MAILBOX_BURST && mailbox_receive(mailbox, &message); handled++) {
        spec->on_message(self, &message, now_ms);
        message_done(&message);
    }
    return spec->on_time != NULL ? spec->on_time(self, now_ms) : UINT64_MAX;
}

/* Milliseconds for zmq_poll until wake_ms; -1: for ever. */
static long poll_timeout(uint64_t wake_ms, uint64_t now_ms)
{
    enum { LONGEST_MS = 3600 * 1000 }; /* waking up for nothing once an hour spares a range check */
    if (wake_ms == UINT64_MAX)
        return -1;
    if (wake_ms <= now_ms)
        return 0;
    return wake_ms - now_ms < LONGEST_MS ? (long)(wake_ms - now_ms) : LONGEST_MS;
}

/* false: the starter is gone, or said $TERM. */
static bool pipe_goes_on(zsock_t *pipe)
{
    char *command = zstr_recv(pipe);
    bool goes_on = command != NULL && !streq(command, "$TERM");
    zstr_free(&command);
    return goes_on;
}

static void take_turns(const struct actor_spec *spec, void *self, struct mailbox *mailbox, zsock_t *pipe)
{
    zmq_pollitem_t items[] = {
        {.socket = zsock_resolve(pipe), .events = ZMQ_POLLIN},
        {.socket = mailbox_inbox(mailbox), .events = ZMQ_POLLIN},
    };
    for (;;) {
        uint64_t wake_ms = actor_turn(spec, self, mailbox, monotonic_ms());
        if (zmq_poll(items, 2, poll_timeout(wake_ms, monotonic_ms())) < 0 && errno != EINTR)
            return; /* the context is ending */
        if ((items[0].revents & ZMQ_POLLIN) != 0 && !pipe_goes_on(pipe))
            return;
    }
}

void actor_thread_ends(void)
{
    OPENSSL_thread_stop();
}

void actor_thread(zsock_t *pipe, void *args)
{
    struct actor_start start = *(const struct actor_start *)args; /* ours to read only until we have signalled */
    const struct actor_spec *spec = start.spec;
    pthread_setname_np(pthread_self(), actor_thread_name(spec->actor));
    struct mailbox *mailbox = mailbox_new(spec->actor, start.shard, start.log);
    if (mailbox != NULL)
        mailbox_connect(mailbox, gateway_shards(start.options));
    void *self = mailbox != NULL ? spec->new (start.options, mailbox, start.log) : NULL;
    zsock_signal(pipe, self != NULL ? 0 : 1);
    if (self != NULL) {
        take_turns(spec, self, mailbox, pipe);
        spec->destroy(&self);
    }
    mailbox_destroy(&mailbox);
    actor_thread_ends();
}
