/* Where things are, as users write it: the TARGET of `expose`, and the daemon's URL. Pure. */
#ifndef HOODY_DRIVER_TARGET_H
#define HOODY_DRIVER_TARGET_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HOST_BYTES = 256,                 /* a host name or address, NUL included */
    HOST_PORT_BYTES = HOST_BYTES + 8, /* "[host]:65535" */
    SERVER_PATH_BYTES = 2048,         /* path and query of the daemon's URL */
};

struct host_port {
    char host[HOST_BYTES]; /* without brackets */
    uint16_t port;
};

/* "host:port", IPv6 addresses in brackets. */
void host_port_format(const struct host_port *where, char ret_text[HOST_PORT_BYTES]);
/* The same without `:port` when it is `default_port`: what a Host field and a URL say. */
void host_port_format_authority(const struct host_port *where, uint16_t default_port, char ret_text[HOST_PORT_BYTES]);

/* localhost, 127.0.0.0/8, ::1. */
bool host_is_loopback(const char *host);

/* host[:port], the host may be empty; without a port: `default_port`, 0 when it must be there. false: *ret_why (static)
 * says what is wrong. */
bool host_port_parse(const char *text, uint16_t default_port, struct host_port *ret_where, const char **ret_why);

/* 4040, :4040, 127.0.0.1, 127.0.0.1:4040, localhost:4040 or [::1]:4040: a place to listen on, of this machine alone.
 * ret_where->host is an address, 127.0.0.1 without a host and for localhost. false: *ret_why (static) says what is
 * wrong. */
bool loopback_parse(const char *text, uint16_t default_port, struct host_port *ret_where, const char **ret_why);

/* `3000`, `:3000`, `host:3000`, `[::1]:3000`; without a host: 127.0.0.1. false: *ret_why (static) says what is wrong.
 */
bool target_parse(const char *text, struct host_port *ret_target, const char **ret_why);

enum { WS_PORT = 80, WSS_PORT = 443 };

struct server_url {
    bool is_tls; /* wss://, https:// */
    struct host_port where;
    char path[SERVER_PATH_BYTES]; /* with its query; the tunnel's own path when the URL has none */
};

/* ws://host[:port][/path][?query], or wss://; http:// and https:// are the same places. false: *ret_why (static) says
 * what is wrong. */
bool server_url_parse(const char *text, struct server_url *ret_url, const char **ret_why);

#endif
