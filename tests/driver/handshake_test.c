/* The client's half of the WebSocket handshake (RFC 6455 section 4.1; driver/handshake.h). */
#include "handshake.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY      "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 section 1.3 */
#define ACCEPT   "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define PROTOCOL "hoody-tunnel.v1"

static void the_request_offers_what_it_should(void **state)
{
    (void)state;
    struct server_url url;
    const char *why = NULL;
    char head[1024] = "";
    struct evbuffer *out = evbuffer_new();
    assert_true(server_url_parse("ws://h.example:7080", &url, &why));
    handshake_write(&url, KEY, PROTOCOL, "", out);
    evbuffer_remove(out, head, sizeof head - 1);
    evbuffer_free(out);
    static const char EXPECTED[] = "GET /api/v1/tunnel/connect HTTP/1.1\r\n"
                                   "Host: h.example:7080\r\n"
                                   "Connection: Upgrade\r\n"
                                   "Upgrade: websocket\r\n"
                                   "Sec-WebSocket-Version: 13\r\n"
                                   "Sec-WebSocket-Key: " KEY "\r\n"
                                   "Sec-WebSocket-Protocol: " PROTOCOL "\r\n"
                                   "User-Agent: hoody-tunnel/";
    assert_memory_equal(head, EXPECTED, sizeof EXPECTED - 1);
    assert_string_equal(head + strlen(head) - 4, "\r\n\r\n");
}

static void a_token_goes_along(void **state)
{
    (void)state;
    struct server_url url;
    const char *why = NULL;
    char head[1024] = "";
    struct evbuffer *out = evbuffer_new();
    assert_true(server_url_parse("wss://h.example", &url, &why));
    handshake_write(&url, KEY, PROTOCOL, "s3cret", out);
    evbuffer_remove(out, head, sizeof head - 1);
    evbuffer_free(out);
    assert_non_null(strstr(head, "\r\nHost: h.example\r\n"));
    assert_non_null(strstr(head, "\r\nAuthorization: Bearer s3cret\r\n\r\n"));
}

/* "" when accepted, and then it is the expected one; else why not. */
static const char *judge_offer(const char *answer, const char *offered, enum subprotocol expected)
{
    static char why[HANDSHAKE_WHY_BYTES];
    struct http_reader *reader = http_reader_new(HTTP_ANSWERS);
    struct evbuffer *in = evbuffer_new(), *body = evbuffer_new();
    evbuffer_add(in, answer, strlen(answer));
    assert_int_equal(http_reader_read(reader, in, body, 0), HTTP_HEAD);
    why[0] = '\0';
    enum subprotocol subprotocol = SUBPROTOCOL_V2;
    bool is_accepted = handshake_is_accepted(http_reader_head(reader), KEY, offered, &subprotocol, why);
    assert_int_equal(is_accepted, why[0] == '\0');
    assert_int_equal(subprotocol, is_accepted ? expected : SUBPROTOCOL_V2);
    evbuffer_free(in);
    evbuffer_free(body);
    http_reader_destroy(&reader);
    return why;
}

static const char *judge(const char *answer)
{
    return judge_offer(answer, PROTOCOL, SUBPROTOCOL_V1);
}

#define ANSWER(fields) "HTTP/1.1 101 Switching Protocols\r\n" fields "\r\n"

static void a_good_answer_is_accepted_in_any_spelling(void **state)
{
    (void)state;
    assert_string_equal(judge(ANSWER("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT
                                     "\r\nSec-WebSocket-Protocol: " PROTOCOL "\r\n")),
                        "");
    assert_string_equal(judge(ANSWER("upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\nX: y\r\n"
                                     "sec-websocket-accept: " ACCEPT "\r\nsec-websocket-protocol: " PROTOCOL "\r\n")),
                        "");
}

static void any_of_the_offered_subprotocols_may_be_taken_up(void **state)
{
    (void)state;
#define ANSWER_OF(subprotocol)                                                                                         \
    ANSWER("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT                                \
           "\r\nSec-WebSocket-Protocol: " subprotocol "\r\n")
    static const char BOTH[] = "hoody-tunnel.v2, hoody-tunnel.v1";
    assert_string_equal(judge_offer(ANSWER_OF("hoody-tunnel.v2"), BOTH, SUBPROTOCOL_V2), "");
    assert_string_equal(judge_offer(ANSWER_OF("hoody-tunnel.v1"), BOTH, SUBPROTOCOL_V1), "");
    assert_string_not_equal(judge_offer(ANSWER_OF("hoody-tunnel.v2, hoody-tunnel.v1"), BOTH, SUBPROTOCOL_V2), "");
    assert_string_not_equal(judge_offer(ANSWER_OF("hoody-tunnel.v3"), BOTH, SUBPROTOCOL_V2), "");
    assert_string_not_equal(judge_offer(ANSWER_OF("hoody-tunnel.v1"), "hoody-tunnel.v2", SUBPROTOCOL_V1), "");
}

static void an_answer_that_is_not_ours_is_refused(void **state)
{
    (void)state;
    assert_non_null(strstr(judge(ANSWER("Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT
                                        "\r\nSec-WebSocket-Protocol: " PROTOCOL "\r\n")),
                           "no WebSocket"));
    assert_non_null(
        strstr(judge(ANSWER("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: " PROTOCOL "\r\n")),
               "Sec-WebSocket-Accept"));
    assert_non_null(strstr(judge(ANSWER("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                                        "t3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: " PROTOCOL "\r\n")),
                           "Sec-WebSocket-Accept"));
    assert_non_null(
        strstr(judge(ANSWER("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n")),
               "subprotocol"));
    assert_non_null(strstr(
        judge(ANSWER("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT
                     "\r\nSec-WebSocket-Protocol: " PROTOCOL "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n")),
        "extension"));
}

static void any_other_status_is_told_with_a_hint(void **state)
{
    (void)state;
    assert_non_null(strstr(judge("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), "HTTP 403 Forbidden: "));
    assert_non_null(strstr(judge("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), "--trusted-source"));
    assert_non_null(strstr(judge("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), "--token-file"));
    assert_non_null(strstr(judge("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "is that the URL"));
    assert_non_null(strstr(judge("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), "HTTP 200"));
}

static void what_would_be_the_same_another_time_is_final(void **state)
{
    (void)state;
    static const uint16_t FINAL[] = {400, 401, 403, 405, 407, 426},
                          PASSING[] = {200, 302, 404, 408, 429, 500, 502, 503};
    for (size_t i = 0; i < sizeof FINAL / sizeof *FINAL; i++)
        assert_true(handshake_is_final(&(struct http_head){.status = FINAL[i]}));
    for (size_t i = 0; i < sizeof PASSING / sizeof *PASSING; i++)
        assert_false(handshake_is_final(&(struct http_head){.status = PASSING[i]}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_offers_what_it_should),
        cmocka_unit_test(a_token_goes_along),
        cmocka_unit_test(a_good_answer_is_accepted_in_any_spelling),
        cmocka_unit_test(any_of_the_offered_subprotocols_may_be_taken_up),
        cmocka_unit_test(an_answer_that_is_not_ours_is_refused),
        cmocka_unit_test(any_other_status_is_told_with_a_hint),
        cmocka_unit_test(what_would_be_the_same_another_time_is_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
