#include "stream.h"

#include "buffer_front.h"
#include "check.h"
#include "stream_table.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROOM_WORTH_FILLING = 16384 }; /* smaller ends of a message stay unused rather than cut DATA small */

struct stream {
    struct outbox_sender sender; /* first: stream_of_sender */
    struct stream_link link;
    struct stream_table *table;
    struct outbox *outbox; /* of the connection that carries it */
    struct send_window send;
    struct receive_window receive;
    struct window_growth growth; /* of `receive` */
    struct evbuffer *head;       /* STREAM_RESPONSE_HEAD that waits for its turn */
    bool head_is_interim;        /* another will follow */
    struct evbuffer *queue;      /* DATA that waits for its turn or for credit */
    size_t counted;              /* bytes of it that the table has counted */
    bool is_choked;              /* the handler was told that there is no room */
    bool ends;                   /* EOF is due behind the queue */
    bool end_sent;
    bool refuses_more; /* RESET is due behind EOF */
    bool end_received;
    bool is_gone;
    const struct stream_handler *handler; /* NULL: discards */
    void *self;
};

static bool take_turn(struct outbox_sender *sender, struct frame_batch *batch);

struct stream *stream_of_sender(struct outbox_sender *sender)
{
    return (struct stream *)sender;
}

uint32_t stream_id(const struct stream *stream)
{
    return stream->link.id;
}

struct stream *stream_new(struct stream_table *table, struct outbox *outbox, uint32_t id, uint32_t window_bytes)
{
    struct stream *stream = calloc(1, sizeof *stream);
    check(stream != NULL);
    stream->sender.take_turn = take_turn;
    stream->link = (struct stream_link){.id = id, .stream = stream};
    stream->table = table;
    stream->outbox = outbox;
    send_window_init(&stream->send, window_bytes);
    receive_window_init(&stream->receive, window_bytes, window_bytes / 4);
    window_growth_init(&stream->growth, window_bytes, STREAM_WINDOW_MAX);
    stream->head = evbuffer_new();
    stream->queue = evbuffer_new();
    check(stream->head != NULL && stream->queue != NULL);
    stream_table_add(table, &stream->link);
    return stream;
}

static void free_stream(void *object)
{
    struct stream *stream = object;
    evbuffer_free(stream->head);
    evbuffer_free(stream->queue);
    free(stream);
}

static void count_queue(struct stream *stream, size_t length)
{
    stream->table->queued += length - stream->counted;
    stream->counted = length;
}

/* Out of the table; memory follows when the callbacks have returned. */
static void leave(struct stream *stream)
{
    if (stream->is_gone)
        return;
    stream->is_gone = true;
    outbox_sender_leave(&stream->sender);
    count_queue(stream, 0);
    window_growth_end(&stream->growth, &stream->table->window_budget);
    stream_table_remove(stream->table, &stream->link);
    stream_table_consumed(stream->table, (size_t)receive_window_held(&stream->receive));
    loop_reap(stream->table->loop, free_stream, stream);
}

static void be_gone(struct stream *stream, enum stream_gone how, const char *why)
{
    if (stream->is_gone)
        return;
    const struct stream_handler *handler = stream->handler;
    stream->handler = NULL;
    leave(stream);
    if (handler != NULL)
        handler->on_gone(stream->self, how, why);
}

static void reset_as(struct stream *stream, enum stream_gone how, enum error_code code, const char *reason)
{
    if (stream->is_gone)
        return;
    frame_batch_add_reset(outbox_control(stream->outbox), stream->link.id, code, reason);
    be_gone(stream, how, reason);
}

void stream_reset(struct stream *stream, enum error_code code, const char *reason)
{
    reset_as(stream, code == CODE_NO_ERROR ? STREAM_FINISHED : STREAM_BROKEN, code, reason);
}

void stream_on_reset(struct stream *stream, uint16_t code, struct span reason)
{
    char why[FRAME_RESET_REASON_MAX + 1];
    snprintf(why, sizeof why, "%.*s", (int)(reason.length < sizeof why ? reason.length : sizeof why - 1),
             (const char *)reason.data);
    enum stream_gone how = STREAM_GIVEN_UP;
    if (code == CODE_NO_ERROR)
        how = STREAM_FINISHED;
    else if (code == CODE_PROTOCOL_ERROR || code == CODE_FLOW_CONTROL || code == CODE_STREAM_CLOSED)
        how = STREAM_BROKEN;
    be_gone(stream, how, why);
}

void stream_on_session_lost(struct stream *stream)
{
    be_gone(stream, STREAM_LOST, "the session with the daemon ended");
}

void stream_on_lost(struct stream *stream, const struct outbox *lost)
{
    if (stream->outbox != lost)
        return;
    outbox_sender_leave(&stream->sender);
    stream->outbox = stream->table->outbox;
    reset_as(stream, STREAM_LOST, CODE_CANCEL, "the connection that carried it was lost");
}

static void leave_if_complete(struct stream *stream)
{
    if (stream->end_sent && stream->end_received && stream->handler == NULL)
        leave(stream);
}

void stream_attach(struct stream *stream, const struct stream_handler *handler, void *self)
{
    stream->handler = handler;
    stream->self = self;
}

void stream_detach(struct stream *stream)
{
    stream->handler = NULL;
    if (stream->is_gone)
        return;
    stream_consumed(stream, (size_t)receive_window_held(&stream->receive));
    leave_if_complete(stream);
}

/* ---- sending ---- */

void stream_resume_sending(struct stream *stream)
{
    if (!stream->is_gone)
        outbox_add_sender(stream->outbox, &stream->sender);
}

bool stream_send_head(struct stream *stream, const struct response_head *head)
{
    check(evbuffer_get_length(stream->head) == 0);
    if (stream->is_gone)
        return true;
    size_t length = response_head_encode(head, stream->head);
    if (length == 0 || length > FRAME_PAYLOAD_MAX) {
        evbuffer_drain(stream->head, evbuffer_get_length(stream->head));
        return false;
    }
    stream->head_is_interim = !head->is_final;
    stream_resume_sending(stream);
    return true;
}

static bool awaits_head(const struct stream *stream)
{
    return stream->head_is_interim && evbuffer_get_length(stream->head) > 0;
}

size_t stream_room(struct stream *stream)
{
    size_t queued = evbuffer_get_length(stream->queue);
    bool is_tight = stream->table->queued >= STREAM_TABLE_QUEUE_MARK;
    size_t mark = is_tight ? STREAM_QUEUE_TIGHT_MARK : STREAM_QUEUE_HIGH_MARK;
    stream->is_choked = awaits_head(stream) || queued >= mark;
    return stream->is_choked ? 0 : mark - queued;
}

struct evbuffer *stream_queue(struct stream *stream)
{
    return stream->queue;
}

void stream_queue_grew(struct stream *stream)
{
    check(!stream->ends);
    count_queue(stream, evbuffer_get_length(stream->queue));
    if (evbuffer_get_length(stream->queue) > 0)
        stream_resume_sending(stream);
}

void stream_end(struct stream *stream)
{
    if (stream->ends)
        return;
    stream->ends = true;
    stream_resume_sending(stream);
}

static void refuse_more_if_due(struct stream *stream)
{
    if (stream->end_sent && stream->refuses_more)
        stream_reset(stream, CODE_NO_ERROR, "the local service reads no more");
}

void stream_refuse_more(struct stream *stream)
{
    check(stream->ends);
    stream->refuses_more = true;
    refuse_more_if_due(stream);
}

static void send_head(struct stream *stream, struct frame_batch *batch)
{
    size_t length = evbuffer_get_length(stream->head);
    if (length == 0)
        return;
    frame_batch_add(batch, FRAME_STREAM_RESPONSE_HEAD, stream->link.id, buffer_front(stream->head, length));
    evbuffer_drain(stream->head, length);
}

/* One DATA frame, as far as the credit at hand reaches. true: more could be sent at once. */
static bool send_data(struct stream *stream, struct frame_batch *batch)
{
    size_t want = evbuffer_get_length(stream->queue);
    size_t room = frame_batch_room(batch);
    if (want == 0 || stream->send.available <= 0)
        return false;
    if (want > FRAME_PAYLOAD_MAX)
        want = FRAME_PAYLOAD_MAX;
    if (want > room && room >= ROOM_WORTH_FILLING)
        want = room;
    if ((int64_t)want > stream->send.available)
        want = (size_t)stream->send.available;
    uint32_t granted = send_window_take(&stream->table->send, (uint32_t)want);
    if (granted == 0) {
        stream_table_starve(stream->table, &stream->sender);
        return false;
    }
    check(send_window_take(&stream->send, granted) == granted);
    frame_batch_add_data(batch, stream->link.id, stream->queue, granted);
    count_queue(stream, evbuffer_get_length(stream->queue));
    return evbuffer_get_length(stream->queue) > 0 && stream->send.available > 0;
}

/* The local side may go on when enough of the queue has left. */
static void make_room(struct stream *stream)
{
    if (!stream->is_choked || awaits_head(stream) || evbuffer_get_length(stream->queue) > STREAM_QUEUE_LOW_MARK)
        return;
    stream->is_choked = false;
    if (stream->handler != NULL)
        stream->handler->on_room(stream->self);
}

static bool take_turn(struct outbox_sender *sender, struct frame_batch *batch)
{
    struct stream *stream = stream_of_sender(sender);
    send_head(stream, batch);
    bool has_more = send_data(stream, batch);
    if (stream->ends && !stream->end_sent && evbuffer_get_length(stream->queue) == 0) {
        frame_batch_add(batch, FRAME_EOF, stream->link.id, (struct span){0});
        stream->end_sent = true;
        leave_if_complete(stream);
        refuse_more_if_due(stream);
        return false;
    }
    make_room(stream);
    return has_more && !stream->is_gone;
}

/* ---- receiving ---- */

void stream_consumed(struct stream *stream, size_t bytes)
{
    if (stream->is_gone || bytes == 0)
        return;
    uint32_t increment = receive_window_consume(&stream->receive, (uint32_t)bytes);
    if (increment > 0)
        outbox_measure(stream->outbox);
    if (!stream->end_received)
        increment +=
            outbox_grow(stream->outbox, &stream->growth, &stream->receive, &stream->table->window_budget, bytes);
    if (increment > 0 && !stream->end_received)
        frame_batch_add_window(outbox_control(stream->outbox), stream->link.id, increment);
    stream_table_consumed(stream->table, bytes);
}

void stream_on_data(struct stream *stream, struct evbuffer *data, uint32_t length)
{
    enum error_code code = CODE_NO_ERROR;
    if (stream->end_received)
        code = CODE_STREAM_CLOSED;
    else if (!receive_window_take(&stream->receive, length))
        code = CODE_FLOW_CONTROL;
    if (code == CODE_NO_ERROR && stream->handler != NULL) {
        stream->handler->on_data(stream->self, data, length);
        return;
    }
    evbuffer_drain(data, length);
    if (code == CODE_NO_ERROR) {
        stream_consumed(stream, length);
        return;
    }
    stream_table_consumed(stream->table, length);
    stream_reset(stream, code, code == CODE_FLOW_CONTROL ? "DATA beyond the stream's window" : "DATA after EOF");
}

void stream_on_end(struct stream *stream)
{
    if (stream->end_received)
        return;
    stream->end_received = true;
    if (stream->handler != NULL)
        stream->handler->on_end(stream->self);
    leave_if_complete(stream);
}

void stream_on_window(struct stream *stream, uint32_t increment)
{
    if (!send_window_grow(&stream->send, increment)) {
        stream_reset(stream, CODE_FLOW_CONTROL, "WINDOW beyond 2^31-1");
        return;
    }
    if (evbuffer_get_length(stream->queue) > 0)
        stream_resume_sending(stream);
}
