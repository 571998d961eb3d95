#include "outbox.h"

#include "check.h"

#include <event2/buffer.h>
#include <event2/event.h>

static void on_flush_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    outbox_flush(arg);
}

bool outbox_init(struct outbox *outbox, struct loop *loop, struct evbuffer *out)
{
    *outbox = (struct outbox){.loop = loop, .out = out};
    TAILQ_INIT(&outbox->ready);
    if (!frame_batch_init(&outbox->batch, WEBSOCKET_CLIENT, out))
        return false;
    outbox->flush_timer = evtimer_new(loop_base(loop), on_flush_timer, outbox);
    outbox->sink = evbuffer_new();
    if (outbox->flush_timer != NULL && outbox->sink != NULL)
        return true;
    outbox_done(outbox);
    return false;
}

void outbox_done(struct outbox *outbox)
{
    check(TAILQ_EMPTY(&outbox->ready));
    if (outbox->flush_timer != NULL)
        event_free(outbox->flush_timer);
    outbox->flush_timer = NULL;
    if (outbox->sink != NULL)
        evbuffer_free(outbox->sink);
    outbox->sink = NULL;
    frame_batch_done(&outbox->batch);
}

static void schedule_flush(struct outbox *outbox)
{
    const struct timeval at_once = {0};
    if (!outbox->is_shut && !evtimer_pending(outbox->flush_timer, NULL))
        check(evtimer_add(outbox->flush_timer, &at_once) == 0);
}

struct frame_batch *outbox_control(struct outbox *outbox)
{
    if (outbox->is_shut)
        evbuffer_drain(outbox->sink, evbuffer_get_length(outbox->sink));
    else
        schedule_flush(outbox);
    return &outbox->batch;
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
}

void outbox_shut(struct outbox *outbox)
{
    if (outbox->is_shut)
        return;
    frame_batch_seal(&outbox->batch);
    outbox->batch.out = outbox->sink;
    outbox->is_shut = true;
    evtimer_del(outbox->flush_timer);
}
