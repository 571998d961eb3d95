/* What waits to be sent on one connection (protocol section 2; design.md, the data path). Control frames are added at
 * once; DATA is asked of its senders only while the queue towards the socket is short, one frame each in turn, so that
 * a small answer beside a bulk transfer is not stuck behind megabytes. Frames of the same turn of the loop share a
 * message. */
#ifndef HOODY_DRIVER_OUTBOX_H
#define HOODY_DRIVER_OUTBOX_H

#include "frame_batch.h"
#include "loop.h"
#include "round_trip.h"
#include "window_growth.h"

#include <sys/queue.h>

enum {
    OUTBOX_HIGH_MARK = 65536, /* bytes queued: senders are not asked any more */
    OUTBOX_LOW_MARK = 32768,  /* and are asked again */
    OUTBOX_MAX = 16777216,    /* control frames too: beyond it the peer does not read, and the connection has failed */
};

TAILQ_HEAD(outbox_queue, outbox_sender);

/* Embedded in whatever sends DATA. */
struct outbox_sender {
    TAILQ_ENTRY(outbox_sender) entry;
    struct outbox_queue *waits_in; /* an outbox's, or one of its owner's; NULL: none */
    /* Adds at most one DATA frame. true: has more and may send it, wants another turn. The sender is in no queue
     * meanwhile. */
    bool (*take_turn)(struct outbox_sender *sender, struct frame_batch *batch);
};

/* Puts it at the end of `queue`; takes it out of whichever it is in, if any. */
void outbox_sender_wait(struct outbox_sender *sender, struct outbox_queue *queue);
void outbox_sender_leave(struct outbox_sender *sender);

struct outbox {
    struct loop *loop;
    struct evbuffer *out;
    struct frame_batch batch;
    struct outbox_queue ready;
    struct round_trip round_trip;
    struct loop_task flush;
    bool is_shut;          /* nothing goes out any more */
    struct evbuffer *sink; /* where frames go then */
};

/* `out` is the socket's queue; borrowed. false: out of memory. */
bool outbox_init(struct outbox *outbox, struct loop *loop, struct evbuffer *out);
void outbox_done(struct outbox *outbox);

/* For adding control frames, now; they go out at the end of this turn of the loop. */
struct frame_batch *outbox_control(struct outbox *outbox);
/* Much comes in on the connection: its round trip is measured now and then. */
void outbox_measure(struct outbox *outbox);
/* A WebSocket pong came. */
void outbox_hear_pong(struct outbox *outbox, const uint8_t *payload, size_t length);
/* What a receive window of this connection's streams grows by, now that so much of it was consumed. */
uint32_t outbox_grow(struct outbox *outbox, struct window_growth *growth, struct receive_window *window,
                     struct window_budget *budget, size_t consumed);

/* The sender has something to send. Nothing changes when it waits already, wherever. */
void outbox_add_sender(struct outbox *outbox, struct outbox_sender *sender);

/* Sends what can be sent: the socket's queue has become short. */
void outbox_flush(struct outbox *outbox);
/* Sends control frames added so far, then nothing ever again. */
void outbox_shut(struct outbox *outbox);
/* Bytes that wait for the socket. */
size_t outbox_queued(const struct outbox *outbox);

#endif
