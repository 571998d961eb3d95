/* Listening sockets, as all ports of the gateway open them. */
#ifndef HOODY_ACTORS_LISTENER_H
#define HOODY_ACTORS_LISTENER_H

#include <event2/listener.h>

#include "gateway.h"

enum { ACCEPT_PAUSE_MS = 100 /* after EMFILE, or when the system does not let us watch: at once again would spin */ };

/* SO_REUSEADDR, never SO_REUSEPORT. `ip` is numeric. Listens, and accepts when it is enabled. NULL: errno says why. */
struct evconnlistener *listener_open(struct gateway *gateway, const char *ip, uint32_t port,
                                     evconnlistener_cb on_accepted, void *arg);
/* Of a descriptor that listens already, and is taken. NULL: out of memory. */
struct evconnlistener *listener_adopt(struct gateway *gateway, int fd, evconnlistener_cb on_accepted, void *arg);
/* Takes the descriptor out of it: it listens on, and whoever connects meanwhile waits. Not to be called while it
 * accepts. */
int listener_release(struct evconnlistener **p_listener);
/* Takes NULL. Not to be called while it accepts. */
void listener_close(struct evconnlistener **p_listener);
/* accept failed. When the process is out of descriptors, what waits in the queue is taken with the spare one and
 * closed: no peer waits for ever. The caller pauses the listener after it: the loop must not spin on a queue that it
 * cannot empty. `session` and `binding` are those of the port, for the log. */
void listener_shed(struct gateway *gateway, struct evconnlistener *listener, const struct session_id *session,
                   struct bind_id binding);
/* A descriptor to do without when there is no other. -1: even that cannot be had. */
int listener_open_spare(void);
/* The port it really listens on. */
uint16_t listener_port(struct evconnlistener *listener);

#endif
