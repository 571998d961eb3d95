#include "browser_guard.h"

#include <arpa/inet.h>

bool browser_guard_admits_origin(struct span origin, char *const *allowed_origins, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_equals_nocase(origin, allowed_origins[i]))
            return true;
    return false;
}

/* ---- Host ----------------------------------------------------------------------------------------------------- */

static bool holds(struct span text, char byte)
{
    return text.length > 0 && memchr(text.data, byte, text.length) != NULL;
}

/* Left as it is when what follows the colon is no port. */
static struct span without_port(struct span host)
{
    size_t colon = host.length;
    while (colon > 0 && host.data[colon - 1] >= '0' && host.data[colon - 1] <= '9')
        colon--;
    return colon > 0 && host.data[colon - 1] == ':' ? span_of(host.data, colon - 1) : host;
}

static struct span without_root_dot(struct span name)
{
    return name.length > 0 && name.data[name.length - 1] == '.' ? span_of(name.data, name.length - 1) : name;
}

static bool is_address(int family, struct span text)
{
    char terminated[INET6_ADDRSTRLEN];
    uint8_t address[sizeof(struct in6_addr)];
    if (text.length == 0 || text.length >= sizeof terminated || holds(text, '\0'))
        return false;
    memcpy(terminated, text.data, text.length);
    terminated[text.length] = '\0';
    return inet_pton(family, terminated, address) == 1;
}

static bool is_ip_literal(struct span name)
{
    if (name.length >= 2 && name.data[0] == '[' && name.data[name.length - 1] == ']')
        return is_address(AF_INET6, span_of(name.data + 1, name.length - 2));
    return is_address(AF_INET, name);
}

static bool pattern_names(const char *pattern, struct span name)
{
    struct span wanted = without_root_dot(span_of_string(pattern));
    if (strncmp(pattern, "*.", 2) == 0) {
        wanted = span_of(wanted.data + 1, wanted.length - 1); /* the suffix with its dot */
        if (wanted.length < 2 || name.length <= wanted.length)
            return false;
        name = span_of(name.data + name.length - wanted.length, wanted.length);
    }
    return name.length == wanted.length &&
           strncasecmp((const char *)name.data, (const char *)wanted.data, name.length) == 0;
}

static bool is_named(struct span name, char *const *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pattern_names(patterns[i], name))
            return true;
    return false;
}

bool browser_guard_admits_host(struct span host, bool peer_is_loopback, char *const *admin_hosts, size_t count)
{
    struct span name = without_root_dot(without_port(host));
    return !peer_is_loopback || !holds(name, '.') || is_ip_literal(name) || is_named(name, admin_hosts, count);
}
