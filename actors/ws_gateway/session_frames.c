/* The driver's frames on a live session: one handler a frame, in the order of proto/frame_types.def. */
#include <event2/buffer.h>
#include <stdlib.h>

#include "buffer_front.h"
#include "buffer_move.h"
#include "driver_connection.h"
#include "id_table.h"
#include "tunnel_session.h"

/* The frame's payload, contiguous; removed from the message by the caller. */
static struct span payload_of(struct evbuffer *message, struct frame_header header)
{
    return buffer_front(message, header.length);
}

static void on_bind(struct tunnel_session *session, struct span payload)
{
    struct driver_connection *connection = session->primary;
    struct bind_request request = {0};
    const char *why = NULL;
    if (bind_request_decode(payload, &request, &why) != PAYLOAD_OK) {
        driver_connection_fail(connection, CODE_PROTOCOL_ERROR, why ? why : "BIND is no JSON object");
        return;
    }
    driver_connection_ask(connection,
                          MESSAGE_OF(bind, .shard = session->gateway->shard, .connection = {connection->id},
                                     .client_ref = request.client_ref, .kind = request.kind, .mode = request.mode,
                                     .port = request.container_port, .host = request.host, .label = request.label,
                                     .takeover = request.takeover));
    bind_request_done(&request);
}

static void on_unbind(struct tunnel_session *session, struct span payload)
{
    struct driver_connection *connection = session->primary;
    uint32_t bind = 0;
    const char *why = NULL;
    if (unbind_decode(payload, &bind, &why) != PAYLOAD_OK) {
        driver_connection_fail(connection, CODE_PROTOCOL_ERROR, why ? why : "UNBIND is no JSON object");
        return;
    }
    if (bind > INT32_MAX) { /* no binding ever has such an id */
        driver_connection_send_json(connection, FRAME_UNBIND_ERR,
                                    unbind_err_encode(bind, "NOT_OWNED", "there is no such binding"));
        return;
    }
    driver_connection_ask(connection, MESSAGE_OF(unbind, .shard = session->gateway->shard,
                                                 .connection = {connection->id}, .binding = {bind}));
}

static void on_reissue_join_tickets(struct tunnel_session *session, struct span payload)
{
    struct driver_connection *connection = session->primary;
    struct reissue_join_tickets reissue = {0};
    const char *why = NULL;
    if (reissue_join_tickets_decode(payload, &reissue, &why) != PAYLOAD_OK) {
        driver_connection_fail(connection, CODE_PROTOCOL_ERROR, why ? why : "REISSUE_JOIN_TICKETS is no JSON object");
        return;
    }
    reissue_join_tickets_done(&reissue); /* it asks; what tickets it may have sent says nothing */
    driver_connection_ask(
        connection, MESSAGE_OF(reissue_tickets, .shard = session->gateway->shard, .connection = {connection->id}));
}

/* Another driver's 41 is not ours: skipped, as the numbers behind it are. */
static void on_connection_lost(struct tunnel_session *session, struct span payload)
{
    struct connection_lost said = {0};
    const char *why = NULL;
    if (session->driver != DRIVER_KIND_OURS)
        return;
    if (connection_lost_decode(payload, &said, &why) != PAYLOAD_OK)
        driver_connection_fail(session->primary, CODE_PROTOCOL_ERROR, why ? why : "CONNECTION_LOST is no JSON object");
    else
        tunnel_session_hear_lost(session, &said);
}

static void on_reset(struct tunnel_session *session, struct stream *stream, struct span payload)
{
    if (!stream)
        return;
    struct reset reset = frame_reset_decode(payload);
    uint16_t code = reset.code < GATEWAY_RESET_CODES ? reset.code : GATEWAY_RESET_CODES - 1;
    session->gateway->counts.resets_received[code]++;
    stream_lose(stream, reset.code, reset.reason);
}

static void on_window(struct tunnel_session *session, struct stream *stream, struct frame_header header,
                      struct span payload)
{
    uint32_t increment = frame_window_decode(payload.data);
    if (increment == 0) {
        driver_connection_fail(session->primary, CODE_PROTOCOL_ERROR, "WINDOW with an increment of 0");
    } else if (header.stream != 0) {
        if (stream)
            (void)stream_grow_send_window(stream, increment);
    } else if (!tunnel_session_grow_send_window(session, increment)) {
        driver_connection_fail(session->primary, CODE_FLOW_CONTROL, "the session's window grew beyond 2^31-1");
    }
}

/* ---- frames whose order counts ---- */

static void on_data(struct tunnel_session *session, struct stream *stream, struct frame_header header,
                    struct evbuffer *message)
{
    buffer_move(message, session->scratch, header.length);
    stream_receive_data(stream, session->scratch);
}

static void on_stream_response_head(struct tunnel_session *session, struct stream *stream, struct span payload)
{
    struct response_head head = {0};
    const char *why = NULL;
    switch (response_head_decode(payload, &head, &why)) {
    case PAYLOAD_OK:
        if (stream)
            stream_receive_head(stream, &head);
        response_head_done(&head);
        break;
    case PAYLOAD_NOT_JSON:
        driver_connection_fail(session->primary, CODE_PROTOCOL_ERROR, "STREAM_RESPONSE_HEAD is no JSON object");
        break;
    case PAYLOAD_INVALID:
        if (stream)
            stream_refuse(stream, CODE_PROTOCOL_ERROR, why);
        break;
    }
}

void tunnel_session_handle_in_order(struct tunnel_session *session, struct stream *stream, struct frame_header header,
                                    struct evbuffer *payload)
{
    if (header.type == FRAME_DATA) { /* stays a chain of buffers: no copy */
        on_data(session, stream, header, payload);
        return;
    }
    if (header.type == FRAME_EOF)
        stream_receive_end(stream);
    else
        on_stream_response_head(session, stream, payload_of(payload, header));
    evbuffer_drain(payload, header.length);
}

void tunnel_session_discard(struct tunnel_session *session, struct evbuffer *frames)
{
    uint8_t bytes[FRAME_HEADER_BYTES];
    while (evbuffer_remove(frames, bytes, sizeof bytes) == sizeof bytes) {
        struct frame_header header = frame_header_decode(bytes);
        evbuffer_drain(frames, header.length);
        if (header.type == FRAME_DATA)
            tunnel_session_consumed(session, header.length);
    }
}

/* Takes credit for DATA. false: there is none, and the session or the stream is over, or nobody is there to get it. */
static bool take_credit(struct driver_connection *connection, struct stream *stream, struct frame_header header)
{
    struct tunnel_session *session = connection->session;
    if (!receive_window_take(&session->receive, header.length)) {
        driver_connection_fail(session->primary, CODE_FLOW_CONTROL, "more DATA than the session's window");
        return false;
    }
    connection->data_received += header.length;
    if (stream && header.length > 0 && stream_take_window(stream, header.length))
        return true;
    tunnel_session_consumed(session, header.length);
    return false;
}

/* HEAD, DATA, EOF. */
static void on_ordered_frame(struct tunnel_session *session, struct driver_connection *connection,
                             struct frame_header header, struct evbuffer *message)
{
    struct stream *stream = id_table_find(session->streams, header.stream);
    const char *why = NULL;
    if (header.type == FRAME_DATA && !take_credit(connection, stream, header)) {
        evbuffer_drain(message, header.length);
    } else if (!stream) {
        if (header.type == FRAME_STREAM_RESPONSE_HEAD)
            on_stream_response_head(session, NULL, payload_of(message, header));
        evbuffer_drain(message, header.length);
    } else if (stream_order_admits(stream, connection)) {
        tunnel_session_handle_in_order(session, stream, header, message);
    } else if ((why = stream_order_hold(stream, connection, header, message))) {
        evbuffer_drain(message, header.length);
        if (header.type == FRAME_DATA)
            tunnel_session_consumed(session, header.length);
        stream_refuse(stream, CODE_PROTOCOL_ERROR, why);
    }
}

/* ---- the others ---- */

static void on_ping(struct driver_connection *connection, struct span payload)
{
    frame_batch_add(&connection->batch, FRAME_PONG, 0, payload);
    driver_connection_mark_unflushed(connection);
}

static void on_goaway(struct tunnel_session *session)
{
    driver_connection_end(session->primary, false, CODE_NO_ERROR, "the driver said GOAWAY", WEBSOCKET_CLOSE_NORMAL,
                          DRIVER_ENDED_BY_GOAWAY);
}

/* Removes the payload from `message`, whole. */
static void on_other_frame(struct tunnel_session *session, struct driver_connection *connection,
                           struct frame_header header, struct evbuffer *message)
{
    struct stream *stream = header.stream != 0 ? id_table_find(session->streams, header.stream) : NULL;
    struct span payload = payload_of(message, header);
    switch ((enum frame_type)header.type) {
    case FRAME_HELLO:
        driver_connection_fail(session->primary, CODE_PROTOCOL_ERROR, "a second HELLO");
        break;
    case FRAME_BIND:
        on_bind(session, payload);
        break;
    case FRAME_UNBIND:
        on_unbind(session, payload);
        break;
    case FRAME_JOIN:
        driver_connection_fail(session->primary, CODE_PROTOCOL_ERROR, "JOIN on a connection that has joined");
        break;
    case FRAME_REISSUE_JOIN_TICKETS:
        on_reissue_join_tickets(session, payload);
        break;
    case FRAME_RESET:
        on_reset(session, stream, payload);
        break;
    case FRAME_WINDOW:
        on_window(session, stream, header, payload);
        break;
    case FRAME_PING:
        on_ping(connection, payload);
        break;
    case FRAME_PONG:
        break; /* that a frame came is all it says */
    case FRAME_CONNECTION_LOST:
        on_connection_lost(session, payload);
        break;
    case FRAME_GOAWAY:
        on_goaway(session);
        break;
    case FRAME_DATA:
    case FRAME_EOF:
    case FRAME_STREAM_RESPONSE_HEAD:
        break; /* on_ordered_frame */
    case FRAME_HELLO_OK:
    case FRAME_BIND_OK:
    case FRAME_BIND_ERR:
    case FRAME_UNBIND_OK:
    case FRAME_UNBIND_ERR:
    case FRAME_JOIN_OK:
    case FRAME_JOIN_ERR:
    case FRAME_SHARD_MAP:
    case FRAME_STREAM_OPEN:
    case FRAME_BIND_REVOKED:
        break; /* not a driver's to send: frame_walk_next has refused them */
    }
    evbuffer_drain(message, header.length);
}

static void on_frame(struct tunnel_session *session, struct driver_connection *connection, struct frame_header header,
                     struct evbuffer *message)
{
    bool is_ordered =
        header.type == FRAME_DATA || header.type == FRAME_EOF || header.type == FRAME_STREAM_RESPONSE_HEAD;
    if (is_ordered)
        on_ordered_frame(session, connection, header, message);
    else
        on_other_frame(session, connection, header, message);
}

void tunnel_session_receive(struct driver_connection *connection, struct evbuffer *message)
{
    struct tunnel_session *session = connection->session;
    struct frame_walk walk;
    struct frame_header header = {0};
    struct frame_error error = {0};
    frame_walk_begin(&walk, SIDE_DRIVER);
    while (connection->phase == DRIVER_LIVE) {
        switch (frame_walk_next(&walk, message, &header, &error)) {
        case FRAME_OK:
            on_frame(session, connection, header, message);
            break;
        case FRAME_IGNORED:
            evbuffer_drain(message, header.length);
            break;
        case FRAME_END:
            return;
        case FRAME_BAD:
            driver_connection_fail(session->primary, error.code, error.why);
            return;
        }
    }
}
