/* The scanner of raw heads: where things are, what is refused, and never a byte looked at twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_head_scan.h"

#include <stdio.h>

struct outcome {
    enum http_head_verdict verdict;
    size_t used;
    struct http_error error;
    struct http_head_scan scan;
};

/* Feeds the bytes in two pieces; `cut` may be anything up to the length. */
static struct outcome scan_cut(enum http_reader_kind kind, const char *head, size_t cut)
{
    struct outcome outcome = {.verdict = HEAD_MORE};
    const struct span whole = span_of_string(head);

    http_head_scan_init(&outcome.scan, kind);
    struct span first = span_of(whole.data, cut);
    outcome.verdict = http_head_scan(&outcome.scan, &first, &outcome.error);
    outcome.used = cut - first.length;
    if (outcome.verdict == HEAD_MORE) {
        assert_int_equal(first.length, 0);
        struct span second = span_of(whole.data + cut, whole.length - cut);
        outcome.verdict = http_head_scan(&outcome.scan, &second, &outcome.error);
        outcome.used = whole.length - second.length;
    }
    return outcome;
}

static void assert_place(const char *head, struct http_place place, const char *expected)
{
    assert_true(place.at + (size_t)place.length <= strlen(head));
    assert_int_equal(place.length, strlen(expected));
    assert_memory_equal(head + place.at, expected, strlen(expected));
}

static void places_of_a_request_are_the_same_at_every_cut(void **state)
{
    (void)state;
    static const char head[] =
        "POST /a?b HTTP/1.0\r\nHost:x\r\nEmpty:\r\nBlank: \t \r\nMiddle: \t a  b\t\t \r\n\r\nrest";
    for (size_t cut = 0; cut <= strlen(head); cut++) {
        const struct outcome outcome = scan_cut(HTTP_REQUESTS, head, cut);
        const struct http_head_scan *scan = &outcome.scan;
        assert_int_equal(outcome.verdict, HEAD_DONE);
        assert_int_equal(outcome.used, strlen(head) - strlen("rest"));
        assert_int_equal(scan->field.at, outcome.used);
        assert_place(head, scan->method, "POST");
        assert_place(head, scan->target, "/a?b");
        assert_int_equal(scan->version_minor, 0);
        assert_int_equal(scan->field_count, 4);
        assert_place(head, scan->names[0], "Host");
        assert_place(head, scan->values[0], "x");
        assert_place(head, scan->names[1], "Empty");
        assert_place(head, scan->values[1], "");
        assert_place(head, scan->names[2], "Blank");
        assert_place(head, scan->values[2], "");
        assert_place(head, scan->names[3], "Middle");
        assert_place(head, scan->values[3], "a  b");
    }
}

static void places_of_an_answer_are_the_same_at_every_cut(void **state)
{
    (void)state;
    static const char head[] = "HTTP/1.1 404 Not  Found\xE9\r\nA: \xFF\r\n\r\n";
    for (size_t cut = 0; cut <= strlen(head); cut++) {
        const struct outcome outcome = scan_cut(HTTP_ANSWERS, head, cut);
        assert_int_equal(outcome.verdict, HEAD_DONE);
        assert_int_equal(outcome.used, strlen(head));
        assert_int_equal(outcome.scan.status, 404);
        assert_int_equal(outcome.scan.version_minor, 1);
        assert_place(head, outcome.scan.reason, "Not  Found\xE9");
        assert_int_equal(outcome.scan.field_count, 1);
        assert_place(head, outcome.scan.values[0], "\xFF");
    }
}

static void a_reason_may_be_empty_or_missing(void **state)
{
    (void)state;
    static const char *const heads[] = {"HTTP/1.1 200 \r\n\r\n", "HTTP/1.1 200\r\n\r\n"};
    for (size_t i = 0; i < 2; i++) {
        const struct outcome outcome = scan_cut(HTTP_ANSWERS, heads[i], 0);
        assert_int_equal(outcome.verdict, HEAD_DONE);
        assert_int_equal(outcome.scan.reason.length, 0);
    }
}

static void assert_refused(enum http_reader_kind kind, const char *head, uint16_t status)
{
    for (size_t cut = 0; cut <= strlen(head); cut++) {
        const struct outcome outcome = scan_cut(kind, head, cut);
        if (outcome.verdict != HEAD_BAD || outcome.error.status != status) {
            print_error("cut at %zu: %s\n", cut, head);
        }
        assert_int_equal(outcome.verdict, HEAD_BAD);
        assert_int_equal(outcome.error.status, status);
    }
}

/* As soon as the byte that is wrong has come: no refused head keeps its visitor waiting. */
static void a_bad_request_line_is_refused_at_its_first_bad_byte(void **state)
{
    (void)state;
    static const char *const heads[] = {
        " ",
        "\n",
        ":",
        "\x16",
        "GET\r",
        "GET\t",
        "GET  ",
        "GET /\r",
        "GET /\n",
        "GET /\t",
        "GET /\x7F",
        "GET /\x01",
        "GET /\xC3",
        "GET /#",
        "GET /\"",
        "GET /<",
        "GET />",
        "GET /  ",
        "GET / h",
        "GET / HTTP/2",
        "GET / HTTP/0",
        "GET / HTTQ",
        "GET / R",
        "GET / HTTP/1x",
        "GET / HTTP/1.2",
        "GET / HTTP/1.10",
        "GET / HTTP/1.1 ",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1\r\r",
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        assert_refused(HTTP_REQUESTS, heads[i], 400);
        char shorter[32];
        snprintf(shorter, sizeof shorter, "%.*s", (int)strlen(heads[i]) - 1, heads[i]);
        assert_int_equal(scan_cut(HTTP_REQUESTS, shorter, 0).verdict, HEAD_MORE);
    }
}

static void a_bad_status_line_is_refused_at_its_first_bad_byte(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "\r",
        "I",
        "HTTP/2",
        "HTTP/1.2",
        "HTTP/1.1\r",
        "HTTP/1.1  ",
        "HTTP/1.1 0",
        "HTTP/1.1 6",
        "HTTP/1.1 9",
        "HTTP/1.1 20\r",
        "HTTP/1.1 2000",
        "HTTP/1.1 -",
        "HTTP/1.1 2x",
        "HTTP/1.1 200\n",
        "HTTP/1.1 200 \n",
        "HTTP/1.1 200 a\x01",
        "HTTP/1.1 200 a\r\r",
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        assert_refused(HTTP_ANSWERS, heads[i], 400);
        char shorter[32];
        snprintf(shorter, sizeof shorter, "%.*s", (int)strlen(heads[i]) - 1, heads[i]);
        assert_int_equal(scan_cut(HTTP_ANSWERS, shorter, 0).verdict, HEAD_MORE);
    }
}

static void a_bad_field_line_is_refused_at_its_first_bad_byte(void **state)
{
    (void)state;
    static const char *const lines[] = {
        " ",       "\t",      ":",      "\n",         "\rx",         "(",          "\x80",         "A ",
        "A\t",     "A\r",     "A\n",    "A\x01",      "A\"",         "A: \n",      "A: a\n",       "A: \x01",
        "A: \x7F", "A: a\rb", "A:\r\r", "A: a\r\n b", "A: a\r\n\tb", "A: a\r\n\n", "A: a\r\n\r\r",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char head[64];
        snprintf(head, sizeof head, "GET / HTTP/1.1\r\n%s", lines[i]);
        assert_refused(HTTP_REQUESTS, head, 400);
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%s", lines[i]);
        assert_refused(HTTP_ANSWERS, head, 400);
    }
}

static void every_control_byte_in_a_value_is_refused(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        if (byte == '\r') {
            continue; /* may begin the line's end */
        }
        struct http_head_scan scan;
        struct http_error error;
        http_head_scan_init(&scan, HTTP_REQUESTS);
        struct span head = span_of_string("GET / HTTP/1.1\r\nA: a");
        assert_int_equal(http_head_scan(&scan, &head, &error), HEAD_MORE);
        const uint8_t next = (uint8_t)byte;
        struct span in = span_of(&next, 1);
        const bool is_control = (byte < 0x20 && byte != '\t') || byte == 0x7F;
        assert_int_equal(http_head_scan(&scan, &in, &error), is_control ? HEAD_BAD : HEAD_MORE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_of_a_request_are_the_same_at_every_cut),
        cmocka_unit_test(places_of_an_answer_are_the_same_at_every_cut),
        cmocka_unit_test(a_reason_may_be_empty_or_missing),
        cmocka_unit_test(a_bad_request_line_is_refused_at_its_first_bad_byte),
        cmocka_unit_test(a_bad_status_line_is_refused_at_its_first_bad_byte),
        cmocka_unit_test(a_bad_field_line_is_refused_at_its_first_bad_byte),
        cmocka_unit_test(every_control_byte_in_a_value_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
