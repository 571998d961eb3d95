/* Listening sockets, as all ports of the gateway open them. */
#ifndef HOODY_TUNNEL_LISTENER_H
#define HOODY_TUNNEL_LISTENER_H

#include <event2/listener.h>

#include "gateway.h"

enum { ACCEPT_PAUSE_MS = 100 /* after EMFILE: accepting at once again would spin */ };

/* SO_REUSEADDR, never SO_REUSEPORT. `ip` is numeric. NULL: errno says why. */
struct evconnlistener *listener_open(struct gateway *gateway, const char *ip, uint32_t port,
                                     evconnlistener_cb on_accepted, void *arg, unsigned extra_flags);
/* The port it really listens on. */
uint16_t listener_port(struct evconnlistener *listener);

#endif
