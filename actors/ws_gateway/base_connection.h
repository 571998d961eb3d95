/* One HTTP connection on the base port. An API request goes to admin-http and its answer comes back; an upgrade makes
 * it a driver connection. */
#ifndef HOODY_ACTORS_BASE_CONNECTION_H
#define HOODY_ACTORS_BASE_CONNECTION_H

#include "gateway.h"
#include "message.h"

/* Takes the accepted descriptor; a peer that is not trusted gets a bare 403. */
void base_connection_accept(struct gateway *gateway, evutil_socket_t fd, const struct sockaddr *peer);
/* An answer of admin-http. */
void base_connection_answered(struct gateway *gateway, const struct message_api_answered *answered);
/* At the gateway's end: closes all of them. */
void base_connections_destroy(struct gateway *gateway);

#endif
