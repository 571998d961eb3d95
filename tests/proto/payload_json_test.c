/* What counts as a JSON payload, asked of GOAWAY: what an unknown field may hold, and what is not JSON wherever it
 * stands. */
#include "payload_json.h"
#include "session_payloads.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static enum payload_verdict verdict_on(const char *json, size_t length, const char **ret_why)
{
    struct goaway goaway;
    enum payload_verdict verdict = goaway_decode(span_of(json, length), &goaway, ret_why);
    if (verdict == PAYLOAD_OK)
        goaway_done(&goaway);
    return verdict;
}

/* The text stands where values stand: last, first, in an array, deep in an object. */
static void assert_as_value(const char *text, enum payload_verdict expected)
{
    static const char *const places[] = {
        "{\"code\":0,\"x\":%s}",
        "{\"x\":%s,\"code\":0}",
        "{\"code\":0,\"x\":[0,%s,0]}",
        "{\"code\":0,\"x\":{\"code\":{\"y\":%s}}}",
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *json = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        assert_true(asprintf(&json, places[i], text) > 0);
#pragma GCC diagnostic pop
        if (verdict_on(json, strlen(json), NULL) != expected)
            fail_msg("%s: not %d", json, (int)expected);
        free(json);
    }
}

static void an_unknown_field_may_hold_anything(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1",
        "-1.5e-7",
        "[]",
        "{}",
        "[[[{}]]]",
        "\"\"",
        "{\"code\":\"x\"}",
        /* escapes */
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"",
        "\"\\u0000\"",
        "\"\\u0000\\u0000\"",
        "{\"a\":\"\\u0000\"}",
        "\"\\uffff\"",
        "\"\\uFDD0\"",
        "\"\x7f\"",
        /* surrogates, paired and not */
        "\"\\ud83d\\ude00\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\n\"",
        "\"\\ud800\\\\\"",
        "\"\\ud800\\\"\"",
        /* keys that C strings cannot hold */
        "{\"\":1}",
        "{\"\\u0000\":1}",
        "{\"a\\u0000\":1,\"a\":2}",
        "{\"\\ud800\":1,\"\\u0001\":2}",
        /* UTF-8 at the edges of its ranges */
        "\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"",
        /* numbers beyond what is representable */
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "1e400",
        "-1e400",
        "1e-400",
        "0e999999999999",
        "1e999999999999",
        "123456789012345678901234567890.5",
        "100000000000000000000",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_as_value(texts[i], PAYLOAD_OK);
}

static void what_is_not_json_is_refused_in_unknown_fields_too(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "nul",
        "True",
        "undefined",
        "NaN",
        "Infinity",
        "-Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "00",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "0x10",
        "1_000",
        "1 2",
        "--1",
        "1e400-5",
        "123456789012345678901234567890-1",
        "0123456789012345678901234567890",
        /* strings */
        "'a'",
        "\"",
        "\"a",
        "\"\\x41\"",
        "\"\\u\"",
        "\"\\u12\"",
        "\"\\u12G4\"",
        "\"\\U0041\"",
        "\"\n\"",
        "\"\t\"",
        "\"\x01\"",
        "\"\\ud800",
        "\"\\ud800\\u\"",
        "\"\\ud800\\ug000\"",
        /* not UTF-8: stray, cut short, overlong, surrogates, beyond U+10FFFF */
        "\"\x80\"",
        "\"\xBF\"",
        "\"\xC2\"",
        "\"\xE2\x82\"",
        "\"\xF0\x9F\x98\"",
        "\"\xC0\x80\"",
        "\"\xC1\xBF\"",
        "\"\xE0\x80\x80\"",
        "\"\xF0\x80\x80\x80\"",
        "\"\xED\xA0\x80\"",
        "\"\xED\xBF\xBF\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xF8\x88\x80\x80\x80\"",
        "\"\xFE\"",
        "\"\xFF\"",
        "\xE2\x80\xA8",
        /* containers */
        "[",
        "]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "[}",
        "{]",
        "/**/1",
        "1//",
        "#",
        /* duplicate keys */
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"b\":2,\"a\":3}",
        "{\"a\":1,\"\\u0061\":1}",
        "{\"\":1,\"\":1}",
        "[{\"a\":{\"b\":1,\"b\":2}}]",
        "{\"\xC3\xA9\":1,\"\\u00e9\":2}",
        "{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}",
        "{\"\\u0000\":1,\"\\u0000\":2}",
        "{\"a\":1e400,\"a\":1}",
        "{\"a\":\"\\ud800\",\"a\":1}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_as_value(texts[i], PAYLOAD_NOT_JSON);
}

static void keys_differ_by_case_and_are_compared_whole(void **state)
{
    (void)state;
    assert_as_value("{\"a\":1,\"A\":2,\"aa\":3}", PAYLOAD_OK);
    const char json[] = "{\"Code\":1,\"code\\u0000\":2}";
    const char *why = NULL;
    assert_int_equal(verdict_on(json, strlen(json), &why), PAYLOAD_INVALID);
    assert_string_equal(why, "code must be an integer 0..2^32-1");
}

/* {"code":0,"x": and so many containers, each in the other. */
static char *nested(const char *opening, const char *closing, size_t depth)
{
    char *json = malloc(depth * (strlen(opening) + strlen(closing)) + 32);
    char *at = stpcpy(json, "{\"code\":0,\"x\":");
    for (size_t i = 0; i < depth; i++)
        at = stpcpy(at, opening);
    at = stpcpy(at, "0");
    for (size_t i = 0; i < depth; i++)
        at = stpcpy(at, closing);
    strcpy(at, "}");
    return json;
}

static void assert_nested(const char *opening, const char *closing, size_t depth, enum payload_verdict expected,
                          const char *expected_why)
{
    char *json = nested(opening, closing, depth);
    const char *why = "";
    assert_int_equal(verdict_on(json, strlen(json), &why), expected);
    assert_string_equal(why, expected_why);
    free(json);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    assert_nested("[", "]", 2000, PAYLOAD_OK, "");
    assert_nested("{\"a\":", "}", 2000, PAYLOAD_OK, "");
    assert_nested("[", "]", 2100, PAYLOAD_NOT_JSON, "payload is nested too deeply");
    assert_nested("{\"a\":", "}", 2100, PAYLOAD_NOT_JSON, "payload is nested too deeply");
    assert_nested("[", "", 65000, PAYLOAD_NOT_JSON, "payload is nested too deeply");
    assert_nested("{\"x\":[", "", 10000, PAYLOAD_NOT_JSON, "payload is nested too deeply");
    assert_nested("", "]", 65000, PAYLOAD_NOT_JSON, "payload is not JSON");
}

static void a_raw_nul_is_not_json(void **state)
{
    (void)state;
    static const char whole[] = "{\"code\":0,\"x\":[\"a\",1e400]}";
    char json[sizeof whole];
    for (size_t at = 0; at < strlen(whole); at++) {
        memcpy(json, whole, sizeof whole);
        json[at] = '\0';
        assert_int_equal(verdict_on(json, strlen(whole), NULL), PAYLOAD_NOT_JSON);
    }
    static const char after_number[] = "{\"code\":0\0}";
    assert_int_equal(verdict_on(after_number, sizeof after_number - 1, NULL), PAYLOAD_NOT_JSON);
    static const char after_literal[] = "{\"code\":0,\"x\":true\0}";
    assert_int_equal(verdict_on(after_literal, sizeof after_literal - 1, NULL), PAYLOAD_NOT_JSON);
}

static void the_reason_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *why;
    } cases[] = {
        {"", "payload is empty"},
        {"{", "payload is not JSON"},
        {"[]", "payload is not a JSON object"},
        {"{\"code\":0,\"code\":0}", "payload has a duplicate key"},
        {"{\"code\":0,\"x\":1e400,\"x\":1}", "payload has a duplicate key"},
        {"{\"code\":0,\"message\":\"\\ud800\"}", "message must be a string without NUL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *why = "";
        assert_int_not_equal(verdict_on(cases[i].json, strlen(cases[i].json), &why), PAYLOAD_OK);
        assert_string_equal(why, cases[i].why);
    }
}

static void the_first_failure_sticks(void **state)
{
    (void)state;
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, span_of_string("{\"a\":\"text\",\"b\":1}"));
    assert_int_equal(payload_integer(&reader, root, "b", 0, 9, "b"), 1);
    assert_null(payload_text(&reader, root, "b", "first"));
    assert_null(payload_text(&reader, root, "a", "second"));
    assert_null(payload_text_or(&reader, root, "none", "fallback", "third"));
    assert_int_equal(payload_integer(&reader, root, "b", 0, 9, "fourth"), 0);
    assert_null(payload_allocate(&reader, 1, 1));
    const char *why = NULL;
    assert_int_equal(payload_reader_done(&reader, &why), PAYLOAD_INVALID);
    assert_string_equal(why, "first");
}

/* A hostile payload must not cost more than its length: 64 KiB of what has to be amended, each kind. */
static void the_largest_payloads_are_read(void **state)
{
    (void)state;
    static const char *const pieces[] = {"1e400,", "99999999999999999999,", "\"\\ud800\",", "{\"\\u0000\":0},",
                                         "[[],0],"};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        size_t count = 65000 / strlen(pieces[i]);
        char *json = malloc(65536 + 32);
        char *at = stpcpy(json, "{\"code\":0,\"x\":[");
        for (size_t k = 0; k < count; k++)
            at = stpcpy(at, pieces[i]);
        strcpy(at, "0]}");
        assert_int_equal(verdict_on(json, strlen(json), NULL), PAYLOAD_OK);
        free(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_field_may_hold_anything),
        cmocka_unit_test(what_is_not_json_is_refused_in_unknown_fields_too),
        cmocka_unit_test(keys_differ_by_case_and_are_compared_whole),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_raw_nul_is_not_json),
        cmocka_unit_test(the_reason_says_what_is_wrong),
        cmocka_unit_test(the_first_failure_sticks),
        cmocka_unit_test(the_largest_payloads_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
