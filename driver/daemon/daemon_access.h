/* How the daemon is reached and entered: its URL, the proxy before it, TLS, the token. As flags and environment say,
 * for every connection to it. */
#ifndef HOODY_DRIVER_DAEMON_ACCESS_H
#define HOODY_DRIVER_DAEMON_ACCESS_H

#include "bearer_token.h"
#include "proxy.h"
#include "target.h"
#include "tls_client.h"

struct daemon_access {
    struct server_url url;
    char name[HOST_PORT_BYTES]; /* "host:port", for messages */
    bool has_proxy;
    struct proxy proxy;
    struct tls_client *tls;         /* wss://; NULL: ws:// */
    const char *token_file;         /* borrowed; "": none */
    char token[BEARER_TOKEN_BYTES]; /* as read last, "": none */
};

struct access_flags { /* borrowed, "": not given */
    const char *url;
    const char *proxy;
    const char *ca_file;
    bool is_insecure;
    const char *token_file;
    const char *hint; /* a command that tells of them */
};

enum { ACCESS_WHY_BYTES = 512 };

/* false: ret_why says in one line which flag is wrong, and why, and in another what to try. `environment(name)` is
 * getenv or a test's. */
bool daemon_access_init(struct daemon_access *ret_access, const struct access_flags *flags,
                        char *(*environment)(const char *name), char ret_why[ACCESS_WHY_BYTES]);
/* Takes zeroed ones. */
void daemon_access_done(struct daemon_access *access);

/* Reads the token anew, for it may have been replaced; waits for nobody. false: it can't be read, the old one stays;
 * *ret_why says why. */
bool daemon_access_renew_token(struct daemon_access *access, const char **ret_why);

/* What people should know of how safe this is, one line; NULL: nothing. */
const char *daemon_access_warning(const struct daemon_access *access, const struct access_flags *flags);

#endif
