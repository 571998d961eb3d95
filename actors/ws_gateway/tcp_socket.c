#include "tcp_socket.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "gateway.h"

enum {
    DRIVER_KEEPALIVE_IDLE_S = 15,
    DRIVER_KEEPALIVE_INTERVAL_S = 5,
    DRIVER_KEEPALIVE_PROBES = 3,
    DRIVER_USER_TIMEOUT_MS = 30000,
    DRIVER_NOTSENT_LOWAT = 16384, /* bytes */
    LINGER_WRITE_STALL_S = 10,    /* a peer that takes nothing of its last answer for so long is dropped */
};

static void set_option(evutil_socket_t fd, int level, int name, int value)
{
    /* Best effort: an option that a socket does not have (a UNIX pair in a test) costs nothing but itself. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

void tcp_socket_prepare(evutil_socket_t fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void tcp_socket_limit(struct bufferevent *socket)
{
    (void)bufferevent_set_max_single_read(socket, SOCKET_READ_MAX);
    (void)bufferevent_set_max_single_write(socket, SOCKET_READ_MAX);
}

struct bufferevent *tcp_socket_new(struct event_base *loop, evutil_socket_t fd)
{
    struct bufferevent *socket = bufferevent_socket_new(loop, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!socket) {
        evutil_closesocket(fd);
        return NULL;
    }
    tcp_socket_limit(socket);
    return socket;
}

void tcp_socket_tune_driver(struct bufferevent *socket)
{
    evutil_socket_t fd = bufferevent_getfd(socket);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, DRIVER_KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, DRIVER_KEEPALIVE_INTERVAL_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, DRIVER_KEEPALIVE_PROBES);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, DRIVER_USER_TIMEOUT_MS);
    set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, DRIVER_NOTSENT_LOWAT);
}

void tcp_socket_close(struct bufferevent **p_socket)
{
    if (!*p_socket)
        return;
    bufferevent_setcb(*p_socket, NULL, NULL, NULL, NULL);
    bufferevent_free(*p_socket);
    *p_socket = NULL;
}

/* false: the system did not let us. */
static bool set_reset_on_close(struct bufferevent *socket, bool resets)
{
    struct linger linger = {.l_onoff = resets, .l_linger = 0};
    return setsockopt(bufferevent_getfd(socket), SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0;
}

void tcp_socket_need_fin(struct bufferevent *socket)
{
    (void)set_reset_on_close(socket, true);
}

/* To dissolve a connection (connect(2)) resets it, too. */
static void reset_at_once(struct bufferevent *socket)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    (void)connect(bufferevent_getfd(socket), &nobody, sizeof nobody);
}

void tcp_socket_abort(struct bufferevent **p_socket)
{
    if (!*p_socket)
        return;
    if (!set_reset_on_close(*p_socket, true))
        reset_at_once(*p_socket);
    tcp_socket_close(p_socket);
}

void tcp_socket_end_output(struct bufferevent *socket)
{
    struct ssl_st *ssl = bufferevent_openssl_get_ssl(socket);
    if (ssl && SSL_is_init_finished(ssl)) {
        (void)SSL_shutdown(ssl); /* close_notify; when it doesn't fit, the FIN says the same */
        ERR_clear_error();
    }
    (void)set_reset_on_close(socket, false);
    (void)shutdown(bufferevent_getfd(socket), SHUT_WR);
}

bool tcp_socket_is_shaking_hands(struct bufferevent *socket)
{
    const struct ssl_st *ssl = bufferevent_openssl_get_ssl(socket);
    return ssl && !SSL_is_init_finished(ssl);
}

/* ---- lingering ---- */

struct lingering {
    struct gateway *gateway;
    struct bufferevent *socket;
    struct event readable;  /* without TLS */
    struct event *deadline; /* runs from the FIN on */
    uint64_t linger_ms;
    TAILQ_ENTRY(lingering) link;
};

static void bury_lingering(void *object)
{
    free(object);
}

static void lingering_done(struct lingering *lingering)
{
    struct gateway *gateway = lingering->gateway;
    if (!lingering->socket)
        return;
    TAILQ_REMOVE(&gateway->lingering, lingering, link);
    gateway->lingering_count--;
    allowance_give_back(gateway, LIMIT_LINGERING, 1);
    event_free(lingering->deadline);
    if (event_initialized(&lingering->readable))
        event_del(&lingering->readable);
    tcp_socket_close(&lingering->socket);
    gateway_bury(gateway, lingering, bury_lingering);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    lingering_done(arg);
}

static void on_read(struct bufferevent *socket, void *arg)
{
    (void)arg;
    struct evbuffer *in = bufferevent_get_input(socket);
    evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_written(struct bufferevent *socket, void *arg)
{
    struct lingering *lingering = arg;
    bufferevent_set_timeouts(socket, NULL, NULL);
    tcp_socket_end_output(socket);
    struct timeval after = gateway_timeval(lingering->linger_ms);
    event_add(lingering->deadline, &after);
}

static void on_event(struct bufferevent *socket, short what, void *arg)
{
    (void)socket;
    struct lingering *lingering = arg;
    bool still_writing = evbuffer_get_length(bufferevent_get_output(socket)) > 0;
    if (what & BEV_EVENT_CONNECTED) { /* TLS: the answer goes out only now */
        event_del(lingering->deadline);
        return;
    }
    if ((what & BEV_EVENT_EOF) && still_writing)
        return;                /* half-closed: it may still read its answer */
    lingering_done(lingering); /* the peer's end, an error, or it takes nothing */
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct lingering *lingering = arg;
    uint8_t bytes[4096];
    ssize_t length = recv(fd, bytes, sizeof bytes, 0);
    if (length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    event_del(&lingering->readable);
    on_event(lingering->socket, length == 0 ? BEV_EVENT_EOF : BEV_EVENT_ERROR, lingering);
}

/* Beside `prompt`, which ends only then: so epoll hears of no change. When the system does not let us watch the socket:
 * until the deadline. */
static void read_to_the_end(struct lingering *lingering, struct prompt_socket *prompt)
{
    struct bufferevent *socket = lingering->socket;
    if (bufferevent_openssl_get_ssl(socket)) {
        prompt_socket_end(prompt); /* of TLS it is libevent that reads for either */
        bufferevent_enable(socket, EV_READ);
        return;
    }
    check(event_assign(&lingering->readable, lingering->gateway->loop, bufferevent_getfd(socket), EV_READ | EV_PERSIST,
                       on_readable, lingering) == 0);
    (void)event_add(&lingering->readable, NULL);
    prompt_socket_end(prompt);
}

/* Before the loop comes around to it there may be too many to linger, as when a thousand are refused in one turn. */
static void write_at_once(struct bufferevent *socket)
{
    struct evbuffer *out = bufferevent_get_output(socket);
    if (bufferevent_openssl_get_ssl(socket))
        return;                      /* what waits is not encrypted yet */
    (void)evbuffer_unfreeze(out, 1); /* bufferevents keep others from draining it */
    (void)evbuffer_write(out, bufferevent_getfd(socket));
    (void)evbuffer_freeze(out, 1);
}

void tcp_socket_linger(struct gateway *gateway, struct bufferevent **p_socket, struct prompt_socket *prompt,
                       uint64_t linger_ms)
{
    struct bufferevent *socket = *p_socket;
    *p_socket = NULL;
    prompt_socket_stop_writing(prompt);
    write_at_once(socket);
    struct lingering *lingering = calloc(1, sizeof *lingering);
    struct event *deadline = lingering ? evtimer_new(gateway->loop, on_deadline, lingering) : NULL;
    if (!deadline) {
        free(lingering);
        prompt_socket_end(prompt);
        tcp_socket_close(&socket);
        return;
    }
    *lingering = (struct lingering){.gateway = gateway, .socket = socket, .deadline = deadline, .linger_ms = linger_ms};
    read_to_the_end(lingering, prompt);
    TAILQ_INSERT_TAIL(&gateway->lingering, lingering, link);
    gateway->lingering_count++;
    gateway->allowances[LIMIT_LINGERING].used++;

    struct timeval stall = {.tv_sec = LINGER_WRITE_STALL_S};
    bufferevent_setcb(socket, on_read, on_written, on_event, lingering);
    bufferevent_setwatermark(socket, EV_READ | EV_WRITE, 0, 0);
    bufferevent_set_timeouts(socket, NULL, &stall);
    on_read(socket, lingering);
    bool is_written = evbuffer_get_length(bufferevent_get_output(socket)) == 0;
    if (!is_written)
        bufferevent_enable(socket, EV_WRITE);
    if (is_written)
        on_written(socket, lingering);
    else if (tcp_socket_is_shaking_hands(socket)) /* libevent's write timeout does not run meanwhile */
        event_add(deadline, &stall);
    tcp_socket_limit_lingering(gateway);
}

void tcp_socket_limit_lingering(struct gateway *gateway)
{
    struct allowance *allowance = &gateway->allowances[LIMIT_LINGERING];
    while (gateway->lingering_count > LINGERING_MAX)
        lingering_done(TAILQ_FIRST(&gateway->lingering));
    if (allowance->used > allowance->share && !allowance->is_denied)
        allowance_ask(gateway, LIMIT_LINGERING, allowance->used - allowance->share);
    while (allowance->is_denied && allowance->used > allowance->share)
        lingering_done(TAILQ_FIRST(&gateway->lingering));
    allowance->is_denied = false;
}

void tcp_socket_end_lingering(struct gateway *gateway)
{
    struct lingering *lingering = NULL;
    while ((lingering = TAILQ_FIRST(&gateway->lingering)))
        lingering_done(lingering);
}
