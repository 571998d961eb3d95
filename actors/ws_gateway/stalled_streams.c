#include "stalled_streams.h"

#include "driver_connection.h"
#include "gateway.h"
#include "tunnel_session.h"

enum { STALLED_MS = 5000, SWEEP_MS = 250 };

static bool is_stalled(const struct stream *stream, uint64_t now_ms)
{
    return now_ms - stream->moved_ms >= STALLED_MS;
}

/* Bytes that were here at the sweep before, and still are. */
static uint64_t waited(const struct stream *stream)
{
    return stream->swept > stream->consumed ? stream->swept - stream->consumed : 0;
}

/* So that `held` bytes of the stream are given back. */
static void give_back(struct stream *stream, uint64_t held)
{
    if (held <= stream->budgeted)
        return;
    uint32_t newly = (uint32_t)(held - stream->budgeted);
    stream->budgeted = held;
    stream->session->gateway->allowances[LIMIT_BUFFERED_BYTES].used += newly;
    tunnel_session_consumed(stream->session, newly);
}

/* Nobody is reset for those who are slow: they get what the budget has left. */
static void give_back_slow(struct stream *stream)
{
    struct gateway *gateway = stream->session->gateway;
    uint64_t left = allowance_left(gateway, LIMIT_BUFFERED_BYTES);
    uint64_t held = waited(stream);
    if (held > stream->budgeted + left)
        allowance_ask(gateway, LIMIT_BUFFERED_BYTES, held - stream->budgeted - left); /* for the next sweep */
    give_back(stream, held < stream->budgeted + left ? held : stream->budgeted + left);
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

static struct stream *find_longest_stalled(const struct gateway *gateway, uint64_t now_ms)
{
    struct stream *longest = NULL;
    struct stream *stream = NULL;
    TAILQ_FOREACH(stream, &gateway->holding_streams, holding_link)
    if (stream->budgeted > 0 && is_stalled(stream, now_ms) && (!longest || stream->moved_ms < longest->moved_ms))
        longest = stream;
    return longest;
}

/* Another shard may have something left: until it is known that none has, nobody is reset. */
static void keep_budget(struct gateway *gateway, uint64_t now_ms)
{
    struct allowance *allowance = &gateway->allowances[LIMIT_BUFFERED_BYTES];
    struct stream *stream = NULL;
    if (allowance->used > allowance->share && !allowance->is_denied)
        allowance_ask(gateway, LIMIT_BUFFERED_BYTES, allowance->used - allowance->share);
    while (allowance->is_denied && allowance->used > allowance->share &&
           (stream = find_longest_stalled(gateway, now_ms))) {
        gateway->counts.stalled_resets++;
        stream_refuse(stream, CODE_ENHANCE_YOUR_CALM, "the visitor does not read, and the buffer budget is used up");
    }
    allowance->is_denied = false;
}

static void sweep(struct stream *stream, uint64_t now_ms)
{
    if (is_stalled(stream, now_ms))
        give_back(stream, stream->received - stream->consumed);
    else
        give_back_slow(stream);
    if (is_stalled(stream, now_ms) || waited(stream) > 0)
        lend(stream);
    else
        take_back(stream);
    stream->swept = stream->received;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct gateway *gateway = arg;
    uint64_t now_ms = monotonic_ms();
    struct stream *stream = NULL;
    TAILQ_FOREACH(stream, &gateway->holding_streams, holding_link)
    sweep(stream, now_ms);
    keep_budget(gateway, now_ms);
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
    allowance_give_back(stream->session->gateway, LIMIT_BUFFERED_BYTES, returned);
    return returned;
}

static void leave(struct stream *stream)
{
    take_back(stream);
    if (stream->is_holding)
        TAILQ_REMOVE(&stream->session->gateway->holding_streams, stream, holding_link);
    stream->is_holding = false;
}

uint32_t stalled_streams_note_consumed(struct stream *stream, uint32_t bytes)
{
    stream->moved_ms = monotonic_ms();
    if (stream->consumed == stream->received)
        leave(stream);
    return (uint32_t)unbudget(stream, bytes);
}

uint64_t stalled_streams_forget(struct stream *stream)
{
    leave(stream);
    return unbudget(stream, stream->budgeted);
}
