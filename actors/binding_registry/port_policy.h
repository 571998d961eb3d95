/* What may be bound at all, whoever holds what (protocol section 5): pairs of kind and mode, hosts, ports; and when two
 * addresses are in each other's way. Pure. */
#ifndef HOODY_ACTORS_PORT_POLICY_H
#define HOODY_ACTORS_PORT_POLICY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "session_payloads.h"

enum bind_refusal {
#define BIND_REFUSAL(name) BIND_REFUSAL_##name,
#include "bind_refusals.def"
#undef BIND_REFUSAL
    BIND_REFUSAL_COUNT,
    BIND_NOT_REFUSED = BIND_REFUSAL_COUNT,
};
/* "INVALID_KIND"...; the code of BIND_ERR. Static. */
const char *bind_refusal_code(enum bind_refusal refusal);

enum {
    REFUSAL_TEXT_MAX = 256, /* bytes with the NUL; longer texts are cut */
    LOWEST_PORT = 80,       /* those below are nobody's to take */
    LOWEST_UNPRIVILEGED_PORT = 1024,
    HIGHEST_PORT = 65535,
    RANDOM_PORT_LOWEST = 20000,
    RANDOM_PORT_HIGHEST = 65534,
};

/* A numeric address, as inet_ntop writes it. */
struct listen_address {
    char ip[INET6_ADDRSTRLEN];
};
/* false: `text` is no numeric IPv4 or IPv6 address; ret_address is untouched. */
bool listen_address_parse(const char *text, struct listen_address *ret_address);
/* Could two listeners on one port be in each other's way? 0.0.0.0 covers all of IPv4, :: covers everything. */
bool listen_address_overlaps(const struct listen_address *a, const struct listen_address *b);

/* The daemon's side of the decision; from the options. */
struct port_policy {
    bool allows_privileged_expose;
    bool allows_privileged_pull;
    uint16_t base_port;
    struct listen_address expose_address;
};

/* The driver's side: the fields of BIND, not yet trusted. */
struct port_ask {
    enum bind_kind kind;
    enum bind_mode mode;
    int64_t port;     /* BIND_PORT_NOT_A_PORT: no integer */
    const char *host; /* "": not said; EXPOSE ignores it */
    bool takeover;
};

/* Checks pair, host and port, in this order. BIND_NOT_REFUSED: ret_address says where to listen; the port is in
 * 0..65535 and 0 still has to be chosen. Otherwise ret_text says what to do about it. */
enum bind_refusal port_policy_judge(const struct port_policy *policy, const struct port_ask *ask,
                                    struct listen_address *ret_address, char ret_text[REFUSAL_TEXT_MAX]);

/* Where the search for a free port begins: RANDOM_PORT_LOWEST..RANDOM_PORT_HIGHEST, evenly. */
uint16_t port_policy_random_port(uint32_t random);
/* The one to try after `port`: round the random range. */
uint16_t port_policy_next_port(uint16_t port);

#endif
