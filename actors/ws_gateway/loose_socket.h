/* A socket on its way from one event loop to another: taken off the one with all that was read and not used, and all
 * that was written and not sent; put on the other. */
#ifndef HOODY_ACTORS_LOOSE_SOCKET_H
#define HOODY_ACTORS_LOOSE_SOCKET_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>

struct ssl_st;

struct loose_socket {
    evutil_socket_t fd;
    struct ssl_st *tls; /* NULL: none; its handshake is over */
    struct evbuffer *unread;
    struct evbuffer *unsent;
};

/* Takes it off its loop. on_loose is called when the loop has let go of it for good: at once, or, with TLS, a little
 * later, at the end of the loop at the latest. `loose` is the callee's. Not to be called by the socket's own callbacks.
 */
void loose_socket_take(struct bufferevent **p_socket, void (*on_loose)(struct loose_socket *loose, void *arg),
                       void *arg);
/* Puts it on that loop, writing but not reading yet, and takes all of it. NULL: out of memory, the connection is
 * closed. */
struct bufferevent *loose_socket_settle(struct loose_socket *loose, struct event_base *loop);
/* Closes the connection. Second calls do nothing. */
void loose_socket_done(struct loose_socket *loose);

#endif
