/* A driver that lies must not be able to split an answer: whatever its fields hold, a strict reader finds one message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_answer.h"

#include <event2/buffer.h>
#include <stdio.h>

static const struct http_answer_request GET = {.version_minor = 1, .keeps_alive = true};

/* Reads what went out: exactly one answer with `body`, and `field_count` fields. */
static void expect_one_answer(struct evbuffer *out, uint16_t status, size_t field_count, const char *body)
{
    struct http_reader *reader = http_reader_new(HTTP_ANSWERS);
    struct evbuffer *got = evbuffer_new();
    assert_int_equal(http_reader_read(reader, out, got, SIZE_MAX), HTTP_HEAD);
    assert_int_equal(http_reader_head(reader)->status, status);
    assert_int_equal(http_reader_head(reader)->field_count, field_count);
    enum http_event event;
    do {
        event = http_reader_read(reader, out, got, SIZE_MAX);
    } while (event == HTTP_BODY);
    assert_int_equal(event, HTTP_END);
    assert_int_equal(evbuffer_get_length(out), 0);
    assert_int_equal(evbuffer_get_length(got), strlen(body));
    if (strlen(body) > 0) {
        assert_memory_equal(evbuffer_pullup(got, -1), body, strlen(body));
    }
    evbuffer_free(got);
    http_reader_destroy(&reader);
}

static struct evbuffer *answer_with(struct span name, struct span value)
{
    struct http_answer answer;
    struct response_head head = {.status = 200, .is_final = true};
    struct evbuffer *out = evbuffer_new(), *body = evbuffer_new();
    assert_true(field_list_add(&head.fields, name, value));
    http_answer_init(&answer, GET);
    assert_int_equal(http_answer_head(&answer, &head, out), ANSWER_OK);
    evbuffer_add(body, "body", 4);
    assert_int_equal(http_answer_body(&answer, body, out), ANSWER_OK);
    assert_int_equal(http_answer_end(&answer, out), ANSWER_OK);
    evbuffer_free(body);
    response_head_done(&head);
    return out;
}

static bool is_tchar(unsigned byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte > 0x20 && byte < 0x7F && strchr("!#$%&'*+-.^_`|~", (int)byte) != NULL);
}

/* At the front, inside and at the end of a name: the field passes as a token, or not at all. */
static void a_name_that_is_no_token_is_dropped(void **state)
{
    (void)state;
    for (unsigned byte = 1; byte < 256; byte++) {
        for (size_t at = 0; at < 3; at++) {
            uint8_t name[] = {'a', 'b', 'c'};
            name[at] = (uint8_t)byte;
            struct evbuffer *out = answer_with(span_of(name, sizeof name), span_of_string("v"));
            expect_one_answer(out, 200, is_tchar(byte) ? 2 : 1, "body");
            evbuffer_free(out);
        }
    }
    struct evbuffer *out = answer_with(span_of_string(""), span_of_string("v"));
    expect_one_answer(out, 200, 1, "body");
    evbuffer_free(out);
}

static size_t count_field_lines(struct evbuffer *out)
{
    size_t count = 0;
    struct evbuffer_ptr at = evbuffer_search(out, "\r\n\r\n", 4, NULL);
    const size_t end = (size_t)at.pos;
    const uint8_t *bytes = evbuffer_pullup(out, -1);
    for (size_t i = 0; i < end; i++)
        count += bytes[i] == '\n';
    return count;
}

static void a_value_that_ends_a_line_is_dropped(void **state)
{
    (void)state;
    for (unsigned byte = 1; byte < 256; byte++) {
        for (size_t at = 0; at < 3; at++) {
            uint8_t value[] = {'a', 'b', 'c'};
            value[at] = (uint8_t)byte;
            struct evbuffer *out = answer_with(span_of_string("x"), span_of(value, sizeof value));
            const bool is_dropped = byte == '\r' || byte == '\n';
            assert_int_equal(count_field_lines(out), is_dropped ? 1 : 2);
            evbuffer_free(out);
        }
    }
}

static void whole_answers_in_names_and_values_stay_unsaid(void **state)
{
    (void)state;
    static const char *const SMUGGLED[] = {
        "x\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
        "x\nContent-Length: 0\n\nHTTP/1.1 200 OK\nContent-Length: 3\n\nbad",
        "x\rSet-Cookie: a=b",
        "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "\n",
        "\r",
        "x\r\n folded",
        "x\n\tfolded",
    };
    for (size_t i = 0; i < sizeof SMUGGLED / sizeof *SMUGGLED; i++) {
        const struct span hostile = span_of_string(SMUGGLED[i]);
        struct evbuffer *out = answer_with(span_of_string("Location"), hostile);
        expect_one_answer(out, 200, 1, "body");
        evbuffer_free(out);
        out = answer_with(hostile, span_of_string("v"));
        expect_one_answer(out, 200, 1, "body");
        evbuffer_free(out);
    }
}

static void the_framing_is_ours_however_the_driver_names_its_own(void **state)
{
    (void)state;
    static const char *const NAMES[] = {
        "Transfer-Encoding",     "transfer-encoding",   "TRANSFER-ENCODING",
        "Transfer-Encoding ",    " Transfer-Encoding",  "Transfer-Encoding:",
        "Transfer-Encoding\t",   "\tTransfer-Encoding", "Content-Length ",
        " Content-Length",       "Content-Length:",     "Content-Length\t",
        "Content\xc2\xa0Length", "Connection",          "Trailer",
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct evbuffer *out = answer_with(span_of_string(NAMES[i]), span_of_string("0"));
        expect_one_answer(out, 200, 1, "body");
        evbuffer_free(out);
    }
    struct evbuffer *out =
        answer_with(span_of_string("Connection"), span_of_string("Content-Length, Transfer-Encoding"));
    expect_one_answer(out, 200, 1, "body");
    evbuffer_free(out);
}

static void interim_heads_and_switches_are_as_safe(void **state)
{
    (void)state;
    static const uint16_t STATUSES[] = {103, 101};
    for (size_t i = 0; i < 2; i++) {
        struct http_answer answer;
        struct response_head head = {.status = STATUSES[i], .is_final = STATUSES[i] == 101};
        struct evbuffer *out = evbuffer_new();
        field_list_add(&head.fields, span_of_string("a"), span_of_string("b\r\n\r\nHTTP/1.1 200 OK"));
        field_list_add(&head.fields, span_of_string("c\r\nd"), span_of_string("e"));
        field_list_add(&head.fields, span_of_string("Upgrade"), span_of_string("x\r\n\r\nraw"));
        field_list_add(&head.fields, span_of_string("f"), span_of_string("g"));
        http_answer_init(&answer, (struct http_answer_request){.is_upgrade = true, .version_minor = 1});
        assert_int_equal(http_answer_head(&answer, &head, out), ANSWER_OK);
        expect_one_answer(out, STATUSES[i], 1, "");
        evbuffer_free(out);
        response_head_done(&head);
    }
}

/* A head as large as a frame lets it be, all of it names in Connection, each a field of its own. */
static void a_connection_field_that_names_thousands_is_obeyed(void **state)
{
    (void)state;
    enum { NAMES = 4000 };
    struct http_answer answer;
    struct response_head head = {.status = 200, .is_final = true};
    struct evbuffer *list = evbuffer_new(), *out = evbuffer_new();
    for (int i = NAMES; i > 0; i--) {
        char name[16];
        const int length = snprintf(name, sizeof name, "N%x", (unsigned)i);
        field_list_add(&head.fields, span_of(name, (size_t)length), span_of_string(""));
        evbuffer_add_printf(list, "n%X,", (unsigned)i);
    }
    field_list_add(&head.fields, span_of_string("kept"), span_of_string("1"));
    const size_t length = evbuffer_get_length(list);
    field_list_add(&head.fields, span_of_string("connection"), span_of(evbuffer_pullup(list, -1), length));
    http_answer_init(&answer, GET);
    assert_int_equal(http_answer_head(&answer, &head, out), ANSWER_OK);
    assert_int_equal(http_answer_end(&answer, out), ANSWER_OK);
    expect_one_answer(out, 200, 2, "");
    evbuffer_free(list);
    evbuffer_free(out);
    response_head_done(&head);
}

/* A body that looks like framing stays a body, in every way of cutting it. */
static void a_body_never_leaves_its_frame(void **state)
{
    (void)state;
    static const char BODY[] = "0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad";
    for (size_t cut = 0; cut < sizeof BODY; cut++) {
        struct http_answer answer;
        const struct response_head head = {.status = 200, .is_final = true};
        struct evbuffer *out = evbuffer_new(), *body = evbuffer_new();
        http_answer_init(&answer, GET);
        assert_int_equal(http_answer_head(&answer, &head, out), ANSWER_OK);
        evbuffer_add(body, BODY, cut);
        assert_int_equal(http_answer_body(&answer, body, out), ANSWER_OK);
        evbuffer_add(body, BODY + cut, sizeof BODY - 1 - cut);
        assert_int_equal(http_answer_body(&answer, body, out), ANSWER_OK);
        assert_int_equal(http_answer_end(&answer, out), ANSWER_OK);
        expect_one_answer(out, 200, 1, BODY);
        evbuffer_free(body);
        evbuffer_free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_is_no_token_is_dropped),
        cmocka_unit_test(a_value_that_ends_a_line_is_dropped),
        cmocka_unit_test(whole_answers_in_names_and_values_stay_unsaid),
        cmocka_unit_test(the_framing_is_ours_however_the_driver_names_its_own),
        cmocka_unit_test(interim_heads_and_switches_are_as_safe),
        cmocka_unit_test(a_connection_field_that_names_thousands_is_obeyed),
        cmocka_unit_test(a_body_never_leaves_its_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
