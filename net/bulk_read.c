#include "bulk_read.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "prompt_socket.h"
#include "websocket.h"

enum {
    LIBEVENT_READ = 4096,             /* what it takes at most: after less than that nothing waits */
    CHAIN_HEAD = 48,                  /* of an evbuffer's chain: their sizes, head included, are powers of two */
    EXTENT = 65536 - CHAIN_HEAD - 32, /* so that it fits in one of those with the heads of its frame and message, too */
    TLS_RECORD = 16384,               /* bytes at most */
    LARGE_READ = 16384,
    LARGE_MESSAGE = 16384, /* bytes that are missing of it: below, more of the small ones are had in one go */
};

/* No memory is held ready for others. */
size_t bulk_read_waiting(evutil_socket_t fd)
{
    int waiting = 0;
    return ioctl((int)fd, FIONREAD, &waiting) == 0 && waiting > 0 ? (size_t)waiting : 0;
}

/* The extents without what goes beyond `length`. */
static void trim(struct evbuffer_iovec *extents, int count, size_t length)
{
    for (int i = 0; i < count; i++) {
        if (extents[i].iov_len > length)
            extents[i].iov_len = length;
        length -= extents[i].iov_len;
    }
}

/* Of so many that wait; returns how many bytes were read; 0: nothing now. */
static size_t read_plain(evutil_socket_t fd, struct evbuffer *in, size_t waiting, size_t most)
{
    struct evbuffer_iovec extents[2];
    size_t wanted = waiting < most ? waiting : most;
    if (wanted > EXTENT)
        wanted = EXTENT;
    if (wanted == 0)
        return 0;
    int count = evbuffer_reserve_space(in, (ev_ssize_t)wanted, extents, 2);
    if (count < 1)
        return 0;
    trim(extents, count, wanted);
    ssize_t length = readv((int)fd, extents, count);
    if (length <= 0)
        return 0;
    trim(extents, count, (size_t)length);
    return evbuffer_commit_space(in, extents, count) == 0 ? (size_t)length : 0;
}

/* A fatal error was OpenSSL's own, and need not make the socket readable again: libevent would never know. */
static void report_fatal(struct bufferevent *socket, const SSL *ssl, int result)
{
    if (SSL_get_error(ssl, result) == SSL_ERROR_SSL)
        bufferevent_trigger_event(socket, BEV_EVENT_READING | BEV_EVENT_ERROR, BEV_OPT_DEFER_CALLBACKS);
}

static size_t read_tls(struct bufferevent *socket, SSL *ssl, struct evbuffer *in)
{
    struct evbuffer_iovec extent;
    if (SSL_pending(ssl) == 0 && bulk_read_waiting(bufferevent_getfd(socket)) == 0)
        return 0;
    if (evbuffer_reserve_space(in, TLS_RECORD, &extent, 1) != 1)
        return 0;
    ERR_clear_error();
    int length = SSL_read(ssl, extent.iov_base, TLS_RECORD);
    extent.iov_len = length > 0 ? (size_t)length : 0;
    if (length <= 0)
        report_fatal(socket, ssl, length);
    ERR_clear_error();
    return evbuffer_commit_space(in, &extent, 1) == 0 ? extent.iov_len : 0;
}

/* `total` bytes were read already, and so many wait; 0: not known. Returns how many were read in all. A small rest of
 * `most` is not worth a read. */
static size_t read_on_plain(struct bufferevent *socket, size_t total, size_t waiting, size_t most)
{
    const evutil_socket_t fd = bufferevent_getfd(socket);
    struct evbuffer *in = bufferevent_get_input(socket);
    size_t length = 1;
    evbuffer_unfreeze(in, 0); /* these bufferevents keep others from adding to it, those of TLS don't */
    while (length > 0 && total + LIBEVENT_READ <= most) {
        length = read_plain(fd, in, waiting > 0 ? waiting : bulk_read_waiting(fd), most - total);
        total += length;
        waiting = 0;
    }
    evbuffer_freeze(in, 0);
    return total;
}

static void read_on_tls(struct bufferevent *socket, SSL *ssl, struct evbuffer *in, size_t most)
{
    size_t total = LIBEVENT_READ, length = 0;
    do {
        length = read_tls(socket, ssl, in);
        total += length;
    } while (length > 0 && (total < most || SSL_pending(ssl) > 0)); /* what OpenSSL keeps, epoll does not tell of */
}

void bulk_read(struct bufferevent *socket, size_t most)
{
    struct evbuffer *in = bufferevent_get_input(socket);
    SSL *ssl = bufferevent_openssl_get_ssl(socket);
    if (evbuffer_get_length(in) < LIBEVENT_READ)
        return;
    if (ssl)
        read_on_tls(socket, ssl, in, most);
    else
        (void)read_on_plain(socket, LIBEVENT_READ, 0, most);
}

void bulk_read_on(struct prompt_socket *prompt, size_t most)
{
    const size_t waiting = prompt->waiting;
    const bool has_read = waiting == 0;
    if (has_read && evbuffer_get_length(bufferevent_get_input(prompt->socket)) < LIBEVENT_READ)
        return;
    prompt->waiting = 0;
    prompt->reads_bulk = read_on_plain(prompt->socket, has_read ? LIBEVENT_READ : 0, waiting, most) >= LARGE_READ;
}

void bulk_read_messages(struct bufferevent *socket, struct websocket_reader *reader, size_t most)
{
    size_t missing = websocket_missing(reader, bufferevent_get_input(socket));
    bulk_read(socket, missing >= LARGE_MESSAGE ? LIBEVENT_READ + missing : most);
}
