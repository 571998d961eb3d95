/* TCP connections outwards, without waiting: the addresses of an endpoint are tried one after the other. */
#ifndef HOODY_DRIVER_DIAL_H
#define HOODY_DRIVER_DIAL_H

#include "loop.h"
#include "target.h"

#include <stddef.h>
#include <sys/socket.h>

enum { ENDPOINT_ADDRESSES_MAX = 8 };

struct endpoint {
    struct host_port where;
    char name[HOST_PORT_BYTES]; /* "host:port", for messages */
    size_t count;               /* 1 at least */
    struct sockaddr_storage addresses[ENDPOINT_ADDRESSES_MAX];
    socklen_t lengths[ENDPOINT_ADDRESSES_MAX];
};

/* Asks the resolver, and waits for it. false: *ret_why (static) says what it said. */
bool endpoint_resolve(const struct host_port *where, struct endpoint *ret_endpoint, const char **ret_why);
/* Asks nobody. false: the host is no address. */
bool endpoint_of_address(const struct host_port *where, struct endpoint *ret_endpoint);

struct dial;

/* fd: a connected, non-blocking socket with TCP_NODELAY, now the owner's; -1: `error` is the last address's errno.
 * Called once, never from within dial_new. */
typedef void dial_done(void *owner, int fd, int error);

/* `endpoint` must outlive the dial. timeout_ms is for each address. Ends with its one call of `done`, or with
 * dial_destroy, which must follow in either case. */
struct dial *dial_new(struct loop *loop, const struct endpoint *endpoint, unsigned timeout_ms, dial_done *done,
                      void *owner);
void dial_destroy(struct dial **p_dial);

/* "refused the connection", "does not answer", or the system's own words: what to say of a failed dial. */
const char *dial_error_text(int error);

#endif
