#include "loose_socket.h"

#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "check.h"
#include "tcp_socket.h"

/* ---- off the loop ---- */

struct leaving {
    struct loose_socket loose;
    void (*on_loose)(struct loose_socket *loose, void *arg);
    void *arg;
};

static void let_go(struct leaving *leaving)
{
    leaving->on_loose(&leaving->loose, leaving->arg);
    free(leaving);
}

/* Both buffers are their bufferevent's no more: it is about to be freed. */
static void move_all(struct evbuffer *from, struct evbuffer *to)
{
    (void)evbuffer_unfreeze(from, 0);
    (void)evbuffer_unfreeze(from, 1);
    check(evbuffer_add_buffer(to, from) == 0);
}

/* What OpenSSL has decrypted and nobody has read. The rest is in the kernel: it reads no further than one record. */
static void read_pending(SSL *tls, struct evbuffer *unread)
{
    uint8_t bytes[4096];
    int count = 0;
    while (SSL_pending(tls) > 0 && (count = SSL_read(tls, bytes, sizeof bytes)) > 0)
        check(evbuffer_add(unread, bytes, (size_t)count) == 0);
}

static void on_freed(const void *byte, size_t length, void *arg)
{
    (void)byte;
    (void)length;
    let_go(arg);
}

/* A bufferevent is freed by its loop, some time after bufferevent_free; one with TLS looks at its SSL object then, and
 * closes the descriptor that it finds there. So it must find none, and nobody else may use the object until it has
 * looked. Its buffers are freed last: a byte of ours in one of them tells. */
static void take_tls(struct bufferevent *socket, SSL *tls, struct leaving *leaving)
{
    static const char byte;
    check(SSL_up_ref(tls) == 1);
    leaving->loose.tls = tls;
    (void)BIO_set_close(SSL_get_wbio(tls), BIO_NOCLOSE);
    SSL_set_bio(tls, NULL, NULL);
    check(evbuffer_add_reference(bufferevent_get_input(socket), &byte, sizeof byte, on_freed, leaving) == 0);
    bufferevent_free(socket);
}

void loose_socket_take(struct bufferevent **p_socket, void (*on_loose)(struct loose_socket *loose, void *arg),
                       void *arg)
{
    struct bufferevent *socket = *p_socket;
    SSL *tls = bufferevent_openssl_get_ssl(socket);
    struct leaving *leaving = calloc(1, sizeof *leaving);
    *p_socket = NULL;
    check(leaving);
    *leaving = (struct leaving){
        .loose = {.fd = bufferevent_getfd(socket), .unread = evbuffer_new(), .unsent = evbuffer_new()},
        .on_loose = on_loose,
        .arg = arg,
    };
    check(leaving->loose.unread && leaving->loose.unsent);
    bufferevent_setcb(socket, NULL, NULL, NULL, NULL);
    bufferevent_disable(socket, EV_READ | EV_WRITE);
    move_all(bufferevent_get_input(socket), leaving->loose.unread);
    move_all(bufferevent_get_output(socket), leaving->loose.unsent);
    if (tls) {
        read_pending(tls, leaving->loose.unread);
        take_tls(socket, tls, leaving);
        return;
    }
    (void)bufferevent_setfd(socket, -1); /* so that freeing it does not close it */
    bufferevent_free(socket);
    let_go(leaving);
}

/* ---- on another ---- */

static void put_unread(struct bufferevent *socket, struct evbuffer *unread)
{
    struct evbuffer *in = bufferevent_get_input(socket);
    bool is_frozen = evbuffer_add_buffer(in, unread) != 0; /* bufferevents keep others from adding to it */
    if (!is_frozen)
        return;
    (void)evbuffer_unfreeze(in, 0);
    check(evbuffer_add_buffer(in, unread) == 0);
    (void)evbuffer_freeze(in, 0);
}

static struct bufferevent *new_socket(struct loose_socket *loose, struct event_base *loop)
{
    evutil_socket_t fd = loose->fd;
    SSL *tls = loose->tls;
    loose->fd = -1;
    loose->tls = NULL;
    if (!tls)
        return tcp_socket_new(loop, fd);
    struct bufferevent *socket =
        bufferevent_openssl_socket_new(loop, fd, tls, BUFFEREVENT_SSL_OPEN, BEV_OPT_CLOSE_ON_FREE);
    if (!socket) {
        SSL_free(tls);
        evutil_closesocket(fd);
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(socket, 1);
    tcp_socket_limit(socket);
    bufferevent_disable(socket, EV_READ);
    return socket;
}

struct bufferevent *loose_socket_settle(struct loose_socket *loose, struct event_base *loop)
{
    struct bufferevent *socket = new_socket(loose, loop);
    if (socket) {
        put_unread(socket, loose->unread);
        check(evbuffer_add_buffer(bufferevent_get_output(socket), loose->unsent) == 0);
    }
    loose_socket_done(loose);
    return socket;
}

void loose_socket_done(struct loose_socket *loose)
{
    if (loose->fd >= 0)
        evutil_closesocket(loose->fd);
    loose->fd = -1;
    SSL_free(loose->tls);
    loose->tls = NULL;
    if (loose->unread)
        evbuffer_free(loose->unread);
    loose->unread = NULL;
    if (loose->unsent)
        evbuffer_free(loose->unsent);
    loose->unsent = NULL;
}
