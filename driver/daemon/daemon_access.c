#include "daemon_access.h"

#include <stdio.h>
#include <string.h>

static bool take_tls(struct daemon_access *access, const struct access_flags *flags, char ret_why[ACCESS_WHY_BYTES])
{
    char why[TLS_CLIENT_WHY_BYTES];
    if (!access->url.is_tls)
        return true;
    if (*flags->ca_file != '\0' && flags->is_insecure) {
        snprintf(ret_why, ACCESS_WHY_BYTES, "--cacert says what to trust, --insecure to trust anything: one of them");
        return false;
    }
    access->tls = tls_client_new(flags->ca_file, flags->is_insecure, why);
    if (access->tls == NULL)
        snprintf(ret_why, ACCESS_WHY_BYTES, "--cacert: %s", why);
    return access->tls != NULL;
}

static bool take_proxy(struct daemon_access *access, const struct access_flags *flags,
                       char *(*environment)(const char *name), char ret_why[ACCESS_WHY_BYTES])
{
    const char *where = NULL, *why = NULL;
    switch (proxy_choose(&access->url, flags->proxy, environment, &access->proxy, &where, &why)) {
    case PROXY_DIRECT:
        return true;
    case PROXY_USED:
        access->has_proxy = true;
        return true;
    case PROXY_BAD:
        snprintf(ret_why, ACCESS_WHY_BYTES, "the proxy of %s is not understood: %s", where, why);
        return false;
    }
    return false;
}

static bool take_token(struct daemon_access *access, char ret_why[ACCESS_WHY_BYTES])
{
    const char *why = NULL;
    if (*access->token_file == '\0' || bearer_token_read(access->token_file, access->token, &why))
        return true;
    snprintf(ret_why, ACCESS_WHY_BYTES, "--token-file %.200s: %s", access->token_file, why);
    return false;
}

static void add_hint(char ret_why[ACCESS_WHY_BYTES], const char *hint)
{
    size_t length = strlen(ret_why);
    snprintf(ret_why + length, ACCESS_WHY_BYTES - length, "\nTry: %s", hint);
}

bool daemon_access_init(struct daemon_access *ret_access, const struct access_flags *flags,
                        char *(*environment)(const char *name), char ret_why[ACCESS_WHY_BYTES])
{
    struct daemon_access access = {.token_file = flags->token_file};
    const char *why = NULL;
    if (!server_url_parse(flags->url, &access.url, &why)) {
        snprintf(ret_why, ACCESS_WHY_BYTES, "the URL '%.200s' is not understood: %s", flags->url, why);
        add_hint(ret_why, "--url ws://127.0.0.1:7080");
        return false;
    }
    host_port_format(&access.url.where, access.name);
    if (!take_proxy(&access, flags, environment, ret_why) || !take_tls(&access, flags, ret_why) ||
        !take_token(&access, ret_why)) {
        daemon_access_done(&access);
        add_hint(ret_why, flags->hint);
        return false;
    }
    *ret_access = access;
    explicit_bzero(access.token, sizeof access.token);
    return true;
}

void daemon_access_done(struct daemon_access *access)
{
    tls_client_destroy(&access->tls);
    explicit_bzero(access->token, sizeof access->token);
    explicit_bzero(access->proxy.basic, sizeof access->proxy.basic);
}

bool daemon_access_renew_token(struct daemon_access *access, const char **ret_why)
{
    return *access->token_file == '\0' || bearer_token_read_again(access->token_file, access->token, ret_why);
}

const char *daemon_access_warning(const struct daemon_access *access, const struct access_flags *flags)
{
    bool is_tls = access->url.is_tls;
    if (flags->is_insecure && is_tls)
        return "--insecure: the daemon's certificate is NOT checked; whoever sits in between can read and change "
               "everything, the token too";
    if (*flags->ca_file != '\0' && !is_tls)
        return "ws:// is not encrypted: the certificates of --cacert are not looked at";
    if (access->token[0] != '\0' && !is_tls && !host_is_loopback(access->url.where.host))
        return "the token goes over the network unencrypted: wss:// would hide it";
    return NULL;
}
