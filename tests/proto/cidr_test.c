/* Address ranges of --trusted-source, and addresses as text (protocol section 1). */
#include "cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct sockaddr_storage address_of(const char *ip, uint16_t port)
{
    struct sockaddr_storage storage;
    memset(&storage, 0, sizeof storage);
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&storage;
    if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
    } else {
        assert_int_equal(inet_pton(AF_INET6, ip, &in6->sin6_addr), 1);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
    }
    return storage;
}

static bool range_holds(const char *range, const char *ip)
{
    struct cidr cidr;
    assert_true(cidr_parse(range, &cidr));
    struct sockaddr_storage address = address_of(ip, 1);
    return cidr_contains(&cidr, (const struct sockaddr *)&address);
}

static void a_range_is_an_address_and_a_prefix(void **state)
{
    (void)state;
    static const char *const good[] = {"10.0.0.0/8",  "0.0.0.0/0",   "192.168.1.1/32",
                                       "192.168.1.1", "10.1.2.0/23", "::/0",
                                       "fd00::/8",    "::1",         "2001:db8::/127"};
    struct cidr cidr;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(cidr_parse(good[i], &cidr));
}

static void what_is_no_range_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "/8",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/8x",
                                      "10.0.0.0/008x",
                                      "10.0.0/8",
                                      "10.0.0.1/8",
                                      "10.1.3.0/23",
                                      "fd00::/129",
                                      "fd00::1/64",
                                      "localhost",
                                      "10.0.0.0 /8",
                                      "10.0.0.0/ 8",
                                      "300.0.0.0/8",
                                      "1.2.3.4.5",
                                      "::ffff:1.2.3.4/200000000000000000000"};
    struct cidr cidr = {.family = 77};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(cidr_parse(bad[i], &cidr));
        assert_int_equal(cidr.family, 77);
    }
}

static void a_range_holds_what_shares_its_prefix(void **state)
{
    (void)state;
    assert_true(range_holds("10.0.0.0/8", "10.255.255.255"));
    assert_false(range_holds("10.0.0.0/8", "11.0.0.0"));
    assert_true(range_holds("10.1.2.0/23", "10.1.3.255"));
    assert_false(range_holds("10.1.2.0/23", "10.1.4.0"));
    assert_true(range_holds("192.168.1.1", "192.168.1.1"));
    assert_false(range_holds("192.168.1.1", "192.168.1.0"));
    assert_true(range_holds("0.0.0.0/0", "203.0.113.9"));
    assert_true(range_holds("fd00::/8", "fdff::1"));
    assert_false(range_holds("fd00::/8", "fe00::1"));
    assert_true(range_holds("2001:db8::/127", "2001:db8::1"));
    assert_false(range_holds("2001:db8::/127", "2001:db8::2"));
}

static void families_do_not_mix_but_mapped_addresses_count_as_ipv4(void **state)
{
    (void)state;
    assert_false(range_holds("0.0.0.0/0", "::1"));
    assert_false(range_holds("::/0", "10.0.0.1"));
    assert_true(range_holds("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_false(range_holds("::/0", "::ffff:10.1.2.3"));
}

static bool is_loopback(const char *ip)
{
    struct sockaddr_storage address = address_of(ip, 1);
    return address_is_loopback((const struct sockaddr *)&address);
}

static void loopback_is_127_and_one(void **state)
{
    (void)state;
    assert_true(is_loopback("127.0.0.1"));
    assert_true(is_loopback("127.255.0.9"));
    assert_true(is_loopback("::1"));
    assert_true(is_loopback("::ffff:127.0.0.1"));
    assert_false(is_loopback("128.0.0.1"));
    assert_false(is_loopback("::2"));
    assert_false(is_loopback("::ffff:10.0.0.1"));
    assert_false(address_is_loopback(&(const struct sockaddr){.sa_family = AF_UNIX}));
}

static void assert_printed(const char *ip, const char *expected_ip, const char *expected)
{
    struct sockaddr_storage address = address_of(ip, 8080);
    char printed_ip[ADDRESS_IP_MAX];
    char cut_ip[ADDRESS_IP_MAX];
    char printed[ADDRESS_TEXT_MAX];
    address_print_ip((const struct sockaddr *)&address, printed_ip);
    address_print((const struct sockaddr *)&address, printed);
    address_text_ip(printed, cut_ip);
    assert_string_equal(printed_ip, expected_ip);
    assert_string_equal(printed, expected);
    assert_string_equal(cut_ip, expected_ip);
}

static void addresses_are_printed_as_people_write_them(void **state)
{
    (void)state;
    assert_printed("10.1.2.3", "10.1.2.3", "10.1.2.3:8080");
    assert_printed("::1", "::1", "[::1]:8080");
    assert_printed("::ffff:10.1.2.3", "10.1.2.3", "10.1.2.3:8080");
    assert_printed("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                   "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:8080");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_is_an_address_and_a_prefix),
        cmocka_unit_test(what_is_no_range_is_refused_and_changes_nothing),
        cmocka_unit_test(a_range_holds_what_shares_its_prefix),
        cmocka_unit_test(families_do_not_mix_but_mapped_addresses_count_as_ipv4),
        cmocka_unit_test(loopback_is_127_and_one),
        cmocka_unit_test(addresses_are_printed_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
