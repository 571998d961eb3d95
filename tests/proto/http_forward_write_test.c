/* The request a local service gets: one, or none, whatever STREAM_OPEN holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_forward.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Fields: "name", "value", ..., NULL. */
static struct stream_open open_of(const char *method, const char *target, bool is_upgrade, const char *const *fields)
{
    struct stream_open open = {.method = strdup(method), .target = strdup(target), .is_upgrade = is_upgrade};
    for (; fields != NULL && *fields != NULL; fields += 2)
        assert_true(field_list_add(&open.fields, span_of_string(fields[0]), span_of_string(fields[1])));
    return open;
}

static void expect_written(struct stream_open open, const char *host, const char *expected)
{
    struct evbuffer *out = evbuffer_new();
    assert_true(http_forward_write_request(&open, host, out));
    evbuffer_add(out, "", 1);
    assert_string_equal((const char *)evbuffer_pullup(out, -1), expected);
    evbuffer_free(out);
    stream_open_done(&open);
}

static void expect_refused(struct stream_open open, const char *host)
{
    struct evbuffer *out = evbuffer_new();
    assert_false(http_forward_write_request(&open, host, out));
    assert_int_equal(evbuffer_get_length(out), 0);
    evbuffer_free(out);
    stream_open_done(&open);
}

static void host_comes_first_and_the_old_one_stays_in_x_forwarded_host(void **state)
{
    (void)state;
    expect_written(open_of("GET", "/a?b", false, FIELDS("x", "1", "host", "pub.example", "x", "2", "e", "")),
                   "localhost:3000",
                   "GET /a?b HTTP/1.1\r\nHost: localhost:3000\r\nx: 1\r\nx: 2\r\ne: \r\n"
                   "x-forwarded-host: pub.example\r\n\r\n");
    expect_written(open_of("GET", "/", false, FIELDS("X-Forwarded-Host", "first", "host", "pub")), "a",
                   "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: first\r\n\r\n");
    expect_written(
        open_of("GET", "/", false, FIELDS("x-forwarded-host", "h", "host", "pub", "connection", "X-Forwarded-Host")),
        "a", "GET / HTTP/1.1\r\nHost: a\r\nx-forwarded-host: pub\r\n\r\n");
    expect_written(open_of("GET", "/", false, NULL), "a", "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_written(open_of("GET", "*", false, FIELDS("host", "")), "", "GET * HTTP/1.1\r\nHost: \r\n\r\n");
}

static void plain_requests_get_no_connection_field(void **state)
{
    (void)state;
    expect_written(open_of("GET", "/", false,
                           FIELDS("connection", "close, x", "keep-alive", "1", "upgrade", "websocket", "x", "y", "te",
                                  "t", "proxy-connection", "z", "a", "b")),
                   "a", "GET / HTTP/1.1\r\nHost: a\r\na: b\r\n\r\n");
}

static void upgrades_keep_connection_and_upgrade(void **state)
{
    (void)state;
    expect_written(
        open_of("GET", "/", true,
                FIELDS("connection", "Upgrade", "upgrade", "websocket", "keep-alive", "1", "content-length", "0")),
        "a", "GET / HTTP/1.1\r\nHost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\ncontent-length: 0\r\n\r\n");
}

static void framing_follows_the_fields(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *line;
        bool is_chunked;
        uint64_t length;
    } rows[] = {
        {"x", "y", "x: y\r\n", false, 0},
        {"content-length", "12", "content-length: 12\r\n", false, 12},
        {"Content-Length", "007", "Content-Length: 7\r\n", false, 7},
        {"content-length", "9223372036854775807", "content-length: 9223372036854775807\r\n", false, INT64_MAX},
        {"transfer-encoding", "chunked", "transfer-encoding: chunked\r\n", true, 0},
        {"Transfer-Encoding", "Chunked", "Transfer-Encoding: chunked\r\n", true, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stream_open open = open_of("POST", "/", false, FIELDS(rows[i].name, rows[i].value));
        char expected[120];
        assert_int_equal(http_forward_is_chunked(&open), rows[i].is_chunked);
        assert_int_equal(http_forward_content_length(&open), rows[i].length);
        (void)snprintf(expected, sizeof expected, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", rows[i].line);
        expect_written(open, "a", expected);
    }
    expect_written(open_of("POST", "/", false, FIELDS("content-length", "5", "content-length", "05")), "a",
                   "POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 5\r\n\r\n");
}

static void framing_that_can_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    expect_refused(open_of("POST", "/", false, FIELDS("content-length", "5", "transfer-encoding", "chunked")), "a");
    expect_refused(open_of("POST", "/", false, FIELDS("transfer-encoding", "chunked", "content-length", "0")), "a");
    expect_refused(open_of("POST", "/", false, FIELDS("content-length", "5", "Content-Length", "6")), "a");
    expect_refused(open_of("POST", "/", false, FIELDS("transfer-encoding", "chunked", "transfer-encoding", "chunked")),
                   "a");
    static const char *const CODINGS[] = {"",         "gzip",     "gzip, chunked", "chunked, chunked", "chunked ",
                                          " chunked", "identity", "xchunked",      "chunked;a"};
    for (size_t i = 0; i < sizeof CODINGS / sizeof *CODINGS; i++)
        expect_refused(open_of("POST", "/", false, FIELDS("transfer-encoding", CODINGS[i])), "a");
    static const char *const LENGTHS[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1,1", "9223372036854775808"};
    for (size_t i = 0; i < sizeof LENGTHS / sizeof *LENGTHS; i++)
        expect_refused(open_of("POST", "/", false, FIELDS("content-length", LENGTHS[i])), "a");
    expect_refused(open_of("POST", "/", true, FIELDS("connection", "upgrade", "content-length", "1")), "a");
    expect_refused(open_of("POST", "/", true, FIELDS("connection", "upgrade", "transfer-encoding", "chunked")), "a");
}

static void connect_and_methods_that_are_no_token_are_refused(void **state)
{
    (void)state;
    static const char *const METHODS[] = {"",        "CONNECT", "connect", "G ET",      "GET ",
                                          "GET\r\n", "G\tET",   "G:T",     "G\xc3\xa9T"};
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++)
        expect_refused(open_of(METHODS[i], "/", false, NULL), "a");
    expect_written(open_of("PURGE", "/", false, NULL), "a", "PURGE / HTTP/1.1\r\nHost: a\r\n\r\n");
}

/* Reads what went out: exactly one request, with `field_count` fields beside Host. */
static void expect_one_request(struct evbuffer *out, size_t field_count)
{
    struct http_reader *reader = http_reader_new(HTTP_REQUESTS);
    assert_int_equal(http_reader_read(reader, out, NULL, 0), HTTP_HEAD);
    assert_int_equal(http_reader_head(reader)->field_count, 1 + field_count);
    assert_int_equal(http_reader_read(reader, out, NULL, 0), HTTP_END);
    assert_int_equal(evbuffer_get_length(out), 0);
    http_reader_destroy(&reader);
}

enum place { IN_METHOD, IN_TARGET, IN_NAME, IN_VALUE, IN_OPEN_HOST, IN_HOST, PLACES };

/* A byte at the front, inside or at the end of everything that is written. */
static bool write_with(enum place place, size_t at, uint8_t byte, struct evbuffer *out)
{
    char words[PLACES][4] = {"GET", "/tt", "nnn", "vvv", "hhh", "lll"};
    words[place][at] = (char)byte;
    struct stream_open open = open_of(words[IN_METHOD], words[IN_TARGET], false,
                                      FIELDS(words[IN_NAME], words[IN_VALUE], "host", words[IN_OPEN_HOST]));
    const bool is_written = http_forward_write_request(&open, words[IN_HOST], out);
    stream_open_done(&open);
    return is_written;
}

static bool breaks_a_line(unsigned byte)
{
    return byte == '\r' || byte == '\n';
}

static void no_byte_anywhere_makes_two_lines_of_one(void **state)
{
    (void)state;
    for (int place = 0; place < PLACES; place++) {
        for (size_t at = 0; at < 3; at++) {
            for (unsigned byte = 1; byte < 256; byte++) {
                struct evbuffer *out = evbuffer_new();
                const bool is_written = write_with((enum place)place, at, (uint8_t)byte, out);
                assert_false(is_written && breaks_a_line(byte));
                assert_false(is_written && place <= IN_TARGET && (byte <= 0x20 || byte >= 0x7F));
                assert_true(is_written || evbuffer_get_length(out) == 0);
                size_t lines = 0;
                for (size_t i = 0; i < evbuffer_get_length(out); i++)
                    lines += evbuffer_pullup(out, -1)[i] == '\n' || evbuffer_pullup(out, -1)[i] == '\r';
                assert_int_equal(lines, is_written ? 2 * 5 : 0);
                evbuffer_free(out);
            }
        }
    }
}

static void whole_requests_in_any_place_are_refused(void **state)
{
    (void)state;
    static const char SECOND[] = "/ HTTP/1.1\r\nHost: a\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
    expect_refused(open_of(SECOND, "/", false, NULL), "a");
    expect_refused(open_of("GET", SECOND, false, NULL), "a");
    expect_refused(open_of("GET", "/x y", false, NULL), "a");
    expect_refused(open_of("GET", "", false, NULL), "a");
    expect_refused(open_of("GET", "/\xc2\x85", false, NULL), "a");
    expect_refused(open_of("GET", "/", false, FIELDS("", "v")), "a");
    expect_refused(open_of("GET", "/", false, FIELDS(SECOND, "v")), "a");
    expect_refused(open_of("GET", "/", false, FIELDS("content-length ", "4")), "a");
    expect_refused(open_of("GET", "/", false, FIELDS("transfer-encoding:", "chunked")), "a");
    expect_refused(open_of("GET", "/", false, FIELDS("x", SECOND)), "a");
    expect_refused(open_of("GET", "/", false, FIELDS("x", "a\r\n b")), "a");
    expect_refused(open_of("GET", "/", false, FIELDS("connection", SECOND)), "a"); /* also what is not written */
    expect_refused(open_of("GET", "/", false, FIELDS("host", SECOND)), "a");
    expect_refused(open_of("GET", "/", false, NULL), SECOND);
    expect_refused(open_of("GET", "/", false, NULL), "a\nx: y");
}

static void what_is_written_reads_as_one_request(void **state)
{
    (void)state;
    struct evbuffer *out = evbuffer_new();
    struct stream_open open = open_of("GET", "/x", false, FIELDS("a", "GET / HTTP/1.1", "host", "h", "host", "i"));
    assert_true(http_forward_write_request(&open, "l", out));
    expect_one_request(out, 2);
    stream_open_done(&open);
    evbuffer_free(out);
}

/* visitor -> http_forward_request -> http_forward_write_request -> service */
static void what_the_visitor_said_reaches_the_service(void **state)
{
    (void)state;
    static const char REQUEST[] = "POST http://pub/p?q HTTP/1.1\r\nHost: other\r\nX-A: 1\r\nConnection: close\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";
    const struct http_forward_policy policy = {.peer_ip = "9.9.9.9", .adds_forwarded_fields = true, .proto = "http"};
    struct http_reader *reader = http_reader_new(HTTP_REQUESTS);
    struct evbuffer *in = evbuffer_new();
    struct stream_open open = {0};
    evbuffer_add(in, REQUEST, strlen(REQUEST));
    assert_int_equal(http_reader_read(reader, in, NULL, 0), HTTP_HEAD);
    assert_true(http_forward_request(http_reader_head(reader), &policy, &open));
    expect_written(open, "localhost:1",
                   "POST /p?q HTTP/1.1\r\nHost: localhost:1\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n"
                   "x-forwarded-for: 9.9.9.9\r\nx-forwarded-host: pub\r\nx-forwarded-proto: http\r\n\r\n");
    http_reader_destroy(&reader);
    evbuffer_free(in);
}

static void chunks_hold_what_they_say_and_are_moved(void **state)
{
    (void)state;
    enum { BODY_BYTES = 100000 };
    uint8_t *bytes = calloc(1, BODY_BYTES);
    struct evbuffer *source = evbuffer_new(), *out = evbuffer_new();
    evbuffer_add(source, "abcdef", 6);
    http_chunk_write(source, 0, out);
    assert_int_equal(evbuffer_get_length(out), 0);
    http_chunk_write(source, 4, out);
    http_chunk_write(source, 2, out);
    http_chunk_write_last(out);
    static const char EXPECTED[] = "4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n";
    assert_int_equal(evbuffer_get_length(out), strlen(EXPECTED));
    assert_memory_equal(evbuffer_pullup(out, -1), EXPECTED, strlen(EXPECTED));

    evbuffer_drain(out, strlen(EXPECTED));
    evbuffer_add_reference(source, bytes, BODY_BYTES, NULL, NULL);
    evbuffer_add(source, "rest", 4);
    http_chunk_write(source, BODY_BYTES, out);
    assert_int_equal(evbuffer_get_length(source), 4);
    const struct evbuffer_ptr end = evbuffer_search(out, "\r\n", 2, NULL);
    assert_int_equal(end.pos, strlen("186a0"));
    struct evbuffer_iovec extents[8];
    const int count = evbuffer_peek(out, -1, NULL, extents, 8);
    bool is_moved = false;
    for (int at = 0; at < count && at < 8; at++)
        is_moved |= extents[at].iov_base == bytes;
    assert_true(is_moved);
    evbuffer_free(source);
    evbuffer_free(out);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_comes_first_and_the_old_one_stays_in_x_forwarded_host),
        cmocka_unit_test(plain_requests_get_no_connection_field),
        cmocka_unit_test(upgrades_keep_connection_and_upgrade),
        cmocka_unit_test(framing_follows_the_fields),
        cmocka_unit_test(framing_that_can_be_read_in_two_ways_is_refused),
        cmocka_unit_test(connect_and_methods_that_are_no_token_are_refused),
        cmocka_unit_test(no_byte_anywhere_makes_two_lines_of_one),
        cmocka_unit_test(whole_requests_in_any_place_are_refused),
        cmocka_unit_test(what_is_written_reads_as_one_request),
        cmocka_unit_test(what_the_visitor_said_reaches_the_service),
        cmocka_unit_test(chunks_hold_what_they_say_and_are_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
