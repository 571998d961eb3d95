/* Each limit, exactly at it and one beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/buffer.h>

#include "http_transcript.h"

#include <stdlib.h>

#define CHUNKED_HEAD "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

/* `format` with its run made so long that the part after `skipped` bytes has `length` bytes. */
static char *filled_to(const char *format, size_t skipped, size_t length)
{
    return with_run(format, 'a', length + skipped + strlen("%s") - strlen(format));
}

static void assert_run(enum http_reader_kind kind, char *text, const char *expected)
{
    assert_http_transcript(kind, span_of_string(text), false, false, expected);
    free(text);
}

static void a_head_has_32_kib(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.0\r\nA: %s\r\n\r\n";
    static const char answer[] = "HTTP/1.1 204 N\r\nA: %s\r\n\r\n";
    assert_run(HTTP_REQUESTS, filled_to(request, 0, HTTP_HEAD_MAX), "head GET / 1.0 none close\nend\n");
    assert_run(HTTP_REQUESTS, filled_to(request, 0, HTTP_HEAD_MAX + 1), "bad 431\n");
    assert_run(HTTP_ANSWERS, filled_to(answer, 0, HTTP_HEAD_MAX), "head 204 N 1.1 none keep\nend\n");
    assert_run(HTTP_ANSWERS, filled_to(answer, 0, HTTP_HEAD_MAX + 1), "bad 502\n");
}

static void a_head_that_never_ends_is_refused_at_the_limit(void **state)
{
    (void)state;
    assert_run(HTTP_REQUESTS, with_run("%s", 'M', HTTP_HEAD_MAX + 1), "bad 431\n");
    assert_run(HTTP_REQUESTS, with_run("GET / HTTP/1.1\r\n%s", 'N', HTTP_HEAD_MAX), "bad 431\n");
    assert_run(HTTP_REQUESTS, with_run("GET / HTTP/1.1\r\nA:%s", ' ', HTTP_HEAD_MAX), "bad 431\n");
    assert_run(HTTP_ANSWERS, with_run("HTTP/1.1 200 %s", 'r', HTTP_HEAD_MAX), "bad 502\n");
}

/* Pipelined: the limit counts from the request line, whatever came before. */
static void each_head_has_its_own_limit(void **state)
{
    (void)state;
    static const char *const format = "GET /1 HTTP/1.0\r\n\r\n\r\nGET / HTTP/1.0\r\nA: %s\r\n\r\n";
    const size_t before = strlen("GET /1 HTTP/1.0\r\n\r\n\r\n");
    assert_run(HTTP_REQUESTS, filled_to(format, before, HTTP_HEAD_MAX),
               "head GET /1 1.0 none close\nend\nhead GET / 1.0 none close\nend\n");
    assert_run(HTTP_REQUESTS, filled_to(format, before, HTTP_HEAD_MAX + 1),
               "head GET /1 1.0 none close\nend\nbad 431\n");
}

static void a_target_has_16_kib(void **state)
{
    (void)state;
    char *expected = with_run("head GET /%s 1.0 none close\nend\n", 'a', HTTP_TARGET_MAX - 1);
    assert_run(HTTP_REQUESTS, with_run("GET /%s HTTP/1.0\r\n\r\n", 'a', HTTP_TARGET_MAX - 1), expected);
    free(expected);
    assert_run(HTTP_REQUESTS, with_run("GET /%s HTTP/1.0\r\n\r\n", 'a', HTTP_TARGET_MAX), "bad 414\n");
    assert_run(HTTP_REQUESTS, with_run("GET /%s", 'a', (size_t)HTTP_HEAD_MAX * 2), "bad 414\n");
    expected = with_run("head GET /%s 1.0 none close\nend\n", 'a', 300);
    assert_run(HTTP_REQUESTS, with_run("GET /%s HTTP/1.0\r\n\r\n", 'a', 300), expected);
    free(expected);
}

static void a_head_has_100_fields(void **state)
{
    (void)state;
    for (size_t count = HTTP_FIELDS_MAX - 1; count <= HTTP_FIELDS_MAX + 1; count++) {
        struct evbuffer *text = evbuffer_new();
        evbuffer_add_printf(text, "GET / HTTP/1.1\r\nHost: x\r\n");
        for (size_t i = 1; i < count; i++) {
            evbuffer_add_printf(text, "N%zu: v\r\n", i);
        }
        evbuffer_add_printf(text, "\r\n");
        assert_http_transcript(HTTP_REQUESTS, span_of(evbuffer_pullup(text, -1), evbuffer_get_length(text)), false,
                               false,
                               count <= HTTP_FIELDS_MAX ? "head GET / 1.1 host=x none keep\nend\n" : "bad 431\n");
        evbuffer_free(text);
    }
}

/* All fields lengths, all but one left out on their way to llhttp. */
static void a_head_of_equal_lengths_only(void **state)
{
    (void)state;
    struct evbuffer *text = evbuffer_new();
    evbuffer_add_printf(text, "PUT / HTTP/1.0\r\n");
    for (size_t i = 0; i < HTTP_FIELDS_MAX; i++) {
        evbuffer_add_printf(text, "Content-Length: 1\r\n");
    }
    evbuffer_add_printf(text, "\r\nx");
    assert_http_transcript(HTTP_REQUESTS, span_of(evbuffer_pullup(text, -1), evbuffer_get_length(text)), false, false,
                           "head PUT / 1.0 length=1 close\nbody x\nend\n");
    evbuffer_free(text);
}

static void sixteen_empty_lines_are_skipped(void **state)
{
    (void)state;
    for (size_t count = HTTP_EMPTY_LINES_MAX; count <= HTTP_EMPTY_LINES_MAX + 1; count++) {
        struct evbuffer *text = evbuffer_new();
        for (int message = 0; message < 2; message++) {
            for (size_t i = 0; i < count; i++) {
                evbuffer_add_printf(text, "\r\n");
            }
            evbuffer_add_printf(text, "GET / HTTP/1.0\r\n\r\n");
        }
        assert_http_transcript(
            HTTP_REQUESTS, span_of(evbuffer_pullup(text, -1), evbuffer_get_length(text)), false, false,
            count <= HTTP_EMPTY_LINES_MAX ? "head GET / 1.0 none close\nend\nhead GET / 1.0 none close\nend\n"
                                          : "bad 400\n");
        evbuffer_free(text);
    }
}

static void a_chunk_size_line_has_4_kib(void **state)
{
    (void)state;
    static const char extended[] = CHUNKED_HEAD "1;%s\r\nx\r\n0\r\n\r\n";
    const size_t around = strlen(CHUNKED_HEAD) + strlen("x\r\n0\r\n\r\n");
    assert_run(HTTP_REQUESTS, filled_to(extended, around, HTTP_CHUNK_LINE_MAX),
               "head POST / 1.1 host=x chunked keep\nbody x\nend\n");
    assert_run(HTTP_REQUESTS, filled_to(extended, around, HTTP_CHUNK_LINE_MAX + 1),
               "head POST / 1.1 host=x chunked keep\nbad 400\n");
    assert_run(HTTP_REQUESTS, with_run(CHUNKED_HEAD "%s1\r\nx\r\n0\r\n\r\n", '0', HTTP_CHUNK_LINE_MAX - 3),
               "head POST / 1.1 host=x chunked keep\nbody x\nend\n");
    assert_run(HTTP_REQUESTS, with_run(CHUNKED_HEAD "%s1\r\nx\r\n0\r\n\r\n", '0', HTTP_CHUNK_LINE_MAX - 2),
               "head POST / 1.1 host=x chunked keep\nbad 400\n");
}

static void trailers_have_32_kib(void **state)
{
    (void)state;
    static const char format[] = CHUNKED_HEAD "0\r\nA: %s\r\n\r\n";
    const size_t before = strlen(CHUNKED_HEAD "0\r\n");
    assert_run(HTTP_REQUESTS, filled_to(format, before, HTTP_TRAILERS_MAX),
               "head POST / 1.1 host=x chunked keep\nend\n");
    assert_run(HTTP_REQUESTS, filled_to(format, before, HTTP_TRAILERS_MAX + 1),
               "head POST / 1.1 host=x chunked keep\nbad 431\n");
}

/* A byte a second, 32 KiB long: the reader takes each byte as it comes, so that there is nothing to look at again. */
static void a_slow_head_leaves_nothing_to_look_at_again(void **state)
{
    (void)state;
    char *text = filled_to("GET / HTTP/1.0\r\nA: %s\r\n\r\n", 0, HTTP_HEAD_MAX);
    struct http_reader *reader = http_reader_new(HTTP_REQUESTS);
    struct evbuffer *in = evbuffer_new();
    for (size_t i = 0; i < HTTP_HEAD_MAX; i++) {
        evbuffer_add(in, text + i, 1);
        assert_true(http_reader_awaits_head(reader));
        const enum http_event event = http_reader_read(reader, in, in, 0);
        assert_int_equal(event, i + 1 < HTTP_HEAD_MAX ? HTTP_MORE : HTTP_HEAD);
        assert_int_equal(evbuffer_get_length(in), 0);
        assert_true(http_reader_in_message(reader));
    }
    http_reader_destroy(&reader);
    evbuffer_free(in);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_has_32_kib),
        cmocka_unit_test(a_head_that_never_ends_is_refused_at_the_limit),
        cmocka_unit_test(each_head_has_its_own_limit),
        cmocka_unit_test(a_target_has_16_kib),
        cmocka_unit_test(a_head_has_100_fields),
        cmocka_unit_test(a_head_of_equal_lengths_only),
        cmocka_unit_test(sixteen_empty_lines_are_skipped),
        cmocka_unit_test(a_chunk_size_line_has_4_kib),
        cmocka_unit_test(trailers_have_32_kib),
        cmocka_unit_test(a_slow_head_leaves_nothing_to_look_at_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
