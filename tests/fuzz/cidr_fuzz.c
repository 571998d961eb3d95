/* cidr_parse on any text, against an oracle that compares bit by bit; addresses of any family printed and read again.
 * Input: an address (family, port, 16 bytes), then the text. */
#include "fuzz_input.h"

#include "check.h"
#include "cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

union address {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
};

static union address take_address(struct span *input)
{
    union address address = {0};
    uint8_t bytes[16] = {0};
    const uint8_t family = fuzz_take_u8(input);
    const uint16_t port = fuzz_take_u16(input);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = fuzz_take_u8(input);
    switch (family % 4) {
    case 0:
        address.ip4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
        memcpy(&address.ip4.sin_addr, bytes, 4);
        break;
    case 1:
        memcpy(bytes, (const uint8_t[12]){[10] = 0xFF, [11] = 0xFF}, 12); /* IPv4-mapped */
        /* fall through */
    case 2:
        address.ip6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
        memcpy(&address.ip6.sin6_addr, bytes, sizeof bytes);
        break;
    default: /* of a number */
        address.any.sa_family = AF_UNIX;
    }
    return address;
}

/* Printed as section 8 has it: IPv4-mapped addresses as IPv4. */
static void check_print(const union address *address)
{
    char ip[ADDRESS_IP_MAX], text[ADDRESS_TEXT_MAX];
    uint8_t bytes[16];
    address_print_ip(&address->any, ip);
    address_print(&address->any, text);
    check(strnlen(ip, sizeof ip) < sizeof ip && strnlen(text, sizeof text) < sizeof text);
    if (address->any.sa_family == AF_UNIX) {
        check(ip[0] == '\0' && !address_is_loopback(&address->any));
        return;
    }
    struct cidr one;
    check(inet_pton(strchr(ip, ':') != NULL ? AF_INET6 : AF_INET, ip, bytes) == 1);
    check(strstr(text, ip) != NULL && strrchr(text, ':') > strstr(text, ip));
    check(cidr_parse(ip, &one) && cidr_contains(&one, &address->any));
    const bool is_loopback = strcmp(ip, "::1") == 0 || strncmp(ip, "127.", 4) == 0;
    check(address_is_loopback(&address->any) == is_loopback);
}

/* The address's bits, IPv4-mapped ones as IPv4; bytes: 0, 4 or 16. */
static size_t bits_of(const union address *address, uint8_t ret_bytes[16])
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    if (address->any.sa_family == AF_INET) {
        memcpy(ret_bytes, &address->ip4.sin_addr, 4);
        return 4;
    }
    if (address->any.sa_family != AF_INET6)
        return 0;
    memcpy(ret_bytes, &address->ip6.sin6_addr, 16);
    if (memcmp(ret_bytes, mapped, sizeof mapped) != 0)
        return 16;
    memmove(ret_bytes, ret_bytes + 12, 4);
    return 4;
}

static bool oracle_contains(const struct cidr *cidr, const union address *address)
{
    uint8_t bytes[16];
    const size_t length = bits_of(address, bytes);
    if (length != (cidr->family == AF_INET ? 4U : 16U))
        return false;
    for (unsigned bit = 0; bit < cidr->prefix; bit++)
        if (((bytes[bit / 8] ^ cidr->address[bit / 8]) >> (7 - bit % 8) & 1) != 0)
            return false;
    return true;
}

static void check_range(const char *text, const union address *address)
{
    struct cidr cidr, again;
    if (!cidr_parse(text, &cidr))
        return;
    check(cidr.family == AF_INET || cidr.family == AF_INET6);
    check(cidr.prefix <= (cidr.family == AF_INET ? 32U : 128U));
    check(cidr_contains(&cidr, &address->any) == oracle_contains(&cidr, address));

    char ip[ADDRESS_IP_MAX], written[ADDRESS_IP_MAX + 16];
    check(inet_ntop(cidr.family, cidr.address, ip, sizeof ip) != NULL);
    (void)snprintf(written, sizeof written, "%s/%u", ip, cidr.prefix);
    check(cidr_parse(written, &again) && again.family == cidr.family && again.prefix == cidr.prefix);
    check(memcmp(again.address, cidr.address, cidr.family == AF_INET ? 4 : 16) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    const union address address = take_address(&input);
    char *text = fuzz_text(input);
    check_print(&address);
    check_range(text, &address);
    free(text);
    return 0;
}
