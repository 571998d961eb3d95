#include "target.h"

#include "cidr.h"
#include "tunnel_handshake.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_HOST "127.0.0.1"

static bool is_ipv6(const struct host_port *where)
{
    return strchr(where->host, ':') != NULL;
}

void host_port_format(const struct host_port *where, char ret_text[HOST_PORT_BYTES])
{
    if (is_ipv6(where))
        snprintf(ret_text, HOST_PORT_BYTES, "[%s]:%u", where->host, (unsigned)where->port);
    else
        snprintf(ret_text, HOST_PORT_BYTES, "%s:%u", where->host, (unsigned)where->port);
}

void host_port_format_authority(const struct host_port *where, uint16_t default_port, char ret_text[HOST_PORT_BYTES])
{
    host_port_format(where, ret_text);
    if (where->port == default_port)
        *strrchr(ret_text, ':') = '\0';
}

bool host_is_loopback(const char *host)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        return address_is_loopback((struct sockaddr *)&v4);
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
        return address_is_loopback((struct sockaddr *)&v6);
    return strcasecmp(host, "localhost") == 0;
}

/* 1..65535, digits only. */
static bool parse_port(const char *text, uint16_t *ret_port)
{
    unsigned port = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text))
            return false;
        port = port * 10 + (unsigned)(*text - '0');
        if (port > UINT16_MAX)
            return false;
    }
    if (port == 0)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* Letters, digits and what else names and addresses are made of; the resolver judges the rest. */
static bool host_is_sane(const char *host)
{
    for (; *host != '\0'; host++)
        if (!isalnum((unsigned char)*host) && strchr("-._:%", *host) == NULL)
            return false;
    return true;
}

static bool take_host(const char *text, size_t length, struct host_port *where, const char **ret_why)
{
    if (length >= HOST_BYTES) {
        *ret_why = "the host name is too long";
        return false;
    }
    memcpy(where->host, text, length);
    where->host[length] = '\0';
    if (!host_is_sane(where->host)) {
        *ret_why = "the host name holds a character that names do not have";
        return false;
    }
    return true;
}

bool host_port_parse(const char *text, uint16_t default_port, struct host_port *ret_where, const char **ret_why)
{
    struct host_port where = {.port = default_port};
    const char *host = text, *rest;
    size_t length;

    if (*text == '[') {
        const char *bracket = strchr(text, ']');
        if (bracket == NULL) {
            *ret_why = "the bracket after the IPv6 address is missing";
            return false;
        }
        host = text + 1;
        length = (size_t)(bracket - host);
        rest = bracket + 1;
    } else {
        length = strcspn(text, ":");
        rest = text + length;
        if (*rest == ':' && strchr(rest + 1, ':') != NULL) {
            *ret_why = "an IPv6 address is written in brackets, as in [::1]:3000";
            return false;
        }
    }
    if (!take_host(host, length, &where, ret_why))
        return false;
    if (*rest == ':' ? !parse_port(rest + 1, &where.port) : *rest != '\0' || default_port == 0) {
        *ret_why = "the port must be a number from 1 to 65535";
        return false;
    }
    *ret_where = where;
    return true;
}

static bool is_number(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

bool loopback_parse(const char *text, uint16_t default_port, struct host_port *ret_where, const char **ret_why)
{
    struct host_port where = {.host = DEFAULT_HOST};
    if (is_number(text)) {
        *ret_why = "the port must be a number from 1 to 65535";
        if (!parse_port(text, &where.port))
            return false;
    } else if (!host_port_parse(text, default_port, &where, ret_why)) {
        return false;
    }
    if (*where.host == '\0' || strcasecmp(where.host, "localhost") == 0)
        snprintf(where.host, sizeof where.host, "%s", DEFAULT_HOST);
    if (!host_is_loopback(where.host)) {
        *ret_why = "it must be a loopback address";
        return false;
    }
    *ret_where = where;
    return true;
}

bool target_parse(const char *text, struct host_port *ret_target, const char **ret_why)
{
    struct host_port target = {0};
    if (strstr(text, "://") != NULL) {
        *ret_why = "it is a host and a port, not a URL";
        return false;
    }
    if (!parse_port(text, &target.port) && !host_port_parse(text, 0, &target, ret_why))
        return false;
    if (*text == '[' && target.host[0] == '\0') {
        *ret_why = "the address in the brackets is missing";
        return false;
    }
    if (target.host[0] == '\0')
        strcpy(target.host, DEFAULT_HOST);
    *ret_target = target;
    return true;
}

static bool skip_prefix(const char **p_text, const char *prefix)
{
    size_t length = strlen(prefix);
    if (strncasecmp(*p_text, prefix, length) != 0)
        return false;
    *p_text += length;
    return true;
}

/* The tunnel's own path when `text` has none; its query is kept. */
static bool take_path(const char *text, struct server_url *url, const char **ret_why)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || *c == '#') {
            *ret_why = "its path holds a character that must be percent-encoded";
            return false;
        }
    const char *query = text[0] == '/' ? text + 1 : text;
    bool has_path = *query != '\0' && *query != '?';
    int length = has_path ? snprintf(url->path, sizeof url->path, "%s", text)
                          : snprintf(url->path, sizeof url->path, "%s%s", TUNNEL_CONNECT_PATH, query);
    if (length < 0 || (size_t)length >= sizeof url->path) {
        *ret_why = "its path is too long";
        return false;
    }
    return true;
}

bool server_url_parse(const char *text, struct server_url *ret_url, const char **ret_why)
{
    struct server_url url = {0};
    url.is_tls = skip_prefix(&text, "wss://") || skip_prefix(&text, "https://");
    if (!url.is_tls && !skip_prefix(&text, "ws://") && !skip_prefix(&text, "http://")) {
        *ret_why = "it must begin with ws:// or wss://, or http:// or https://";
        return false;
    }
    char authority[HOST_PORT_BYTES];
    size_t length = strcspn(text, "/?#");
    if (length >= sizeof authority) {
        *ret_why = "the host name is too long";
        return false;
    }
    memcpy(authority, text, length);
    authority[length] = '\0';
    if (strchr(authority, '@') != NULL) {
        *ret_why = "user names and passwords do not belong into it";
        return false;
    }
    if (!host_port_parse(authority, url.is_tls ? WSS_PORT : WS_PORT, &url.where, ret_why))
        return false;
    if (url.where.host[0] == '\0') {
        *ret_why = "the host is missing";
        return false;
    }
    if (!take_path(text + length, &url, ret_why))
        return false;
    *ret_url = url;
    return true;
}
