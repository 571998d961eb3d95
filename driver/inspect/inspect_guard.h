/* Who may use the inspection page: the page itself, and programs of this machine that know its address. Browsers bring
 * others along: scripts of any site that somebody visits (cross-site requests), and sites whose own name leads to
 * 127.0.0.1 (DNS rebinding). Pure. */
#ifndef HOODY_DRIVER_INSPECT_GUARD_H
#define HOODY_DRIVER_INSPECT_GUARD_H

#include "http_reader.h"
#include "target.h"

enum { INSPECT_TOKEN_BYTES = 33 /* 128 bits in hexadecimal, NUL included */ };

struct inspect_guard {
    char names[2][HOST_PORT_BYTES]; /* the values of Host that are ours: the address, and localhost */
    uint16_t port;
    char token[INSPECT_TOKEN_BYTES]; /* of this process */
};

/* `where`: as it listens, host an address. Ends the process when the system gives no randomness. */
void inspect_guard_init(struct inspect_guard *ret_guard, const struct host_port *where);

/* NULL: may be answered. Otherwise why not, for a 403 (static). Refused are a Host that is not ours, an Origin other
 * than the Host's, and what a browser says comes from another site, unless it is somebody who follows a link. */
const char *inspect_guard_refuses(const struct inspect_guard *guard, const struct http_head *head);

/* The same for what has an effect; `inspect_guard_refuses` was asked before. It must carry the token of this process,
 * which only the page's own origin can read: x-inspect-token. */
const char *inspect_guard_refuses_effect(const struct inspect_guard *guard, const struct http_head *head);

#endif
