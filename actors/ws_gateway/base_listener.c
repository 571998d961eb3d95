#include "base_listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base_connection.h"
#include "listener.h"

struct base_listener {
    struct gateway *gateway;
    struct evconnlistener *listener;
    struct event *accept_again;
};

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int peer_length,
                      void *arg)
{
    (void)listener;
    (void)peer_length;
    struct base_listener *base = arg;
    base_connection_accept(base->gateway, fd, peer);
}

static void accept_later(struct base_listener *base)
{
    struct timeval pause = gateway_timeval(ACCEPT_PAUSE_MS);
    event_add(base->accept_again, &pause);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct base_listener *base = arg;
    if (evconnlistener_enable(base->listener) < 0)
        accept_later(base);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct base_listener *base = arg;
    listener_shed(base->gateway, listener, NULL, (struct bind_id){0});
    evconnlistener_disable(listener);
    accept_later(base);
}

struct base_listener *base_listener_new(struct gateway *gateway)
{
    const option_address *address = &gateway->options->listen;
    struct base_listener *base = calloc(1, sizeof *base);
    if (!base) {
        log_error(&gateway->log, "listen-failed", log_reason("out of memory"));
        return NULL;
    }
    base->gateway = gateway;
    base->accept_again = evtimer_new(gateway->loop, on_accept_again, base);
    base->listener = listener_open(gateway, address->ip, address->port, on_accept, base);
    if (!base->listener || !base->accept_again || evconnlistener_enable(base->listener) < 0) {
        const char *reason = strerror(errno);
        char listen[OPTION_ADDRESS_TEXT_MAX];
        option_address_print(address, listen);
        log_error(&gateway->log, "listen-failed", log_text("listen", listen), log_reason(reason));
        base_listener_destroy(&base);
        return NULL;
    }
    evconnlistener_set_error_cb(base->listener, on_accept_error);
    return base;
}

void base_listener_destroy(struct base_listener **p_listener)
{
    struct base_listener *base = *p_listener;
    if (!base)
        return;
    *p_listener = NULL;
    listener_close(&base->listener);
    if (base->accept_again)
        event_free(base->accept_again);
    free(base);
}
