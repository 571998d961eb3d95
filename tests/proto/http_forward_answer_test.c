/* What becomes of a local service's answer head on its way to the kit, and from there to the visitor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_answer.h"
#include "http_forward.h"

#include <event2/buffer.h>

static void forward(const char *answer, struct response_head *ret_head)
{
    struct http_reader *reader = http_reader_new(HTTP_ANSWERS);
    struct evbuffer *in = evbuffer_new();
    evbuffer_add(in, answer, strlen(answer));
    assert_int_equal(http_reader_read(reader, in, NULL, 0), HTTP_HEAD);
    assert_true(http_forward_answer(http_reader_head(reader), ret_head));
    http_reader_destroy(&reader); /* what follows must live on copies */
    evbuffer_free(in);
}

/* Expected: "status [interim]\nname: value\n...". */
static void expect_forwarded(const char *answer, const char *expected)
{
    struct response_head head = {0};
    struct evbuffer *out = evbuffer_new();
    forward(answer, &head);
    evbuffer_add_printf(out, "%d%s\n", head.status, head.is_final ? "" : " interim");
    for (size_t i = 0; i < head.fields.count; i++)
        evbuffer_add_printf(out, "%s: %s\n", head.fields.pairs[i].name, head.fields.pairs[i].value);
    evbuffer_add(out, "", 1);
    assert_string_equal((const char *)evbuffer_pullup(out, -1), expected);
    evbuffer_free(out);
    response_head_done(&head);
}

static void names_order_duplicates_and_length_are_kept(void **state)
{
    (void)state;
    expect_forwarded(
        "HTTP/1.1 200 OK\r\nX-MiXed: 1\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Length: 5\r\nE:\r\n\r\n",
        "200\nX-MiXed: 1\nSet-Cookie: a\nset-cookie: b\nContent-Length: 5\nE: \n");
}

static void hop_by_hop_fields_are_removed(void **state)
{
    (void)state;
    expect_forwarded("HTTP/1.1 200 OK\r\nConnection: close, X-Hop, content-length\r\nKeep-Alive: timeout=5\r\nTE: a\r\n"
                     "Trailer: b\r\nUpgrade: c\r\nProxy-Connection: d\r\nProxy-Authenticate: e\r\n"
                     "Proxy-Authorization: f\r\nx-hop: g\r\nContent-Length: 0\r\nKept: h\r\n\r\n",
                     "200\nContent-Length: 0\nKept: h\n");
    expect_forwarded("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKept: h\r\n\r\n", "200\nKept: h\n");
}

static void a_101_is_final_and_keeps_connection_and_upgrade(void **state)
{
    (void)state;
    expect_forwarded("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, x\r\nUpgrade: websocket\r\nX: 1\r\n"
                     "Keep-Alive: 2\r\nY: 3\r\n\r\n",
                     "101\nConnection: Upgrade, x\nUpgrade: websocket\nY: 3\n");
}

static void interim_heads_are_not_final(void **state)
{
    (void)state;
    expect_forwarded("HTTP/1.1 100 Continue\r\n\r\n", "100 interim\n");
    expect_forwarded("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nUpgrade: x\r\n\r\n", "103 interim\nLink: </a>\n");
}

static void values_are_utf8_or_else_latin_1(void **state)
{
    (void)state;
    expect_forwarded("HTTP/1.1 200 OK\r\nX: gr\xc3\xbc\xc3\x9f\r\nY: gr\xfc\xdf\r\n\r\n",
                     "200\nX: gr\xc3\xbc\xc3\x9f\nY: gr\xc3\xbc\xc3\x9f\n");
}

/* service -> http_forward_answer -> http_answer_head -> visitor */
static void what_the_service_said_reaches_the_visitor(void **state)
{
    (void)state;
    struct response_head head = {0};
    struct http_answer answer;
    struct evbuffer *out = evbuffer_new();
    forward("HTTP/1.1 404 Nope\r\nConnection: keep-alive\r\nETag: \"x\"\r\nContent-Length: 0\r\n\r\n", &head);
    http_answer_init(&answer, (struct http_answer_request){.version_minor = 1, .keeps_alive = true});
    assert_int_equal(http_answer_head(&answer, &head, out), ANSWER_OK);
    evbuffer_add(out, "", 1);
    assert_string_equal((const char *)evbuffer_pullup(out, -1),
                        "HTTP/1.1 404 Not Found\r\nETag: \"x\"\r\nContent-Length: 0\r\n\r\n");
    evbuffer_free(out);
    response_head_done(&head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_order_duplicates_and_length_are_kept),
        cmocka_unit_test(hop_by_hop_fields_are_removed),
        cmocka_unit_test(a_101_is_final_and_keeps_connection_and_upgrade),
        cmocka_unit_test(interim_heads_are_not_final),
        cmocka_unit_test(values_are_utf8_or_else_latin_1),
        cmocka_unit_test(what_the_service_said_reaches_the_visitor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
