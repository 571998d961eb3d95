/* The inspection page's HTTP server on loopback: the project's own strict reader on bufferevents, because evhttp reads
 * requests more loosely, and bounds nothing that is written to an event stream. */
#ifndef HOODY_DRIVER_INSPECT_SERVER_H
#define HOODY_DRIVER_INSPECT_SERVER_H

#include "inspect_api.h"
#include "inspect_feed.h"

enum {
    INSPECT_CLIENTS_MAX = 32,   /* connections; further ones are closed at once */
    INSPECT_PORTS_TRIED = 20,   /* from the wished one on */
    INSPECT_CLIENT_IDLE_S = 75, /* without a request, or without taking an answer */
};

struct inspect_server;

/* Listens on `where` (host an address), or on the next port that is free; ret_where is what it came to. `api` and
 * `feed` must outlive it; nothing is answered before the loop runs. NULL: errno says why. */
struct inspect_server *inspect_server_new(struct loop *loop, const struct host_port *where, struct inspect_api *api,
                                          struct inspect_feed *feed, struct host_port *ret_where);
void inspect_server_destroy(struct inspect_server **p_server);

#endif
