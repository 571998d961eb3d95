#include "relay.h"

#include "buffer_move.h"
#include "check.h"

#include <event2/buffer.h>
#include <stdlib.h>

enum { LAST_WORDS_S = 30 /* so long a service may take none of them */ };

struct relay {
    struct loop *loop;
    struct stream *stream;     /* NULL: lost, when both ends had said all and the service had not taken all of it */
    struct loop_orphan orphan; /* then */
    struct local_connection *connection;
    struct exchange_watch *watch; /* NULL: nobody observes, or it was told the end */
    bool kit_ended;
    bool local_ended;
};

static void end_relay(struct relay *relay, bool aborts)
{
    if (relay->stream == NULL)
        loop_let_go(relay->loop, &relay->orphan);
    local_connection_destroy(&relay->connection, aborts);
    loop_reap(relay->loop, free, relay);
}

static void finish_if_complete(struct relay *relay)
{
    if (!relay->local_ended || !local_connection_is_flushed(relay->connection))
        return;
    if (relay->kit_ended) {
        exchange_watch_complete(&relay->watch);
        if (relay->stream != NULL)
            stream_detach(relay->stream);
        end_relay(relay, false);
    } else if (relay->connection->cannot_write) {
        stream_refuse_more(relay->stream); /* who sends into the void must be told */
    }
}

/* ---- from the kit ---- */

static void on_data(void *handler, struct evbuffer *data, size_t length)
{
    struct relay *relay = handler;
    exchange_watch_bytes(relay->watch, EXCHANGE_IN, data, 0, length);
    local_connection_write(relay->connection, data, length, false);
}

static void on_end(void *handler)
{
    struct relay *relay = handler;
    relay->kit_ended = true;
    local_connection_end_writing(relay->connection);
    finish_if_complete(relay);
}

static void on_room(void *handler)
{
    struct relay *relay = handler;
    if (!relay->local_ended)
        local_connection_resume_reading(relay->connection);
}

static void destroy_orphan(void *self)
{
    end_relay(self, true);
}

static void on_gone(void *handler, enum stream_gone how, const char *why)
{
    struct relay *relay = handler;
    exchange_watch_gone(&relay->watch, how, why);
    if (how != STREAM_LOST || !relay->kit_ended || !relay->local_ended) {
        end_relay(relay, true);
        return;
    }
    /* What the visitor has said to its end is the service's: a daemon that drains has no stream any more that runs. */
    relay->stream = NULL;
    relay->orphan = (struct loop_orphan){.destroy = destroy_orphan, .self = relay};
    loop_adopt(relay->loop, &relay->orphan);
    local_connection_write_within(relay->connection, LAST_WORDS_S);
}

static const struct stream_handler HANDLER = {
    .on_data = on_data,
    .on_end = on_end,
    .on_room = on_room,
    .on_gone = on_gone,
};

/* ---- from the local service ---- */

static void on_input(void *owner)
{
    struct relay *relay = owner;
    struct evbuffer *input = local_connection_input(relay->connection);
    for (size_t length; (length = evbuffer_get_length(input)) > 0;) {
        size_t room = stream_room(relay->stream);
        if (room == 0) { /* only then will on_room come */
            local_connection_pause_reading(relay->connection);
            return;
        }
        length = length < room ? length : room;
        exchange_watch_bytes(relay->watch, EXCHANGE_OUT, input, 0, length);
        buffer_move(input, stream_queue(relay->stream), length);
        stream_queue_grew(relay->stream);
    }
}

static void on_consumed(void *owner, size_t bytes)
{
    struct relay *relay = owner;
    if (relay->stream != NULL)
        stream_consumed(relay->stream, bytes);
}

static void on_flushed(void *owner)
{
    finish_if_complete(owner);
}

static void on_local_ended(void *owner, enum local_end end)
{
    struct relay *relay = owner;
    switch (end) {
    case LOCAL_ENDED:
        relay->local_ended = true;
        stream_end(relay->stream);
        finish_if_complete(relay);
        return;
    case LOCAL_WRITE_FAILED:
        if (relay->local_ended || !relay->connection->was_reset) {
            finish_if_complete(relay); /* it has closed: its last bytes still go to the visitor */
            return;
        }
        break;
    case LOCAL_READ_FAILED:
    case LOCAL_IDLED:
        break;
    }
    stream_reset(relay->stream, CODE_CANCEL, "the local service reset the connection");
}

static const struct local_connection_events EVENTS = {
    .on_input = on_input,
    .on_consumed = on_consumed,
    .on_flushed = on_flushed,
    .on_ended = on_local_ended,
};

void relay_start(struct loop *loop, struct stream *stream, struct local_connection **p_connection,
                 struct evbuffer *held, bool kit_ended, struct exchange_watch **p_watch)
{
    struct relay *relay = calloc(1, sizeof *relay);
    check(relay != NULL);
    *relay = (struct relay){.loop = loop, .stream = stream, .connection = *p_connection, .watch = *p_watch};
    *p_connection = NULL;
    *p_watch = NULL;
    stream_attach(stream, &HANDLER, relay);
    local_connection_need_fin(relay->connection);
    local_connection_own(relay->connection, &EVENTS, relay);
    if (evbuffer_get_length(held) > 0)
        local_connection_write(relay->connection, held, evbuffer_get_length(held), false);
    if (kit_ended)
        on_end(relay);
}
