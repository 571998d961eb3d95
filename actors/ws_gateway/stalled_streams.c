#include "stalled_streams.h"

#include "driver_connection.h"
#include "gateway.h"
#include "tunnel_session.h"

enum { STALLED_MS = 5000, SWEEP_MS = 1000 };

static bool is_stalled(const struct stream *stream, uint64_t now_ms)
{
    return now_ms - stream->moved_ms >= STALLED_MS;
}

static void give_back(struct stream *stream)
{
    uint64_t held = stream->received - stream->consumed;
    uint32_t newly = (uint32_t)(held - stream->budgeted);
    stream->budgeted = held;
    stream->session->gateway->budgeted_bytes += newly;
    tunnel_session_consumed(stream->session, newly);
}

/* Drivers wait for credit of a whole frame: with less than that the window is used up. */
static void lend(struct stream *stream)
{
    struct tunnel_session *session = stream->session;
    if (stream->lends || stream->receive.available >= FRAME_PAYLOAD_MAX ||
        !receive_window_lend(&session->receive, FRAME_PAYLOAD_MAX))
        return;
    stream->lends = true;
    frame_batch_add_window(&session->primary->batch, 0, FRAME_PAYLOAD_MAX);
    driver_connection_mark_unflushed(session->primary);
}

static void take_back(struct stream *stream)
{
    if (stream->lends)
        receive_window_withhold(&stream->session->receive, FRAME_PAYLOAD_MAX);
    stream->lends = false;
}

static struct stream *find_longest_stalled(const struct gateway *gateway)
{
    struct stream *longest = NULL;
    struct stream *stream = NULL;
    TAILQ_FOREACH(stream, &gateway->holding_streams, holding_link)
    if (stream->budgeted > 0 && (!longest || stream->moved_ms < longest->moved_ms))
        longest = stream;
    return longest;
}

static void keep_budget(struct gateway *gateway)
{
    struct stream *stream = NULL;
    while (gateway->budgeted_bytes > gateway->options->buffer_budget && (stream = find_longest_stalled(gateway))) {
        gateway->counts.stalled_resets++;
        stream_refuse(stream, CODE_ENHANCE_YOUR_CALM, "the visitor does not read, and the buffer budget is used up");
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct gateway *gateway = arg;
    uint64_t now_ms = monotonic_ms();
    struct stream *stream = NULL;
    TAILQ_FOREACH(stream, &gateway->holding_streams, holding_link)
    if (is_stalled(stream, now_ms)) {
        give_back(stream);
        lend(stream);
    }
    keep_budget(gateway);
    if (TAILQ_EMPTY(&gateway->holding_streams))
        event_del(gateway->stalled_sweep);
}

bool stalled_streams_init(struct gateway *gateway)
{
    TAILQ_INIT(&gateway->holding_streams);
    gateway->stalled_sweep = event_new(gateway->loop, -1, EV_PERSIST, on_sweep, gateway);
    return gateway->stalled_sweep != NULL;
}

void stalled_streams_done(struct gateway *gateway)
{
    if (gateway->stalled_sweep)
        event_free(gateway->stalled_sweep);
}

void stalled_streams_note_received(struct stream *stream)
{
    struct gateway *gateway = stream->session->gateway;
    if (stream->is_holding)
        return;
    stream->is_holding = true;
    stream->moved_ms = monotonic_ms();
    TAILQ_INSERT_TAIL(&gateway->holding_streams, stream, holding_link);
    if (!event_pending(gateway->stalled_sweep, EV_TIMEOUT, NULL)) {
        struct timeval period = gateway_timeval(SWEEP_MS);
        event_add(gateway->stalled_sweep, &period);
    }
}

static uint64_t unbudget(struct stream *stream, uint64_t bytes)
{
    uint64_t returned = bytes < stream->budgeted ? bytes : stream->budgeted;
    stream->budgeted -= returned;
    stream->session->gateway->budgeted_bytes -= returned;
    return returned;
}

static void leave(struct stream *stream)
{
    if (stream->is_holding)
        TAILQ_REMOVE(&stream->session->gateway->holding_streams, stream, holding_link);
    stream->is_holding = false;
}

uint32_t stalled_streams_note_consumed(struct stream *stream, uint32_t bytes)
{
    stream->moved_ms = monotonic_ms();
    take_back(stream);
    if (stream->consumed == stream->received)
        leave(stream);
    return (uint32_t)unbudget(stream, bytes);
}

uint64_t stalled_streams_forget(struct stream *stream)
{
    take_back(stream);
    leave(stream);
    return unbudget(stream, stream->budgeted);
}
