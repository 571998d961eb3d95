/* The guard against browsers (protocol section 1), which reach loopback from any page that somebody visits: by a script
 * of another origin, or by a DNS name of the attacker's that resolves to 127.0.0.1 (DNS rebinding). Pure.
 *
 * Lists are what the flags of the same name gave, borrowed: `count` NUL-terminated strings. */
#ifndef HOODY_TUNNEL_BROWSER_GUARD_H
#define HOODY_TUNNEL_BROWSER_GUARD_H

#include "span.h"

/* The Origin field's value of an upgrade or a DELETE ("null" and "" too): does --allow-origin name it? Scheme and host
 * have no case. Requests without the field are not asked about: no browser sends them. */
bool browser_guard_admits_origin(struct span origin, char *const *allowed_origins, size_t count);

/* The Host of any request on the base listener, "": none. From a loopback peer a DNS name with a dot must be named by
 * --admin-host: NAME itself, or *.SUFFIX, which stands for any name below SUFFIX but not for SUFFIX. IP literals,
 * localhost and other single labels are fine, and so is every Host from other peers. The port does not count, nor do
 * case and the root's dot at the end. What is no Host at all but has a dot is taken for a name. */
bool browser_guard_admits_host(struct span host, bool peer_is_loopback, char *const *admin_hosts, size_t count);

#endif
