/* What every socket of the gateway has in common, on top of libevent's bufferevents. */
#ifndef HOODY_ACTORS_TCP_SOCKET_H
#define HOODY_ACTORS_TCP_SOCKET_H

#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stdint.h>

struct gateway;
struct prompt_socket;

enum {
    SOCKET_READ_MAX = 131072, /* bytes taken off a driver's socket, or put on any, in one go */
    VISITOR_READ_MAX = 65536, /* and off a visitor's: what may lie here of one whose stream is stalled */
    LINGERING_MAX = 256,      /* sockets at once; beyond, the oldest is closed */
};

/* Takes the accepted descriptor, non-blocking and TCP_NODELAY by its listener: nothing enabled yet. NULL: out of
 * memory, fd closed. */
struct bufferevent *tcp_socket_new(struct event_base *loop, evutil_socket_t fd);
/* What listeners pass on to the sockets they accept: TCP_NODELAY. And what tcp_socket_new does to a bufferevent, for
 * those that are made otherwise. */
void tcp_socket_prepare(evutil_socket_t fd);
void tcp_socket_limit(struct bufferevent *socket);
/* A peer that vanished must be noticed fast (protocol section 7): keep-alive and user timeout. The unsent queue in the
 * kernel stays short, so that a small frame does not wait behind megabytes (section 6). */
void tcp_socket_tune_driver(struct bufferevent *socket);

/* TLS, and the peers have not agreed on it yet. */
bool tcp_socket_is_shaking_hands(struct bufferevent *socket);

/* Frees it so that the peer sees a reset, never a clean end. */
void tcp_socket_abort(struct bufferevent **p_socket);
/* What it carries is whole only with our FIN: until tcp_socket_end_output, whatever ends it is a reset for the peer,
 * the end of this process included. */
void tcp_socket_need_fin(struct bufferevent *socket);
/* Frees it at once; what is unsent is lost. */
void tcp_socket_close(struct bufferevent **p_socket);
/* Our direction ends: FIN. What was written before must have left the output buffer. */
void tcp_socket_end_output(struct bufferevent *socket);

/* Takes the socket: sends what waits, then FIN, then reads and discards until the peer's end or linger_ms, so that no
 * reset eats the answer. `prompt`, which has read and written it, ends; NULL: there is none. */
void tcp_socket_linger(struct gateway *gateway, struct bufferevent **p_socket, struct prompt_socket *prompt,
                       uint64_t linger_ms);
/* Closes the oldest when there are too many. All shards together have LINGERING_MAX; each alone may have as many until
 * shard 0 has said how many it may. */
void tcp_socket_limit_lingering(struct gateway *gateway);
/* At the gateway's end: closes all that still linger. */
void tcp_socket_end_lingering(struct gateway *gateway);

#endif
