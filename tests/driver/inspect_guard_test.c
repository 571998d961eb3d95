/* Who may ask the inspection page what (driver/inspect/inspect_guard.h, inspect_route.h). */
#include "inspect_guard.h"
#include "inspect_route.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct inspect_guard guard_at(const char *host, uint16_t port)
{
    struct inspect_guard guard;
    struct host_port where = {.port = port};
    strcpy(where.host, host);
    inspect_guard_init(&guard, &where);
    return guard;
}

/* The verdict on a request with these fields, lines with CRLF. */
static const char *judged(const struct inspect_guard *guard, const char *method, const char *fields, bool has_effect)
{
    struct evbuffer *in = evbuffer_new(), *body = evbuffer_new();
    struct http_reader *reader = http_reader_new(HTTP_REQUESTS);
    assert_true(in != NULL && body != NULL && reader != NULL);
    evbuffer_add_printf(in, "%s / HTTP/1.1\r\n%s\r\n", method, fields);
    assert_int_equal(http_reader_read(reader, in, body, 1), HTTP_HEAD);
    const struct http_head *head = http_reader_head(reader);
    const char *refusal = has_effect ? inspect_guard_refuses_effect(guard, head) : inspect_guard_refuses(guard, head);
    http_reader_destroy(&reader);
    evbuffer_free(in);
    evbuffer_free(body);
    return refusal;
}

static void admits(const struct inspect_guard *guard, const char *fields)
{
    const char *refusal = judged(guard, "GET", fields, false);
    if (refusal != NULL)
        fail_msg("%s: %s", fields, refusal);
}

static void refuses(const struct inspect_guard *guard, const char *fields)
{
    if (judged(guard, "GET", fields, false) == NULL)
        fail_msg("admitted: %s", fields);
}

static void only_its_own_names_with_its_own_port_are_answered(void **state)
{
    (void)state;
    struct inspect_guard guard = guard_at("127.0.0.1", 4040);
    admits(&guard, "Host: 127.0.0.1:4040\r\n");
    admits(&guard, "Host: localhost:4040\r\n");
    admits(&guard, "HOST: LocalHost:4040\r\n");
    static const char *const OTHERS[] = {
        "evil.test",
        "evil.test:4040",
        "127.0.0.1",
        "127.0.0.1:4041",
        "localhost",
        "localhost.:4040",
        "127.0.0.1.evil.test",
        "[::1]:4040",
        "127.0.0.2:4040",
        "127.1:4040",
        "2130706433:4040",
        "a.localhost:4040",
        "127.0.0.1:04040",
        "",
        "127.0.0.1:4040.evil.test",
    };
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        char fields[128];
        snprintf(fields, sizeof fields, "Host: %s\r\n", OTHERS[i]);
        refuses(&guard, fields);
    }
    guard = guard_at("::1", 4040);
    admits(&guard, "Host: [::1]:4040\r\n");
    admits(&guard, "Host: localhost:4040\r\n");
    refuses(&guard, "Host: 127.0.0.1:4040\r\n");
    guard = guard_at("127.0.0.1", 80);
    admits(&guard, "Host: 127.0.0.1\r\n");
    refuses(&guard, "Host: 127.0.0.1:4040\r\n");
}

static void an_origin_must_be_the_hosts(void **state)
{
    (void)state;
    const struct inspect_guard guard = guard_at("127.0.0.1", 4040);
    admits(&guard, "Host: 127.0.0.1:4040\r\nOrigin: http://127.0.0.1:4040\r\n");
    admits(&guard, "Host: localhost:4040\r\nOrigin: http://localhost:4040\r\n");
    static const char *const OTHERS[] = {
        "http://evil.test",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1:3000",
        "https://127.0.0.1:4040",
        "http://localhost:4040",
        "http://127.0.0.1:4040.evil.test",
        "http://127.0.0.1:4040\r\nOrigin: http://evil.test",
    };
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        char fields[160];
        snprintf(fields, sizeof fields, "Host: 127.0.0.1:4040\r\nOrigin: %s\r\n", OTHERS[i]);
        refuses(&guard, fields);
    }
}

#define OURS    "Host: 127.0.0.1:4040\r\n"
#define FOREIGN OURS "Sec-Fetch-Site: cross-site\r\n"

static void what_a_browser_says_comes_from_elsewhere_is_refused_unless_it_is_a_visit(void **state)
{
    (void)state;
    const struct inspect_guard guard = guard_at("127.0.0.1", 4040);
    admits(&guard, OURS "Sec-Fetch-Site: same-origin\r\n");
    admits(&guard, OURS "Sec-Fetch-Site: none\r\n");
    refuses(&guard, FOREIGN);
    refuses(&guard, OURS "Sec-Fetch-Site: same-site\r\n"); /* another port of this machine */
    refuses(&guard, FOREIGN "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n");
    refuses(&guard, FOREIGN "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n");
    const char *visit = FOREIGN "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    admits(&guard, visit);
    assert_non_null(judged(&guard, "POST", visit, false));
}

static void an_effect_needs_the_token_of_this_process(void **state)
{
    (void)state;
    const struct inspect_guard guard = guard_at("127.0.0.1", 4040), other = guard_at("127.0.0.1", 4040);
    char fields[160];
    assert_int_equal(strlen(guard.token), INSPECT_TOKEN_BYTES - 1);
    assert_string_not_equal(guard.token, other.token);
    snprintf(fields, sizeof fields, OURS "X-Inspect-Token: %s\r\n", guard.token);
    assert_null(judged(&guard, "POST", fields, true));
    assert_non_null(judged(&other, "POST", fields, true));
    assert_non_null(judged(&guard, "POST", OURS, true));
    snprintf(fields, sizeof fields, OURS "X-Inspect-Token: %.31s\r\n", guard.token);
    assert_non_null(judged(&guard, "POST", fields, true));
}

/* ---- routes ---- */

static struct inspect_route found(const char *method, const char *target)
{
    struct inspect_route route = {0};
    if (!inspect_route_find(span_of_string(method), span_of_string(target), &route))
        fail_msg("%s is no path", target);
    return route;
}

static void paths_lead_to_calls(void **state)
{
    (void)state;
    assert_int_equal(found("GET", "/").call, INSPECT_FILE);
    assert_string_equal(found("HEAD", "/?x=1").file->path, "/");
    assert_string_equal(found("GET", "/page.js").file->type, "text/javascript; charset=utf-8");
    assert_int_equal(found("GET", "/api/info").call, INSPECT_INFO);
    assert_int_equal(found("GET", "/api/requests").call, INSPECT_LIST);
    assert_int_equal(found("GET", "/api/events").call, INSPECT_EVENTS);
    assert_int_equal(found("GET", "/api/requests/17").call, INSPECT_DETAIL);
    assert_int_equal(found("GET", "/api/requests/17").id, 17);
    assert_int_equal(found("GET", "/api/requests/17/request-body").call, INSPECT_REQUEST_BODY);
    assert_int_equal(found("GET", "/api/requests/17/response-body").call, INSPECT_RESPONSE_BODY);
    struct inspect_route route = found("POST", "/api/requests/123456789012345/replay");
    assert_int_equal(route.call, INSPECT_REPLAY);
    assert_int_equal(route.id, 123456789012345);
    assert_true(route.has_effect && !route.is_wrong_method);
    assert_int_equal(found("GET", "/api/requests/1234567890123456").id, 0);
    assert_true(found("POST", "/api/clear").has_effect);
}

static void effects_are_post_and_looks_are_not(void **state)
{
    static const char *const LOOKS[] = {"/", "/api/info", "/api/requests", "/api/requests/1", "/api/events"};
    static const char *const EFFECTS[] = {"/api/clear", "/api/requests/1/replay"};
    static const char *const METHODS[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get"};
    (void)state;
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++) {
        for (size_t j = 0; j < sizeof LOOKS / sizeof *LOOKS; j++)
            assert_int_equal(found(METHODS[i], LOOKS[j]).is_wrong_method, i >= 2);
        for (size_t j = 0; j < sizeof EFFECTS / sizeof *EFFECTS; j++)
            assert_int_equal(found(METHODS[i], EFFECTS[j]).is_wrong_method, i != 2);
    }
}

static void other_paths_are_none(void **state)
{
    static const char *const OTHERS[] = {
        "",
        "*",
        "/x",
        "//",
        "/api/requests/",
        "/api/requests/1/",
        "/api/requests/x",
        "/api/requests/-1",
        "/api/requests/1x",
        "/api/requests//replay",
        "/api/requests/1/replay/",
        "/API/info",
        "/api/../page.js",
        "http://127.0.0.1:4040/",
        "/%70age.js",
    };
    struct inspect_route route;
    (void)state;
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        assert_false(inspect_route_find(span_of_string("GET"), span_of_string(OTHERS[i]), &route));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_its_own_names_with_its_own_port_are_answered),
        cmocka_unit_test(an_origin_must_be_the_hosts),
        cmocka_unit_test(what_a_browser_says_comes_from_elsewhere_is_refused_unless_it_is_a_visit),
        cmocka_unit_test(an_effect_needs_the_token_of_this_process),
        cmocka_unit_test(paths_lead_to_calls),
        cmocka_unit_test(effects_are_post_and_looks_are_not),
        cmocka_unit_test(other_paths_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
