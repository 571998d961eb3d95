/* The metrics actor; see actors/metrics/metrics.c for what it owns, hears and says. Run with actor_thread. */
#ifndef HOODY_TUNNEL_METRICS_H
#define HOODY_TUNNEL_METRICS_H

struct actor_spec;

extern const struct actor_spec metrics_actor;

#endif
