/* The service that a binding publishes: where it is, which Host it is sent, and its idle keep-alive connections. */
#ifndef HOODY_DRIVER_LOCAL_SERVICE_H
#define HOODY_DRIVER_LOCAL_SERVICE_H

#include "dial.h"
#include "exchange_observer.h"
#include "http_forward.h"
#include "local_connection.h"

enum {
    LOCAL_IDLE_MAX = 256, /* connections kept for reuse; beyond it the longest idle one is closed */
    LOCAL_IDLE_S = 30,    /* and for how long; less when the service says so (Keep-Alive: timeout) */
    LOCAL_PATIENCE_UNSAID = LOCAL_IDLE_S + 1,
    LOCAL_DIAL_TIMEOUT_MS = 10000, /* for each of its addresses */
};

struct local_service {
    struct loop *loop;
    struct endpoint endpoint;
    enum host_policy host_policy;
    const char *fixed_host;                        /* HOST_FIXED; borrowed */
    char own_host[HOST_PORT_BYTES];                /* HOST_REWRITE */
    TAILQ_HEAD(idle_queue, local_connection) idle; /* the most recently used first */
    unsigned idle_count;
    bool is_down;                /* as told last */
    struct exchange_place place; /* where its visitors are observed; set by the owner */
};

/* `fixed_host` must outlive it. */
void local_service_init(struct local_service *service, struct loop *loop, const struct endpoint *endpoint,
                        enum host_policy host_policy, const char *fixed_host);
/* Closes idle connections. */
void local_service_done(struct local_service *service);
/* The same, and goes on: where the network is another one than before, they may be dead and nobody says so. */
void local_service_drop_idle(struct local_service *service);

/* An idle connection, for local_connection_own; NULL: dial. */
struct local_connection *local_service_take(struct local_service *service);
/* Takes a connection whose exchange is complete. `seconds`: how long the service said it waits, not 0; or
 * LOCAL_PATIENCE_UNSAID. */
void local_service_give(struct local_service *service, struct local_connection **p_connection, unsigned seconds);

/* The Host for this request; borrowed from the service or from `open`. */
const char *local_service_host(const struct local_service *service, const struct stream_open *open);

#endif
