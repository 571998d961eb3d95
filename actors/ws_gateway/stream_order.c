#include "stream_order.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <string.h>

#include "buffer_move.h"
#include "check.h"
#include "driver_connection.h"
#include "id_table.h"
#include "stream.h"
#include "tunnel_session.h"

enum { HELD_BESIDE_DATA_MAX = 262144 /* bytes: heads, and the headers of all frames */ };

void barriers_init(struct barriers *barriers)
{
    *barriers = (struct barriers){0};
    TAILQ_INIT(&barriers->holding);
}

void stream_order_begin(struct stream *stream)
{
    stream->order.arrival = stream->connection;
}

void stream_order_waive(struct stream *stream)
{
    stream->order.arrival = NULL;
}

bool stream_order_admits(struct stream *stream, struct driver_connection *connection)
{
    struct stream_order *order = &stream->order;
    if (!order->arrival)
        order->arrival = connection;
    return order->arrival == connection;
}

static void begin_holding(struct stream *stream, struct driver_connection *connection)
{
    struct stream_order *order = &stream->order;
    struct barriers *barriers = &order->arrival->barriers;
    order->held = evbuffer_new();
    check(order->held); /* a frame that is neither handled nor kept would be a hole in the stream */
    order->next = connection;
    order->barrier = barriers->sent + 1; /* not one that is out already: it may have overtaken this very frame */
    TAILQ_INSERT_TAIL(&barriers->holding, stream, order.holding_link);
    barriers_raise(order->arrival);
}

const char *stream_order_hold(struct stream *stream, struct driver_connection *connection, struct frame_header header,
                              struct evbuffer *message)
{
    struct stream_order *order = &stream->order;
    if (!order->held)
        begin_holding(stream, connection);
    if (!order->next)
        order->next = connection;
    if (order->next != connection)
        return "its frames come on three connections at once"; /* nobody can tell their order */
    size_t beside_data = evbuffer_get_length(order->held) - order->held_bytes + FRAME_HEADER_BYTES;
    if (header.type != FRAME_DATA)
        beside_data += header.length;
    if (beside_data > HELD_BESIDE_DATA_MAX)
        return "too many frames while it changes connection";
    uint8_t bytes[FRAME_HEADER_BYTES];
    frame_header_encode(header, bytes);
    check(evbuffer_add(order->held, bytes, sizeof bytes) == 0);
    buffer_move(message, order->held, header.length);
    if (header.type == FRAME_DATA)
        order->held_bytes += header.length;
    return NULL;
}

static void stop_waiting(struct stream *stream)
{
    TAILQ_REMOVE(&stream->order.arrival->barriers.holding, stream, order.holding_link);
}

uint64_t stream_order_forget(struct stream *stream)
{
    struct stream_order *order = &stream->order;
    uint64_t held_bytes = order->held_bytes;
    if (order->held) {
        stop_waiting(stream);
        evbuffer_free(order->held);
    }
    order->held = NULL;
    order->held_bytes = 0;
    return held_bytes;
}

static bool lives(const struct tunnel_session *session, uint64_t id)
{
    return id_table_find(session->streams, id);
}

static void release(struct stream *stream)
{
    struct stream_order *order = &stream->order;
    struct tunnel_session *session = stream->session;
    struct evbuffer *held = order->held;
    uint64_t id = stream->id;
    stop_waiting(stream);
    order->arrival = order->next;
    order->held = NULL;
    order->held_bytes = 0;
    while (evbuffer_get_length(held) > 0 && lives(session, id)) {
        uint8_t bytes[FRAME_HEADER_BYTES];
        evbuffer_remove(held, bytes, sizeof bytes);
        struct frame_header header = frame_header_decode(bytes);
        size_t behind = evbuffer_get_length(held) - header.length;
        tunnel_session_handle_in_order(session, stream, header, held);
        evbuffer_drain(held, evbuffer_get_length(held) - behind);
    }
    tunnel_session_discard(session, held);
    evbuffer_free(held);
}

void barriers_raise(struct driver_connection *connection)
{
    connection->barriers.is_owed = true;
    driver_connection_mark_unflushed(connection);
}

bool barriers_are_passed(const struct driver_connection *connection)
{
    const struct barriers *barriers = &connection->barriers;
    return !barriers->is_owed && barriers->passed == barriers->sent;
}

void barriers_flush(struct driver_connection *connection)
{
    struct barriers *barriers = &connection->barriers;
    if (!barriers->is_owed || connection->phase != DRIVER_LIVE)
        return;
    barriers->is_owed = false;
    barriers->sent++;
    websocket_write_control(WEBSOCKET_SERVER, WEBSOCKET_PING, span_of(&barriers->sent, sizeof barriers->sent),
                            bufferevent_get_output(connection->socket));
}

void barriers_passed(struct driver_connection *connection, const uint8_t *token, size_t length)
{
    struct barriers *barriers = &connection->barriers;
    uint64_t barrier = 0;
    if (length != sizeof barrier)
        return; /* a pong that nobody asked for: RFC 6455 section 5.5.3 allows it */
    memcpy(&barrier, token, sizeof barrier);
    if (barrier > barriers->sent || barrier <= barriers->passed)
        return;
    barriers->passed = barrier;
    struct stream *stream = NULL;
    while (connection->phase == DRIVER_LIVE && (stream = TAILQ_FIRST(&barriers->holding)) &&
           stream->order.barrier <= barrier)
        release(stream);
    if (connection->session)
        tunnel_session_note_passed(connection->session);
}

/* What we had sent on it has arrived: drivers of HTTP streams change connection when they have our EOF. */
static bool ours_has_arrived(const struct stream *stream)
{
    return stream->eof_sent ? stream->events->mode == BIND_MODE_EXPOSE : stream->sent == 0;
}

enum stream_fate stream_order_lose(struct stream *stream, const struct driver_connection *connection, bool said_goodbye)
{
    struct stream_order *order = &stream->order;
    bool was_opened_there = stream->connection == connection;
    bool has_moved = order->held || (order->arrival && order->arrival != connection);
    bool came_there = order->arrival == connection || (order->held && order->next == connection);
    if ((was_opened_there && !(has_moved && ours_has_arrived(stream))) || (came_there && !said_goodbye))
        return STREAM_IS_LOST;
    if (order->held && order->next == connection)
        order->next = NULL;
    else if (!order->held && order->arrival == connection)
        order->arrival = NULL;
    return was_opened_there ? STREAM_MOVES : STREAM_UNTOUCHED;
}

void barriers_lift(struct driver_connection *connection)
{
    struct stream *stream = NULL;
    while ((stream = TAILQ_FIRST(&connection->barriers.holding)))
        release(stream);
}
