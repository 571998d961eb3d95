#include "paused_visitors.h"

#include <poll.h>

#include "stream.h"

enum { SWEEP_MS = 1000 };

static bool has_left(const struct visitor *visitor)
{
    struct pollfd descriptor = {.fd = bufferevent_getfd(visitor->socket), .events = POLLRDHUP};
    if (poll(&descriptor, 1, 0) != 1)
        return false;
    /* After an upgrade its FIN is a half-close, and what it sent before still has to arrive. */
    return visitor->phase != VISITOR_UPGRADED || (descriptor.revents & POLLERR);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct gateway *gateway = arg;
    struct visitor *next = NULL;
    for (struct visitor *visitor = TAILQ_FIRST(&gateway->paused_visitors); visitor; visitor = next) {
        next = TAILQ_NEXT(visitor, paused_link);
        if (has_left(visitor))
            visitor_abort(visitor);
    }
    if (TAILQ_EMPTY(&gateway->paused_visitors))
        event_del(gateway->paused_sweep);
}

bool paused_visitors_init(struct gateway *gateway)
{
    TAILQ_INIT(&gateway->paused_visitors);
    gateway->paused_sweep = event_new(gateway->loop, -1, EV_PERSIST, on_sweep, gateway);
    return gateway->paused_sweep != NULL;
}

void paused_visitors_done(struct gateway *gateway)
{
    if (gateway->paused_sweep)
        event_free(gateway->paused_sweep);
}

void paused_visitors_add(struct visitor *visitor)
{
    struct gateway *gateway = visitor->gateway;
    if (visitor->is_swept)
        return;
    visitor->is_swept = true;
    TAILQ_INSERT_TAIL(&gateway->paused_visitors, visitor, paused_link);
    if (!event_pending(gateway->paused_sweep, EV_TIMEOUT, NULL)) {
        struct timeval period = gateway_timeval(SWEEP_MS);
        event_add(gateway->paused_sweep, &period);
    }
}

void paused_visitors_remove(struct visitor *visitor)
{
    if (!visitor->is_swept)
        return;
    visitor->is_swept = false;
    TAILQ_REMOVE(&visitor->gateway->paused_visitors, visitor, paused_link);
}
