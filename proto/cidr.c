#include "cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* The address's bytes, IPv4-mapped ones as IPv4. 0: neither IPv4 nor IPv6. */
static size_t address_bytes(const struct sockaddr *address, const uint8_t **ret_bytes)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        *ret_bytes = (const uint8_t *)&in->sin_addr;
        return 4;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
            *ret_bytes = &in6->sin6_addr.s6_addr[12];
            return 4;
        }
        *ret_bytes = in6->sin6_addr.s6_addr;
        return 16;
    }
    return 0;
}

static bool has_prefix(const uint8_t *bytes, const uint8_t *prefix, unsigned bits)
{
    unsigned whole = bits / 8;
    if (memcmp(bytes, prefix, whole) != 0)
        return false;
    unsigned rest = bits % 8;
    uint8_t mask = (uint8_t)(0xFF << (8 - rest));
    return rest == 0 || ((bytes[whole] ^ prefix[whole]) & mask) == 0;
}

static bool has_bits_beyond(const struct cidr *cidr, unsigned width)
{
    for (unsigned bit = cidr->prefix; bit < width; bit++)
        if (cidr->address[bit / 8] & (0x80 >> (bit % 8)))
            return true;
    return false;
}

static bool parse_prefix(const char *text, unsigned width, unsigned *ret_prefix)
{
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) == 0 || strlen(text) > 3)
        return false;
    unsigned long prefix = strtoul(text, NULL, 10);
    if (prefix > width)
        return false;
    *ret_prefix = (unsigned)prefix;
    return true;
}

bool cidr_parse(const char *text, struct cidr *ret_cidr)
{
    char ip[ADDRESS_IP_MAX];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    if (length >= sizeof ip)
        return false;
    memcpy(ip, text, length);
    ip[length] = '\0';

    struct cidr cidr = {.family = strchr(ip, ':') ? AF_INET6 : AF_INET};
    unsigned width = cidr.family == AF_INET ? 32 : 128;
    if (inet_pton(cidr.family, ip, cidr.address) != 1)
        return false;
    cidr.prefix = width;
    if (slash && !parse_prefix(slash + 1, width, &cidr.prefix))
        return false;
    if (has_bits_beyond(&cidr, width))
        return false;
    *ret_cidr = cidr;
    return true;
}

bool cidr_contains(const struct cidr *cidr, const struct sockaddr *address)
{
    const uint8_t *bytes = NULL;
    size_t length = address_bytes(address, &bytes);
    if (length != (cidr->family == AF_INET ? 4U : 16U))
        return false;
    return has_prefix(bytes, cidr->address, cidr->prefix);
}

bool address_is_loopback(const struct sockaddr *address)
{
    static const struct in6_addr loopback6 = IN6ADDR_LOOPBACK_INIT;
    const uint8_t *bytes = NULL;
    size_t length = address_bytes(address, &bytes);
    if (length == 4)
        return bytes[0] == 127;
    return length == 16 && memcmp(bytes, &loopback6, 16) == 0;
}

void address_print_ip(const struct sockaddr *address, char ret_ip[ADDRESS_IP_MAX])
{
    const uint8_t *bytes = NULL;
    size_t length = address_bytes(address, &bytes);
    ret_ip[0] = '\0';
    if (length > 0)
        (void)inet_ntop(length == 4 ? AF_INET : AF_INET6, bytes, ret_ip, ADDRESS_IP_MAX);
}

void address_print(const struct sockaddr *address, char ret_text[ADDRESS_TEXT_MAX])
{
    char ip[ADDRESS_IP_MAX];
    address_print_ip(address, ip);
    unsigned port = 0;
    if (address->sa_family == AF_INET)
        port = ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
    else if (address->sa_family == AF_INET6)
        port = ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
    (void)snprintf(ret_text, ADDRESS_TEXT_MAX, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, port);
}

void address_text_ip(const char *text, char ret_ip[ADDRESS_IP_MAX])
{
    bool has_brackets = text[0] == '[';
    const char *ip = has_brackets ? text + 1 : text;
    size_t length = strcspn(ip, has_brackets ? "]" : ":");
    check(length < ADDRESS_IP_MAX);
    memcpy(ret_ip, ip, length);
    ret_ip[length] = '\0';
}
