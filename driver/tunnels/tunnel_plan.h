/* What is wished of each tunnel, as people wrote it. Pure. */
#ifndef HOODY_DRIVER_TUNNEL_PLAN_H
#define HOODY_DRIVER_TUNNEL_PLAN_H

#include "options.h"
#include "session.h"
#include "target.h"

enum tunnel_kind {
    TUNNEL_EXPOSE, /* publishes a local web service on a port of the container */
    TUNNEL_PULL,   /* leads a loopback port of the container to a local TCP service */
};

/* All text is borrowed. */
struct tunnel_plan {
    enum tunnel_kind kind;
    const char *name; /* what stands beside its URL, for scripts; NULL: nothing, it is the only one */
    struct host_port target;
    uint16_t port;               /* of the container; 0: any */
    const char *label;           /* NULL: none */
    bool takeover;               /* EXPOSE */
    const char *host_header;     /* EXPOSE: preserve, rewrite, or a Host */
    const char *host;            /* PULL: the container's loopback address that the port is on */
    uint32_t connect_timeout_ms; /* PULL */
};

struct tunnel_plans {
    size_t count;
    struct tunnel_plan items[SESSION_BINDINGS_MAX];
};

enum { PLAN_WHY_BYTES = 512 };

/* Of `expose` and `pull`: one tunnel for each TARGET, then one for each --pull. false: ret_why says in one line what is
 * wrong. */
bool tunnel_plans_of_options(const struct options *options, struct tunnel_plans *ret_plans,
                             char ret_why[PLAN_WHY_BYTES]);

/* What flags and the configuration file have in common; `where` names the flag or the key. false: ret_why says in one
 * line what is wrong. */
bool tunnel_host_header_check(const char *value, const char *where, char ret_why[PLAN_WHY_BYTES]);
bool tunnel_host_check(const char *value, const char *where, char ret_why[PLAN_WHY_BYTES]);

/* The first of those before `index` that wants the very port that this one wants; NULL: none does. */
const struct tunnel_plan *tunnel_plans_find_rival(const struct tunnel_plans *plans, size_t index);

#endif
