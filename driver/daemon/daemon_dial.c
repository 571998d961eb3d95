#include "daemon_dial.h"

#include "check.h"
#include "http_reader.h"
#include "resolver.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    UNSENT_LOW_MARK = 16384, /* TCP_NOTSENT_LOWAT: what the kernel queues beyond the congestion window */
    KEEPALIVE_IDLE_S = 30,   /* a lost peer is noticed within a minute or so */
    KEEPALIVE_INTERVAL_S = 10,
    KEEPALIVE_PROBES = 3,
    USER_TIMEOUT_MS = 60000,
};

struct daemon_dial {
    struct loop *loop;
    const struct daemon_access *access;
    const struct daemon_dial_events *events;
    void *owner;
    char via[HOST_PORT_BYTES + 16]; /* "it", or "the proxy host:port" */
    struct resolution *resolution;
    struct endpoint endpoint;
    struct dial *tcp;
    int fd;                     /* of the talk with the proxy; otherwise -1 or a bufferevent's */
    struct bufferevent *bev;    /* that talk, or the TLS handshake */
    struct http_reader *answer; /* the proxy's */
    struct event *deadline;
};

static void set_deadline(struct daemon_dial *dial)
{
    const struct timeval in = {.tv_sec = SECURE_TIMEOUT_MS / 1000};
    check(evtimer_add(dial->deadline, &in) == 0);
}

__attribute__((format(printf, 3, 4))) static void fail(struct daemon_dial *dial, enum dial_failure failure,
                                                       const char *format, ...)
{
    char text[TLS_CLIENT_WHY_BYTES + HOST_PORT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    evtimer_del(dial->deadline);
    if (dial->bev != NULL)
        bufferevent_disable(dial->bev, EV_READ | EV_WRITE);
    dial->events->on_failed(dial->owner, failure, text);
}

static void reach(struct daemon_dial *dial, struct bufferevent *bev)
{
    evtimer_del(dial->deadline);
    bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
    dial->events->on_reached(dial->owner, bev);
}

/* ---- TLS ---- */

static void on_tls_event(struct bufferevent *bev, short what, void *arg)
{
    struct daemon_dial *dial = arg;
    char why[TLS_CLIENT_WHY_BYTES];
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        dial->bev = NULL;
        reach(dial, bev);
        return;
    }
    bool is_certificate = tls_client_explain(bev, dial->access->url.where.host, why);
    fail(dial, is_certificate ? DIAL_REFUSED : DIAL_UNREACHABLE, "%s", why);
}

/* Takes the fd that leads to the daemon itself. */
static void secure(struct daemon_dial *dial, int fd)
{
    const struct daemon_access *access = dial->access;
    if (access->tls == NULL) {
        struct bufferevent *bev = bufferevent_socket_new(loop_base(dial->loop), fd, BEV_OPT_CLOSE_ON_FREE);
        check(bev != NULL);
        reach(dial, bev);
        return;
    }
    dial->bev = tls_client_begin(access->tls, dial->loop, fd, access->url.where.host);
    set_deadline(dial);
    bufferevent_setcb(dial->bev, NULL, NULL, on_tls_event, dial);
    bufferevent_enable(dial->bev, EV_READ | EV_WRITE);
}

/* ---- the proxy ---- */

static void free_bev(void *object)
{
    bufferevent_free(object);
}

/* Whoever answers first is the proxy; the daemon, and its TLS, wait for us. */
static void leave_proxy(struct daemon_dial *dial)
{
    int fd = dial->fd;
    bool has_more = evbuffer_get_length(bufferevent_get_input(dial->bev)) > 0;
    if (has_more) {
        fail(dial, DIAL_REFUSED, "%s says more than it was asked", dial->via);
        return;
    }
    bufferevent_disable(dial->bev, EV_READ | EV_WRITE);
    bufferevent_setcb(dial->bev, NULL, NULL, NULL, NULL);
    loop_reap(dial->loop, free_bev, dial->bev); /* it does not close the fd */
    dial->bev = NULL;
    dial->fd = -1;
    secure(dial, fd);
}

static void judge_proxy(struct daemon_dial *dial, const struct http_head *answer)
{
    unsigned status = answer->status;
    const char *daemon = dial->access->name;
    if (status >= 100 && status < 200)
        return;
    if (status >= 200 && status < 300)
        leave_proxy(dial);
    else if (status == 407)
        fail(dial, DIAL_FORBIDDEN, "%s wants a user and a password, or others: http://USER:PASSWORD@HOST:PORT",
             dial->via);
    else if (status == 401 || status == 403)
        fail(dial, DIAL_FORBIDDEN, "%s does not allow connections to %s (HTTP %u)", dial->via, daemon, status);
    else if (status >= 500)
        fail(dial, DIAL_UNREACHABLE, "%s can't reach %s (HTTP %u)", dial->via, daemon, status);
    else
        fail(dial, DIAL_REFUSED, "%s answered HTTP %u: is it a proxy that knows CONNECT?", dial->via, status);
}

static void on_proxy_read(struct bufferevent *bev, void *arg)
{
    struct daemon_dial *dial = arg;
    while (dial->bev == bev) {
        switch (http_reader_read(dial->answer, bufferevent_get_input(bev), bufferevent_get_output(bev), 0)) {
        case HTTP_MORE:
            return;
        case HTTP_HEAD:
            judge_proxy(dial, http_reader_head(dial->answer));
            if (http_reader_head(dial->answer)->status >= 200)
                return;
            break;
        case HTTP_END: /* of an interim answer */
            break;
        case HTTP_BODY:
        case HTTP_BAD:
            fail(dial, DIAL_REFUSED, "%s does not speak HTTP", dial->via);
            return;
        }
    }
}

static void on_proxy_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)what;
    struct daemon_dial *dial = arg;
    fail(dial, DIAL_UNREACHABLE, "%s closed the connection before it answered", dial->via);
}

static void ask_proxy(struct daemon_dial *dial, int fd)
{
    dial->fd = fd;
    dial->bev = bufferevent_socket_new(loop_base(dial->loop), fd, 0);
    dial->answer = http_reader_new(HTTP_ANSWERS);
    check(dial->bev != NULL && dial->answer != NULL);
    proxy_write_connect(&dial->access->proxy, &dial->access->url.where, bufferevent_get_output(dial->bev));
    bufferevent_setcb(dial->bev, on_proxy_read, NULL, on_proxy_event, dial);
    set_deadline(dial);
    bufferevent_enable(dial->bev, EV_READ | EV_WRITE);
}

/* ---- name and TCP ---- */

static void set_socket_options(int fd)
{
    const int on = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S, probes = KEEPALIVE_PROBES;
    const int unsent = UNSENT_LOW_MARK, timeout = USER_TIMEOUT_MS;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

static void on_connected(void *owner, int fd, int error)
{
    struct daemon_dial *dial = owner;
    dial_destroy(&dial->tcp);
    if (fd < 0) {
        fail(dial, DIAL_UNREACHABLE, "%s %s", dial->via, dial_error_text(error));
        return;
    }
    set_socket_options(fd);
    if (dial->access->has_proxy)
        ask_proxy(dial, fd);
    else
        secure(dial, fd);
}

static void on_resolved(void *owner, const struct endpoint *endpoint, const char *why)
{
    struct daemon_dial *dial = owner;
    if (endpoint == NULL) {
        fail(dial, DIAL_UNREACHABLE, "%s is not known: %s", dial->via, why);
        resolution_destroy(&dial->resolution);
        return;
    }
    dial->endpoint = *endpoint;
    resolution_destroy(&dial->resolution);
    dial->tcp = dial_new(dial->loop, &dial->endpoint, DIAL_TIMEOUT_MS, on_connected, dial);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct daemon_dial *dial = arg;
    fail(dial, DIAL_UNREACHABLE, "%s does not answer", dial->fd >= 0 ? dial->via : "it");
}

static void name_first(struct daemon_dial *dial)
{
    char name[HOST_PORT_BYTES];
    host_port_format(&dial->access->proxy.where, name);
    if (dial->access->has_proxy)
        snprintf(dial->via, sizeof dial->via, "the proxy %s", name);
    else
        snprintf(dial->via, sizeof dial->via, "it");
}

struct daemon_dial *daemon_dial_new(struct loop *loop, const struct daemon_access *access,
                                    const struct daemon_dial_events *events, void *owner)
{
    struct daemon_dial *dial = calloc(1, sizeof *dial);
    check(dial != NULL);
    dial->loop = loop;
    dial->access = access;
    dial->events = events;
    dial->owner = owner;
    dial->fd = -1;
    dial->deadline = evtimer_new(loop_base(loop), on_deadline, dial);
    check(dial->deadline != NULL);
    const struct host_port *first = access->has_proxy ? &access->proxy.where : &access->url.where;
    name_first(dial);
    dial->resolution = resolution_new(loop, first, on_resolved, dial);
    return dial;
}

static void free_dial(void *object)
{
    struct daemon_dial *dial = object;
    if (dial->bev != NULL)
        bufferevent_free(dial->bev);
    if (dial->fd >= 0)
        close(dial->fd);
    http_reader_destroy(&dial->answer);
    event_free(dial->deadline);
    free(dial);
}

void daemon_dial_destroy(struct daemon_dial **p_dial)
{
    struct daemon_dial *dial = *p_dial;
    *p_dial = NULL;
    if (dial == NULL)
        return;
    resolution_destroy(&dial->resolution);
    dial_destroy(&dial->tcp);
    evtimer_del(dial->deadline);
    if (dial->bev != NULL) {
        bufferevent_setcb(dial->bev, NULL, NULL, NULL, NULL);
        bufferevent_disable(dial->bev, EV_READ | EV_WRITE);
    }
    loop_reap(dial->loop, free_dial, dial);
}
