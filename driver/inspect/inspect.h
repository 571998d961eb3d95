/* The inspection page (--inspect): the last requests with their heads and the beginning of their bodies, live, on this
 * machine's loopback; any of them can be sent to its local service once more. Nothing of it leaves the machine. */
#ifndef HOODY_DRIVER_INSPECT_H
#define HOODY_DRIVER_INSPECT_H

#include "exchange_observer.h"
#include "loop.h"
#include "target.h"

struct local_service;
struct inspect;

enum { INSPECT_URL_BYTES = HOST_PORT_BYTES + 8 };

/* Serves from now on, on the next free port when that one is taken; `where` is a loopback address. NULL: errno says why
 * nothing can be listened on. */
struct inspect *inspect_new(struct loop *loop, const struct host_port *where, bool shows_secrets);
/* After the last observed exchange. */
void inspect_destroy(struct inspect **p_inspect);

/* "http://127.0.0.1:4040" */
const char *inspect_url(const struct inspect *inspect);

/* Whether a TARGET is the page itself, which others would see through it: its port, on an address of this machine. */
bool inspect_is_at(const struct inspect *inspect, const struct host_port *target);

/* Before the first exchange: what to record. `service` must outlive this, `name` is copied. */
void inspect_add_tunnel(struct inspect *inspect, size_t tunnel, const char *name, struct local_service *service);
struct exchange_observer inspect_observer(struct inspect *inspect);

#endif
