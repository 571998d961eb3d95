#include "paused_sockets.h"

#include <poll.h>

enum { SWEEP_MS = 1000 };

static bool has_left(const struct paused_socket *paused)
{
    struct pollfd descriptor = {.fd = bufferevent_getfd(paused->socket), .events = POLLRDHUP};
    if (poll(&descriptor, 1, 0) != 1)
        return false;
    return !paused->half_closes || (descriptor.revents & POLLERR);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct gateway *gateway = arg;
    struct paused_socket *next = NULL;
    for (struct paused_socket *paused = TAILQ_FIRST(&gateway->paused_sockets); paused; paused = next) {
        next = TAILQ_NEXT(paused, link);
        if (has_left(paused))
            paused->on_left(paused->visitor);
    }
    if (TAILQ_EMPTY(&gateway->paused_sockets))
        event_del(gateway->paused_sweep);
}

bool paused_sockets_init(struct gateway *gateway)
{
    TAILQ_INIT(&gateway->paused_sockets);
    gateway->paused_sweep = event_new(gateway->loop, -1, EV_PERSIST, on_sweep, gateway);
    return gateway->paused_sweep != NULL;
}

void paused_sockets_done(struct gateway *gateway)
{
    if (gateway->paused_sweep)
        event_free(gateway->paused_sweep);
}

void paused_sockets_add(struct gateway *gateway, struct paused_socket *paused)
{
    if (paused->is_swept)
        return;
    paused->is_swept = true;
    TAILQ_INSERT_TAIL(&gateway->paused_sockets, paused, link);
    if (!event_pending(gateway->paused_sweep, EV_TIMEOUT, NULL)) {
        struct timeval period = gateway_timeval(SWEEP_MS);
        event_add(gateway->paused_sweep, &period);
    }
}

void paused_sockets_remove(struct gateway *gateway, struct paused_socket *paused)
{
    if (!paused->is_swept)
        return;
    paused->is_swept = false;
    TAILQ_REMOVE(&gateway->paused_sockets, paused, link);
}
