/* TLS towards the daemon: wss://. TLS 1.2 at least, the certificate must be trusted and be the host's. */
#ifndef HOODY_DRIVER_TLS_CLIENT_H
#define HOODY_DRIVER_TLS_CLIENT_H

#include <stdbool.h>

struct bufferevent;
struct loop;
struct tls_client;

enum { TLS_CLIENT_WHY_BYTES = 256 };

/* Trusts the certificates in `ca_file` (PEM) alone, "": what this system trusts. With `is_careless` nothing is checked.
 * NULL: ret_why says in one line what is wrong. */
struct tls_client *tls_client_new(const char *ca_file, bool is_careless, char ret_why[TLS_CLIENT_WHY_BYTES]);
/* Its connections live on. Takes NULL. */
void tls_client_destroy(struct tls_client **p_client);

/* Takes the connected `fd`, and begins with the peer, which must be `host`, a name or an address, as soon as the
 * bufferevent is enabled. Nothing may be written to it before BEV_EVENT_CONNECTED. Freeing it says close_notify and
 * closes fd. */
struct bufferevent *tls_client_begin(const struct tls_client *client, struct loop *loop, int fd, const char *host);

/* After BEV_EVENT_ERROR or EOF before BEV_EVENT_CONNECTED: what went wrong, for people. true: with the certificate. */
bool tls_client_explain(struct bufferevent *bev, const char *host, char ret_why[TLS_CLIENT_WHY_BYTES]);

#endif
