/* The admin-http actor; see actors/admin_http/admin_http.c for what it owns, hears and says. Run with actor_thread. */
#ifndef HOODY_TUNNEL_ADMIN_HTTP_H
#define HOODY_TUNNEL_ADMIN_HTTP_H

struct actor_spec;

extern const struct actor_spec admin_http_actor;

#endif
