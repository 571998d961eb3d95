#include "stream_table.h"

#include "check.h"

#include <event2/buffer.h>

enum { SESSION_GRANT_SHARE = 16 }; /* the session's window is refilled whenever this part of it waits */

void stream_table_init(struct stream_table *table, struct loop *loop, struct outbox *outbox, uint32_t stream_window,
                       uint32_t session_window, uint32_t max_streams)
{
    *table = (struct stream_table){
        .loop = loop, .outbox = outbox, .stream_window = stream_window, .max_streams = max_streams};
    send_window_init(&table->send, session_window);
    receive_window_init(&table->receive, session_window, session_window / SESSION_GRANT_SHARE);
    window_growth_init(&table->growth, session_window, SESSION_WINDOW_MAX);
    table->window_budget.limit = WINDOW_BUDGET;
    for (size_t i = 0; i < STREAM_BUCKETS; i++)
        LIST_INIT(&table->buckets[i]);
    TAILQ_INIT(&table->starved);
}

void stream_table_done(struct stream_table *table)
{
    for (size_t i = 0; i < STREAM_BUCKETS; i++)
        while (!LIST_EMPTY(&table->buckets[i]))
            stream_on_session_lost(LIST_FIRST(&table->buckets[i])->stream);
}

void stream_table_lose(struct stream_table *table, const struct outbox *lost)
{
    for (size_t i = 0; i < STREAM_BUCKETS; i++) {
        struct stream_link *next;
        for (struct stream_link *link = LIST_FIRST(&table->buckets[i]); link != NULL; link = next) {
            next = LIST_NEXT(link, entry);
            stream_on_lost(link->stream, lost);
        }
    }
}

/* Ids are even. */
static size_t bucket_of(uint32_t id)
{
    return id / 2 % STREAM_BUCKETS;
}

void stream_table_add(struct stream_table *table, struct stream_link *link)
{
    LIST_INSERT_HEAD(&table->buckets[bucket_of(link->id)], link, entry);
    table->count++;
}

void stream_table_remove(struct stream_table *table, struct stream_link *link)
{
    LIST_REMOVE(link, entry);
    table->count--;
}

struct stream *stream_table_find(const struct stream_table *table, uint32_t id)
{
    struct stream_link *link;
    LIST_FOREACH(link, &table->buckets[bucket_of(id)], entry)
    if (link->id == id)
        return link->stream;
    return NULL;
}

void stream_table_starve(struct stream_table *table, struct outbox_sender *sender)
{
    outbox_sender_wait(sender, &table->starved);
}

/* Session credit has come: those that ran out of it first go first. */
static void feed_starved(struct stream_table *table)
{
    while (!TAILQ_EMPTY(&table->starved)) {
        struct outbox_sender *sender = TAILQ_FIRST(&table->starved);
        outbox_sender_leave(sender);
        stream_resume_sending(stream_of_sender(sender));
    }
}

void stream_table_consumed(struct stream_table *table, size_t bytes)
{
    uint32_t increment = receive_window_consume(&table->receive, (uint32_t)bytes);
    increment += outbox_grow(table->outbox, &table->growth, &table->receive, &table->window_budget, bytes);
    if (increment > 0)
        frame_batch_add_window(outbox_control(table->outbox), 0, increment);
}

bool stream_table_on_data(struct stream_table *table, uint32_t id, struct evbuffer *message, uint32_t length,
                          struct frame_error *ret_error)
{
    if (!receive_window_take(&table->receive, length)) {
        *ret_error = (struct frame_error){CODE_FLOW_CONTROL, "DATA beyond the session's window"};
        return false;
    }
    struct stream *stream = stream_table_find(table, id);
    if (stream != NULL) {
        stream_on_data(stream, message, length);
        return true;
    }
    evbuffer_drain(message, length);
    stream_table_consumed(table, length);
    return true;
}

void stream_table_on_end(struct stream_table *table, uint32_t id)
{
    struct stream *stream = stream_table_find(table, id);
    if (stream != NULL)
        stream_on_end(stream);
}

void stream_table_on_reset(struct stream_table *table, uint32_t id, struct reset reset)
{
    struct stream *stream = stream_table_find(table, id);
    if (stream != NULL)
        stream_on_reset(stream, reset.code, reset.reason);
}

bool stream_table_on_window(struct stream_table *table, uint32_t id, uint32_t increment, struct frame_error *ret_error)
{
    if (increment == 0) {
        *ret_error = (struct frame_error){CODE_PROTOCOL_ERROR, "WINDOW of 0"};
        return false;
    }
    if (id != 0) {
        struct stream *stream = stream_table_find(table, id);
        if (stream != NULL)
            stream_on_window(stream, increment);
        return true;
    }
    if (!send_window_grow(&table->send, increment)) {
        *ret_error = (struct frame_error){CODE_FLOW_CONTROL, "WINDOW of the session beyond 2^31-1"};
        return false;
    }
    feed_starved(table);
    return true;
}
