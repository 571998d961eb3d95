/* Sets of address ranges (RFC 4632), for the source guard (protocol section 1). IPv4-mapped IPv6 addresses count as
 * IPv4. Pure. */
#ifndef HOODY_TUNNEL_CIDR_H
#define HOODY_TUNNEL_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct cidr {
    int family;          /* AF_INET or AF_INET6 */
    uint8_t address[16]; /* network byte order, 4 or 16 bytes of it */
    unsigned prefix;     /* bits */
};

/* "10.0.0.0/8", "fd00::/8", a bare address. false: not one (also when bits beyond the prefix are set). */
bool cidr_parse(const char *text, struct cidr *ret_cidr);
bool cidr_contains(const struct cidr *cidr, const struct sockaddr *address);

/* 127.0.0.0/8 and ::1, IPv4-mapped too. */
bool address_is_loopback(const struct sockaddr *address);
/* Numeric, without port; IPv4-mapped addresses as IPv4. NUL-terminated; "" for other families. */
enum { ADDRESS_IP_MAX = 46, ADDRESS_TEXT_MAX = 56 };
void address_print_ip(const struct sockaddr *address, char ret_ip[ADDRESS_IP_MAX]);
/* `ip:port`, `[ip6]:port`. */
void address_print(const struct sockaddr *address, char ret_text[ADDRESS_TEXT_MAX]);
/* Of what address_print has written: what address_print_ip writes. */
void address_text_ip(const char *text, char ret_ip[ADDRESS_IP_MAX]);

#endif
