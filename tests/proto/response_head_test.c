/* STREAM_RESPONSE_HEAD: which statuses go with `final`, pairs of strings, encode then decode is identity. */
#include "stream_payloads.h"

#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static enum payload_verdict head_verdict(const char *json, const char **ret_why)
{
    struct response_head head;
    enum payload_verdict verdict = response_head_decode(span_of_string(json), &head, ret_why);
    if (verdict == PAYLOAD_OK)
        response_head_done(&head);
    return verdict;
}

static void a_head_is_read_whole(void **state)
{
    (void)state;
    struct response_head head;
    const char *json =
        "{\"status\":206,\"headers\":[[\"Set-Cookie\",\"a=\xC3\xA9\"],[\"set-cookie\",\"\"],[\"X\",\"y\"]],"
        "\"final\":true,\"more\":[\"\\u0000\"]}";
    assert_int_equal(response_head_decode(span_of_string(json), &head, NULL), PAYLOAD_OK);
    assert_int_equal(head.status, 206);
    assert_true(head.is_final);
    assert_int_equal(head.fields.count, 3);
    assert_string_equal(head.fields.pairs[0].name, "Set-Cookie");
    assert_string_equal(head.fields.pairs[0].value, "a=\xC3\xA9");
    assert_string_equal(head.fields.pairs[1].name, "set-cookie");
    assert_string_equal(head.fields.pairs[1].value, "");
    assert_string_equal(head.fields.pairs[2].value, "y");
    response_head_done(&head);
    assert_int_equal(head.fields.count, 0);
    response_head_done(&head);
}

static void a_head_is_written_whole(void **state)
{
    (void)state;
    struct response_head head = {.status = 200, .is_final = true};
    field_list_add(&head.fields, span_of_string("A"), span_of_string("\"\\\x1F\x7F\xC3\xA9"));
    struct evbuffer *out = evbuffer_new();
    const char *json = "{\"status\":200,\"headers\":[[\"A\",\"\\\"\\\\\\u001f\x7F\xC3\xA9\"]],\"final\":true}";
    assert_int_equal(response_head_encode(&head, out), strlen(json));
    assert_memory_equal(evbuffer_pullup(out, -1), json, strlen(json));
    evbuffer_free(out);
    response_head_done(&head);
}

static void final_goes_with_the_right_statuses_only(void **state)
{
    (void)state;
    char json[64];
    for (int status = -1; status <= 1000; status++) {
        bool is_interim = status >= 100 && status <= 199 && status != 101;
        bool is_final = (status >= 200 && status <= 599) || status == 101;
        snprintf(json, sizeof json, "{\"status\":%d,\"headers\":[],\"final\":true}", status);
        assert_int_equal(head_verdict(json, NULL), is_final ? PAYLOAD_OK : PAYLOAD_INVALID);
        snprintf(json, sizeof json, "{\"status\":%d,\"headers\":[]}", status);
        assert_int_equal(head_verdict(json, NULL), is_final ? PAYLOAD_OK : PAYLOAD_INVALID);
        snprintf(json, sizeof json, "{\"status\":%d,\"headers\":[],\"final\":false}", status);
        assert_int_equal(head_verdict(json, NULL), is_interim ? PAYLOAD_OK : PAYLOAD_INVALID);
    }
}

static void a_status_is_a_plain_integer(void **state)
{
    (void)state;
    static const char *const statuses[] = {"200.0", "2e2", "\"200\"", "[200]", "1e400", "4294967496", "65736"};
    char json[64];
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        const char *why = "";
        snprintf(json, sizeof json, "{\"status\":%s,\"headers\":[]}", statuses[i]);
        assert_int_equal(head_verdict(json, &why), PAYLOAD_INVALID);
        assert_string_equal(why, "status must be an integer 100..599");
    }
}

static void headers_are_pairs_of_strings(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "[[]]",           "[[\"a\"]]",         "[[\"a\",\"b\",\"c\"]]",  "[\"a\",\"b\"]", "[[\"a\",1]]", "[[1,\"a\"]]",
        "[[\"a\",null]]", "[{\"a\":\"b\"}]",   "{\"a\":\"b\"}",          "\"a: b\"",      "null",        "7",
        "[null]",         "[[\"a\",[\"b\"]]]", "[[\"a\",\"b\"],[\"c\"]]"};
    char json[128];
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        const char *why = "";
        snprintf(json, sizeof json, "{\"status\":200,\"headers\":%s}", headers[i]);
        assert_int_equal(head_verdict(json, &why), PAYLOAD_INVALID);
        assert_string_equal(why, "headers must be an array of pairs of strings");
    }
}

static void a_pair_with_nul_is_dropped_and_the_others_stay(void **state)
{
    (void)state;
    struct response_head head;
    const char *json = "{\"status\":200,\"headers\":[[\"a\",\"1\"],[\"b\\u0000\",\"2\"],[\"c\",\"\\u00003\"],"
                       "[\"d\",\"\\ud800\"],[\"e\",\"5\"]]}";
    assert_int_equal(response_head_decode(span_of_string(json), &head, NULL), PAYLOAD_OK);
    assert_int_equal(head.fields.count, 2);
    assert_string_equal(head.fields.pairs[0].value, "1");
    assert_string_equal(head.fields.pairs[1].value, "5");
    response_head_done(&head);
}

static void heads_are_read_back_as_written(void **state)
{
    (void)state;
    for (uint16_t status = 100; status <= 599; status++) {
        struct response_head head = {.status = status, .is_final = status >= 200 || status == 101};
        for (uint16_t i = 0; i < status % 7; i++)
            assert_true(field_list_add(&head.fields, span_of_string("name"), span_of_string("v\t\"\xE2\x82\xAC")));
        struct evbuffer *out = evbuffer_new();
        size_t length = response_head_encode(&head, out);
        struct response_head decoded;
        assert_int_equal(response_head_decode(span_of(evbuffer_pullup(out, -1), length), &decoded, NULL), PAYLOAD_OK);
        assert_int_equal(decoded.status, status);
        assert_int_equal(decoded.is_final, head.is_final);
        assert_int_equal(decoded.fields.count, head.fields.count);
        for (size_t i = 0; i < head.fields.count; i++)
            assert_string_equal(decoded.fields.pairs[i].value, head.fields.pairs[i].value);
        response_head_done(&decoded);
        response_head_done(&head);
        evbuffer_free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read_whole),
        cmocka_unit_test(a_head_is_written_whole),
        cmocka_unit_test(final_goes_with_the_right_statuses_only),
        cmocka_unit_test(a_status_is_a_plain_integer),
        cmocka_unit_test(headers_are_pairs_of_strings),
        cmocka_unit_test(a_pair_with_nul_is_dropped_and_the_others_stay),
        cmocka_unit_test(heads_are_read_back_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
