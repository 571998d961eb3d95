/* Visitors' sockets that are not read from, for lack of room. Without reading, nothing tells that a visitor has left:
 * so they are looked at once a second. */
#ifndef HOODY_ACTORS_PAUSED_SOCKETS_H
#define HOODY_ACTORS_PAUSED_SOCKETS_H

#include <event2/bufferevent.h>
#include <sys/queue.h>

#include "gateway.h"

/* A visitor's part in it. Zero-initialised: not paused. */
struct paused_socket {
    bool is_swept;
    bool half_closes; /* a FIN is no leaving: what was sent before it still has to arrive */
    struct bufferevent *socket;
    void (*on_left)(void *visitor); /* must end with paused_sockets_remove */
    void *visitor;
    TAILQ_ENTRY(paused_socket) link;
};

/* false: out of memory. */
bool paused_sockets_init(struct gateway *gateway);
void paused_sockets_done(struct gateway *gateway);

/* Twice is once. */
void paused_sockets_add(struct gateway *gateway, struct paused_socket *paused);
void paused_sockets_remove(struct gateway *gateway, struct paused_socket *paused);

#endif
