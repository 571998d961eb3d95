/* Which proxy leads to the daemon, and what it is asked (driver/proxy.h). */
#include "proxy.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void proxy_is(const char *text, const char *host, uint16_t port, const char *basic)
{
    struct proxy proxy = {0};
    const char *why = NULL;
    assert_true(proxy_parse(text, &proxy, &why));
    assert_string_equal(proxy.where.host, host);
    assert_int_equal(proxy.where.port, port);
    assert_string_equal(proxy.basic, basic);
}

static void proxies_of_every_shape_are_understood(void **state)
{
    (void)state;
    proxy_is("http://proxy.example:3128", "proxy.example", 3128, "");
    proxy_is("HTTP://proxy.example/", "proxy.example", 80, "");
    proxy_is("proxy.example:3128", "proxy.example", 3128, "");
    proxy_is("http://[::1]:8080", "::1", 8080, "");
    proxy_is("http://user:pass@h:1", "h", 1, "dXNlcjpwYXNz");
    proxy_is("user:pass@h:1", "h", 1, "dXNlcjpwYXNz");
    proxy_is("http://user@h:1", "h", 1, "dXNlcjo=");
    proxy_is("http://us%65r:p%40s%3as@h:1", "h", 1, "dXNlcjpwQHM6cw==");
    proxy_is("http://a@b:c@h:1", "h", 1, "YUBiOmM=");
}

static void what_is_no_proxy_is_refused(void **state)
{
    static const char *const NOT_PROXIES[] = {
        "",           "http://",      "https://h:1",    "socks5://h:1",    "http://h:1/path", "http://h:1?q",
        "http://h:0", "http://h:x",   "http://:80",     "http://u:%4@h:1", "http://u:%@h:1",  "http://u:%zz@h:1",
        "http://::1", "http://a b:1", "http://u:%0a@h", "http://u:\x01@h", "http://u:%00@h",
    };
    (void)state;
    for (size_t i = 0; i < sizeof NOT_PROXIES / sizeof *NOT_PROXIES; i++) {
        struct proxy proxy = {.where = {.host = "untouched"}};
        const char *why = NULL;
        if (proxy_parse(NOT_PROXIES[i], &proxy, &why))
            fail_msg("'%s' is taken for a proxy", NOT_PROXIES[i]);
        assert_non_null(why);
        assert_string_equal(proxy.where.host, "untouched");
    }
}

static void credentials_have_a_limit(void **state)
{
    (void)state;
    char text[PROXY_CREDENTIALS_BYTES + 64];
    struct proxy proxy;
    const char *why = NULL;
    int longest = PROXY_CREDENTIALS_BYTES - 1;
    snprintf(text, sizeof text, "http://%0*d:@h:1", longest - 1, 0);
    assert_true(proxy_parse(text, &proxy, &why));
    snprintf(text, sizeof text, "http://%0*d:@h:1", longest, 0);
    assert_false(proxy_parse(text, &proxy, &why));
}

static void a_list_spares_names_addresses_and_ranges(void **state)
{
    static const struct {
        const char *list;
        const char *host;
        bool is_spared;
    } CASES[] = {
        {"", "h.example", false},
        {"*", "h.example", true},
        {"h.example", "h.example", true},
        {"H.EXAMPLE", "h.example", true},
        {"example", "h.example", true},
        {".example", "h.example", true},
        {"*.example", "h.example", true},
        {"ample", "h.example", false},
        {"a.h.example", "h.example", false},
        {"other, h.example", "h.example", true},
        {"other,,  h.example ,x", "h.example", true},
        {"h.example:7080", "h.example", true},
        {"h.example:7081", "h.example", false},
        {"10.0.0.0/8", "10.1.2.3", true},
        {"10.0.0.0/8", "11.1.2.3", false},
        {"10.0.0.0/8", "h.example", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3:7080", "10.1.2.3", true},
        {"fd00::/8", "fd12::1", true},
        {"[fd12::1]:7080", "fd12::1", true},
        {".", "h.example", false},
        {":", "h.example", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct host_port where = {.port = 7080};
        strcpy(where.host, CASES[i].host);
        if (proxy_is_spared(CASES[i].list, &where) != CASES[i].is_spared)
            fail_msg("'%s' and %s", CASES[i].list, CASES[i].host);
    }
}

/* ---- which one ---- */

static const char *const *variables; /* name, value, name, value, NULL */

static char *environment(const char *name)
{
    for (const char *const *variable = variables; *variable != NULL; variable += 2)
        if (strcmp(name, *variable) == 0)
            return (char *)(uintptr_t)variable[1];
    return NULL;
}

/* The host of the proxy for `url`, "direct", or what is wrong with it. */
static const char *choice(const char *url_text, const char *flag, const char *const *set)
{
    static struct proxy proxy;
    struct server_url url;
    const char *where = "", *why = "";
    variables = set;
    assert_true(server_url_parse(url_text, &url, &why));
    switch (proxy_choose(&url, flag, environment, &proxy, &where, &why)) {
    case PROXY_DIRECT:
        return "direct";
    case PROXY_USED:
        return proxy.where.host;
    case PROXY_BAD:
        return where;
    }
    return NULL;
}

static void the_flag_wins_over_the_environment(void **state)
{
    (void)state;
    static const char *const SET[] = {"http_proxy", "http://env", "no_proxy", "*", NULL};
    assert_string_equal(choice("ws://h.example", "http://flag", SET), "flag");
    assert_string_equal(choice("ws://127.0.0.1", "http://flag", SET), "flag");
    assert_string_equal(choice("ws://h.example", "none", SET), "direct");
    assert_string_equal(choice("ws://h.example", "ftp://flag", SET), "--proxy");
}

static void each_scheme_has_its_variable(void **state)
{
    (void)state;
    static const char *const ALL[] = {"http_proxy",  "http://a", "HTTP_PROXY", "http://b", "https_proxy", "http://c",
                                      "HTTPS_PROXY", "http://d", "all_proxy",  "http://e", NULL};
    static const char *const UPPER[] = {"http_proxy", "", "HTTP_PROXY", "http://b", "HTTPS_PROXY", "http://d", NULL};
    static const char *const OTHERS[] = {"ALL_PROXY", "http://f", NULL};
    static const char *const NONE[] = {NULL};
    assert_string_equal(choice("ws://h", "", ALL), "a");
    assert_string_equal(choice("wss://h", "", ALL), "c");
    assert_string_equal(choice("ws://h", "", UPPER), "b");
    assert_string_equal(choice("wss://h", "", UPPER), "d");
    assert_string_equal(choice("ws://h", "", OTHERS), "f");
    assert_string_equal(choice("wss://h", "", OTHERS), "f");
    assert_string_equal(choice("wss://h", "", NONE), "direct");
}

static void loopback_and_the_spared_go_directly(void **state)
{
    (void)state;
    static const char *const SET[] = {"http_proxy", "http://env", "NO_PROXY", "h.example", NULL};
    assert_string_equal(choice("ws://localhost:7080", "", SET), "direct");
    assert_string_equal(choice("ws://127.9.9.9:7080", "", SET), "direct");
    assert_string_equal(choice("ws://[::1]:7080", "", SET), "direct");
    assert_string_equal(choice("ws://h.example:7080", "", SET), "direct");
    assert_string_equal(choice("ws://other.example:7080", "", SET), "env");
}

static void a_variable_that_is_wrong_is_named(void **state)
{
    (void)state;
    static const char *const SET[] = {"ALL_PROXY", "socks5://h:1", NULL};
    assert_string_equal(choice("ws://h.example", "", SET), "ALL_PROXY");
}

static void the_connect_names_the_daemon_and_shows_the_login(void **state)
{
    (void)state;
    struct proxy proxy;
    const struct host_port to = {.host = "::1", .port = 443};
    const char *why = NULL;
    char head[512] = "";
    struct evbuffer *out = evbuffer_new();
    assert_true(proxy_parse("http://user:pass@h:1", &proxy, &why));
    proxy_write_connect(&proxy, &to, out);
    evbuffer_remove(out, head, sizeof head - 1);
    evbuffer_free(out);
    static const char START[] = "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n";
    assert_memory_equal(head, START, sizeof START - 1);
    assert_non_null(strstr(head, "\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proxies_of_every_shape_are_understood),
        cmocka_unit_test(what_is_no_proxy_is_refused),
        cmocka_unit_test(credentials_have_a_limit),
        cmocka_unit_test(a_list_spares_names_addresses_and_ranges),
        cmocka_unit_test(the_flag_wins_over_the_environment),
        cmocka_unit_test(each_scheme_has_its_variable),
        cmocka_unit_test(loopback_and_the_spared_go_directly),
        cmocka_unit_test(a_variable_that_is_wrong_is_named),
        cmocka_unit_test(the_connect_names_the_daemon_and_shows_the_login),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
