/* The upgrade of a driver's connection (protocol section 1). Heads are read by the real reader, as the gateway does. */
#include "tunnel_handshake.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define UPGRADE        "Host: kit\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
#define KEY            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION        "Sec-WebSocket-Version: 13\r\n"
#define PROTOCOL(list) "Sec-WebSocket-Protocol: " list "\r\n"
#define GET            "GET /api/v1/tunnel/connect HTTP/1.1\r\n"

struct fixture {
    struct http_reader *reader;
    struct evbuffer *in;
    const struct http_head *head;
};

static struct fixture read_head(const char *request)
{
    struct fixture fixture = {.reader = http_reader_new(HTTP_REQUESTS), .in = evbuffer_new()};
    assert_non_null(fixture.reader);
    assert_non_null(fixture.in);
    assert_int_equal(evbuffer_add(fixture.in, request, strlen(request)), 0);
    assert_int_equal(http_reader_read(fixture.reader, fixture.in, NULL, 0), HTTP_HEAD);
    fixture.head = http_reader_head(fixture.reader);
    return fixture;
}

static void fixture_done(struct fixture *fixture)
{
    http_reader_destroy(&fixture->reader);
    evbuffer_free(fixture->in);
}

static struct tunnel_handshake check_request(const char *request)
{
    struct fixture fixture = read_head(request);
    struct tunnel_handshake handshake;
    tunnel_handshake_check(fixture.head, &handshake);
    fixture_done(&fixture);
    return handshake;
}

static void a_good_upgrade_gets_101_and_the_key_of_the_rfc(void **state)
{
    (void)state;
    struct tunnel_handshake handshake =
        check_request(GET UPGRADE KEY VERSION PROTOCOL("hoody-tunnel.v1") "X-Extra: 1\r\n\r\n");
    assert_int_equal(handshake.status, 101);
    assert_int_equal(handshake.subprotocol, SUBPROTOCOL_V1);
    assert_string_equal(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void assert_chosen(const char *request, enum subprotocol expected)
{
    struct tunnel_handshake handshake = check_request(request);
    assert_int_equal(handshake.status, 101);
    assert_int_equal(handshake.subprotocol, expected);
}

static void the_first_supported_subprotocol_in_the_clients_order_is_taken(void **state)
{
    (void)state;
    assert_chosen(GET UPGRADE KEY VERSION PROTOCOL("hoody-tunnel.v1, hoody-tunnel.v2") "\r\n", SUBPROTOCOL_V1);
    assert_chosen(GET UPGRADE KEY VERSION PROTOCOL("hoody-tunnel.v2,hoody-tunnel.v1") "\r\n", SUBPROTOCOL_V2);
    assert_chosen(GET UPGRADE KEY VERSION PROTOCOL(" , chat,\thoody-tunnel.v2 ,") "\r\n", SUBPROTOCOL_V2);
    assert_chosen(GET UPGRADE KEY VERSION PROTOCOL("chat") PROTOCOL("hoody-tunnel.v1") "\r\n", SUBPROTOCOL_V1);
}

static void assert_refused(const char *request, uint16_t status, const char *field)
{
    struct tunnel_handshake handshake = check_request(request);
    assert_int_equal(handshake.status, status);
    assert_non_null(handshake.text);
    assert_non_null(strstr(handshake.fields, field));
}

static void without_a_supported_subprotocol_the_supported_ones_are_named(void **state)
{
    (void)state;
    static const char versions[] = "x-hoody-tunnel-versions: hoody-tunnel.v2, hoody-tunnel.v1\r\n";
    static const char *const requests[] = {
        GET UPGRADE KEY VERSION PROTOCOL("hoody-tunnel.v3") "\r\n",
        GET UPGRADE KEY VERSION PROTOCOL("Hoody-Tunnel.V1") "\r\n",
        GET UPGRADE KEY VERSION PROTOCOL("hoody-tunnel.v1x") "\r\n",
        GET UPGRADE KEY VERSION PROTOCOL("hoody-tunnel.v1 hoody-tunnel.v2") "\r\n",
        GET UPGRADE KEY VERSION PROTOCOL("") "\r\n",
        GET UPGRADE KEY VERSION "\r\n",
        GET "Host: kit\r\n\r\n",
        GET "Host: kit\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        "GET /api/v1/tunnel/connect HTTP/1.0\r\nHost: kit\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        assert_refused(requests[i], 400, versions);
        assert_non_null(strstr(check_request(requests[i]).text, "hoody-tunnel.v2"));
    }
}

static void another_version_is_426_and_names_13(void **state)
{
    (void)state;
    static const char named[] = "Sec-WebSocket-Version: 13\r\n";
    assert_refused(GET UPGRADE KEY "Sec-WebSocket-Version: 8\r\n" PROTOCOL("hoody-tunnel.v1") "\r\n", 426, named);
    assert_refused(GET UPGRADE KEY "Sec-WebSocket-Version: 013\r\n" PROTOCOL("hoody-tunnel.v1") "\r\n", 426, named);
    assert_refused(GET UPGRADE KEY VERSION VERSION PROTOCOL("hoody-tunnel.v1") "\r\n", 426, named);
}

static void a_bad_key_and_a_missing_version_are_400(void **state)
{
    (void)state;
    assert_refused(GET UPGRADE VERSION PROTOCOL("hoody-tunnel.v1") "\r\n", 400, "");
    assert_refused(GET UPGRADE KEY PROTOCOL("hoody-tunnel.v1") "\r\n", 400, "");
    assert_refused(GET UPGRADE VERSION "Sec-WebSocket-Key: short\r\n" PROTOCOL("hoody-tunnel.v1") "\r\n", 400, "");
    assert_refused(GET UPGRADE VERSION KEY KEY PROTOCOL("hoody-tunnel.v1") "\r\n", 400, "");
}

static void another_method_is_405(void **state)
{
    (void)state;
    assert_refused("POST /api/v1/tunnel/connect HTTP/1.1\r\n" UPGRADE KEY VERSION PROTOCOL("hoody-tunnel.v1") "\r\n",
                   405, "Allow: GET\r\n");
}

static bool is_for(const char *request)
{
    struct fixture fixture = read_head(request);
    bool answer = tunnel_handshake_is_for(fixture.head);
    fixture_done(&fixture);
    return answer;
}

static void only_the_connect_path_is_meant_whatever_its_query(void **state)
{
    (void)state;
    assert_true(is_for("GET /api/v1/tunnel/connect HTTP/1.1\r\nHost: kit\r\n\r\n"));
    assert_true(is_for("GET /api/v1/tunnel/connect? HTTP/1.1\r\nHost: kit\r\n\r\n"));
    assert_true(is_for("GET /api/v1/tunnel/connect?token=a&b=/x?y HTTP/1.1\r\nHost: kit\r\n\r\n"));
    assert_true(is_for("GET http://kit:7080/api/v1/tunnel/connect?a=b HTTP/1.1\r\nHost: kit\r\n\r\n"));
    assert_false(is_for("GET http://kit HTTP/1.1\r\nHost: kit\r\n\r\n"));
    assert_false(is_for("GET /api/v1/tunnel/connect/ HTTP/1.1\r\nHost: kit\r\n\r\n"));
    assert_false(is_for("GET /api/v1/tunnel/connec HTTP/1.1\r\nHost: kit\r\n\r\n"));
    assert_false(is_for("GET /?/api/v1/tunnel/connect HTTP/1.1\r\nHost: kit\r\n\r\n"));
    assert_false(is_for("GET /API/v1/tunnel/connect HTTP/1.1\r\nHost: kit\r\n\r\n"));
}

static void assert_host(const char *request, const char *expected)
{
    struct fixture fixture = read_head(request);
    assert_true(span_equals(tunnel_handshake_host(fixture.head), expected));
    fixture_done(&fixture);
}

static void an_absolute_target_names_the_host(void **state)
{
    (void)state;
    assert_host("GET /api/v1/tunnel/connect HTTP/1.1\r\nHost: kit:7080\r\n\r\n", "kit:7080");
    assert_host("GET http://other:80/api/v1/tunnel/connect HTTP/1.1\r\nHost: kit\r\n\r\n", "other:80");
    assert_host("GET http://a@evil.example/ HTTP/1.1\r\nHost: kit\r\n\r\n", "evil.example");
}

static void assert_bearer(const char *field, const char *expected)
{
    char request[256];
    (void)snprintf(request, sizeof request, GET "Host: kit\r\n%s\r\n", field);
    struct fixture fixture = read_head(request);
    assert_true(span_equals(tunnel_handshake_bearer(fixture.head), expected));
    fixture_done(&fixture);
}

static void the_bearer_token_of_the_upgrade_is_found(void **state)
{
    (void)state;
    assert_bearer("Authorization: Bearer abc.DEF-123\r\n", "abc.DEF-123");
    assert_bearer("authorization: bearer   abc\r\n", "abc");
    assert_bearer("Authorization: Basic abc\r\n", "");
    assert_bearer("Authorization: Bearer\r\n", "");
    assert_bearer("Authorization: Bearerabc\r\n", "");
    assert_bearer("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_upgrade_gets_101_and_the_key_of_the_rfc),
        cmocka_unit_test(the_first_supported_subprotocol_in_the_clients_order_is_taken),
        cmocka_unit_test(without_a_supported_subprotocol_the_supported_ones_are_named),
        cmocka_unit_test(another_version_is_426_and_names_13),
        cmocka_unit_test(a_bad_key_and_a_missing_version_are_400),
        cmocka_unit_test(another_method_is_405),
        cmocka_unit_test(only_the_connect_path_is_meant_whatever_its_query),
        cmocka_unit_test(an_absolute_target_names_the_host),
        cmocka_unit_test(the_bearer_token_of_the_upgrade_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
