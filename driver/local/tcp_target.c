#include "tcp_target.h"

#include "buffer_move.h"
#include "check.h"
#include "relay.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

/* A stream on its way to the target. */
struct approach {
    struct tcp_target *target;
    struct stream *stream;
    struct dial *dial;
    struct exchange_watch *watch; /* NULL: nobody observes */
    struct evbuffer *held;        /* what the kit sent before there was a connection */
    bool kit_ended;               /* its EOF came, too */
};

void tcp_target_init(struct tcp_target *target, struct loop *loop, const struct endpoint *endpoint,
                     unsigned connect_timeout_ms)
{
    *target = (struct tcp_target){.loop = loop, .endpoint = *endpoint, .connect_timeout_ms = connect_timeout_ms};
}

static void free_approach(void *object)
{
    struct approach *approach = object;
    evbuffer_free(approach->held);
    free(approach);
}

static void end_approach(struct approach *approach)
{
    dial_destroy(&approach->dial);
    loop_reap(approach->target->loop, free_approach, approach);
}

/* ---- from the kit ---- */

static void on_data(void *handler, struct evbuffer *data, size_t length)
{
    struct approach *approach = handler;
    exchange_watch_bytes(approach->watch, EXCHANGE_IN, data, 0, length);
    buffer_move(data, approach->held, length);
}

static void on_end(void *handler)
{
    struct approach *approach = handler;
    approach->kit_ended = true;
}

/* Nothing was queued: it had all the room there is. */
static void on_room(void *handler)
{
    (void)handler;
}

static void on_gone(void *handler, enum stream_gone how, const char *why)
{
    struct approach *approach = handler;
    exchange_watch_gone(&approach->watch, how, why);
    end_approach(approach);
}

static const struct stream_handler HANDLER = {
    .on_data = on_data,
    .on_end = on_end,
    .on_room = on_room,
    .on_gone = on_gone,
};

/* ---- the connection ---- */

static void refuse(struct approach *approach, int error)
{
    char reason[HOST_PORT_BYTES + 128];
    snprintf(reason, sizeof reason, "target %s %s", approach->target->endpoint.name, dial_error_text(error));
    stream_reset(approach->stream, CODE_REFUSED_STREAM, reason);
}

static void on_dialed(void *owner, int fd, int error)
{
    struct approach *approach = owner;
    struct loop *loop = approach->target->loop;
    dial_destroy(&approach->dial);
    exchange_place_tell_dial(&approach->target->place, &approach->target->is_down, error);
    if (fd < 0) {
        refuse(approach, error);
        return;
    }
    struct local_connection *connection = local_connection_new(loop, fd);
    relay_start(loop, approach->stream, &connection, approach->held, approach->kit_ended, &approach->watch);
    end_approach(approach);
}

void tcp_target_connect(struct tcp_target *target, struct stream *stream, const struct stream_open *open)
{
    struct approach *approach = calloc(1, sizeof *approach);
    check(approach != NULL);
    approach->target = target;
    approach->stream = stream;
    approach->held = evbuffer_new();
    check(approach->held != NULL);
    approach->watch = exchange_watch_begin(&target->place, open);
    stream_attach(stream, &HANDLER, approach);
    approach->dial = dial_new(target->loop, &target->endpoint, target->connect_timeout_ms, on_dialed, approach);
}
