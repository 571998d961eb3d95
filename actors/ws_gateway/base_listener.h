/* The base port: drivers' upgrades, the admin API and metrics (protocol section 1). HTTP is read here, decided in
 * admin-http. */
#ifndef HOODY_ACTORS_BASE_LISTENER_H
#define HOODY_ACTORS_BASE_LISTENER_H

#include <event2/listener.h>

#include "gateway.h"
#include "message.h"

struct base_listener;

/* Listens on --listen. NULL: it could not, said in the log. */
struct base_listener *base_listener_new(struct gateway *gateway);
/* Closes the port; connections go on. Takes NULL. */
void base_listener_destroy(struct base_listener **p_listener);

#endif
