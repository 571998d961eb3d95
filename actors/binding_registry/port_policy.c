#include "port_policy.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

const char *bind_refusal_code(enum bind_refusal refusal)
{
    static const char *const codes[] = {
#define BIND_REFUSAL(name) [BIND_REFUSAL_##name] = #name,
#include "bind_refusals.def"
#undef BIND_REFUSAL
    };
    check((unsigned)refusal < BIND_REFUSAL_COUNT);
    return codes[refusal];
}

/* ---- addresses ----------------------------------------------------------------------------------------------- */

/* IPv4 as IPv4-mapped, so that ::ffff:127.0.0.1 is what it means. */
static bool parse_ip(const char *text, struct in6_addr *ret_ip)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, text, &v4) != 1)
        return inet_pton(AF_INET6, text, ret_ip) == 1;
    memset(ret_ip, 0, sizeof *ret_ip);
    ret_ip->s6_addr[10] = 0xff;
    ret_ip->s6_addr[11] = 0xff;
    memcpy(&ret_ip->s6_addr[12], &v4, sizeof v4);
    return true;
}

static bool is_any_v4(const struct in6_addr *ip)
{
    struct in6_addr any;
    return parse_ip("0.0.0.0", &any) && IN6_ARE_ADDR_EQUAL(ip, &any);
}

bool listen_address_parse(const char *text, struct listen_address *ret_address)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, text, &v4) == 1)
        return inet_ntop(AF_INET, &v4, ret_address->ip, sizeof ret_address->ip) != NULL;
    struct in6_addr v6;
    if (inet_pton(AF_INET6, text, &v6) == 1)
        return inet_ntop(AF_INET6, &v6, ret_address->ip, sizeof ret_address->ip) != NULL;
    return false;
}

bool listen_address_overlaps(const struct listen_address *a, const struct listen_address *b)
{
    struct in6_addr ip_a, ip_b;
    check(parse_ip(a->ip, &ip_a) && parse_ip(b->ip, &ip_b));
    if (IN6_ARE_ADDR_EQUAL(&ip_a, &ip_b))
        return true;
    /* Linux lets a socket on :: take IPv4 too. */
    if (IN6_IS_ADDR_UNSPECIFIED(&ip_a) || IN6_IS_ADDR_UNSPECIFIED(&ip_b))
        return true;
    return (is_any_v4(&ip_a) && IN6_IS_ADDR_V4MAPPED(&ip_b)) || (is_any_v4(&ip_b) && IN6_IS_ADDR_V4MAPPED(&ip_a));
}

/* ---- the checks, in the protocol's order --------------------------------------------------------------------- */

static enum bind_refusal judge_kind(const struct port_ask *ask, char *ret_text)
{
    bool is_expose = ask->kind == BIND_KIND_HTTP && ask->mode == BIND_MODE_EXPOSE;
    bool is_pull = ask->kind == BIND_KIND_TCP && ask->mode == BIND_MODE_PULL;
    if (!is_expose && !is_pull) {
        snprintf(ret_text, REFUSAL_TEXT_MAX,
                 "this pair of kind and mode is not supported: use http with expose, or tcp with pull");
        return BIND_REFUSAL_INVALID_KIND;
    }
    if (is_pull && ask->takeover) {
        snprintf(ret_text, REFUSAL_TEXT_MAX, "takeover is for expose only: bind without it");
        return BIND_REFUSAL_INVALID_KIND;
    }
    return BIND_NOT_REFUSED;
}

static enum bind_refusal judge_host(const struct port_policy *policy, const struct port_ask *ask,
                                    struct listen_address *ret_address, char *ret_text)
{
    if (ask->mode == BIND_MODE_EXPOSE) {
        *ret_address = policy->expose_address;
        return BIND_NOT_REFUSED;
    }
    const char *host = ask->host[0] == '\0' ? "127.0.0.1" : ask->host;
    struct in_addr v4;
    struct in6_addr v6;
    bool is_loopback = (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET) ||
                       (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
    if (!is_loopback) {
        snprintf(ret_text, REFUSAL_TEXT_MAX, "pull listens on loopback only: use an address of 127.0.0.0/8, or ::1");
        return BIND_REFUSAL_INVALID_HOST;
    }
    check(listen_address_parse(host, ret_address));
    return BIND_NOT_REFUSED;
}

static enum bind_refusal judge_port(const struct port_policy *policy, const struct port_ask *ask, char *ret_text)
{
    if (ask->port < 0 || ask->port > HIGHEST_PORT) {
        snprintf(ret_text, REFUSAL_TEXT_MAX, "containerPort must be an integer in 0..65535; 0 picks a free port");
        return BIND_REFUSAL_RESERVED_PORT;
    }
    if (ask->port == 0)
        return BIND_NOT_REFUSED;
    if (ask->port < LOWEST_PORT) {
        snprintf(ret_text, REFUSAL_TEXT_MAX, "ports 1..79 are reserved: use another port, or 0 for a free one");
        return BIND_REFUSAL_RESERVED_PORT;
    }
    if (ask->port == policy->base_port) {
        snprintf(ret_text, REFUSAL_TEXT_MAX,
                 "port %" PRId64 " is the tunnel's own: use another port, or 0 for a free one", ask->port);
        return BIND_REFUSAL_RESERVED_PORT;
    }
    bool is_expose = ask->mode == BIND_MODE_EXPOSE;
    bool allows_privileged = is_expose ? policy->allows_privileged_expose : policy->allows_privileged_pull;
    if (ask->port < LOWEST_UNPRIVILEGED_PORT && !allows_privileged) {
        snprintf(ret_text, REFUSAL_TEXT_MAX,
                 "ports 80..1023 are privileged: use 1024 or above, or start the daemon with %s",
                 is_expose ? "--allow-privileged-expose" : "--allow-privileged-pull");
        return BIND_REFUSAL_PRIVILEGED_PORT;
    }
    return BIND_NOT_REFUSED;
}

enum bind_refusal port_policy_judge(const struct port_policy *policy, const struct port_ask *ask,
                                    struct listen_address *ret_address, char ret_text[REFUSAL_TEXT_MAX])
{
    struct listen_address address;
    enum bind_refusal refusal = judge_kind(ask, ret_text);
    if (refusal == BIND_NOT_REFUSED)
        refusal = judge_host(policy, ask, &address, ret_text);
    if (refusal == BIND_NOT_REFUSED)
        refusal = judge_port(policy, ask, ret_text);
    if (refusal == BIND_NOT_REFUSED)
        *ret_address = address;
    return refusal;
}

/* ---- random ports -------------------------------------------------------------------------------------------- */

enum { RANDOM_PORT_COUNT = RANDOM_PORT_HIGHEST - RANDOM_PORT_LOWEST + 1 };

uint16_t port_policy_random_port(uint32_t random)
{
    return (uint16_t)(RANDOM_PORT_LOWEST + (((uint64_t)random * RANDOM_PORT_COUNT) >> 32));
}

uint16_t port_policy_next_port(uint16_t port)
{
    return port >= RANDOM_PORT_HIGHEST ? RANDOM_PORT_LOWEST : (uint16_t)(port + 1);
}
