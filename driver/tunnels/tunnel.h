/* One tunnel: a binding of the session, and the local service that it leads to. */
#ifndef HOODY_DRIVER_TUNNEL_H
#define HOODY_DRIVER_TUNNEL_H

#include "tunnel_plan.h"

enum { TUNNEL_URL_BYTES = 2048, TUNNEL_WHY_BYTES = 512 };

enum tunnel_state {
    TUNNEL_PENDING, /* not asked for yet, or the answer is awaited */
    TUNNEL_OPEN,
    TUNNEL_REFUSED, /* its port, for now */
    TUNNEL_OVER,    /* given up */
};

struct tunnel {
    const struct tunnel_plan *plan;
    struct tunnel_set *set;
    struct endpoint target;
    struct binding_wish wish;
    struct local_service service; /* EXPOSE */
    struct tcp_target tcp;        /* PULL */
    struct dial *probe;           /* EXPOSE, before anything is published: is the target up? */
    enum tunnel_state state;
    uint16_t port;              /* as bound last, 0: not yet */
    char url[TUNNEL_URL_BYTES]; /* as told last, "": not yet */
};

/* Resolves the target, and waits for it. `plan` and `set` must outlive it. false: the reason was told. */
bool tunnel_init(struct tunnel *ret_tunnel, struct tunnel_set *set, const struct tunnel_plan *plan);
/* After the session that publishes it. Takes zeroed ones. */
void tunnel_done(struct tunnel *tunnel);

/* Asks whether the service is up; tunnel_set_probed follows, soon. A raw service takes notice of every connection, some
 * take only one: none is asked. */
void tunnel_probe(struct tunnel *tunnel);

#endif
