/* From a request line to a call of the admin API: the target's parts, the table of routes, the query. Pure. */
#ifndef HOODY_ACTORS_API_ROUTE_H
#define HOODY_ACTORS_API_ROUTE_H

#include "span.h"

enum {
    GRACE_DEFAULT_MS = 50,
    GRACE_MAX_MS = 5000,
};

/* What other actors can be asked; bits of a set. */
enum ask {
    ASK_SESSIONS = 1 << 0, /* list_sessions */
    ASK_BINDINGS = 1 << 1, /* list_bindings */
    ASK_STREAMS = 1 << 2,  /* count_streams, of every gateway shard */
    ASK_CLOSE = 1 << 3,    /* close_session */
    ASK_METRICS = 1 << 4,  /* render_metrics */
};

enum api_call {
#define ROUTE(call, method, path, asks) CALL_##call,
#include "admin_http/routes.def"
#undef ROUTE
};

/* Parts of a request target (RFC 9112 section 3.2), as written: nothing is percent-decoded. */
struct api_target {
    struct span authority; /* of the absolute form, which counts instead of Host; data NULL: origin form */
    struct span path;
    struct span query; /* without the question mark */
};
struct api_target api_target_split(struct span target);

enum route_verdict {
    ROUTE_CALL,         /* ret_route is filled */
    ROUTE_OPTIONS,      /* only ret_route->allow is: 204 */
    ROUTE_WRONG_METHOD, /* only ret_route->allow is: 405 */
    ROUTE_UNKNOWN_PATH, /* 404; ret_route is untouched. Percent-encoded paths are unknown too: no path of ours and no
                           session id needs it */
};
struct api_route {
    enum api_call call;
    unsigned asks;     /* set of enum ask */
    struct span id;    /* what {id} stands for, never empty; data NULL: the path has none */
    const char *allow; /* static: the value of Allow */
};
enum route_verdict api_route_find(const char *method, struct span path, struct api_route *ret_route);

/* grace_ms of a query, GRACE_DEFAULT_MS when it has none; other parameters are let pass. false: it is given twice, or
 * is no plain number in 0..GRACE_MAX_MS. */
bool api_query_grace(struct span query, uint64_t *ret_grace_ms);

#endif
