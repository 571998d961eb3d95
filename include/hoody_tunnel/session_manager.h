/* The session-manager actor; see actors/session_manager/session_manager.c for what it owns, hears and says. Run with
 * actor_thread. */
#ifndef HOODY_TUNNEL_SESSION_MANAGER_H
#define HOODY_TUNNEL_SESSION_MANAGER_H

struct actor_spec;

extern const struct actor_spec session_manager_actor;

#endif
