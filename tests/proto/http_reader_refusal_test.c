/* Requests that are refused, each with its status, however they are cut (protocol section 6, request smuggling). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_transcript.h"

#include <stdio.h>
#include <stdlib.h>

/* A request with these lines after a good request line and Host. */
static void assert_fields_refused(const char *lines, const char *expected)
{
    char text[512];
    snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n", lines);
    assert_requests(text, expected);
}

/* Chunked bytes after a good head; nothing was delivered before. */
static void assert_chunks_refused(const char *chunks)
{
    char text[512];
    snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%s", chunks);
    assert_requests(text, "head POST / 1.1 host=x chunked keep\nbad 400\n");
}

static void content_length_with_transfer_encoding(void **state)
{
    (void)state;
    assert_fields_refused("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "bad 400\n");
    assert_fields_refused("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "bad 400\n");
    assert_fields_refused("Transfer-Encoding: gzip\r\nContent-Length: 0\r\n", "bad 400\n");
}

static void lengths_that_differ(void **state)
{
    (void)state;
    assert_fields_refused("Content-Length: 3\r\nContent-Length: 4\r\n", "bad 400\n");
    assert_fields_refused("Content-Length: 3\r\nA: b\r\ncontent-length: 3\r\nContent-Length: 33\r\n", "bad 400\n");
}

static void lengths_that_are_not_digits_below_2_to_the_63(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",
        " ",
        "-1",
        "+1",
        "0x1",
        "1 1",
        "1,1",
        "1, 1",
        "1.0",
        "a",
        "1a",
        "\"1\"",
        "\xB2",
        "9223372036854775808",
        "18446744073709551616",
        "18446744073709551617",
        "99999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char line[96];
        snprintf(line, sizeof line, "Content-Length: %s\r\n", values[i]);
        assert_fields_refused(line, "bad 400\n");
    }
    assert_fields_refused("Content-Length: 1\r\nContent-Length: x\r\n", "bad 400\n");
}

static void folded_fields(void **state)
{
    (void)state;
    assert_fields_refused("A: b\r\n c\r\n", "bad 400\n");
    assert_fields_refused("A: b\r\n\tc\r\n", "bad 400\n");
    assert_fields_refused("A:\r\n b\r\n", "bad 400\n");
    assert_fields_refused("Transfer-Encoding:\r\n chunked\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.1\r\n Host: x\r\n\r\n", "bad 400\n");
    assert_chunks_refused("0\r\nA: b\r\n c\r\n\r\n");
}

static void names_that_are_empty_or_hold_a_space(void **state)
{
    (void)state;
    assert_fields_refused(": b\r\n", "bad 400\n");
    assert_fields_refused("A : b\r\n", "bad 400\n");
    assert_fields_refused("A\t: b\r\n", "bad 400\n");
    assert_fields_refused("A B: b\r\n", "bad 400\n");
    assert_fields_refused("Transfer-Encoding : chunked\r\n", "bad 400\n");
    assert_fields_refused("Content-Length : 3\r\n", "bad 400\n");
    assert_fields_refused("A\r\n", "bad 400\n");
    assert_fields_refused("A(b): c\r\n", "bad 400\n");
    assert_fields_refused("\xC3\xA9: c\r\n", "bad 400\n");
}

static void bare_lf(void **state)
{
    (void)state;
    assert_requests("\nGET / HTTP/1.0\r\n\r\n", "bad 400\n");
    assert_requests("\r\n\nGET / HTTP/1.0\r\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\r\n\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\r\nA: b\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\r\nA: b\nC: d\r\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\r\nA:\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\r\nA\n: b\r\n\r\n", "bad 400\n");
    assert_chunks_refused("0\n\r\n");
    assert_chunks_refused("0\r\n\n");
    assert_chunks_refused("0;a\n\r\n");
    assert_chunks_refused("0\r\nA: b\n\r\n");
    assert_chunks_refused("0\r\nA: b\r\n\n");
}

static void bare_cr(void **state)
{
    (void)state;
    assert_requests("\rGET / HTTP/1.0\r\n\r\n", "bad 400\n");
    assert_requests("\r\r\nGET / HTTP/1.0\r\n\r\n", "bad 400\n");
    assert_requests("GET /\r HTTP/1.0\r\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\r\r\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\rA: b\r\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\r\nA: b\rc\r\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\r\nA: b\r\r\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\r\nA\r: b\r\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\r\nA: b\r\n\r\r\n", "bad 400\n");
    assert_chunks_refused("0\r\r\n\r\n");
    assert_chunks_refused("0;a\rb\r\n\r\n");
    assert_chunks_refused("0\r\nA: b\rc\r\n\r\n");
}

static void control_bytes_in_values(void **state)
{
    (void)state;
    for (int byte = 0; byte < 0x80; byte++) {
        char text[] = "GET / HTTP/1.0\r\nA: b?c\r\n\r\n";
        *strchr(text, '?') = (char)byte;
        const bool is_control = (byte < 0x20 && byte != '\t') || byte == 0x7F;
        assert_http_transcript(HTTP_REQUESTS, span_of(text, sizeof text - 1), false, false,
                               is_control ? "bad 400\n" : "head GET / 1.0 none close\nend\n");
    }
}

static void a_second_host_or_none(void **state)
{
    (void)state;
    assert_fields_refused("Host: x\r\n", "bad 400\n");
    assert_fields_refused("A: b\r\nhost: y\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.1\r\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.1\r\nHosts: x\r\n\r\n", "bad 400\n");
    assert_requests("GET http://x/ HTTP/1.1\r\nA: b\r\n\r\n", "bad 400\n");
    assert_requests("GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n", "bad 400\n");
}

static void a_host_that_is_none(void **state)
{
    (void)state;
    static const char *const values[] = {"a b", "a/b", "a@b", "a?b", "a#b", "a\\b", "\xC3\xA9", "a\tb", "<a>", "\"a\""};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[96];
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", values[i]);
        assert_requests(text, "bad 400\n");
    }
}

static void transfer_encoding_on_1_0(void **state)
{
    (void)state;
    assert_requests("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "bad 400\n");
    assert_requests("POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n", "bad 400\n");
}

static void transfer_encoding_other_than_chunked(void **state)
{
    (void)state;
    static const char *const values[] = {"",         "gzip",     "gzip, chunked", "chunked, gzip", "chunked, chunked",
                                         "identity", "xchunked", "chunkedx",      "chunked;a=b",   "\"chunked\"",
                                         "chunked,", ",chunked", "chun ked",      "chunked\xA0"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char line[96];
        snprintf(line, sizeof line, "Transfer-Encoding: %s\r\n", values[i]);
        assert_fields_refused(line, "bad 501\n");
    }
    assert_fields_refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "bad 501\n");
    assert_fields_refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "bad 501\n");
    assert_fields_refused("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "bad 501\n");
}

static void versions_other_than_1_0_and_1_1(void **state)
{
    (void)state;
    static const char *const versions[] = {"HTTP/0.9",  "HTTP/1.2",  "HTTP/2.0",  "HTTP/2",    "HTTP/1",   "HTTP/1.",
                                           "HTTP/11.1", "HTTP/01.1", "HTTP/1.01", "HTTP/1.1a", "http/1.1", "RTSP/1.0",
                                           "ICE/1.0",   "HTTP 1.1",  "HTTP/1,1",  ""};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        char text[96];
        snprintf(text, sizeof text, "GET / %s\r\nHost: x\r\n\r\n", versions[i]);
        assert_requests(text, "bad 400\n");
    }
    assert_requests("GET /\r\n\r\n", "bad 400\n");
    assert_requests("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad 400\n");
}

static void a_request_line_with_other_spaces(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "GET  / HTTP/1.1",  "GET /  HTTP/1.1", "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",  "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1",
        "GET / x HTTP/1.1", "GET HTTP/1.1",    "GET",
        "GET / HTTP/1.1\t", "GET / HTTP/ 1.1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[96];
        snprintf(text, sizeof text, "%s\r\nHost: x\r\n\r\n", lines[i]);
        assert_requests(text, "bad 400\n");
    }
}

static void unsafe_bytes_in_a_target(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[] = "GET /a?c HTTP/1.0\r\n\r\n";
        char expected[] = "head GET /a?c 1.0 none close\nend\n";
        *strchr(text, '?') = *strchr(expected, '?') = (char)byte;
        const bool is_unsafe = byte <= 0x20 || byte >= 0x7F || strchr("\"#<>", byte) != NULL;
        assert_http_transcript(HTTP_REQUESTS, span_of(text, sizeof text - 1), false, false,
                               is_unsafe ? "bad 400\n" : expected);
    }
}

static void a_target_of_no_known_form(void **state)
{
    (void)state;
    assert_requests("GET relative HTTP/1.1\r\nHost: x\r\n\r\n", "bad 400\n");
    assert_requests("GET ?q HTTP/1.1\r\nHost: x\r\n\r\n", "bad 400\n");
    assert_requests("GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n", "bad 400\n");
    assert_requests("OPTIONS *x HTTP/1.1\r\nHost: x\r\n\r\n", "bad 400\n");
}

static void the_asterisk_of_another_method_than_options(void **state)
{
    (void)state;
    assert_requests("GET * HTTP/1.1\r\nHost: x\r\n\r\n", "bad 400\n");
    assert_requests("POST * HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", "bad 400\n");
}

static void an_absolute_target_without_a_host(void **state)
{
    (void)state;
    static const char *const targets[] = {"http:///x",   "http://",       "http://?q",    "http://:80/x",
                                          "http://u@/x", "http://u@:80/", "http://b\\c/x"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char text[96];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", targets[i]);
        assert_requests(text, "bad 400\n");
    }
}

static void bad_chunk_sizes(void **state)
{
    (void)state;
    static const char *const chunks[] = {"\r\n",
                                         "x\r\n",
                                         "-1\r\n",
                                         "+1\r\n",
                                         " 1\r\n",
                                         "1 \r\n",
                                         "0x1\r\n",
                                         ";a\r\n",
                                         "1,2\r\n",
                                         "8000000000000000\r\n",
                                         "fffffffffffffffff\r\n",
                                         "10000000000000000\r\n"};
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        assert_chunks_refused(chunks[i]);
    }
}

/* What came before the fault was framed well, and may have been passed on. */
static void a_fault_behind_chunk_data(void **state)
{
    (void)state;
    assert_requests("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
                    "head POST / 1.1 host=x chunked keep\nbody abc\nbad 400\n");
    assert_requests("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\nz",
                    "head POST / 1.1 host=x chunked keep\nbody abcd\nbad 400\n");
}

static void unknown_methods(void **state)
{
    (void)state;
    static const char *const methods[] = {"FOO", "get", "GETT", "PRI", "PLAY", "DESCRIBE", "FLUSH", "G", "a!b"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        char text[96];
        snprintf(text, sizeof text, "%s / HTTP/1.1\r\nHost: x\r\n\r\n", methods[i]);
        assert_requests(text, "bad 501\n");
    }
}

static void connect(void **state)
{
    (void)state;
    assert_requests("CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", "bad 405\n");
    assert_requests("CONNECT / HTTP/1.0\r\n\r\n", "bad 405\n");
}

static void what_follows_a_refused_request_is_never_read(void **state)
{
    (void)state;
    assert_requests("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\n\r\nGET /no HTTP/1.0\r\n\r\n",
                    "head GET / 1.0 none close\nend\nbad 400\n");
    assert_requests("GET / HTTP/1.1\r\nHost: a\r\n\nGET /no HTTP/1.0\r\n\r\n", "bad 400\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_length_with_transfer_encoding),
        cmocka_unit_test(lengths_that_differ),
        cmocka_unit_test(lengths_that_are_not_digits_below_2_to_the_63),
        cmocka_unit_test(folded_fields),
        cmocka_unit_test(names_that_are_empty_or_hold_a_space),
        cmocka_unit_test(bare_lf),
        cmocka_unit_test(bare_cr),
        cmocka_unit_test(control_bytes_in_values),
        cmocka_unit_test(a_second_host_or_none),
        cmocka_unit_test(a_host_that_is_none),
        cmocka_unit_test(transfer_encoding_on_1_0),
        cmocka_unit_test(transfer_encoding_other_than_chunked),
        cmocka_unit_test(versions_other_than_1_0_and_1_1),
        cmocka_unit_test(a_request_line_with_other_spaces),
        cmocka_unit_test(unsafe_bytes_in_a_target),
        cmocka_unit_test(a_target_of_no_known_form),
        cmocka_unit_test(the_asterisk_of_another_method_than_options),
        cmocka_unit_test(an_absolute_target_without_a_host),
        cmocka_unit_test(bad_chunk_sizes),
        cmocka_unit_test(a_fault_behind_chunk_data),
        cmocka_unit_test(unknown_methods),
        cmocka_unit_test(connect),
        cmocka_unit_test(what_follows_a_refused_request_is_never_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
