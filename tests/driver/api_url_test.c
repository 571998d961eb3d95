/* Where a call of the API is (driver/admin/api_client.h), from the URL that drivers dial. */
#include "admin/api_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void url_is(const char *server_text, const char *path, const char *query, const char *expected)
{
    struct server_url server;
    const char *why = NULL;
    char url[API_URL_BYTES];
    assert_true(server_url_parse(server_text, &server, &why));
    api_url_format(&server, path, query, url);
    assert_string_equal(url, expected);
}

static void the_api_is_beside_the_path_that_drivers_dial(void **state)
{
    (void)state;
    url_is("ws://127.0.0.1:7080", "/health", "", "http://127.0.0.1:7080/api/v1/tunnel/health");
    url_is("ws://h:1/api/v1/tunnel/connect", "/health", "", "http://h:1/api/v1/tunnel/health");
    url_is("ws://h:1/box/7/api/v1/tunnel/connect", "/metrics", "", "http://h:1/box/7/api/v1/tunnel/metrics");
}

static void both_kinds_of_url_name_the_same_place(void **state)
{
    (void)state;
    url_is("http://h:8080", "/x", "", "http://h:8080/api/v1/tunnel/x");
    url_is("wss://h", "/x", "", "https://h/api/v1/tunnel/x");
    url_is("https://h:444/", "/x", "", "https://h:444/api/v1/tunnel/x");
    url_is("ws://[::1]:80", "/x", "", "http://[::1]/api/v1/tunnel/x");
}

static void a_path_without_connect_is_the_apis_own(void **state)
{
    (void)state;
    url_is("http://h/api/v1/tunnel", "/x", "", "http://h/api/v1/tunnel/x");
    url_is("http://h/api/v1/tunnel/", "/x", "", "http://h/api/v1/tunnel/x");
    url_is("http://h/reconnect", "/x", "", "http://h/reconnect/x");
}

static void a_query_of_the_url_goes_before_the_calls(void **state)
{
    (void)state;
    url_is("ws://h", "/x", "grace_ms=5", "http://h/api/v1/tunnel/x?grace_ms=5");
    url_is("ws://h?k=v", "/x", "", "http://h/api/v1/tunnel/x?k=v");
    url_is("ws://h/a/connect?k=/connect", "/x", "grace_ms=5", "http://h/a/x?k=/connect&grace_ms=5");
    url_is("ws://h/a/connect?", "/x", "", "http://h/a/x");
}

static void the_longest_url_fits(void **state)
{
    (void)state;
    struct server_url server = {.is_tls = true, .where.port = 65535};
    char url[API_URL_BYTES];
    memset(server.where.host, 'h', sizeof server.where.host - 1);
    memset(server.path, 'p', sizeof server.path - 1);
    server.path[0] = '/';
    api_url_format(&server, "/sessions/S-00000000-0000-4000-8000-000000000000", "grace_ms=5000", url);
    assert_string_equal(url + strlen(url) - strlen("?grace_ms=5000"), "?grace_ms=5000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_api_is_beside_the_path_that_drivers_dial),
        cmocka_unit_test(both_kinds_of_url_name_the_same_place),
        cmocka_unit_test(a_path_without_connect_is_the_apis_own),
        cmocka_unit_test(a_query_of_the_url_goes_before_the_calls),
        cmocka_unit_test(the_longest_url_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
