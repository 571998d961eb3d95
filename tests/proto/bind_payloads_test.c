/* BIND and UNBIND, their answers, and BIND_REVOKED: exact bytes, what is left to policy, encode then decode is
 * identity. */
#include "session_payloads.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#define TEXT(literal) ((char[]){literal})

/* Takes what an encoder returned. */
static void assert_json(char *json, const char *expected)
{
    assert_non_null(json);
    assert_string_equal(json, expected);
    free(json);
}

#define ASSERT_DECODES(decode, json, ret) assert_int_equal(decode(span_of_string(json), ret, NULL), PAYLOAD_OK)

static void kinds_and_modes_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(bind_kind_name(BIND_KIND_HTTP), "http");
    assert_string_equal(bind_kind_name(BIND_KIND_TCP), "tcp");
    assert_string_equal(bind_kind_name(BIND_KIND_OTHER), "other");
    assert_string_equal(bind_mode_name(BIND_MODE_EXPOSE), "expose");
    assert_string_equal(bind_mode_name(BIND_MODE_PULL), "pull");
    assert_string_equal(bind_mode_name(BIND_MODE_OTHER), "other");
}

static void a_bind_is_read_whole(void **state)
{
    (void)state;
    struct bind_request request;
    ASSERT_DECODES(bind_request_decode,
                   "{\"clientBindRef\":-9223372036854775808,\"kind\":\"tcp\",\"mode\":\"pull\",\"containerPort\":5432,"
                   "\"label\":\"db\",\"takeover\":false,\"host\":\"::1\"}",
                   &request);
    assert_true(request.client_ref == INT64_MIN);
    assert_int_equal(request.kind, BIND_KIND_TCP);
    assert_int_equal(request.mode, BIND_MODE_PULL);
    assert_int_equal(request.container_port, 5432);
    assert_string_equal(request.label, "db");
    assert_false(request.takeover);
    assert_string_equal(request.host, "::1");
    bind_request_done(&request);
    assert_null(request.label);
    bind_request_done(&request);
}

static void only_the_reference_of_a_bind_is_required(void **state)
{
    (void)state;
    struct bind_request request;
    ASSERT_DECODES(bind_request_decode, "{\"clientBindRef\":0,\"label\":null,\"host\":null}", &request);
    assert_int_equal(request.client_ref, 0);
    assert_int_equal(request.kind, BIND_KIND_OTHER);
    assert_int_equal(request.mode, BIND_MODE_OTHER);
    assert_true(request.container_port == BIND_PORT_NOT_A_PORT);
    assert_null(request.label);
    assert_null(request.host);
    assert_false(request.takeover);
    bind_request_done(&request);
}

static void a_reference_that_cannot_be_echoed_is_refused(void **state)
{
    (void)state;
    static const char *const references[] = {"null", "1.0", "1e0", "\"1\"", "9223372036854775808", "[]", "true"};
    char json[64];
    for (size_t i = 0; i < sizeof references / sizeof references[0]; i++) {
        struct bind_request request;
        const char *why = "";
        snprintf(json, sizeof json, "{\"clientBindRef\":%s,\"kind\":\"http\"}", references[i]);
        assert_int_equal(bind_request_decode(span_of_string(json), &request, &why), PAYLOAD_INVALID);
        assert_string_equal(why, "clientBindRef must be an integer");
    }
}

static void assert_port(const char *text, int64_t expected)
{
    char json[96];
    struct bind_request request;
    snprintf(json, sizeof json, "{\"clientBindRef\":1,\"containerPort\":%s}", text);
    ASSERT_DECODES(bind_request_decode, json, &request);
    assert_true(request.container_port == expected);
    bind_request_done(&request);
}

static void ports_are_left_to_policy(void **state)
{
    (void)state;
    assert_port("0", 0);
    assert_port("3000", 3000);
    assert_port("65536", 65536);
    assert_port("-5", -5);
    assert_port("9223372036854775807", INT64_MAX);
    assert_port("9223372036854775808", BIND_PORT_NOT_A_PORT);
    assert_port("3000.0", BIND_PORT_NOT_A_PORT);
    assert_port("3e3", BIND_PORT_NOT_A_PORT);
    assert_port("\"3000\"", BIND_PORT_NOT_A_PORT);
    assert_port("null", BIND_PORT_NOT_A_PORT);
}

static void assert_host(const char *text, const char *expected)
{
    char json[96];
    struct bind_request request;
    snprintf(json, sizeof json, "{\"clientBindRef\":1,\"host\":%s}", text);
    ASSERT_DECODES(bind_request_decode, json, &request);
    assert_string_equal(request.host, expected);
    bind_request_done(&request);
}

static void a_host_that_is_none_is_not_the_default_one(void **state)
{
    (void)state;
    assert_host("\"127.0.0.1\"", "127.0.0.1");
    assert_host("\"0.0.0.0\"", "0.0.0.0");
    assert_host("\"\"", BIND_HOST_NOT_A_HOST);
    assert_host("5", BIND_HOST_NOT_A_HOST);
    assert_host("{}", BIND_HOST_NOT_A_HOST);
    assert_host("\"\\u0000\"", BIND_HOST_NOT_A_HOST);
    assert_host("\"127.0.0.1\\u0000\"", BIND_HOST_NOT_A_HOST);
}

static void kinds_and_modes_are_read_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        const char *mode;
        enum bind_kind expected_kind;
        enum bind_mode expected_mode;
    } cases[] = {
        {"\"http\"", "\"expose\"", BIND_KIND_HTTP, BIND_MODE_EXPOSE},
        {"\"tcp\"", "\"pull\"", BIND_KIND_TCP, BIND_MODE_PULL},
        {"\"http\"", "\"pull\"", BIND_KIND_HTTP, BIND_MODE_PULL},
        {"\"HTTP\"", "\"Expose\"", BIND_KIND_OTHER, BIND_MODE_OTHER},
        {"\"udp\"", "\"\"", BIND_KIND_OTHER, BIND_MODE_OTHER},
        {"\"tcp\\u0000\"", "\"pull\\u0000\"", BIND_KIND_OTHER, BIND_MODE_OTHER},
        {"1", "null", BIND_KIND_OTHER, BIND_MODE_OTHER},
    };
    char json[96];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bind_request request;
        snprintf(json, sizeof json, "{\"clientBindRef\":1,\"kind\":%s,\"mode\":%s}", cases[i].kind, cases[i].mode);
        ASSERT_DECODES(bind_request_decode, json, &request);
        assert_int_equal(request.kind, cases[i].expected_kind);
        assert_int_equal(request.mode, cases[i].expected_mode);
        bind_request_done(&request);
    }
}

static void a_bind_is_written_with_what_was_said_only(void **state)
{
    (void)state;
    struct bind_request request = {
        .client_ref = INT64_MAX, .kind = BIND_KIND_HTTP, .mode = BIND_MODE_EXPOSE, .container_port = 0};
    assert_json(bind_request_encode(&request),
                "{\"clientBindRef\":9223372036854775807,\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":0}");
    request = (struct bind_request){.client_ref = INT64_MIN,
                                    .kind = BIND_KIND_TCP,
                                    .mode = BIND_MODE_PULL,
                                    .container_port = 65535,
                                    .label = TEXT("a\nb"),
                                    .takeover = true,
                                    .host = TEXT("::1")};
    const char *json = "{\"clientBindRef\":-9223372036854775808,\"kind\":\"tcp\",\"mode\":\"pull\","
                       "\"containerPort\":65535,\"label\":\"a\\u000ab\",\"takeover\":true,\"host\":\"::1\"}";
    assert_json(bind_request_encode(&request), json);
    struct bind_request decoded;
    ASSERT_DECODES(bind_request_decode, json, &decoded);
    assert_true(decoded.client_ref == INT64_MIN);
    assert_true(decoded.takeover);
    assert_string_equal(decoded.label, "a\nb");
    bind_request_done(&decoded);
}

static void a_bind_ok_is_read_back_as_written(void **state)
{
    (void)state;
    struct bind_ok ok = {.client_ref = -1, .bind = 1, .container_port = 3000};
    assert_json(bind_ok_encode(&ok), "{\"clientBindRef\":-1,\"bindId\":1,\"containerPort\":3000,\"publicUrl\":null}");
    ok.public_url = TEXT("https://a/\"b\"");
    const char *json =
        "{\"clientBindRef\":-1,\"bindId\":1,\"containerPort\":3000,\"publicUrl\":\"https://a/\\\"b\\\"\"}";
    assert_json(bind_ok_encode(&ok), json);
    struct bind_ok decoded;
    ASSERT_DECODES(bind_ok_decode, json, &decoded);
    assert_int_equal(decoded.client_ref, -1);
    assert_int_equal(decoded.bind, 1);
    assert_int_equal(decoded.container_port, 3000);
    assert_string_equal(decoded.public_url, ok.public_url);
    bind_ok_done(&decoded);
    ASSERT_DECODES(bind_ok_decode, "{\"clientBindRef\":1,\"bindId\":1,\"containerPort\":1,\"publicUrl\":null}",
                   &decoded);
    assert_null(decoded.public_url);
    bind_ok_done(&decoded);
}

static void a_bind_ok_has_a_binding_and_a_port(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"clientBindRef\":1,\"bindId\":0,\"containerPort\":1}",
        "{\"clientBindRef\":1,\"bindId\":2147483648,\"containerPort\":1}",
        "{\"clientBindRef\":1,\"bindId\":1,\"containerPort\":0}",
        "{\"clientBindRef\":1,\"bindId\":1,\"containerPort\":65536}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct bind_ok ok;
        assert_int_equal(bind_ok_decode(span_of_string(texts[i]), &ok, NULL), PAYLOAD_INVALID);
    }
}

static void a_bind_err_is_read_back_as_written(void **state)
{
    (void)state;
    struct bind_err err = {.client_ref = 3, .code = TEXT("PORT_IN_USE"), .message = TEXT("another \"process\"")};
    const char *json = "{\"clientBindRef\":3,\"code\":\"PORT_IN_USE\",\"message\":\"another \\\"process\\\"\"}";
    assert_json(bind_err_encode(&err), json);
    struct bind_err decoded;
    ASSERT_DECODES(bind_err_decode, json, &decoded);
    assert_int_equal(decoded.client_ref, 3);
    assert_string_equal(decoded.code, err.code);
    assert_string_equal(decoded.message, err.message);
    bind_err_done(&decoded);
    assert_null(decoded.code);
    bind_err_done(&decoded);
}

static void unbind_names_any_32_bit_binding(void **state)
{
    (void)state;
    static const uint32_t binds[] = {0, 1, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < sizeof binds / sizeof binds[0]; i++) {
        char *json = unbind_encode(binds[i]);
        uint32_t bind;
        ASSERT_DECODES(unbind_decode, json, &bind);
        assert_int_equal(bind, binds[i]);
        free(json);
    }
    assert_json(unbind_encode(UINT32_MAX), "{\"bindId\":4294967295}");
    static const char *const texts[] = {"{}", "{\"bindId\":-1}", "{\"bindId\":4294967296}", "{\"bindId\":1.0}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint32_t bind;
        const char *why = "";
        assert_int_equal(unbind_decode(span_of_string(texts[i]), &bind, &why), PAYLOAD_INVALID);
        assert_string_equal(why, "bindId must be an integer 0..2^32-1");
    }
}

static void an_unbind_err_is_read_back_as_written(void **state)
{
    (void)state;
    const char *json = "{\"bindId\":7,\"code\":\"NOT_OWNED\",\"message\":\"m\"}";
    assert_json(unbind_err_encode(7, "NOT_OWNED", "m"), json);
    struct unbind_err err;
    ASSERT_DECODES(unbind_err_decode, json, &err);
    assert_int_equal(err.bind, 7);
    assert_string_equal(err.code, "NOT_OWNED");
    assert_string_equal(err.message, "m");
    unbind_err_done(&err);
}

static void a_bind_revoked_is_read_back_as_written(void **state)
{
    (void)state;
    const char *json = "{\"bindId\":7,\"reason\":\"taken \\\\ over\"}";
    assert_json(bind_revoked_encode(7, "taken \\ over"), json);
    uint32_t bind;
    char *reason;
    assert_int_equal(bind_revoked_decode(span_of_string(json), &bind, &reason, NULL), PAYLOAD_OK);
    assert_int_equal(bind, 7);
    assert_string_equal(reason, "taken \\ over");
    free(reason);
    assert_int_equal(bind_revoked_decode(span_of_string("{\"bindId\":2147483647}"), &bind, &reason, NULL), PAYLOAD_OK);
    assert_string_equal(reason, "");
    free(reason);
    assert_int_equal(bind_revoked_decode(span_of_string("{\"bindId\":0}"), &bind, &reason, NULL), PAYLOAD_INVALID);
    assert_int_equal(bind, INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_and_modes_have_their_names),
        cmocka_unit_test(a_bind_is_read_whole),
        cmocka_unit_test(only_the_reference_of_a_bind_is_required),
        cmocka_unit_test(a_reference_that_cannot_be_echoed_is_refused),
        cmocka_unit_test(ports_are_left_to_policy),
        cmocka_unit_test(a_host_that_is_none_is_not_the_default_one),
        cmocka_unit_test(kinds_and_modes_are_read_by_name),
        cmocka_unit_test(a_bind_is_written_with_what_was_said_only),
        cmocka_unit_test(a_bind_ok_is_read_back_as_written),
        cmocka_unit_test(a_bind_ok_has_a_binding_and_a_port),
        cmocka_unit_test(a_bind_err_is_read_back_as_written),
        cmocka_unit_test(unbind_names_any_32_bit_binding),
        cmocka_unit_test(an_unbind_err_is_read_back_as_written),
        cmocka_unit_test(a_bind_revoked_is_read_back_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
