/* The guard against browsers, sentence by sentence of protocol section 1. */
#include "browser_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char origin_app[] = "https://app.example.com", origin_port[] = "http://localhost:3000", origin_null[] = "null";
static char host_exact[] = "Kit.Example.com", host_below[] = "*.tunnels.example.net", host_root[] = "root.example.org.",
            host_star[] = "*", host_star_dot[] = "*.", host_empty[] = "", host_below_root[] = "*.dotted.example.";

static char *const origins[] = {origin_app, origin_port};
static char *const hosts[] = {host_empty, host_star, host_star_dot, host_exact, host_below, host_root, host_below_root};

static bool admits_origin(const char *origin)
{
    return browser_guard_admits_origin(span_of_string(origin), origins, COUNT(origins));
}

static void no_origin_is_admitted_by_an_empty_list(void **state)
{
    (void)state;
    const char *const refused[] = {"", "null", "http://localhost", "https://app.example.com", "http://127.0.0.1:7080"};
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_false(browser_guard_admits_origin(span_of_string(refused[i]), NULL, 0));
}

static void an_origin_must_be_named_whole(void **state)
{
    (void)state;
    assert_true(admits_origin("https://app.example.com"));
    assert_true(admits_origin("http://localhost:3000"));
    assert_true(admits_origin("HTTPS://App.Example.COM"));
    const char *const refused[] = {
        "",
        "null",
        "https://app.example.com.",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "https://app.example.co",
        "http://app.example.com",
        "https://evil.example/https://app.example.com",
        "http://localhost",
        "http://localhost:30000",
    };
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_false(admits_origin(refused[i]));
}

static void the_null_origin_can_be_named_too(void **state)
{
    (void)state;
    char *const names_null[] = {origin_null};
    assert_true(browser_guard_admits_origin(span_of_string("null"), names_null, 1));
    assert_false(browser_guard_admits_origin(span_of_string(""), names_null, 1));
}

/* ---- Host ----------------------------------------------------------------------------------------------------- */

static bool admits_host(const char *host)
{
    return browser_guard_admits_host(span_of_string(host), true, hosts, COUNT(hosts));
}

static bool admits_host_unnamed(const char *host)
{
    return browser_guard_admits_host(span_of_string(host), true, NULL, 0);
}

static void ip_literals_localhost_and_single_labels_are_fine(void **state)
{
    (void)state;
    const char *const admitted[] = {
        "127.0.0.1",
        "127.0.0.1:7080",
        "10.1.2.3:80",
        "127.0.0.1.",
        "[::1]",
        "[::1]:7080",
        "[2001:db8::1]:",
        "[::ffff:127.0.0.1]:7080",
        "localhost",
        "localhost:7080",
        "LOCALHOST.",
        "localhost.:7080",
        "kit",
        "kit:80",
        "my-container_1",
        "",
        ":7080",
        "xn--bcher-kva",
        ".",
    };
    for (size_t i = 0; i < COUNT(admitted); i++) {
        if (!admits_host_unnamed(admitted[i]))
            fail_msg("refused: %s", admitted[i]);
        assert_true(admits_host(admitted[i]));
    }
}

static void names_with_a_dot_are_refused_unless_named(void **state)
{
    (void)state;
    const char *const refused[] = {"evil.example",
                                   "evil.example:7080",
                                   "evil.example.",
                                   "evil.example.:7080",
                                   "a.localhost",
                                   "127.0.0.1.nip.io",
                                   "127.0.0.1x",
                                   "127.0.0.256",
                                   "1.2.3",
                                   "127.1",
                                   "0x7f.0.0.1",
                                   "127.0.0.1.1",
                                   "127.0.0.1@evil.x",
                                   "user@evil.example",
                                   "..",
                                   ".example",
                                   "evil.example:",
                                   "localhost, evil.test"};
    for (size_t i = 0; i < COUNT(refused); i++)
        if (admits_host_unnamed(refused[i]))
            fail_msg("admitted: %s", refused[i]);
}

static void what_is_no_host_but_has_a_dot_is_taken_for_a_name(void **state)
{
    (void)state;
    const char *const refused[] = {"[evil.example]",         "[evil.example]:80", "[::1].evil.example",
                                   "[::1.evil.example",      "[::1]evil.example", "a:evil.example",
                                   "localhost:80.evil.test", "::ffff:127.0.0.1",  "[127.0.0.1]",
                                   "[]evil.example:1",       "127.0.0.1:80:1.2",  "[::1]:80.evil.example"};
    for (size_t i = 0; i < COUNT(refused); i++)
        if (admits_host_unnamed(refused[i]))
            fail_msg("admitted: %s", refused[i]);
}

static void a_nul_inside_hides_nothing(void **state)
{
    (void)state;
    static const char hosts_with_nul[][24] = {"127.0.0.1\0.evil.example", "[::1\0.evil.example]:1234"};
    for (size_t i = 0; i < COUNT(hosts_with_nul); i++)
        assert_false(browser_guard_admits_host(span_of(hosts_with_nul[i], sizeof hosts_with_nul[i]), true, NULL, 0));
}

static void a_named_host_is_admitted_whatever_its_case_port_and_root_dot(void **state)
{
    (void)state;
    const char *const admitted[] = {"kit.example.com",       "KIT.EXAMPLE.COM",       "kit.example.com:443",
                                    "kit.example.com.",      "kit.example.com.:7080", "root.example.org",
                                    "root.example.org.:7080"};
    for (size_t i = 0; i < COUNT(admitted); i++)
        if (!admits_host(admitted[i]))
            fail_msg("refused: %s", admitted[i]);
    const char *const refused[] = {"x.kit.example.com", "kit.example.com.evil.example", "xkit.example.com",
                                   "kit.example.co", "it.example.com"};
    for (size_t i = 0; i < COUNT(refused); i++)
        if (admits_host(refused[i]))
            fail_msg("admitted: %s", refused[i]);
}

static void a_star_stands_for_names_below_the_suffix_only(void **state)
{
    (void)state;
    const char *const admitted[] = {"a.tunnels.example.net", "a.b.tunnels.example.net", "A.Tunnels.Example.NET:8080",
                                    "a.tunnels.example.net.", "x.dotted.example"};
    for (size_t i = 0; i < COUNT(admitted); i++)
        if (!admits_host(admitted[i]))
            fail_msg("refused: %s", admitted[i]);
    const char *const refused[] = {"tunnels.example.net",  ".tunnels.example.net",
                                   "xtunnels.example.net", "a.tunnels.example.net.evil.example",
                                   "a.tunnels.example.ne", "dotted.example"};
    for (size_t i = 0; i < COUNT(refused); i++)
        if (admits_host(refused[i]))
            fail_msg("admitted: %s", refused[i]);
}

static void a_bare_star_names_nobody(void **state)
{
    (void)state;
    char *const stars[] = {host_star, host_star_dot, host_empty};
    assert_false(browser_guard_admits_host(span_of_string("evil.example"), true, stars, COUNT(stars)));
    assert_false(browser_guard_admits_host(span_of_string("evil.example."), true, stars, COUNT(stars)));
}

static void any_host_is_fine_from_a_peer_that_is_not_on_loopback(void **state)
{
    (void)state;
    const char *const admitted[] = {"evil.example", "kit.example.com:443", "", "[evil.example]", "127.0.0.1"};
    for (size_t i = 0; i < COUNT(admitted); i++)
        assert_true(browser_guard_admits_host(span_of_string(admitted[i]), false, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_origin_is_admitted_by_an_empty_list),
        cmocka_unit_test(an_origin_must_be_named_whole),
        cmocka_unit_test(the_null_origin_can_be_named_too),
        cmocka_unit_test(ip_literals_localhost_and_single_labels_are_fine),
        cmocka_unit_test(names_with_a_dot_are_refused_unless_named),
        cmocka_unit_test(what_is_no_host_but_has_a_dot_is_taken_for_a_name),
        cmocka_unit_test(a_nul_inside_hides_nothing),
        cmocka_unit_test(a_named_host_is_admitted_whatever_its_case_port_and_root_dot),
        cmocka_unit_test(a_star_stands_for_names_below_the_suffix_only),
        cmocka_unit_test(a_bare_star_names_nobody),
        cmocka_unit_test(any_host_is_fine_from_a_peer_that_is_not_on_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
