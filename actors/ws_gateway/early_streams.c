#include "early_streams.h"

#include "gateway.h"
#include "stream.h"
#include "tunnel_session.h"

enum {
    EARLY_MS = 250,
    EARLY_BYTES_MAX = 1048576,
    SWEEP_MS = 50,
};

static void stop_waiting(struct stream *stream)
{
    if (stream->early.waits)
        TAILQ_REMOVE(&stream->session->gateway->early_streams, stream, early.link);
    stream->early.waits = false;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct gateway *gateway = arg;
    uint64_t now_ms = monotonic_ms();
    struct stream *next = NULL;
    for (struct stream *stream = TAILQ_FIRST(&gateway->early_streams); stream; stream = next) {
        next = TAILQ_NEXT(stream, early.link);
        if (now_ms < stream->early.until_ms)
            continue;
        stop_waiting(stream);
        stream_wake(stream);
    }
    if (TAILQ_EMPTY(&gateway->early_streams))
        event_del(gateway->early_sweep);
}

bool early_streams_init(struct gateway *gateway)
{
    TAILQ_INIT(&gateway->early_streams);
    gateway->early_sweep = event_new(gateway->loop, -1, EV_PERSIST, on_sweep, gateway);
    return gateway->early_sweep != NULL;
}

void early_streams_done(struct gateway *gateway)
{
    if (gateway->early_sweep)
        event_free(gateway->early_sweep);
}

void early_streams_begin(struct stream *stream)
{
    if (stream->session->driver != DRIVER_KIND_OURS)
        stream->early.until_ms = monotonic_ms() + EARLY_MS;
}

static bool is_early(struct stream *stream)
{
    if (stream->early.until_ms != 0 && monotonic_ms() >= stream->early.until_ms)
        stream->early.until_ms = 0;
    return stream->early.until_ms != 0;
}

static void wait_for_its_time(struct stream *stream)
{
    struct gateway *gateway = stream->session->gateway;
    if (stream->early.waits)
        return;
    stream->early.waits = true;
    TAILQ_INSERT_TAIL(&gateway->early_streams, stream, early.link);
    if (!event_pending(gateway->early_sweep, EV_TIMEOUT, NULL)) {
        struct timeval period = gateway_timeval(SWEEP_MS);
        event_add(gateway->early_sweep, &period);
    }
}

uint64_t early_streams_allowance(struct stream *stream)
{
    if (!is_early(stream))
        return UINT64_MAX;
    if (stream->sent >= EARLY_BYTES_MAX)
        wait_for_its_time(stream);
    return EARLY_BYTES_MAX - stream->sent;
}

bool early_streams_may_end(struct stream *stream)
{
    if (stream->events->mode != BIND_MODE_PULL || stream->session->driver != DRIVER_KIND_OLD || !is_early(stream))
        return true;
    wait_for_its_time(stream);
    return false;
}

void early_streams_forget(struct stream *stream)
{
    stop_waiting(stream);
}
