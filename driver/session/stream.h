/* One stream (protocol section 6): its two windows, what it has to send, and how far both directions have come. What is
 * on its local side is a handler; streams without one discard what comes, and give the credit back. */
#ifndef HOODY_DRIVER_STREAM_H
#define HOODY_DRIVER_STREAM_H

#include "flow_window.h"
#include "outbox.h"
#include "stream_payloads.h"

enum {
    STREAM_QUEUE_HIGH_MARK = 131072, /* bytes that wait for credit: the local side is not read any more */
    STREAM_QUEUE_LOW_MARK = 65536,   /* and is read again */
    STREAM_QUEUE_TIGHT_MARK = 16384, /* the high mark while all streams together have too much waiting */
};

struct stream;
struct stream_table;

/* How a stream ended before both directions had. */
enum stream_gone {
    STREAM_FINISHED, /* nobody's fault: what was left to come is not needed */
    STREAM_BROKEN,   /* we reset it, or the daemon did for what we sent */
    STREAM_GIVEN_UP, /* the daemon reset it: its visitor left, most likely */
    STREAM_LOST,     /* its connection was lost, or closed */
};

/* The local side. All but on_gone may call any stream function. */
struct stream_handler {
    /* Takes exactly `length` bytes off the front of `data`; tells stream_consumed when they were passed on. */
    void (*on_data)(void *handler, struct evbuffer *data, size_t length);
    /* The kit's direction has ended. */
    void (*on_end)(void *handler);
    /* stream_room() was 0 and is not any more. */
    void (*on_room)(void *handler);
    /* The stream was reset or its connection lost, whoever did it: let go of everything, the stream is no more. `why`:
     * one line, borrowed, may be the daemon's. */
    void (*on_gone)(void *handler, enum stream_gone how, const char *why);
};

/* `open` is looked at only; stream ids are the kit's. */
struct stream *stream_new(struct stream_table *table, struct outbox *outbox, uint32_t id, uint32_t window_bytes);

/* The handler stays until stream_detach or its on_gone. */
void stream_attach(struct stream *stream, const struct stream_handler *handler, void *self);
/* The local side is finished, cleanly: what it has not consumed counts as consumed. The stream ends by itself when both
 * directions have. */
void stream_detach(struct stream *stream);

/* Sending. A head is at most one at a time: only while stream_room() is not 0. false: it does not fit a frame; nothing
 * was sent. */
bool stream_send_head(struct stream *stream, const struct response_head *head);
/* How many bytes may be appended to stream_queue() now; 0 also while an interim head waits. */
size_t stream_room(struct stream *stream);
/* DATA: append to it, then say so. */
struct evbuffer *stream_queue(struct stream *stream);
void stream_queue_grew(struct stream *stream);
/* EOF, behind what is queued. */
void stream_end(struct stream *stream);
/* After stream_end: what the kit still sends is not wanted. RESET(0) follows EOF, and the stream is gone. */
void stream_refuse_more(struct stream *stream);
/* RESET, and the stream is gone. */
void stream_reset(struct stream *stream, enum error_code code, const char *reason);

/* Receiving: so many bytes of DATA were passed on. */
void stream_consumed(struct stream *stream, size_t bytes);

/* What the kit said (stream_table.c). */
void stream_on_data(struct stream *stream, struct evbuffer *data, uint32_t length);
void stream_on_end(struct stream *stream);
void stream_on_window(struct stream *stream, uint32_t increment);
void stream_on_reset(struct stream *stream, uint16_t code, struct span reason);
/* The session is lost, or over. */
void stream_on_session_lost(struct stream *stream);
/* The connection with that outbox is lost: when it carried the stream, the stream is gone, and RESET goes another way,
 * for the case that the kit has not noticed. */
void stream_on_lost(struct stream *stream, const struct outbox *lost);

/* The table's links and counts. */
struct stream *stream_of_sender(struct outbox_sender *sender);
uint32_t stream_id(const struct stream *stream);
void stream_resume_sending(struct stream *stream);

#endif
