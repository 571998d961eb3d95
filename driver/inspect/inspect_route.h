/* What is asked of the inspection page's server. Pure. */
#ifndef HOODY_DRIVER_INSPECT_ROUTE_H
#define HOODY_DRIVER_INSPECT_ROUTE_H

#include "inspect_page.h"

enum inspect_call {
    INSPECT_FILE,   /* the page, or a part of it */
    INSPECT_INFO,   /* what the page must know of this process */
    INSPECT_LIST,   /* all requests, short */
    INSPECT_EVENTS, /* the same, and each change, as an event stream */
    INSPECT_CLEAR,
    INSPECT_DETAIL, /* of one request */
    INSPECT_REQUEST_BODY,
    INSPECT_RESPONSE_BODY,
    INSPECT_REPLAY,
};

struct inspect_route {
    enum inspect_call call;
    bool has_effect;                 /* POST, otherwise GET and HEAD */
    uint64_t id;                     /* of the calls about one request, 0: no such number */
    const struct inspect_file *file; /* of INSPECT_FILE */
    bool is_wrong_method;            /* 405 */
};

/* `target` in origin-form, whose query is not looked at. false: no such path. */
bool inspect_route_find(struct span method, struct span target, struct inspect_route *ret_route);

#endif
