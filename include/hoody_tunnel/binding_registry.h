/* The binding-registry actor; see actors/binding_registry/binding_registry.c for what it owns, hears and says. Run with
 * actor_thread. */
#ifndef HOODY_TUNNEL_BINDING_REGISTRY_H
#define HOODY_TUNNEL_BINDING_REGISTRY_H

struct actor_spec;

extern const struct actor_spec binding_registry_actor;

#endif
