#include "outbox.h"

#include "check.h"

#include <event2/buffer.h>
#include <time.h>

static void on_turn_end(void *outbox)
{
    outbox_flush(outbox);
}

bool outbox_init(struct outbox *outbox, struct loop *loop, struct evbuffer *out)
{
    *outbox = (struct outbox){.loop = loop, .out = out, .flush = {.run = on_turn_end, .owner = outbox}};
    TAILQ_INIT(&outbox->ready);
    if (!frame_batch_init(&outbox->batch, WEBSOCKET_CLIENT, out))
        return false;
    outbox->sink = evbuffer_new();
    if (outbox->sink != NULL)
        return true;
    outbox_done(outbox);
    return false;
}

void outbox_done(struct outbox *outbox)
{
    check(TAILQ_EMPTY(&outbox->ready));
    loop_cancel(&outbox->flush);
    if (outbox->sink != NULL)
        evbuffer_free(outbox->sink);
    outbox->sink = NULL;
    frame_batch_done(&outbox->batch);
}

static void schedule_flush(struct outbox *outbox)
{
    if (!outbox->is_shut)
        loop_defer(outbox->loop, &outbox->flush);
}

struct frame_batch *outbox_control(struct outbox *outbox)
{
    if (outbox->is_shut)
        evbuffer_drain(outbox->sink, evbuffer_get_length(outbox->sink));
    else
        schedule_flush(outbox);
    return &outbox->batch;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    check(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void outbox_measure(struct outbox *outbox)
{
    if (!outbox->is_shut && round_trip_want(&outbox->round_trip, now_ms()))
        schedule_flush(outbox);
}

void outbox_hear_pong(struct outbox *outbox, const uint8_t *payload, size_t length)
{
    round_trip_hear(&outbox->round_trip, payload, length, now_ms());
}

static void send_owed_ping(struct outbox *outbox)
{
    uint8_t token[ROUND_TRIP_TOKEN_BYTES];
    if (!outbox->round_trip.is_owed)
        return;
    round_trip_ask(&outbox->round_trip, now_ms(), token);
    websocket_write_control(WEBSOCKET_CLIENT, WEBSOCKET_PING, span_of(token, sizeof token), outbox->out);
}

uint32_t outbox_grow(struct outbox *outbox, struct window_growth *growth, struct receive_window *window,
                     struct window_budget *budget, size_t consumed)
{
    return window_growth_consumed(growth, window, budget, consumed, now_ms(), round_trip_ms(&outbox->round_trip));
}

void outbox_sender_wait(struct outbox_sender *sender, struct outbox_queue *queue)
{
    check(sender->waits_in == NULL);
    sender->waits_in = queue;
    TAILQ_INSERT_TAIL(queue, sender, entry);
}

void outbox_sender_leave(struct outbox_sender *sender)
{
    if (sender->waits_in != NULL)
        TAILQ_REMOVE(sender->waits_in, sender, entry);
    sender->waits_in = NULL;
}

void outbox_add_sender(struct outbox *outbox, struct outbox_sender *sender)
{
    if (sender->waits_in != NULL)
        return;
    outbox_sender_wait(sender, &outbox->ready);
    schedule_flush(outbox);
}

size_t outbox_queued(const struct outbox *outbox)
{
    return evbuffer_get_length(outbox->out) + evbuffer_get_length(outbox->batch.message);
}

void outbox_flush(struct outbox *outbox)
{
    if (outbox->is_shut)
        return;
    while (outbox_queued(outbox) < OUTBOX_HIGH_MARK && !TAILQ_EMPTY(&outbox->ready)) {
        struct outbox_sender *sender = TAILQ_FIRST(&outbox->ready);
        outbox_sender_leave(sender);
        if (sender->take_turn(sender, &outbox->batch))
            outbox_add_sender(outbox, sender);
    }
    frame_batch_seal(&outbox->batch);
    send_owed_ping(outbox);
}

void outbox_shut(struct outbox *outbox)
{
    if (outbox->is_shut)
        return;
    frame_batch_seal(&outbox->batch);
    outbox->batch.out = outbox->sink;
    outbox->is_shut = true;
    loop_cancel(&outbox->flush);
}
