/* Answers: their framings, those without body, and what is refused, always with 502. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_transcript.h"

#include <stdio.h>

static void by_length_and_chunked(void **state)
{
    (void)state;
    assert_answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                   "head 200 OK 1.1 length=5 keep\nbody hello\nend\n");
    assert_answers("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "head 200  1.1 length=0 keep\nend\n");
    assert_answers("HTTP/1.0 599 a b\r\nContent-Length: 1\r\n\r\nx", "head 599 a b 1.0 length=1 close\nbody x\nend\n");
    assert_answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nT: u\r\n\r\n",
                   "head 200 OK 1.1 chunked keep\nbody abc\nend\n");
}

static void pipelined_answers_come_one_after_the_other(void **state)
{
    (void)state;
    assert_answers("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 404\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "1\r\nb\r\n0\r\n\r\nHTTP/1.1 304 N\r\n\r\n",
                   "head 200 OK 1.1 length=1 keep\nbody a\nend\nhead 404  1.1 chunked keep\nbody b\nend\n"
                   "head 304 N 1.1 none keep\nend\n");
}

static void without_length_the_body_ends_with_the_connection(void **state)
{
    (void)state;
    assert_http_transcript(HTTP_ANSWERS, span_of_string("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nall of it"),
                           false, true, "head 200 OK 1.1 until-close close\nbody all of it\nend\n");
    assert_http_transcript(HTTP_ANSWERS, span_of_string("HTTP/1.0 200 OK\r\n\r\n"), false, true,
                           "head 200 OK 1.0 until-close close\nend\n");
    assert_answers("HTTP/1.0 200 OK\r\n\r\nHTTP", "head 200 OK 1.0 until-close close\nbody HTTP\n");
}

static void cut_short(void **state)
{
    (void)state;
    assert_http_transcript(HTTP_ANSWERS, span_of_string("HTTP/1.1 200 OK\r\n"), false, true, "bad 502\n");
    assert_http_transcript(HTTP_ANSWERS, span_of_string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"), false, true,
                           "head 200 OK 1.1 length=2 keep\nbody a\nbad 502\n");
    assert_http_transcript(HTTP_ANSWERS,
                           span_of_string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"),
                           false, true, "head 200 OK 1.1 chunked keep\nbody a\nbad 502\n");
    assert_http_transcript(HTTP_ANSWERS, span_of_string(""), false, true, "clean\n");
}

static void answers_to_head_have_no_body(void **state)
{
    (void)state;
    assert_http_transcript(HTTP_ANSWERS, span_of_string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), true, true,
                           "head 200 OK 1.1 none keep\nend\nclean\n");
    assert_http_transcript(HTTP_ANSWERS, span_of_string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), true,
                           true, "head 200 OK 1.1 none keep\nend\nclean\n");
    assert_http_transcript(HTTP_ANSWERS, span_of_string("HTTP/1.1 200 OK\r\n\r\n"), true, true,
                           "head 200 OK 1.1 none keep\nend\nclean\n");
}

static void a_head_request_counts_for_one_final_answer(void **state)
{
    (void)state;
    assert_http_transcript(HTTP_ANSWERS,
                           span_of_string("HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 A\r\nContent-Length: 1\r\n\r\n"
                                          "HTTP/1.1 200 B\r\nContent-Length: 1\r\n\r\nb"),
                           true, false,
                           "head 103 E 1.1 none keep\nend\nhead 200 A 1.1 none keep\nend\n"
                           "head 200 B 1.1 length=1 keep\nbody b\nend\n");
}

static void interim_204_and_304_have_no_body_whatever_they_say(void **state)
{
    (void)state;
    static const int statuses[] = {100, 101, 102, 103, 199, 204, 304};
    static const char *const fields[] = {"", "Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n"};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        for (size_t j = 0; j < sizeof fields / sizeof fields[0]; j++) {
            char text[160];
            char expected[160];
            snprintf(text, sizeof text, "HTTP/1.1 %d x\r\n%s\r\nHTTP/1.1 200 y\r\nContent-Length: 1\r\n\r\nb",
                     statuses[i], fields[j]);
            snprintf(expected, sizeof expected,
                     "head %d x 1.1 none keep\nend\nhead 200 y 1.1 length=1 keep\nbody b\nend\n", statuses[i]);
            assert_answers(text, expected);
        }
    }
}

static void connection_and_version_say_whether_to_go_on(void **state)
{
    (void)state;
    assert_answers("HTTP/1.0 204 x\r\nConnection: keep-alive\r\n\r\n", "head 204 x 1.0 none keep\nend\n");
    assert_answers("HTTP/1.1 204 x\r\nConnection: Close\r\n\r\n", "head 204 x 1.1 none close\nend\n");
}

static void statuses_outside_100_to_599(void **state)
{
    (void)state;
    static const char *const statuses[] = {"000", "099", "600", "999", "20", "2000", "2x0", "-10", "", " 200", "+20"};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char text[96];
        snprintf(text, sizeof text, "HTTP/1.1 %s OK\r\nContent-Length: 0\r\n\r\n", statuses[i]);
        assert_answers(text, "bad 502\n");
    }
}

static void heads_that_break_framing(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 9223372036854775808\r\n",
        "A: b\r\n c\r\n",
        "A : b\r\n",
        ": b\r\n",
        "A: b\n",
        "A: b\rc\r\n",
        "A: \x01\r\n",
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char text[160];
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%s\r\n", fields[i]);
        assert_answers(text, "bad 502\n");
    }
    assert_answers("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "bad 502\n");
    assert_answers("HTTP/2 200 OK\r\n\r\n", "bad 502\n");
    assert_answers("HTTP/1.1 200 OK\n\r\n", "bad 502\n");
    assert_answers("HTTP/1.1 200 OK\r\n\n", "bad 502\n");
    assert_answers("\r\nHTTP/1.1 200 OK\r\n\r\n", "bad 502\n");
    assert_answers("<html>", "bad 502\n");
}

static void equal_lengths_are_one(void **state)
{
    (void)state;
    assert_answers("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
                   "head 200 OK 1.1 length=1 keep\nbody x\nend\n");
}

static void chunks_that_break_framing(void **state)
{
    (void)state;
    static const char *const chunks[] = {
        "x\r\n", "1\r\nab\r\n", "1\na\r\n", "0\r\n\n", "0\r\nA: b\r\n c\r\n\r\n", "8000000000000000\r\n"};
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        char text[160];
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s", chunks[i]);
        assert_answers(text, i == 1 ? "head 200 OK 1.1 chunked keep\nbody a\nbad 502\n"
                                    : "head 200 OK 1.1 chunked keep\nbad 502\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_length_and_chunked),
        cmocka_unit_test(pipelined_answers_come_one_after_the_other),
        cmocka_unit_test(without_length_the_body_ends_with_the_connection),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(answers_to_head_have_no_body),
        cmocka_unit_test(a_head_request_counts_for_one_final_answer),
        cmocka_unit_test(interim_204_and_304_have_no_body_whatever_they_say),
        cmocka_unit_test(connection_and_version_say_whether_to_go_on),
        cmocka_unit_test(statuses_outside_100_to_599),
        cmocka_unit_test(heads_that_break_framing),
        cmocka_unit_test(equal_lengths_are_one),
        cmocka_unit_test(chunks_that_break_framing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
