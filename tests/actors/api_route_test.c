/* Targets, routes and queries of the admin API. */
#include "admin_http/api_route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define BASE         "/api/v1/tunnel"
#define ID           "S-00000000-0000-4000-8000-000000000001"

static void targets_split_into_path_and_query(void **state)
{
    (void)state;
    static const struct {
        const char *target, *authority, *path, *query;
    } cases[] = {
        {"/", NULL, "/", ""},
        {"/a?b=c", NULL, "/a", "b=c"},
        {"/a?", NULL, "/a", ""},
        {"/a?b?c", NULL, "/a", "b?c"},
        {"?", NULL, "", ""},
        {"*", NULL, "*", ""},
        {"", NULL, "", ""},
        {"http://host:80/a?b", "host:80", "/a", "b"},
        {"HTTPS://host/a", "host", "/a", ""},
        {"http://host", "host", "", ""},
        {"http://host?b", "host", "", "b"},
        {"http://", "", "", ""},
        {"http:/a", NULL, "http:/a", ""},
        {"/http://host/a", NULL, "/http://host/a", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct api_target parts = api_target_split(span_of_string(cases[i].target));
        assert_int_equal(parts.authority.data != NULL, cases[i].authority != NULL);
        assert_true(span_equals(parts.authority, cases[i].authority != NULL ? cases[i].authority : ""));
        assert_true(span_equals(parts.path, cases[i].path));
        assert_true(span_equals(parts.query, cases[i].query));
    }
}

static enum route_verdict find(const char *method, const char *path, struct api_route *ret_route)
{
    *ret_route = (struct api_route){0};
    return api_route_find(method, span_of_string(path), ret_route);
}

static void every_call_has_its_path_and_method(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        enum api_call call;
    } cases[] = {
        {"GET", BASE "/health", CALL_health},
        {"HEAD", BASE "/health", CALL_health},
        {"GET", BASE "/tunnels", CALL_tunnels},
        {"HEAD", BASE "/tunnels", CALL_tunnels},
        {"GET", BASE "/sessions", CALL_sessions},
        {"GET", BASE "/bindings", CALL_bindings},
        {"GET", BASE "/metrics", CALL_metrics},
        {"HEAD", BASE "/metrics", CALL_metrics},
        {"GET", BASE "/openapi.json", CALL_openapi},
        {"HEAD", BASE "/openapi.json", CALL_openapi},
        {"DELETE", BASE "/sessions/" ID, CALL_close_session},
    };
    struct api_route route;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(find(cases[i].method, cases[i].path, &route), ROUTE_CALL);
        assert_int_equal(route.call, cases[i].call);
        assert_int_equal(route.id.data != NULL, cases[i].call == CALL_close_session);
    }
    find("DELETE", BASE "/sessions/" ID, &route);
    assert_true(span_equals(route.id, ID));
}

static void other_methods_learn_what_is_allowed(void **state)
{
    (void)state;
    static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "", "GETS", "PROPFIND"};
    static const char *const paths[] = {"/health", "/tunnels", "/sessions", "/bindings", "/metrics", "/openapi.json"};
    struct api_route route;
    char path[128];
    for (size_t i = 0; i < COUNT(paths); i++) {
        snprintf(path, sizeof path, BASE "%s", paths[i]);
        for (size_t j = 0; j < COUNT(methods); j++) {
            assert_int_equal(find(methods[j], path, &route), ROUTE_WRONG_METHOD);
            assert_string_equal(route.allow, "GET, HEAD, OPTIONS");
        }
        assert_int_equal(find("OPTIONS", path, &route), ROUTE_OPTIONS);
        assert_string_equal(route.allow, "GET, HEAD, OPTIONS");
    }
    static const char *const not_delete[] = {"GET", "HEAD", "POST", "PUT", "delete"};
    for (size_t i = 0; i < COUNT(not_delete); i++) {
        assert_int_equal(find(not_delete[i], BASE "/sessions/" ID, &route), ROUTE_WRONG_METHOD);
        assert_string_equal(route.allow, "DELETE, OPTIONS");
    }
    assert_int_equal(find("OPTIONS", BASE "/sessions/" ID, &route), ROUTE_OPTIONS);
    assert_string_equal(route.allow, "DELETE, OPTIONS");
}

static void other_paths_are_unknown(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "",
        "/",
        "*",
        "health",
        "/health",
        BASE,
        BASE "/",
        BASE "/health/",
        BASE "/Health",
        BASE "//health",
        BASE "/health%20",
        BASE "/%68ealth",
        BASE "/healthy",
        BASE "/healt",
        BASE "/sessions/",
        BASE "/sessions/" ID "/",
        BASE "/sessions/" ID "/x",
        BASE "/sessions//" ID,
        BASE "/sessions/%53-00000000-0000-4000-8000-000000000001",
        BASE "/sessions/S-00000000-0000-4000-8000-00000000000%31",
        BASE "/bindings/1",
        "/api/v2/tunnel/health",
        "/x" BASE "/health",
        "http://localhost" BASE "/health",
    };
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "DELETE", "POST"};
    struct api_route route;
    for (size_t i = 0; i < COUNT(paths); i++)
        for (size_t j = 0; j < COUNT(methods); j++)
            if (find(methods[j], paths[i], &route) != ROUTE_UNKNOWN_PATH)
                fail_msg("known: %s %s", methods[j], paths[i]);
}

static void grace_is_fifty_milliseconds_unless_given(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        uint64_t grace_ms;
    } cases[] = {
        {"", 50},
        {"&", 50},
        {"grace_ms=0", 0},
        {"grace_ms=1", 1},
        {"grace_ms=0050", 50},
        {"grace_ms=4999", 4999},
        {"grace_ms=5000", 5000},
        {"x=1&grace_ms=70&y=2", 70},
        {"&&grace_ms=70&&", 70},
        {"x&y=grace_ms=9", 50},
        {"Grace_ms=1", 50},
        {"grace_m=1", 50},
        {"grace_ms2=1", 50},
        {"agrace_ms=1", 50},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t grace_ms = 12345;
        assert_true(api_query_grace(span_of_string(cases[i].query), &grace_ms));
        assert_int_equal(grace_ms, cases[i].grace_ms);
    }
}

static void bad_grace_is_refused(void **state)
{
    (void)state;
    static const char *const queries[] = {"grace_ms",
                                          "grace_ms=",
                                          "grace_ms=5001",
                                          "grace_ms=9999",
                                          "grace_ms=10000",
                                          "grace_ms=00000",
                                          "grace_ms=-1",
                                          "grace_ms=+1",
                                          "grace_ms= 1",
                                          "grace_ms=1 ",
                                          "grace_ms=1.0",
                                          "grace_ms=1e3",
                                          "grace_ms=0x10",
                                          "grace_ms=%35",
                                          "grace_ms=5%30",
                                          "grace_ms=50ms",
                                          "grace_ms=a",
                                          "grace_ms=1#x",
                                          "grace_ms=1;x=2",
                                          "grace_ms==1",
                                          "grace_ms=1&grace_ms=1",
                                          "grace_ms=1&x=2&grace_ms=3",
                                          "grace_ms&grace_ms=1",
                                          "grace_ms=1&grace_ms",
                                          "grace_ms=18446744073709551617"};
    for (size_t i = 0; i < COUNT(queries); i++) {
        uint64_t grace_ms = 12345;
        if (api_query_grace(span_of_string(queries[i]), &grace_ms))
            fail_msg("taken: %s", queries[i]);
        assert_int_equal(grace_ms, 12345);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_split_into_path_and_query),
        cmocka_unit_test(every_call_has_its_path_and_method),
        cmocka_unit_test(other_methods_learn_what_is_allowed),
        cmocka_unit_test(other_paths_are_unknown),
        cmocka_unit_test(grace_is_fifty_milliseconds_unless_given),
        cmocka_unit_test(bad_grace_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
