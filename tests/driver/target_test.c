/* TARGET and the daemon's URL as users write them (driver/target.h). */
#include "target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void target_is(const char *text, const char *host, uint16_t port)
{
    struct host_port target = {0};
    const char *why = NULL;
    assert_true(target_parse(text, &target, &why));
    assert_string_equal(target.host, host);
    assert_int_equal(target.port, port);
}

static void target_is_refused(const char *text)
{
    struct host_port target = {.host = "untouched", .port = 1};
    const char *why = NULL;
    assert_false(target_parse(text, &target, &why));
    assert_non_null(why);
    assert_string_equal(target.host, "untouched");
    assert_int_equal(target.port, 1);
}

static void targets_of_every_shape_are_understood(void **state)
{
    (void)state;
    target_is("3000", "127.0.0.1", 3000);
    target_is(":3000", "127.0.0.1", 3000);
    target_is("localhost:3000", "localhost", 3000);
    target_is("192.168.1.2:80", "192.168.1.2", 80);
    target_is("my-host.example:65535", "my-host.example", 65535);
    target_is("[::1]:3000", "::1", 3000);
    target_is("[fe80::1%eth0]:1", "fe80::1%eth0", 1);
}

static void what_is_no_target_is_refused(void **state)
{
    static const char *const NOT_TARGETS[] = {
        "",          ":",         "0",          "65536",          "99999999999999999999",
        "-1",        "+1",        " 3000",      "host",           "host:",
        "host:0",    "host:x",    "host:65536", "::1:3000",       "[::1]",
        "[::1]3000", "[::1:3000", "[]:3000",    "a b:1",          "a/b:1",
        "a\r\nb:1",  "h:1 ",      "user@h:1",   "host:3000/path", "http://h:1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof NOT_TARGETS / sizeof *NOT_TARGETS; i++)
        target_is_refused(NOT_TARGETS[i]);
}

static void loopback_is(const char *text, const char *host, uint16_t port)
{
    struct host_port where = {0};
    const char *why = NULL;
    if (!loopback_parse(text, 4040, &where, &why))
        fail_msg("%s: %s", text, why);
    assert_string_equal(where.host, host);
    assert_int_equal(where.port, port);
}

static void a_place_to_listen_on_is_of_this_machine_alone(void **state)
{
    static const char *const ELSEWHERE[] = {
        "0.0.0.0:4040", "[::]:4040", "192.0.2.1", "example.com:4040", "localhost.:1", "127.0.0.1:0", "0", "65536", "x",
    };
    (void)state;
    loopback_is("4041", "127.0.0.1", 4041);
    loopback_is(":4041", "127.0.0.1", 4041);
    loopback_is("127.0.0.1", "127.0.0.1", 4040);
    loopback_is("127.0.0.3:4041", "127.0.0.3", 4041);
    loopback_is("LocalHost:4041", "127.0.0.1", 4041);
    loopback_is("[::1]:4041", "::1", 4041);
    for (size_t i = 0; i < sizeof ELSEWHERE / sizeof *ELSEWHERE; i++) {
        struct host_port where = {.host = "untouched", .port = 1};
        const char *why = NULL;
        assert_false(loopback_parse(ELSEWHERE[i], 4040, &where, &why));
        assert_non_null(why);
        assert_string_equal(where.host, "untouched");
    }
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char text[HOST_BYTES + 8];
    memset(text, 'a', sizeof text);
    strcpy(text + HOST_BYTES, ":80");
    target_is_refused(text);
    strcpy(text + HOST_BYTES - 1, ":80");
    struct host_port target;
    const char *why = NULL;
    assert_true(target_parse(text, &target, &why));
    assert_int_equal(strlen(target.host), HOST_BYTES - 1);
}

static void written_again_a_target_is_the_same(void **state)
{
    static const char *const TEXTS[] = {"127.0.0.1:3000", "localhost:1", "[::1]:65535"};
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        struct host_port target;
        const char *why = NULL;
        char text[HOST_PORT_BYTES];
        assert_true(target_parse(TEXTS[i], &target, &why));
        host_port_format(&target, text);
        assert_string_equal(text, TEXTS[i]);
    }
}

static void an_authority_leaves_the_default_port_out(void **state)
{
    (void)state;
    char text[HOST_PORT_BYTES];
    const struct host_port v6 = {.host = "::1", .port = 80}, name = {.host = "h", .port = 8080};
    host_port_format_authority(&v6, 80, text);
    assert_string_equal(text, "[::1]");
    host_port_format_authority(&v6, 443, text);
    assert_string_equal(text, "[::1]:80");
    host_port_format_authority(&name, 80, text);
    assert_string_equal(text, "h:8080");
}

static void url_is(const char *text, bool is_tls, const char *host, uint16_t port, const char *path)
{
    struct server_url url;
    const char *why = NULL;
    assert_true(server_url_parse(text, &url, &why));
    assert_int_equal(url.is_tls, is_tls);
    assert_string_equal(url.where.host, host);
    assert_int_equal(url.where.port, port);
    assert_string_equal(url.path, path);
}

static void a_url_without_path_gets_the_tunnels(void **state)
{
    static const char PATH[] = "/api/v1/tunnel/connect";
    (void)state;
    url_is("ws://127.0.0.1:7080", false, "127.0.0.1", 7080, PATH);
    url_is("ws://127.0.0.1:7080/", false, "127.0.0.1", 7080, PATH);
    url_is("WS://h", false, "h", 80, PATH);
    url_is("wss://h", true, "h", 443, PATH);
    url_is("ws://[::1]:1", false, "::1", 1, PATH);
    url_is("http://h", false, "h", 80, PATH);
    url_is("HTTPS://h", true, "h", 443, PATH);
    url_is("ws://h?a=b", false, "h", 80, "/api/v1/tunnel/connect?a=b");
    url_is("ws://h/?a=b", false, "h", 80, "/api/v1/tunnel/connect?a=b");
}

static void a_urls_own_path_is_kept(void **state)
{
    (void)state;
    url_is("ws://h:1/p", false, "h", 1, "/p");
    url_is("ws://h:1/p/?x=/y", false, "h", 1, "/p/?x=/y");
}

static void what_is_no_url_of_a_daemon_is_refused(void **state)
{
    static const char *const NOT_URLS[] = {
        "",          "h:1",          "ftp://h:1", "ws:/h",     "ws://",       "ws://:80",
        "ws://h:",   "ws://h:0",     "ws://h:x",  "ws://h:1x", "ws://::1:1",  "ws://u:p@h",
        "ws://h/ x", "ws://h/\r\nx", "ws://h/#f", "ws://h#f",  "ws://h/\xff",
    };
    (void)state;
    for (size_t i = 0; i < sizeof NOT_URLS / sizeof *NOT_URLS; i++) {
        struct server_url url = {.path = "untouched"};
        const char *why = NULL;
        assert_false(server_url_parse(NOT_URLS[i], &url, &why));
        assert_non_null(why);
        assert_string_equal(url.path, "untouched");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_of_every_shape_are_understood),
        cmocka_unit_test(what_is_no_target_is_refused),
        cmocka_unit_test(a_place_to_listen_on_is_of_this_machine_alone),
        cmocka_unit_test(a_name_that_is_too_long_is_refused),
        cmocka_unit_test(written_again_a_target_is_the_same),
        cmocka_unit_test(an_authority_leaves_the_default_port_out),
        cmocka_unit_test(a_url_without_path_gets_the_tunnels),
        cmocka_unit_test(a_urls_own_path_is_kept),
        cmocka_unit_test(what_is_no_url_of_a_daemon_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
