/* The ws-gateway actor: every external socket of one shard; see actors/ws_gateway/ws_gateway.c for what it owns, hears
 * and says. */
#ifndef HOODY_TUNNEL_WS_GATEWAY_H
#define HOODY_TUNNEL_WS_GATEWAY_H

#include <czmq.h>

/* zactor_fn; args is a struct actor_start (actors/actor.h), whose `spec` is unused. Signals 0 when it listens, 1 when
 * it could not start (one clear line in the log). Runs until $TERM. */
void ws_gateway_actor(zsock_t *pipe, void *args);

#endif
