/* The HTTP proxy that leads to the daemon: which one, by flag and environment, and what it is asked (RFC 9110 section
 * 9.3.6, CONNECT). Pure. */
#ifndef HOODY_DRIVER_PROXY_H
#define HOODY_DRIVER_PROXY_H

#include "target.h"

struct evbuffer;

enum {
    PROXY_CREDENTIALS_BYTES = 512,                                 /* "user:password", NUL included */
    PROXY_BASIC_BYTES = (PROXY_CREDENTIALS_BYTES + 2) / 3 * 4 + 1, /* the same in base64 */
    PROXY_PORT = 80,
};

struct proxy {
    struct host_port where;
    char basic[PROXY_BASIC_BYTES]; /* of Proxy-Authorization; "": none */
};

/* http://[user:password@]host[:port][/], or without the scheme. Percent-encoding in user and password is undone. false:
 * *ret_why (static) says what is wrong; it holds nothing of the text, which may have a password in it. */
bool proxy_parse(const char *text, struct proxy *ret_proxy, const char **ret_why);

enum proxy_verdict { PROXY_DIRECT, PROXY_USED, PROXY_BAD };

/* `flag` is what --proxy says: a proxy's URL, `none`, or "" for what the environment says: https_proxy for wss://,
 * http_proxy for ws://, else all_proxy, in lower case first, then in upper case; not for what no_proxy names, and never
 * for loopback. PROXY_BAD: *ret_why says what is wrong with *ret_where, a flag or a variable (both static). */
enum proxy_verdict proxy_choose(const struct server_url *url, const char *flag, char *(*environment)(const char *name),
                                struct proxy *ret_proxy, const char **ret_where, const char **ret_why);

/* Whether `list`, as no_proxy has it, names the host: `*`, names with what is below them (with or without a dot in
 * front), addresses, CIDR ranges, each with :port or without; separated by commas or blanks. */
bool proxy_is_spared(const char *list, const struct host_port *where);

/* Appends the CONNECT. */
void proxy_write_connect(const struct proxy *proxy, const struct host_port *to, struct evbuffer *out);

#endif
