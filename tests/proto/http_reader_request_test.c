/* Requests that pass: heads, bodies of all framings, pipelining, upgrades. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/buffer.h>

#include "http_transcript.h"

#include <stdlib.h>

static void a_plain_request_is_head_and_end(void **state)
{
    (void)state;
    assert_requests("GET /a?b=c HTTP/1.1\r\nHost: x:80\r\n\r\n", "head GET /a?b=c 1.1 host=x:80 none keep\nend\n");
    assert_requests("GET / HTTP/1.0\r\n\r\n", "head GET / 1.0 none close\nend\n");
    assert_requests("GET / HTTP/1.1\r\nhOST:\r\n\r\n", "head GET / 1.1 host= none keep\nend\n");
    assert_requests("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "head GET / 1.1 host=[::1]:8080 none keep\nend\n");
}

static void every_form_of_target_is_passed_as_written(void **state)
{
    (void)state;
    assert_requests("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "head OPTIONS * 1.1 host=x none keep\nend\n");
    assert_requests("GET http://u/p?q HTTP/1.1\r\nHost: x\r\n\r\n",
                    "head GET http://u/p?q 1.1 host=x none keep\nend\n");
    assert_requests("GET //a/../%2f%zz;'[]{}|\\^`~!$&()*+,=:@?? HTTP/1.1\r\nHost: x\r\n\r\n",
                    "head GET //a/../%2f%zz;'[]{}|\\^`~!$&()*+,=:@?? 1.1 host=x none keep\nend\n");
}

static void nothing_is_more_and_a_clean_end(void **state)
{
    (void)state;
    assert_http_transcript(HTTP_REQUESTS, span_of_string(""), false, true, "clean\n");
    assert_http_transcript(HTTP_REQUESTS, span_of_string("\r\n\r\n"), false, true, "clean\n");
    assert_http_transcript(HTTP_REQUESTS, span_of_string("GET / HTTP/1.0\r\n\r\n"), false, true,
                           "head GET / 1.0 none close\nend\nclean\n");
}

static void a_request_that_is_cut_short_is_bad(void **state)
{
    (void)state;
    assert_http_transcript(HTTP_REQUESTS, span_of_string("G"), false, true, "bad 400\n");
    assert_http_transcript(HTTP_REQUESTS, span_of_string("GET / HTTP/1.0\r\n\r"), false, true, "bad 400\n");
    assert_http_transcript(HTTP_REQUESTS, span_of_string("PUT / HTTP/1.0\r\nContent-Length: 3\r\n\r\nab"), false, true,
                           "head PUT / 1.0 length=3 close\nbody ab\nbad 400\n");
    assert_http_transcript(
        HTTP_REQUESTS, span_of_string("PUT / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r"),
        false, true, "head PUT / 1.1 host= chunked keep\nbody a\nbad 400\n");
}

static void empty_lines_before_a_request_are_skipped(void **state)
{
    (void)state;
    assert_requests("\r\nGET / HTTP/1.0\r\n\r\n\r\n\r\nGET /2 HTTP/1.0\r\n\r\n\r\n",
                    "head GET / 1.0 none close\nend\nhead GET /2 1.0 none close\nend\n");
}

static void a_body_by_length_is_exactly_so_long(void **state)
{
    (void)state;
    assert_requests("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
                    "head POST / 1.1 host=x length=5 keep\nbody hello\nend\n");
    assert_requests("POST / HTTP/1.1\r\nHost: x\r\ncontent-length: 000\r\n\r\nGET / HTTP/1.0\r\n\r\n",
                    "head POST / 1.1 host=x length=0 keep\nend\nhead GET / 1.0 none close\nend\n");
    assert_requests("POST / HTTP/1.0\r\nContent-Length: 9223372036854775807\r\n\r\nab",
                    "head POST / 1.0 length=9223372036854775807 close\nbody ab\n");
}

static void equal_lengths_are_one(void **state)
{
    (void)state;
    assert_requests("POST / HTTP/1.0\r\nContent-Length: 2\r\nA: b\r\ncontent-length: 2\r\nContent-Length:02\r\n\r\nab",
                    "head POST / 1.0 length=2 close\nbody ab\nend\n");
}

static void white_space_around_the_values_of_framing_means_nothing(void **state)
{
    (void)state;
    assert_requests("POST / HTTP/1.0\r\nContent-Length:\t2 \t\r\nContent-Length: 2\t\r\n\r\nab",
                    "head POST / 1.0 length=2 close\nbody ab\nend\n");
    assert_requests("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\t chunked \t\r\n\r\n2\r\nab\r\n0\r\n\r\n",
                    "head POST / 1.1 host=x chunked keep\nbody ab\nend\n");
}

static void a_chunked_body_is_decoded(void **state)
{
    (void)state;
    assert_requests("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
                    "5;e=f\r\nhello\r\n1\r\n \r\n05\r\nworld\r\n0\r\nT: t\r\n\r\n",
                    "head POST / 1.1 host=x chunked keep\nbody hello world\nend\n");
    assert_requests("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:chunked \r\n\r\n0\r\n\r\n",
                    "head POST / 1.1 host=x chunked keep\nend\n");
}

static void pipelined_requests_come_one_after_the_other(void **state)
{
    (void)state;
    assert_requests("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                    "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n"
                    "POST /3 HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n"
                    "\r\nGET /4 HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n",
                    "head POST /1 1.1 host=a length=3 keep\nbody abc\nend\n"
                    "head GET /2 1.1 host=b none keep\nend\n"
                    "head POST /3 1.1 host=c chunked keep\nbody def\nend\n"
                    "head GET /4 1.1 host=d none close\nend\n");
}

static void connection_and_version_say_whether_to_go_on(void **state)
{
    (void)state;
    assert_requests("GET / HTTP/1.1\r\nHost:\r\nConnection: foo , CLOSE\r\n\r\n",
                    "head GET / 1.1 host= none close\nend\n");
    assert_requests("GET / HTTP/1.1\r\nHost:\r\nConnection: a\r\nConnection:close\r\n\r\n",
                    "head GET / 1.1 host= none close\nend\n");
    assert_requests("GET / HTTP/1.1\r\nHost:\r\nConnection: closed\r\n\r\n", "head GET / 1.1 host= none keep\nend\n");
    assert_requests("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "head GET / 1.0 none keep\nend\n");
    assert_requests("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "head GET / 1.0 none close\nend\n");
}

static void an_expectation_counts_on_1_1_with_a_body(void **state)
{
    (void)state;
    assert_requests("PUT / HTTP/1.1\r\nHost:\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
                    "head PUT / 1.1 host= length=1 keep continue\nbody x\nend\n");
    assert_requests("PUT / HTTP/1.1\r\nHost:\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    "head PUT / 1.1 host= chunked keep continue\nend\n");
    assert_requests("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
                    "head PUT / 1.0 length=1 close\nbody x\nend\n");
    assert_requests("GET / HTTP/1.1\r\nHost:\r\nExpect: 100-continue\r\n\r\n", "head GET / 1.1 host= none keep\nend\n");
}

static void an_upgrade_has_both_fields_and_no_body_and_is_not_to_h2c(void **state)
{
    (void)state;
    assert_requests("GET / HTTP/1.1\r\nHost:\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
                    "head GET / 1.1 host= none keep upgrade\nend\n");
    assert_requests("GET / HTTP/1.1\r\nHost:\r\nConnection: upgrade\r\nUpgrade: a\r\nContent-Length: 0\r\n\r\n",
                    "head GET / 1.1 host= length=0 keep upgrade\nend\n");
    assert_requests("GET / HTTP/1.1\r\nHost:\r\nUpgrade: websocket\r\n\r\n", "head GET / 1.1 host= none keep\nend\n");
    assert_requests("GET / HTTP/1.1\r\nHost:\r\nConnection: upgrade\r\n\r\n", "head GET / 1.1 host= none keep\nend\n");
    assert_requests("GET / HTTP/1.1\r\nHost:\r\nConnection: upgrade\r\nUpgrade:\r\n\r\n",
                    "head GET / 1.1 host= none keep\nend\n");
    assert_requests("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
                    "head GET / 1.0 none close\nend\n");
    assert_requests("GET / HTTP/1.1\r\nHost:\r\nConnection: upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
                    "head GET / 1.1 host= none keep\nend\n");
    assert_requests("PUT / HTTP/1.1\r\nHost:\r\nConnection: upgrade\r\nUpgrade: a\r\nContent-Length: 1\r\n\r\nx",
                    "head PUT / 1.1 host= length=1 keep\nbody x\nend\n");
    assert_requests(
        "PUT / HTTP/1.1\r\nHost:\r\nConnection: upgrade\r\nUpgrade: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "head PUT / 1.1 host= chunked keep\nend\n");
}

static void bytes_after_an_upgrade_stay_where_they_are(void **state)
{
    (void)state;
    struct evbuffer *in = evbuffer_new();
    struct http_reader *reader = http_reader_new(HTTP_REQUESTS);
    evbuffer_add_printf(in, "GET / HTTP/1.1\r\nHost:\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n\x81\x02hi");
    assert_int_equal(http_reader_read(reader, in, in, 0), HTTP_HEAD);
    assert_int_equal(http_reader_read(reader, in, in, 0), HTTP_END);
    assert_int_equal(evbuffer_get_length(in), 4);
    http_reader_destroy(&reader);
    evbuffer_free(in);
}

static struct http_reader *reader_at_head(struct evbuffer *in)
{
    struct http_reader *reader = http_reader_new(HTTP_REQUESTS);
    assert_int_equal(http_reader_read(reader, in, in, 0), HTTP_HEAD);
    return reader;
}

static void fields_keep_order_case_and_repetition_but_equal_lengths(void **state)
{
    (void)state;
    static const char *const names[] = {"HoSt", "X-A", "x-a", "Content-Length", "Cookie"};
    static const char *const values[] = {"h", "1, 2", "", "0", "\xE9 \"\t"};
    struct evbuffer *in = evbuffer_new();
    evbuffer_add_printf(in, "GET / HTTP/1.1\r\nHoSt: h\r\nX-A: 1, 2 \r\nx-a:\r\nContent-Length: 0\r\n"
                            "content-length: 0\r\nCookie:\t\xE9 \"\t\r\nCONTENT-LENGTH:0\r\n\r\n");
    struct http_reader *reader = reader_at_head(in);
    const struct http_head *head = http_reader_head(reader);
    assert_int_equal(head->field_count, 5);
    for (size_t i = 0; i < 4; i++) {
        assert_true(span_equals(head->fields[i].name, names[i]));
        assert_true(span_equals(head->fields[i].value, values[i]));
    }
    assert_true(span_equals(head->fields[4].name, names[4]));
    assert_true(span_equals(head->fields[4].value, "\xE9 \""));
    http_reader_destroy(&reader);
    evbuffer_free(in);
}

static void the_head_outlives_the_input_until_the_end(void **state)
{
    (void)state;
    struct evbuffer *in = evbuffer_new();
    evbuffer_add_printf(in, "PUT /kept HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n");
    struct http_reader *reader = reader_at_head(in);
    evbuffer_free(in);
    const struct http_head *head = http_reader_head(reader);
    assert_true(span_equals(head->target, "/kept"));
    assert_true(span_equals(http_head_field(head, "HOST")->value, "h"));
    http_reader_destroy(&reader);
}

static void a_waiting_body_is_not_read_with_body_max_0(void **state)
{
    (void)state;
    struct evbuffer *in = evbuffer_new();
    struct evbuffer *body = evbuffer_new();
    evbuffer_add_printf(in, "PUT / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
    struct http_reader *reader = reader_at_head(in);
    assert_int_equal(http_reader_read(reader, in, body, 0), HTTP_MORE);
    assert_int_equal(http_reader_read(reader, in, body, 2), HTTP_BODY);
    assert_int_equal(evbuffer_get_length(body), 2);
    assert_int_equal(http_reader_read(reader, in, body, 0), HTTP_END);
    evbuffer_add_printf(in, "PUT / HTTP/1.1\r\nHost:\r\nContent-Length: 2\r\n\r\nab");
    assert_int_equal(http_reader_read(reader, in, body, 0), HTTP_HEAD);
    assert_int_equal(http_reader_read(reader, in, body, 0), HTTP_MORE);
    assert_int_equal(evbuffer_get_length(in), 2);
    http_reader_destroy(&reader);
    http_reader_destroy(&reader);
    evbuffer_free(in);
    evbuffer_free(body);
}

/* A large body is moved, not copied: the chain that held it in `in` is the one that holds it in `body`. */
static void whole_chains_of_a_body_are_moved(void **state)
{
    (void)state;
    static const uint8_t block[65536] = {1};
    struct evbuffer *in = evbuffer_new();
    struct evbuffer *body = evbuffer_new();
    evbuffer_add_printf(in, "PUT / HTTP/1.1\r\nHost:\r\nContent-Length: 131072\r\n\r\n");
    struct http_reader *reader = reader_at_head(in);
    evbuffer_add_reference(in, block, sizeof block, NULL, NULL);
    evbuffer_add_reference(in, block, sizeof block, NULL, NULL);
    assert_int_equal(http_reader_read(reader, in, body, sizeof block), HTTP_BODY);
    struct evbuffer_iovec piece;
    assert_int_equal(evbuffer_peek(body, -1, NULL, &piece, 1), 1);
    assert_ptr_equal(piece.iov_base, block);
    assert_int_equal(piece.iov_len, sizeof block);
    http_reader_destroy(&reader);
    evbuffer_free(in);
    evbuffer_free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_request_is_head_and_end),
        cmocka_unit_test(every_form_of_target_is_passed_as_written),
        cmocka_unit_test(nothing_is_more_and_a_clean_end),
        cmocka_unit_test(a_request_that_is_cut_short_is_bad),
        cmocka_unit_test(empty_lines_before_a_request_are_skipped),
        cmocka_unit_test(a_body_by_length_is_exactly_so_long),
        cmocka_unit_test(equal_lengths_are_one),
        cmocka_unit_test(white_space_around_the_values_of_framing_means_nothing),
        cmocka_unit_test(a_chunked_body_is_decoded),
        cmocka_unit_test(pipelined_requests_come_one_after_the_other),
        cmocka_unit_test(connection_and_version_say_whether_to_go_on),
        cmocka_unit_test(an_expectation_counts_on_1_1_with_a_body),
        cmocka_unit_test(an_upgrade_has_both_fields_and_no_body_and_is_not_to_h2c),
        cmocka_unit_test(bytes_after_an_upgrade_stay_where_they_are),
        cmocka_unit_test(fields_keep_order_case_and_repetition_but_equal_lengths),
        cmocka_unit_test(the_head_outlives_the_input_until_the_end),
        cmocka_unit_test(a_waiting_body_is_not_read_with_body_max_0),
        cmocka_unit_test(whole_chains_of_a_body_are_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
