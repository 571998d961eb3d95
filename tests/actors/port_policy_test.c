/* What may be bound at all (protocol section 5): one test per sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include <string.h>

#include "binding_registry/port_policy.h"

enum { BASE_PORT = 7080 };

static struct port_policy the_policy(void)
{
    return (struct port_policy){.base_port = BASE_PORT, .expose_address = {.ip = "0.0.0.0"}};
}

static struct port_ask expose(int64_t port)
{
    return (struct port_ask){.kind = BIND_KIND_HTTP, .mode = BIND_MODE_EXPOSE, .port = port, .host = ""};
}

static struct port_ask pull(int64_t port, const char *host)
{
    return (struct port_ask){.kind = BIND_KIND_TCP, .mode = BIND_MODE_PULL, .port = port, .host = host};
}

/* "" for one that is not refused. */
static const char *judge(const struct port_policy *policy, struct port_ask ask)
{
    struct listen_address address = {.ip = "untouched"};
    char text[REFUSAL_TEXT_MAX] = "";
    enum bind_refusal refusal = port_policy_judge(policy, &ask, &address, text);
    if (refusal == BIND_NOT_REFUSED) {
        assert_string_equal(text, "");
        assert_string_not_equal(address.ip, "untouched");
        return "";
    }
    assert_string_not_equal(text, "");
    assert_string_equal(address.ip, "untouched");
    return bind_refusal_code(refusal);
}

static struct listen_address address_of(struct port_ask ask)
{
    struct port_policy policy = the_policy();
    struct listen_address address;
    char text[REFUSAL_TEXT_MAX];
    assert_int_equal(port_policy_judge(&policy, &ask, &address, text), BIND_NOT_REFUSED);
    return address;
}

/* ---- kind and mode ------------------------------------------------------------------------------------------- */

static void only_http_with_expose_and_tcp_with_pull_are_bound(void **state)
{
    (void)state;
    const struct port_policy policy = the_policy();
    for (enum bind_kind kind = BIND_KIND_HTTP; kind <= BIND_KIND_OTHER; kind++) {
        for (enum bind_mode mode = BIND_MODE_EXPOSE; mode <= BIND_MODE_OTHER; mode++) {
            bool is_pair = (kind == BIND_KIND_HTTP && mode == BIND_MODE_EXPOSE) ||
                           (kind == BIND_KIND_TCP && mode == BIND_MODE_PULL);
            struct port_ask ask = {.kind = kind, .mode = mode, .port = 8000, .host = ""};
            assert_string_equal(judge(&policy, ask), is_pair ? "" : "INVALID_KIND");
        }
    }
}

static void takeover_is_for_expose_only(void **state)
{
    (void)state;
    const struct port_policy policy = the_policy();
    struct port_ask ask = pull(8000, "");
    ask.takeover = true;
    assert_string_equal(judge(&policy, ask), "INVALID_KIND");
    ask = expose(8000);
    ask.takeover = true;
    assert_string_equal(judge(&policy, ask), "");
}

/* ---- hosts ----------------------------------------------------------------------------------------------------- */

static void expose_listens_on_the_expose_address_whatever_host_is_said(void **state)
{
    (void)state;
    struct port_ask ask = expose(8000);
    assert_string_equal(address_of(ask).ip, "0.0.0.0");
    ask.host = "10.0.0.1";
    assert_string_equal(address_of(ask).ip, "0.0.0.0");
}

static void pull_listens_on_127_0_0_1_by_default(void **state)
{
    (void)state;
    assert_string_equal(address_of(pull(8000, "")).ip, "127.0.0.1");
}

static void pull_may_listen_on_any_127_address_or_ipv6_loopback(void **state)
{
    (void)state;
    assert_string_equal(address_of(pull(8000, "127.0.0.1")).ip, "127.0.0.1");
    assert_string_equal(address_of(pull(8000, "127.255.3.9")).ip, "127.255.3.9");
    assert_string_equal(address_of(pull(8000, "::1")).ip, "::1");
    assert_string_equal(address_of(pull(8000, "0:0:0:0:0:0:0:1")).ip, "::1");
}

static void pull_on_any_other_host_is_refused(void **state)
{
    (void)state;
    const struct port_policy policy = the_policy();
    const char *const hosts[] = {"0.0.0.0", "::",         "10.0.0.1",         "126.255.255.255", "128.0.0.1",
                                 "::2",     "fe80::1",    "localhost",        "127.1",           "127.0.0.1:80",
                                 "[::1]",   "127.0.0.1 ", "::ffff:127.0.0.1", "127.0.0.01",      BIND_HOST_NOT_A_HOST};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        assert_string_equal(judge(&policy, pull(8000, hosts[i])), "INVALID_HOST");
}

/* ---- ports ------------------------------------------------------------------------------------------------------- */

static void what_is_no_integer_of_0_to_65535_is_reserved(void **state)
{
    (void)state;
    const struct port_policy policy = the_policy();
    const int64_t ports[] = {BIND_PORT_NOT_A_PORT, -2, INT64_MIN, 65536, 65536 + 8000, INT64_MAX};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
        assert_string_equal(judge(&policy, expose(ports[i])), "RESERVED_PORT");
}

static void every_port_has_its_verdict(void **state)
{
    (void)state;
    struct port_policy policy = the_policy();
    for (int64_t port = 0; port <= HIGHEST_PORT; port++) {
        const char *expected = "";
        if ((port >= 1 && port <= 79) || port == BASE_PORT)
            expected = "RESERVED_PORT";
        else if (port >= 80 && port <= 1023)
            expected = "PRIVILEGED_PORT";
        assert_string_equal(judge(&policy, expose(port)), expected);
        assert_string_equal(judge(&policy, pull(port, "")), expected);
    }
}

static void privileged_ports_are_allowed_per_mode(void **state)
{
    (void)state;
    struct port_policy policy = the_policy();
    policy.allows_privileged_expose = true;
    assert_string_equal(judge(&policy, expose(80)), "");
    assert_string_equal(judge(&policy, expose(1023)), "");
    assert_string_equal(judge(&policy, expose(79)), "RESERVED_PORT");
    assert_string_equal(judge(&policy, pull(80, "")), "PRIVILEGED_PORT");
    policy.allows_privileged_expose = false;
    policy.allows_privileged_pull = true;
    assert_string_equal(judge(&policy, expose(80)), "PRIVILEGED_PORT");
    assert_string_equal(judge(&policy, pull(80, "")), "");
}

static void the_base_port_is_reserved_even_where_it_is_privileged(void **state)
{
    (void)state;
    struct port_policy policy = the_policy();
    policy.base_port = 443;
    assert_string_equal(judge(&policy, expose(443)), "RESERVED_PORT");
    policy.allows_privileged_expose = true;
    assert_string_equal(judge(&policy, expose(443)), "RESERVED_PORT");
}

static void kind_is_checked_before_host_and_host_before_port(void **state)
{
    (void)state;
    const struct port_policy policy = the_policy();
    struct port_ask ask = pull(1, "10.0.0.1");
    assert_string_equal(judge(&policy, ask), "INVALID_HOST");
    ask.takeover = true;
    assert_string_equal(judge(&policy, ask), "INVALID_KIND");
    assert_string_equal(judge(&policy, pull(1, "")), "RESERVED_PORT");
}

/* ---- random ports ---------------------------------------------------------------------------------------------------
 */

static void random_ports_are_20000_to_65534(void **state)
{
    (void)state;
    assert_int_equal(port_policy_random_port(0), 20000);
    assert_int_equal(port_policy_random_port(UINT32_MAX), 65534);
    for (uint64_t random = 0; random <= UINT32_MAX; random += 99991) {
        uint16_t port = port_policy_random_port((uint32_t)random);
        assert_in_range(port, 20000, 65534);
    }
}

static void the_walk_over_the_random_range_meets_each_port_once(void **state)
{
    (void)state;
    bool seen[HIGHEST_PORT + 1] = {false};
    uint16_t port = 40000;
    for (int i = 20000; i <= 65534; i++) {
        assert_in_range(port, 20000, 65534);
        assert_false(seen[port]);
        seen[port] = true;
        port = port_policy_next_port(port);
    }
    assert_int_equal(port, 40000);
}

/* ---- addresses
 * -------------------------------------------------------------------------------------------------------- */

static bool overlaps(const char *a, const char *b)
{
    struct listen_address address_a, address_b;
    assert_true(listen_address_parse(a, &address_a) && listen_address_parse(b, &address_b));
    bool result = listen_address_overlaps(&address_a, &address_b);
    assert_int_equal(listen_address_overlaps(&address_b, &address_a), result);
    return result;
}

static void equal_addresses_overlap_and_different_ones_do_not(void **state)
{
    (void)state;
    assert_true(overlaps("127.0.0.1", "127.0.0.1"));
    assert_true(overlaps("::1", "0:0::1"));
    assert_true(overlaps("127.0.0.1", "::ffff:127.0.0.1"));
    assert_false(overlaps("127.0.0.1", "127.0.0.2"));
    assert_false(overlaps("127.0.0.1", "::1"));
}

static void a_wildcard_overlaps_all_of_its_family_and_the_ipv6_one_everything(void **state)
{
    (void)state;
    assert_true(overlaps("0.0.0.0", "127.0.0.1"));
    assert_true(overlaps("0.0.0.0", "::ffff:10.0.0.1"));
    assert_false(overlaps("0.0.0.0", "::1"));
    assert_true(overlaps("::", "::1"));
    assert_true(overlaps("::", "127.0.0.1"));
    assert_true(overlaps("::", "0.0.0.0"));
}

static void only_numeric_addresses_parse(void **state)
{
    (void)state;
    struct listen_address address = {.ip = "untouched"};
    assert_false(listen_address_parse("", &address));
    assert_false(listen_address_parse("localhost", &address));
    assert_false(listen_address_parse("1.2.3", &address));
    assert_string_equal(address.ip, "untouched");
    assert_true(listen_address_parse("2001:DB8::0001", &address));
    assert_string_equal(address.ip, "2001:db8::1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_http_with_expose_and_tcp_with_pull_are_bound),
        cmocka_unit_test(takeover_is_for_expose_only),
        cmocka_unit_test(expose_listens_on_the_expose_address_whatever_host_is_said),
        cmocka_unit_test(pull_listens_on_127_0_0_1_by_default),
        cmocka_unit_test(pull_may_listen_on_any_127_address_or_ipv6_loopback),
        cmocka_unit_test(pull_on_any_other_host_is_refused),
        cmocka_unit_test(what_is_no_integer_of_0_to_65535_is_reserved),
        cmocka_unit_test(every_port_has_its_verdict),
        cmocka_unit_test(privileged_ports_are_allowed_per_mode),
        cmocka_unit_test(the_base_port_is_reserved_even_where_it_is_privileged),
        cmocka_unit_test(kind_is_checked_before_host_and_host_before_port),
        cmocka_unit_test(random_ports_are_20000_to_65534),
        cmocka_unit_test(the_walk_over_the_random_range_meets_each_port_once),
        cmocka_unit_test(equal_addresses_overlap_and_different_ones_do_not),
        cmocka_unit_test(a_wildcard_overlaps_all_of_its_family_and_the_ipv6_one_everything),
        cmocka_unit_test(only_numeric_addresses_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
