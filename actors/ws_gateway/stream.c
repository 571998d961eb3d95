#include "stream.h"

#include <stdlib.h>

#include "buffer_front.h"
#include "check.h"
#include "driver_connection.h"
#include "early_streams.h"
#include "gateway.h"
#include "stalled_streams.h"
#include "tunnel_session.h"

static uint32_t wire_id(const struct stream *stream)
{
    return (uint32_t)stream->id;
}

static struct frame_batch *batch_of(struct stream *stream)
{
    return &stream->connection->batch;
}

static void wake_connection(struct stream *stream)
{
    driver_connection_mark_unflushed(stream->connection);
}

/* ---- birth and death ---- */

static void bury_stream(void *object)
{
    struct stream *stream = object;
    if (stream->open_payload)
        evbuffer_free(stream->open_payload);
    if (stream->outgoing)
        evbuffer_free(stream->outgoing);
    free(stream);
}

const char *stream_refusal_text(enum stream_refusal refusal)
{
    static const char *const texts[STREAM_REFUSAL_COUNT] = {
        [STREAM_TOO_MANY] = "max streams exceeded",
        [STREAM_SESSION_ENDING] = "the tunnel is closing",
        [STREAM_DRIVER_STALLED] = "the tunnel's driver is not reading",
        [STREAM_NO_MEMORY] = "out of memory",
        [STREAM_DRIVER_AWAY] = "the tunnel's driver is away",
        [STREAM_NO_DESCRIPTOR] = "no file descriptors left",
        [STREAM_BAD_REQUEST] = "not a valid request",
        [STREAM_HEAD_TOO_LARGE] = "the request's head is too large for the tunnel",
        [STREAM_HEAD_TOO_SLOW] = "the request's head did not arrive in time",
    };
    return texts[refusal];
}

static bool refuses_streams(const struct tunnel_session *session, const struct driver_connection *connection,
                            enum stream_refusal *ret_refusal)
{
    if (session->is_ending) {
        *ret_refusal = STREAM_SESSION_ENDING;
        return true;
    }
    if (session->stream_count >= session->max_streams || session->next_stream_id > UINT32_MAX) {
        *ret_refusal = STREAM_TOO_MANY;
        return true;
    }
    if (driver_connection_is_stalled(connection)) {
        *ret_refusal = STREAM_DRIVER_STALLED;
        return true;
    }
    return false;
}

struct stream *stream_new(struct tunnel_session *session, struct evbuffer **p_open_payload,
                          const struct stream_events *events, void *visitor, enum stream_refusal *ret_refusal)
{
    struct evbuffer *open_payload = *p_open_payload;
    *p_open_payload = NULL;
    enum stream_refusal refusal = STREAM_NO_MEMORY;
    struct stream *stream = NULL;
    struct driver_connection *connection = tunnel_session_next_connection(session);
    if (!refuses_streams(session, connection, &refusal))
        stream = calloc(1, sizeof *stream);
    if (!stream) {
        evbuffer_free(open_payload);
        session->gateway->counts.streams_refused[refusal]++;
        *ret_refusal = refusal;
        return NULL;
    }
    stream->session = session;
    stream->connection = connection;
    stream->events = events;
    stream->visitor = visitor;
    stream->open_payload = open_payload;
    send_window_init(&stream->send, session->stream_window);
    receive_window_init(&stream->receive, session->stream_window,
                        receive_window_threshold(session->stream_window, STREAM_REFILL_SHARE));
    window_growth_init(&stream->growth, session->stream_window, (uint32_t)session->gateway->options->max_stream_window);
    stream_order_begin(stream);
    tunnel_session_add_stream(session, stream);
    return stream;
}

static struct gateway_traffic *traffic_of(struct stream *stream)
{
    return &stream->session->gateway->counts.traffic[stream->events->mode];
}

static void unblock(struct stream *stream)
{
    if (stream->blocked_since_ms != 0)
        stream->session->gateway->counts.stream_blocked_ms += monotonic_ms() - stream->blocked_since_ms;
    stream->blocked_since_ms = 0;
}

static void leave_ready(struct stream *stream)
{
    if (stream->is_ready)
        TAILQ_REMOVE(&stream->connection->ready, stream, ready_link);
    stream->is_ready = false;
}

static void forget(struct stream *stream)
{
    unblock(stream);
    struct tunnel_session *session = stream->session;
    uint64_t held = stream->received - stream->consumed + stream_order_forget(stream);
    uint64_t budgeted = stalled_streams_forget(stream);
    early_streams_forget(stream);
    leave_ready(stream);
    window_growth_end(&stream->growth, &session->gateway->window_budget);
    tunnel_session_remove_stream(session, stream);
    tunnel_session_consumed(session, (uint32_t)(held - budgeted));
    gateway_bury(session->gateway, stream, bury_stream);
}

void stream_finish(struct stream **p_stream)
{
    struct stream *stream = *p_stream;
    *p_stream = NULL;
    if (stream)
        forget(stream);
}

void stream_reset(struct stream **p_stream, enum error_code code, const char *reason)
{
    struct stream *stream = *p_stream;
    *p_stream = NULL;
    if (!stream)
        return;
    if (!stream->open_payload) { /* a stream that was never announced has nothing to reset */
        frame_batch_add_reset(batch_of(stream), wire_id(stream), code, reason);
        stream->session->gateway->counts.resets_sent[code]++;
        wake_connection(stream);
    }
    forget(stream);
}

void stream_lose(struct stream *stream, uint32_t code, struct span reason)
{
    const struct stream_events *events = stream->events;
    void *visitor = stream->visitor;
    forget(stream);
    events->on_reset(visitor, code, reason);
}

void stream_refuse(struct stream *stream, enum error_code code, const char *reason)
{
    const struct stream_events *events = stream->events;
    void *visitor = stream->visitor;
    stream_reset(&stream, code, reason);
    events->on_reset(visitor, code, span_of_string(reason));
}

/* ---- to the driver ---- */

static void send_eof(struct stream *stream)
{
    frame_batch_add(batch_of(stream), FRAME_EOF, wire_id(stream), span_of(NULL, 0));
    stream->eof_sent = true;
}

static bool owes_eof(struct stream *stream)
{
    return stream->input_ended && !stream->eof_sent && stream_waiting(stream) == 0 && early_streams_may_end(stream);
}

void stream_announce(struct stream *stream)
{
    check(stream->open_payload);
    size_t open_bytes = evbuffer_get_length(stream->open_payload);
    size_t at_hand = stream->is_gated ? 0 : stream_waiting(stream);
    if (at_hand > FRAME_PAYLOAD_MAX)
        at_hand = FRAME_PAYLOAD_MAX;
    /* The bodies of many who come at once would be taken for a driver that does not read. */
    bool goes_along = at_hand > 0 ? driver_connection_has_room(stream->connection) : owes_eof(stream);
    /* Drivers spoil their local connection now and then when a request's EOF comes in a later message. */
    frame_batch_reserve(batch_of(stream), 3, open_bytes + at_hand + (size_t)(3 * FRAME_HEADER_BYTES));
    struct span payload = buffer_front(stream->open_payload, open_bytes);
    frame_batch_add(batch_of(stream), FRAME_STREAM_OPEN, wire_id(stream), payload);
    evbuffer_free(stream->open_payload);
    stream->open_payload = NULL;
    early_streams_begin(stream);
    if (goes_along)
        tunnel_session_send_turn(stream->session, stream);
    if (stream->eof_sent)
        stream_order_waive(stream);
    stream_wake(stream);
    wake_connection(stream);
}

struct evbuffer *stream_outgoing(struct stream *stream)
{
    if (!stream->outgoing)
        stream->outgoing = evbuffer_new();
    check(stream->outgoing);
    return stream->outgoing;
}

size_t stream_waiting(const struct stream *stream)
{
    return stream->outgoing ? evbuffer_get_length(stream->outgoing) : 0;
}

size_t stream_outgoing_room(const struct stream *stream)
{
    size_t waiting = stream_waiting(stream);
    return waiting >= STREAM_OUTGOING_MAX ? 0 : STREAM_OUTGOING_MAX - waiting;
}

static bool can_send(struct stream *stream)
{
    if (stream->open_payload || stream->is_gated)
        return false;
    if (stream_waiting(stream) > 0)
        return stream->send.available > 0 && early_streams_allowance(stream) > 0;
    return owes_eof(stream);
}

void stream_wake(struct stream *stream)
{
    if (stream->is_ready || !can_send(stream))
        return;
    stream->is_ready = true;
    TAILQ_INSERT_TAIL(&stream->connection->ready, stream, ready_link);
    wake_connection(stream);
}

void stream_end_input(struct stream *stream)
{
    stream->input_ended = true;
    stream_wake(stream);
}

uint32_t stream_send_turn(struct stream *stream, uint32_t credit)
{
    size_t waiting = stream_waiting(stream);
    uint32_t want = waiting > FRAME_PAYLOAD_MAX ? FRAME_PAYLOAD_MAX : (uint32_t)waiting;
    uint32_t used = 0;
    uint64_t allowance = early_streams_allowance(stream);
    if (want > credit)
        want = credit;
    if (want > allowance)
        want = (uint32_t)allowance;
    if (want > 0)
        used = send_window_take(&stream->send, want);
    if (used > 0) {
        frame_batch_add_data(batch_of(stream), wire_id(stream), stream->outgoing, used);
        stream->sent += used;
        traffic_of(stream)->bytes_to_drivers += used;
        traffic_of(stream)->frames_to_drivers++;
    }
    if (owes_eof(stream))
        send_eof(stream);
    if (stream->send.available == 0 && stream_waiting(stream) > 0 && stream->blocked_since_ms == 0)
        stream->blocked_since_ms = monotonic_ms();
    return used;
}

bool stream_grow_send_window(struct stream *stream, uint32_t increment)
{
    if (!send_window_grow(&stream->send, increment)) {
        stream_refuse(stream, CODE_FLOW_CONTROL, "the stream's window grew beyond 2^31-1");
        return false;
    }
    unblock(stream);
    stream_wake(stream);
    return true;
}

void stream_move(struct stream *stream, struct driver_connection *primary)
{
    bool was_ready = stream->is_ready;
    leave_ready(stream);
    stream->connection = primary;
    if (was_ready)
        stream_wake(stream);
}

void stream_grant_anew(struct stream *stream)
{
    uint32_t lost_at_most = stream->session->stream_window;
    if (!stream->eof_received && receive_window_lend(&stream->receive, lost_at_most)) {
        frame_batch_add_window(batch_of(stream), wire_id(stream), lost_at_most);
        wake_connection(stream);
    }
}

/* ---- from the driver ---- */

void stream_receive_head(struct stream *stream, const struct response_head *head)
{
    if (stream->eof_received)
        stream_refuse(stream, CODE_STREAM_CLOSED, "a head after EOF");
    else
        stream->events->on_head(stream->visitor, head);
}

static void discard(struct stream *stream, struct evbuffer *bytes)
{
    tunnel_session_consumed(stream->session, (uint32_t)evbuffer_get_length(bytes));
    evbuffer_drain(bytes, evbuffer_get_length(bytes));
}

bool stream_take_window(struct stream *stream, uint32_t bytes)
{
    if (receive_window_take(&stream->receive, bytes))
        return true;
    stream_refuse(stream, CODE_FLOW_CONTROL, "more DATA than the stream's window");
    return false;
}

void stream_receive_data(struct stream *stream, struct evbuffer *bytes)
{
    uint32_t length = (uint32_t)evbuffer_get_length(bytes);
    if (stream->eof_received) {
        discard(stream, bytes);
        stream_refuse(stream, CODE_STREAM_CLOSED, "DATA after EOF");
    } else if (!stream->events->has_head(stream->visitor)) {
        discard(stream, bytes);
        stream_refuse(stream, CODE_PROTOCOL_ERROR, "DATA before the head");
    } else {
        stream->received += length;
        traffic_of(stream)->bytes_to_visitors += length;
        traffic_of(stream)->frames_to_visitors++;
        stalled_streams_note_received(stream);
        stream->events->on_data(stream->visitor, bytes);
    }
}

void stream_receive_end(struct stream *stream)
{
    if (stream->eof_received)
        return;
    if (!stream->events->has_head(stream->visitor)) {
        stream_refuse(stream, CODE_PROTOCOL_ERROR, "EOF before the head");
        return;
    }
    stream->eof_received = true;
    stream->events->on_end(stream->visitor);
}

/* What the driver may send from now on, beside what it had: bytes given back, and what the window grows by. */
static uint32_t grant_for(struct stream *stream, uint32_t consumed)
{
    struct gateway *gateway = stream->session->gateway;
    struct driver_connection *connection = stream->connection;
    uint32_t increment = receive_window_consume(&stream->receive, consumed);
    if (stream->eof_received)
        return 0;
    if (increment > 0)
        driver_connection_measure(connection);
    uint32_t growth = window_growth_consumed(&stream->growth, &stream->receive, &gateway->window_budget, consumed,
                                             monotonic_ms(), round_trip_ms(&connection->round_trip));
    gateway->counts.window_growth += growth;
    return increment + growth;
}

void stream_note_unsent(struct stream *stream, size_t unsent)
{
    /* The framing towards the visitor counts as payload here, so credit may come a little late, never early; when all
     * is sent it is exact. */
    uint64_t held = unsent < stream->received ? unsent : stream->received;
    uint64_t consumed = stream->received - held;
    if (consumed <= stream->consumed)
        return;
    uint32_t newly = (uint32_t)(consumed - stream->consumed);
    stream->consumed = consumed;
    tunnel_session_consumed(stream->session, newly - stalled_streams_note_consumed(stream, newly));
    uint32_t increment = grant_for(stream, newly);
    if (increment > 0) {
        frame_batch_add_window(batch_of(stream), wire_id(stream), increment);
        wake_connection(stream);
    }
}
