/* TLS on the base listener: --tls-cert and --tls-key, read at the start and at SIGHUP. A connection keeps the
 * certificate that it began with. */
#ifndef HOODY_ACTORS_TLS_SERVER_H
#define HOODY_ACTORS_TLS_SERVER_H

#include <event2/bufferevent.h>

struct tls_server;

enum { TLS_SERVER_WHY_MAX = 256, TLS_SERVER_DATE_MAX = 32 };

/* TLS 1.2 and 1.3, forward secrecy only, ALPN http/1.1. The chain's file begins with the server's certificate. NULL:
 * ret_why says what is wrong, naming the file. */
struct tls_server *tls_server_new(const char *certificate_path, const char *key_path, char ret_why[TLS_SERVER_WHY_MAX]);
/* Its connections live on. Takes NULL. */
void tls_server_destroy(struct tls_server **p_server);

/* RFC 3339: when its certificate ends. */
void tls_server_expiry(const struct tls_server *server, char ret_date[TLS_SERVER_DATE_MAX]);
/* Takes the accepted descriptor. NULL: out of memory, fd closed. */
struct bufferevent *tls_server_accept(struct tls_server *server, struct event_base *loop, evutil_socket_t fd);

#endif
