#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_answer.h"

#include <event2/buffer.h>
#include <stdlib.h>

/* ---- one exchange at a time ---- */

static const struct http_answer_request GET = {.version_minor = 1, .keeps_alive = true};
static const struct http_answer_request GET_10 = {.version_minor = 0};
static const struct http_answer_request GET_10_KEPT = {.version_minor = 0, .keeps_alive = true};
static const struct http_answer_request GET_CLOSE = {.version_minor = 1};
static const struct http_answer_request HEAD = {.is_head = true, .version_minor = 1, .keeps_alive = true};
static const struct http_answer_request UPGRADE = {.is_upgrade = true, .version_minor = 1, .keeps_alive = true};

struct scene {
    struct http_answer answer;
    struct evbuffer *out;
};

static void begin(struct scene *scene, struct http_answer_request request)
{
    http_answer_init(&scene->answer, request);
    scene->out = evbuffer_new();
}

static void done(struct scene *scene)
{
    evbuffer_free(scene->out);
}

/* Fields: "name", "value", ..., NULL. */
static enum http_answer_verdict say_head(struct scene *scene, uint16_t status, bool is_final, const char *const *fields)
{
    struct response_head head = {.status = status, .is_final = is_final};
    for (; fields != NULL && *fields != NULL; fields += 2)
        assert_true(field_list_add(&head.fields, span_of_string(fields[0]), span_of_string(fields[1])));
    const enum http_answer_verdict verdict = http_answer_head(&scene->answer, &head, scene->out);
    response_head_done(&head);
    return verdict;
}

#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* `left`: bytes of the body that must stay. */
static enum http_answer_verdict say_body_leaving(struct scene *scene, const char *text, size_t left)
{
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, text, strlen(text));
    const enum http_answer_verdict verdict = http_answer_body(&scene->answer, body, scene->out);
    assert_int_equal(evbuffer_get_length(body), left);
    evbuffer_free(body);
    return verdict;
}

static enum http_answer_verdict say_body(struct scene *scene, const char *text)
{
    return say_body_leaving(scene, text, 0);
}

static enum http_answer_verdict say_end(struct scene *scene)
{
    return http_answer_end(&scene->answer, scene->out);
}

/* What went out since the last look. */
static void expect_out(struct scene *scene, const char *text)
{
    evbuffer_add(scene->out, "", 1);
    assert_string_equal((const char *)evbuffer_pullup(scene->out, -1), text);
    evbuffer_drain(scene->out, evbuffer_get_length(scene->out));
}

/* ---- length and chunks ---- */

static void content_length_is_honoured(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET);
    assert_int_equal(say_head(&scene, 200, true, FIELDS("Content-Length", "5")), ANSWER_OK);
    assert_true(scene.answer.head_written);
    assert_int_equal(scene.answer.status, 200);
    assert_int_equal(scene.answer.framing, ANSWER_BY_LENGTH);
    expect_out(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert_int_equal(say_body(&scene, "he"), ANSWER_OK);
    assert_int_equal(say_body(&scene, ""), ANSWER_OK);
    assert_int_equal(say_body(&scene, "llo"), ANSWER_OK);
    assert_int_equal(say_end(&scene), ANSWER_OK);
    expect_out(&scene, "hello");
    assert_true(scene.answer.keeps_alive);
    done(&scene);
}

static void too_many_bytes_are_cut(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET);
    assert_int_equal(say_head(&scene, 200, true, FIELDS("Content-Length", "5")), ANSWER_OK);
    assert_int_equal(say_body(&scene, "hel"), ANSWER_OK);
    assert_int_equal(say_body_leaving(&scene, "loHTTP/1.1 200 OK", 15), ANSWER_TOO_LONG);
    assert_int_equal(say_body_leaving(&scene, "x", 1), ANSWER_TOO_LONG);
    expect_out(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(say_end(&scene), ANSWER_OK);
    done(&scene);
}

static void too_few_bytes_are_told(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET);
    assert_int_equal(say_head(&scene, 200, true, FIELDS("Content-Length", "5")), ANSWER_OK);
    assert_int_equal(say_body(&scene, "hell"), ANSWER_OK);
    assert_int_equal(say_end(&scene), ANSWER_CUT);
    assert_false(scene.answer.keeps_alive);
    expect_out(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell");
    done(&scene);
}

static void a_length_of_zero_is_a_length(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET);
    assert_int_equal(say_head(&scene, 200, true, FIELDS("content-length", "0")), ANSWER_OK);
    assert_int_equal(say_end(&scene), ANSWER_OK);
    expect_out(&scene, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    done(&scene);
}

static void equal_lengths_are_one_and_bad_ones_are_refused(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET);
    assert_int_equal(say_head(&scene, 200, true, FIELDS("Content-Length", "05", "a", "b", "content-length", "5")),
                     ANSWER_OK);
    expect_out(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\na: b\r\n\r\n");
    done(&scene);

    static const char *const BAD[] = {
        "",
        " ",
        "-1",
        "+1",
        "1 ",
        " 1",
        "0x1",
        "1,1",
        "1, 1",
        "1.0",
        "a",
        "9223372036854775808",
        "18446744073709551617",
        "99999999999999999999999",
        "5\r\nx: y",
        "\xd9\xa1",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        begin(&scene, GET);
        assert_int_equal(say_head(&scene, 200, true, FIELDS("Content-Length", BAD[i])), ANSWER_INVALID);
        assert_int_equal(say_head(&scene, 200, true, FIELDS("Content-Length", "1", "Content-Length", BAD[i])),
                         ANSWER_INVALID);
        assert_false(scene.answer.head_written);
        expect_out(&scene, "");
        done(&scene);
    }
    begin(&scene, GET);
    assert_int_equal(say_head(&scene, 200, true, FIELDS("Content-Length", "5", "Content-Length", "6")), ANSWER_INVALID);
    assert_int_equal(say_head(&scene, 200, true, FIELDS("Content-Length", "9223372036854775807")), ANSWER_OK);
    assert_int_equal(scene.answer.remaining, INT64_MAX);
    done(&scene);
}

static void without_length_a_1_1_visitor_gets_chunks(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET);
    assert_int_equal(say_head(&scene, 200, true, FIELDS("X", "y")), ANSWER_OK);
    expect_out(&scene, "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_int_equal(say_body(&scene, "hello"), ANSWER_OK);
    assert_int_equal(say_body(&scene, ""), ANSWER_OK);
    assert_int_equal(say_body(&scene, "0123456789abcdefX"), ANSWER_OK);
    expect_out(&scene, "5\r\nhello\r\n11\r\n0123456789abcdefX\r\n");
    assert_int_equal(say_end(&scene), ANSWER_OK);
    expect_out(&scene, "0\r\n\r\n");
    assert_true(scene.answer.keeps_alive);
    done(&scene);
}

static void without_length_a_1_0_visitor_gets_a_close(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET_10_KEPT);
    assert_int_equal(say_head(&scene, 200, true, NULL), ANSWER_OK);
    assert_int_equal(say_body(&scene, "hello"), ANSWER_OK);
    assert_int_equal(say_end(&scene), ANSWER_OK);
    expect_out(&scene, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
    assert_false(scene.answer.keeps_alive);
    done(&scene);
}

static void the_body_is_moved_not_copied(void **state)
{
    (void)state;
    enum { BODY_BYTES = 60000 };
    uint8_t *bytes = calloc(1, BODY_BYTES);
    static const char *const LENGTH[] = {"Content-Length", "60000", NULL};
    const char *const *const fields[] = {LENGTH, NULL}; /* by length, chunked */
    for (size_t i = 0; i < 2; i++) {
        struct scene scene;
        begin(&scene, GET);
        assert_int_equal(say_head(&scene, 200, true, fields[i]), ANSWER_OK);
        struct evbuffer *body = evbuffer_new();
        evbuffer_add_reference(body, bytes, BODY_BYTES, NULL, NULL);
        assert_int_equal(http_answer_body(&scene.answer, body, scene.out), ANSWER_OK);
        struct evbuffer_iovec extents[8];
        const int count = evbuffer_peek(scene.out, -1, NULL, extents, 8);
        bool is_moved = false;
        for (int at = 0; at < count && at < 8; at++)
            is_moved |= extents[at].iov_base == bytes;
        assert_true(is_moved);
        evbuffer_free(body);
        done(&scene);
    }
    free(bytes);
}

/* ---- bodiless answers ---- */

static void head_204_and_304_have_no_body_whatever_comes(void **state)
{
    (void)state;
    static const struct {
        const struct http_answer_request *request;
        uint16_t status;
        bool has_length;
        const char *out;
    } rows[] = {
        {&HEAD, 200, false, "HTTP/1.1 200 OK\r\n\r\n"},
        {&HEAD, 200, true, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"},
        {&HEAD, 404, true, "HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\n"},
        {&HEAD, 204, true, "HTTP/1.1 204 No Content\r\n\r\n"},
        {&GET, 204, false, "HTTP/1.1 204 No Content\r\n\r\n"},
        {&GET, 204, true, "HTTP/1.1 204 No Content\r\n\r\n"},
        {&GET, 304, false, "HTTP/1.1 304 Not Modified\r\n\r\n"},
        {&GET, 304, true, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"},
        {&GET_10_KEPT, 304, false, "HTTP/1.1 304 Not Modified\r\nConnection: keep-alive\r\n\r\n"},
        {&GET_10, 204, false, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene scene;
        begin(&scene, *rows[i].request);
        assert_int_equal(say_head(&scene, rows[i].status, true,
                                  rows[i].has_length ? FIELDS("Content-Length", "7", "Transfer-Encoding", "chunked")
                                                     : FIELDS("Transfer-Encoding", "chunked")),
                         ANSWER_OK);
        assert_int_equal(say_body(&scene, "garbage beyond any length"), ANSWER_OK);
        assert_int_equal(say_end(&scene), ANSWER_OK);
        expect_out(&scene, rows[i].out);
        assert_int_equal(scene.answer.keeps_alive, rows[i].request->keeps_alive);
        done(&scene);
    }
}

/* ---- fields ---- */

static void names_and_utf8_values_go_as_the_driver_wrote_them(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET);
    assert_int_equal(say_head(&scene, 200, true,
                              FIELDS("X-mIxEd", "gr\xc3\xbc\xc3\x9f", "Set-Cookie", "a=1", "Set-Cookie", "b=2", "Empty",
                                     "", "Content-Length", "0")),
                     ANSWER_OK);
    expect_out(&scene, "HTTP/1.1 200 OK\r\nX-mIxEd: gr\xc3\xbc\xc3\x9f\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
                       "Empty: \r\nContent-Length: 0\r\n\r\n");
    done(&scene);
}

static void hop_by_hop_fields_are_removed(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET);
    assert_int_equal(
        say_head(&scene, 200, true,
                 FIELDS("X-Named", "1", "CONNECTION", "close, x-named ,, Content-Length", "Connection", "\tother\t",
                        "Keep-Alive", "timeout=5", "Proxy-Connection", "a", "Proxy-Authenticate", "b",
                        "Proxy-Authorization", "c", "TE", "trailers", "Trailer", "d", "Transfer-Encoding", "chunked",
                        "Upgrade", "websocket", "oTHER", "2", "Kept", "3", "Content-Length", "0")),
        ANSWER_OK);
    expect_out(&scene, "HTTP/1.1 200 OK\r\nKept: 3\r\nContent-Length: 0\r\n\r\n");
    done(&scene);
}

/* ---- the connection ---- */

static void the_visitor_is_told_whether_the_connection_stays(void **state)
{
    (void)state;
    static const struct {
        const struct http_answer_request *request;
        const char *out;
    } rows[] = {
        {&GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        {&GET_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
        {&GET_10, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
        {&GET_10_KEPT, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"},
        {&UPGRADE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene scene;
        begin(&scene, *rows[i].request);
        assert_int_equal(say_head(&scene, 200, true, FIELDS("Content-Length", "0")), ANSWER_OK);
        expect_out(&scene, rows[i].out);
        assert_int_equal(scene.answer.keeps_alive, rows[i].request->keeps_alive && !rows[i].request->is_upgrade);
        done(&scene);
    }
}

/* ---- interim heads and upgrades ---- */

static void interim_heads_go_to_1_1_visitors_only(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET);
    assert_int_equal(say_head(&scene, 100, false, NULL), ANSWER_OK);
    assert_int_equal(
        say_head(&scene, 103, false,
                 FIELDS("Link", "</a>", "Content-Length", "x", "Transfer-Encoding", "chunked", "Connection", "close")),
        ANSWER_OK);
    assert_int_equal(say_head(&scene, 199, false, NULL), ANSWER_OK);
    assert_false(scene.answer.head_written);
    assert_int_equal(scene.answer.status, 0);
    expect_out(&scene,
               "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 199 \r\n\r\n");
    assert_int_equal(say_head(&scene, 200, true, FIELDS("Content-Length", "0")), ANSWER_OK);
    done(&scene);

    begin(&scene, GET_10);
    assert_int_equal(say_head(&scene, 103, false, FIELDS("Link", "</a>")), ANSWER_OK);
    expect_out(&scene, "");
    assert_int_equal(say_head(&scene, 200, true, FIELDS("Content-Length", "0")), ANSWER_OK);
    done(&scene);
}

static void heads_that_are_not_valid_write_nothing(void **state)
{
    (void)state;
    static const struct {
        const struct http_answer_request *request;
        uint16_t status;
        bool is_final;
    } rows[] = {
        {&GET, 101, true},     {&GET, 101, false}, {&UPGRADE, 101, false}, {&GET, 100, true},  {&GET, 103, true},
        {&UPGRADE, 100, true}, {&GET, 200, false}, {&GET, 599, false},     {&GET, 0, true},    {&GET, 99, true},
        {&GET, 99, false},     {&GET, 600, true},  {&GET, 1200, true},     {&HEAD, 101, true}, {&GET, 65535, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene scene;
        begin(&scene, *rows[i].request);
        assert_int_equal(say_head(&scene, rows[i].status, rows[i].is_final, FIELDS("a", "b")), ANSWER_INVALID);
        assert_false(scene.answer.head_written);
        expect_out(&scene, "");
        done(&scene);
    }
}

static void the_order_of_head_body_and_end_is_kept(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET);
    assert_int_equal(say_body_leaving(&scene, "early", 5), ANSWER_INVALID);
    assert_int_equal(say_end(&scene), ANSWER_INVALID);
    assert_int_equal(say_head(&scene, 100, false, NULL), ANSWER_OK);
    assert_int_equal(say_body_leaving(&scene, "early", 5), ANSWER_INVALID);
    assert_int_equal(say_head(&scene, 200, true, NULL), ANSWER_OK);
    evbuffer_drain(scene.out, evbuffer_get_length(scene.out));
    assert_int_equal(say_head(&scene, 200, true, NULL), ANSWER_INVALID);
    assert_int_equal(say_head(&scene, 103, false, NULL), ANSWER_INVALID);
    assert_int_equal(say_end(&scene), ANSWER_OK);
    expect_out(&scene, "0\r\n\r\n");
    assert_int_equal(say_end(&scene), ANSWER_INVALID);
    assert_int_equal(say_body_leaving(&scene, "HTTP/1.1 200 OK\r\n\r\n", 19), ANSWER_INVALID);
    assert_int_equal(say_head(&scene, 200, true, NULL), ANSWER_INVALID);
    expect_out(&scene, "");
    done(&scene);
}

static void a_101_keeps_connection_and_upgrade_and_raw_bytes_follow(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, UPGRADE);
    assert_int_equal(
        say_head(&scene, 101, true,
                 FIELDS("Connection", "Upgrade, x-hop", "upgrade", "websocket", "Sec-WebSocket-Accept", "k", "X-Hop",
                        "1", "Keep-Alive", "1", "Transfer-Encoding", "chunked", "Content-Length", "5")),
        ANSWER_OK);
    expect_out(&scene, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, x-hop\r\nupgrade: websocket\r\n"
                       "Sec-WebSocket-Accept: k\r\n\r\n");
    assert_int_equal(scene.answer.framing, ANSWER_RAW);
    assert_int_equal(scene.answer.status, 101);
    assert_false(scene.answer.keeps_alive);
    assert_int_equal(say_body(&scene, "raw bytes"), ANSWER_OK);
    assert_int_equal(say_end(&scene), ANSWER_OK);
    expect_out(&scene, "raw bytes");
    done(&scene);
}

static void a_refused_upgrade_closes(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, UPGRADE);
    assert_int_equal(say_head(&scene, 403, true, FIELDS("Connection", "keep-alive", "Upgrade", "websocket")),
                     ANSWER_OK);
    expect_out(&scene, "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    assert_false(scene.answer.keeps_alive);
    done(&scene);
}

/* ---- our own answers ---- */

static void our_own_answers_have_a_type_and_a_length(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, GET);
    assert_true(http_answer_own(GET, 503, "Retry-After: 1\r\n", "max streams exceeded", false, scene.out));
    expect_out(&scene, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
                       "Content-Length: 20\r\nRetry-After: 1\r\n\r\nmax streams exceeded");
    assert_false(http_answer_own(GET, 400, "", "bad", true, scene.out));
    expect_out(&scene, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n"
                       "Connection: close\r\n\r\nbad");
    assert_true(http_answer_own(HEAD, 404, "", "gone", false, scene.out));
    expect_out(&scene,
               "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\r\n");
    assert_true(http_answer_own(GET_10_KEPT, 502, "", "x", false, scene.out));
    expect_out(&scene, "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 1\r\n"
                       "Connection: keep-alive\r\n\r\nx");
    assert_false(http_answer_own(UPGRADE, 502, "", "x", false, scene.out));
    expect_out(&scene, "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 1\r\n"
                       "Connection: close\r\n\r\nx");
    assert_true(http_answer_own(GET, 204, "Allow: GET\r\n", "dropped", false, scene.out));
    expect_out(&scene, "HTTP/1.1 204 No Content\r\nAllow: GET\r\n\r\n");
    assert_true(http_answer_own_body(GET, 200, "", "application/json", span_of("{\0}", 3), false, scene.out));
    assert_int_equal(evbuffer_get_length(scene.out),
                     strlen("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n") + 3);
    done(&scene);
}

static void status_texts_are_the_registered_ones(void **state)
{
    (void)state;
    assert_string_equal(http_status_text(100), "Continue");
    assert_string_equal(http_status_text(200), "OK");
    assert_string_equal(http_status_text(431), "Request Header Fields Too Large");
    assert_string_equal(http_status_text(502), "Bad Gateway");
    assert_string_equal(http_status_text(511), "Network Authentication Required");
    static const uint16_t UNKNOWN[] = {0, 99, 104, 299, 306, 418, 512, 599, 600, 65535};
    for (size_t i = 0; i < sizeof UNKNOWN / sizeof *UNKNOWN; i++)
        assert_string_equal(http_status_text(UNKNOWN[i]), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_length_is_honoured),
        cmocka_unit_test(too_many_bytes_are_cut),
        cmocka_unit_test(too_few_bytes_are_told),
        cmocka_unit_test(a_length_of_zero_is_a_length),
        cmocka_unit_test(equal_lengths_are_one_and_bad_ones_are_refused),
        cmocka_unit_test(without_length_a_1_1_visitor_gets_chunks),
        cmocka_unit_test(without_length_a_1_0_visitor_gets_a_close),
        cmocka_unit_test(the_body_is_moved_not_copied),
        cmocka_unit_test(head_204_and_304_have_no_body_whatever_comes),
        cmocka_unit_test(names_and_utf8_values_go_as_the_driver_wrote_them),
        cmocka_unit_test(hop_by_hop_fields_are_removed),
        cmocka_unit_test(the_visitor_is_told_whether_the_connection_stays),
        cmocka_unit_test(interim_heads_go_to_1_1_visitors_only),
        cmocka_unit_test(heads_that_are_not_valid_write_nothing),
        cmocka_unit_test(the_order_of_head_body_and_end_is_kept),
        cmocka_unit_test(a_101_keeps_connection_and_upgrade_and_raw_bytes_follow),
        cmocka_unit_test(a_refused_upgrade_closes),
        cmocka_unit_test(our_own_answers_have_a_type_and_a_length),
        cmocka_unit_test(status_texts_are_the_registered_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
