/* Names looked up without blocking the loop: getaddrinfo runs in a thread of its own, which shares nothing with us. The
 * system's resolver is asked each time, for a laptop's network may have changed since. */
#ifndef HOODY_DRIVER_RESOLVER_H
#define HOODY_DRIVER_RESOLVER_H

#include "dial.h"

struct resolution;

/* endpoint NULL: there is none, `why` (static) says what the resolver said. Called once, never from within
 * resolution_new. */
typedef void resolution_done(void *owner, const struct endpoint *endpoint, const char *why);

/* An address is its own answer, no thread is needed for it. Ends with its one call of `done`, or with
 * resolution_destroy, which must follow in either case; the thread's answer is then thrown away when it comes. */
struct resolution *resolution_new(struct loop *loop, const struct host_port *where, resolution_done *done, void *owner);
void resolution_destroy(struct resolution **p_resolution);

#endif
