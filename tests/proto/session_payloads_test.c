/* The JSON payloads of sessions and bindings: exact bytes, what each field means, encode then decode is identity. Wrong
 * types and hostile texts: payload_hostility_test.c. */
#include "session_payloads.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#define TEXT(literal) ((char[]){literal})

/* Takes what an encoder returned. */
static void assert_json(char *json, const char *expected)
{
    assert_non_null(json);
    assert_string_equal(json, expected);
    free(json);
}

static void assert_same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a)
        assert_string_equal(a, b);
}

#define ASSERT_DECODES(decode, json, ret) assert_int_equal(decode(span_of_string(json), ret, NULL), PAYLOAD_OK)

/* decode(json) is refused, and says why. */
#define ASSERT_REFUSES(decode, type, json, expected_why)                                                               \
    do {                                                                                                               \
        const char *why_ = NULL;                                                                                       \
        struct span json_ = span_of_string(json);                                                                      \
        assert_int_equal(decode(json_, &(type){0}, &why_), PAYLOAD_INVALID);                                           \
        assert_string_equal(why_, expected_why);                                                                       \
    } while (0)

/* ---- subprotocols ---- */

static void subprotocols_have_their_names(void **state)
{
    (void)state;
    enum subprotocol subprotocol;
    assert_string_equal(subprotocol_name(SUBPROTOCOL_V1), "hoody-tunnel.v1");
    assert_string_equal(subprotocol_name(SUBPROTOCOL_V2), "hoody-tunnel.v2");
    assert_true(subprotocol_parse(span_of_string("hoody-tunnel.v1"), &subprotocol));
    assert_int_equal(subprotocol, SUBPROTOCOL_V1);
    assert_true(subprotocol_parse(span_of_string("hoody-tunnel.v2"), &subprotocol));
    assert_int_equal(subprotocol, SUBPROTOCOL_V2);
}

static void other_names_are_no_subprotocols(void **state)
{
    (void)state;
    static const char *const names[] = {"",  "hoody-tunnel.v3", "Hoody-tunnel.v1", "hoody-tunnel.v1 ", "hoody-tunnel.v",
                                        "v1"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        enum subprotocol subprotocol = SUBPROTOCOL_V2;
        assert_false(subprotocol_parse(span_of_string(names[i]), &subprotocol));
        assert_int_equal(subprotocol, SUBPROTOCOL_V2);
    }
}

/* ---- HELLO ---- */

static void the_hello_of_an_old_driver_is_read(void **state)
{
    (void)state;
    struct hello hello;
    ASSERT_DECODES(hello_decode,
                   "{\"version\":\"hoody-tunnel.v1\",\"auth\":{\"kind\":\"bearer\",\"token\":\"secret\"},"
                   "\"capabilities\":[]}",
                   &hello);
    assert_int_equal(hello.version, SUBPROTOCOL_V1);
    assert_true(hello.has_auth);
    assert_string_equal(hello.token, "secret");
    assert_false(hello.multi_ws || hello.shard_map);
    assert_int_equal(hello.max_connections, 0);
    assert_null(hello.resume_session);
    assert_null(hello.client_name);
    assert_null(hello.client_version);
    hello_done(&hello);
    assert_null(hello.token);
    hello_done(&hello);
}

static void the_hello_of_a_new_driver_is_read(void **state)
{
    (void)state;
    struct hello hello;
    ASSERT_DECODES(hello_decode,
                   "{\"version\":\"hoody-tunnel.v2\",\"capabilities\":[\"multi-ws\",\"later\",\"shard-map\\u0000\"],"
                   "\"resume\":{\"sessionId\":\"S-1\"},\"maxConnections\":4}",
                   &hello);
    assert_int_equal(hello.version, SUBPROTOCOL_V2);
    assert_true(hello.multi_ws);
    assert_false(hello.shard_map);
    assert_int_equal(hello.max_connections, 4);
    assert_string_equal(hello.resume_session, "S-1");
    assert_false(hello.has_auth);
    assert_null(hello.token);
    hello_done(&hello);
}

static void the_version_alone_makes_a_hello(void **state)
{
    (void)state;
    struct hello hello;
    ASSERT_DECODES(hello_decode, "{\"version\":\"hoody-tunnel.v2\"}", &hello);
    assert_int_equal(hello.version, SUBPROTOCOL_V2);
    hello_done(&hello);
}

static void a_hello_says_what_is_wrong_with_it(void **state)
{
    (void)state;
    ASSERT_REFUSES(hello_decode, struct hello, "{}", "version must be hoody-tunnel.v1 or hoody-tunnel.v2");
    ASSERT_REFUSES(hello_decode, struct hello, "{\"version\":\"hoody-tunnel.v3\"}",
                   "version must be hoody-tunnel.v1 or hoody-tunnel.v2");
    ASSERT_REFUSES(hello_decode, struct hello, "{\"version\":\"hoody-tunnel.v1\\u0000\"}",
                   "version must be hoody-tunnel.v1 or hoody-tunnel.v2");
    ASSERT_REFUSES(hello_decode, struct hello, "{\"version\":\"hoody-tunnel.v1\",\"capabilities\":[1]}",
                   "capabilities must be an array of strings");
    ASSERT_REFUSES(hello_decode, struct hello, "{\"version\":\"hoody-tunnel.v2\",\"maxConnections\":-1}",
                   "maxConnections must be an integer of at least 0");
    ASSERT_REFUSES(hello_decode, struct hello, "{\"version\":\"hoody-tunnel.v1\",\"resume\":{}}",
                   "resume.sessionId must be a string without NUL");
    ASSERT_REFUSES(hello_decode, struct hello, "{\"version\":\"hoody-tunnel.v1\",\"auth\":\"bearer\"}",
                   "auth must be an object");
}

static void max_connections_beyond_what_fits_is_the_most(void **state)
{
    (void)state;
    struct hello hello;
    ASSERT_DECODES(hello_decode, "{\"version\":\"hoody-tunnel.v2\",\"maxConnections\":0}", &hello);
    assert_int_equal(hello.max_connections, 0); /* as if it were not said */
    hello_done(&hello);
    ASSERT_DECODES(hello_decode, "{\"version\":\"hoody-tunnel.v2\",\"maxConnections\":4294967296}", &hello);
    assert_int_equal(hello.max_connections, UINT32_MAX);
    hello_done(&hello);
}

static void auth_of_another_kind_is_not_looked_into(void **state)
{
    (void)state;
    struct hello hello;
    ASSERT_DECODES(hello_decode, "{\"version\":\"hoody-tunnel.v1\",\"auth\":{\"kind\":\"cookie\",\"token\":{}}}",
                   &hello);
    assert_true(hello.has_auth);
    assert_null(hello.token);
    hello_done(&hello);
    ASSERT_DECODES(hello_decode, "{\"version\":\"hoody-tunnel.v1\",\"auth\":{\"kind\":\"bearer\"}}", &hello);
    assert_true(hello.has_auth);
    assert_null(hello.token);
    hello_done(&hello);
}

static void assert_hello_is_identity(const struct hello *hello)
{
    char *json = hello_encode(hello);
    struct hello decoded;
    ASSERT_DECODES(hello_decode, json, &decoded);
    assert_int_equal(decoded.version, hello->version);
    assert_int_equal(decoded.multi_ws, hello->multi_ws);
    assert_int_equal(decoded.shard_map, hello->shard_map);
    assert_int_equal(decoded.max_connections, hello->max_connections);
    assert_int_equal(decoded.has_auth, hello->has_auth);
    assert_same_text(decoded.resume_session, hello->resume_session);
    assert_same_text(decoded.token, hello->token);
    assert_same_text(decoded.client_name, hello->client_name);
    assert_same_text(decoded.client_version, hello->client_version);
    hello_done(&decoded);
    free(json);
}

static void a_hello_is_read_back_as_written(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 256; bits++) {
        struct hello hello = {
            .version = bits & 1 ? SUBPROTOCOL_V1 : SUBPROTOCOL_V2,
            .multi_ws = bits & 2,
            .shard_map = bits & 4,
            .max_connections = bits & 8 ? UINT32_MAX : 0,
            .resume_session = bits & 16 ? TEXT("S-\"\\\x01") : NULL,
            .has_auth = bits & 32,
            .token = (bits & 96) == 96 ? TEXT("") : NULL,
            .client_name = bits & 128 ? TEXT("n\xC3\xA9") : NULL,
            .client_version = bits & 64 ? TEXT("1.0") : NULL,
        };
        assert_hello_is_identity(&hello);
    }
    struct hello hello = {.version = SUBPROTOCOL_V2, .multi_ws = true, .max_connections = 2, .client_name = TEXT("n")};
    assert_json(hello_encode(&hello), "{\"version\":\"hoody-tunnel.v2\",\"capabilities\":[\"multi-ws\"],"
                                      "\"maxConnections\":2,\"client\":{\"name\":\"n\"}}");
}

/* ---- HELLO_OK ---- */

static const struct session_id a_session = {"S-0f1e2d3c-4b5a-4697-8879-a0b1c2d3e4f5"};

static void a_hello_ok_is_written_for_each_version(void **state)
{
    (void)state;
    struct resumed_bind binds[] = {{.bind = 1, .is_pull = false, .container_port = 3000},
                                   {.bind = 2147483647, .is_pull = true, .container_port = 65535}};
    struct join_ticket tickets[] = {{.index = 1, .nonce = "ab", .expires_ms = 30000}};
    struct hello_ok ok = {.session = a_session,
                          .resumed = true,
                          .resumed_binds = binds,
                          .resumed_bind_count = 2,
                          .stream_window = 1048576,
                          .session_window = 16777216,
                          .max_streams = 1024,
                          .subprotocol = SUBPROTOCOL_V1,
                          .connections_granted = 2,
                          .join_tickets = tickets,
                          .join_ticket_count = 1};
#define COMMON                                                                                                         \
    "{\"sessionId\":\"S-0f1e2d3c-4b5a-4697-8879-a0b1c2d3e4f5\",\"resumed\":true,\"resumedBinds\":[{\"bindId\":1,"      \
    "\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":3000},{\"bindId\":2147483647,\"kind\":\"tcp\","           \
    "\"mode\":\"pull\",\"containerPort\":65535}],\"streamWindow\":1048576,\"sessionWindow\":16777216,\"maxStreams\":"  \
    "1024"
    assert_json(hello_ok_encode(&ok), COMMON "}");
    ok.subprotocol = SUBPROTOCOL_V2;
    assert_json(hello_ok_encode(&ok), COMMON ",\"connectionsGranted\":2,\"joinTickets\":[{\"index\":1,\"nonce\":\"ab\","
                                             "\"expiresMs\":30000}]}");
}

static void a_hello_ok_is_read_back_as_written(void **state)
{
    (void)state;
    struct resumed_bind binds[] = {{.bind = 5, .is_pull = true, .container_port = 1}};
    struct join_ticket tickets[] = {{.index = 1, .expires_ms = 0}, {.index = 15, .expires_ms = INT64_MAX}};
    memset(tickets[1].nonce, 'f', 64);
    struct hello_ok ok = {.session = a_session,
                          .resumed_binds = binds,
                          .resumed_bind_count = 1,
                          .stream_window = 65536,
                          .session_window = INT32_MAX,
                          .max_streams = UINT32_MAX,
                          .subprotocol = SUBPROTOCOL_V2,
                          .connections_granted = 16,
                          .join_tickets = tickets,
                          .join_ticket_count = 2};
    char *json = hello_ok_encode(&ok);
    struct hello_ok decoded;
    ASSERT_DECODES(hello_ok_decode, json, &decoded);
    assert_true(session_id_equals(&decoded.session, &ok.session));
    assert_false(decoded.resumed);
    assert_int_equal(decoded.resumed_bind_count, 1);
    assert_int_equal(decoded.resumed_binds[0].bind, 5);
    assert_true(decoded.resumed_binds[0].is_pull);
    assert_int_equal(decoded.resumed_binds[0].container_port, 1);
    assert_int_equal(decoded.stream_window, 65536);
    assert_int_equal(decoded.session_window, INT32_MAX);
    assert_int_equal(decoded.max_streams, UINT32_MAX);
    assert_int_equal(decoded.subprotocol, SUBPROTOCOL_V2);
    assert_int_equal(decoded.connections_granted, 16);
    assert_int_equal(decoded.join_ticket_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(decoded.join_tickets[i].index, tickets[i].index);
        assert_string_equal(decoded.join_tickets[i].nonce, tickets[i].nonce);
        assert_true(decoded.join_tickets[i].expires_ms == tickets[i].expires_ms);
    }
    hello_ok_done(&decoded);
    assert_null(decoded.join_tickets);
    hello_ok_done(&decoded);
    free(json);
}

static void a_hello_ok_without_connections_granted_is_v1(void **state)
{
    (void)state;
    struct hello_ok ok;
    ASSERT_DECODES(hello_ok_decode,
                   "{\"sessionId\":\"S-0f1e2d3c-4b5a-4697-8879-a0b1c2d3e4f5\",\"resumed\":false,\"resumedBinds\":[],"
                   "\"streamWindow\":1,\"sessionWindow\":1,\"maxStreams\":1,\"joinTickets\":7}",
                   &ok);
    assert_int_equal(ok.subprotocol, SUBPROTOCOL_V1);
    assert_null(ok.resumed_binds);
    assert_null(ok.join_tickets);
    hello_ok_done(&ok);
}

#define HELLO_OK_WITH(session, window, more)                                                                           \
    "{\"sessionId\":\"" session "\",\"streamWindow\":" window ",\"sessionWindow\":1,\"maxStreams\":1" more "}"

static void a_hello_ok_says_what_is_wrong_with_it(void **state)
{
    (void)state;
    static const char *const sessions[] = {
        HELLO_OK_WITH("", "1", ""),
        HELLO_OK_WITH("S-0f1e2d3c-4b5a-4697-8879-a0b1c2d3e4f", "1", ""),
        HELLO_OK_WITH("S-0f1e2d3c-4b5a-4697-8879-a0b1c2d3e4f55", "1", ""),
        HELLO_OK_WITH("s-0f1e2d3c-4b5a-4697-8879-a0b1c2d3e4f5", "1", ""),
        HELLO_OK_WITH("S-0F1e2d3c-4b5a-4697-8879-a0b1c2d3e4f5", "1", ""),
        HELLO_OK_WITH("S-0f1e2d3c04b5a-4697-8879-a0b1c2d3e4f5", "1", ""),
        HELLO_OK_WITH("S-0f1e2d3g-4b5a-4697-8879-a0b1c2d3e4f5", "1", ""),
    };
    for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++)
        ASSERT_REFUSES(hello_ok_decode, struct hello_ok, sessions[i], "sessionId must be S- and a UUID in lower case");
#define ID "S-0f1e2d3c-4b5a-4697-8879-a0b1c2d3e4f5"
    ASSERT_REFUSES(hello_ok_decode, struct hello_ok, HELLO_OK_WITH(ID, "0", ""),
                   "streamWindow must be an integer 1..2^31-1");
    ASSERT_REFUSES(hello_ok_decode, struct hello_ok, HELLO_OK_WITH(ID, "2147483648", ""),
                   "streamWindow must be an integer 1..2^31-1");
    ASSERT_REFUSES(hello_ok_decode, struct hello_ok,
                   HELLO_OK_WITH(ID, "1",
                                 ",\"resumedBinds\":[{\"bindId\":1,\"kind\":\"tcp\",\"mode\":\"expose\","
                                 "\"containerPort\":1}]"),
                   "resumedBinds: kind and mode must be http and expose, or tcp and pull");
    ASSERT_REFUSES(hello_ok_decode, struct hello_ok,
                   HELLO_OK_WITH(ID, "1",
                                 ",\"connectionsGranted\":2,\"joinTickets\":[{\"index\":1,\"expiresMs\":1,\"nonce\":"
                                 "\"00000000000000000000000000000000000000000000000000000000000000001\"}]"),
                   "joinTickets: nonce is longer than 64 bytes");
    ASSERT_REFUSES(hello_ok_decode, struct hello_ok, HELLO_OK_WITH(ID, "1", ",\"connectionsGranted\":0"),
                   "connectionsGranted must be an integer 1..2^32-1");
}

/* ---- JOIN, SHARD_MAP, REISSUE_JOIN_TICKETS ---- */

static void a_join_is_read_back_as_written(void **state)
{
    (void)state;
    struct join join = {.session = TEXT("S-1"), .index = UINT32_MAX, .nonce = TEXT("n\"")};
    assert_json(join_encode(&join), "{\"sessionId\":\"S-1\",\"index\":4294967295,\"nonce\":\"n\\\"\"}");
    char *json = join_encode(&join);
    struct join decoded;
    ASSERT_DECODES(join_decode, json, &decoded);
    assert_string_equal(decoded.session, "S-1");
    assert_int_equal(decoded.index, UINT32_MAX);
    assert_string_equal(decoded.nonce, "n\"");
    join_done(&decoded);
    assert_null(decoded.session);
    join_done(&decoded);
    free(json);
}

static void the_answers_to_join_are_read_back_as_written(void **state)
{
    (void)state;
    uint32_t index;
    struct join_err err;
    assert_json(join_ok_encode(3), "{\"index\":3}");
    ASSERT_DECODES(join_ok_decode, "{\"index\":3}", &index);
    assert_int_equal(index, 3);
    assert_json(join_err_encode("BAD_TICKET", "no \"such\""),
                "{\"code\":\"BAD_TICKET\",\"message\":\"no \\\"such\\\"\"}");
    ASSERT_DECODES(join_err_decode, "{\"code\":\"BAD_TICKET\",\"message\":\"no \\\"such\\\"\"}", &err);
    assert_string_equal(err.code, "BAD_TICKET");
    assert_string_equal(err.message, "no \"such\"");
    join_err_done(&err);
}

static void a_shard_map_is_read_back_as_written(void **state)
{
    (void)state;
    struct shard shards[] = {{.index = 0, .is_attached = true}, {.index = 7, .is_attached = false}};
    const char *json = "{\"shards\":[{\"index\":0,\"attached\":true},{\"index\":7,\"attached\":false}]}";
    assert_json(shard_map_encode(&(struct shard_map){.shards = shards, .count = 2}), json);
    struct shard_map map;
    ASSERT_DECODES(shard_map_decode, json, &map);
    assert_int_equal(map.count, 2);
    assert_true(map.shards[0].is_attached);
    assert_int_equal(map.shards[1].index, 7);
    assert_false(map.shards[1].is_attached);
    shard_map_done(&map);
    assert_json(shard_map_encode(&map), "{\"shards\":[]}");
}

static void a_lost_connection_is_named_by_its_nonce(void **state)
{
    (void)state;
    struct connection_lost lost = {.nonce = "abc", .data_bytes = INT64_MAX};
    const char *json = "{\"nonce\":\"abc\",\"dataBytes\":9223372036854775807}";
    assert_json(connection_lost_encode(&lost), json);
    lost = (struct connection_lost){0};
    ASSERT_DECODES(connection_lost_decode, json, &lost);
    assert_string_equal(lost.nonce, "abc");
    assert_true(lost.data_bytes == INT64_MAX);
    const char *const bad[] = {
        "{\"dataBytes\":1}",
        "{\"nonce\":\"abc\"}",
        "{\"nonce\":\"abc\",\"dataBytes\":-1}",
        "{\"nonce\":\"abc\",\"dataBytes\":1.5}",
        "{\"nonce\":7,\"dataBytes\":1}",
        "{\"nonce\":\"01234567890123456789012345678901234567890123456789012345678901234\",\"dataBytes\":1}",
    };
    const char *why = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(connection_lost_decode(span_of_string(bad[i]), &lost, &why), PAYLOAD_INVALID);
        assert_non_null(why);
    }
    assert_string_equal(lost.nonce, "abc"); /* untouched */
}

static void tickets_are_asked_for_with_an_empty_object(void **state)
{
    (void)state;
    struct reissue_join_tickets reissue;
    ASSERT_DECODES(reissue_join_tickets_decode, "{}", &reissue);
    assert_int_equal(reissue.count, 0);
    assert_null(reissue.tickets);
    struct join_ticket tickets[] = {{.index = 2, .nonce = "n", .expires_ms = 5}};
    const char *json = "{\"joinTickets\":[{\"index\":2,\"nonce\":\"n\",\"expiresMs\":5}]}";
    assert_json(reissue_join_tickets_encode(&(struct reissue_join_tickets){.tickets = tickets, .count = 1}), json);
    ASSERT_DECODES(reissue_join_tickets_decode, json, &reissue);
    assert_int_equal(reissue.count, 1);
    assert_int_equal(reissue.tickets[0].index, 2);
    reissue_join_tickets_done(&reissue);
    reissue_join_tickets_done(&reissue);
}

/* ---- GOAWAY ---- */

static void a_goaway_is_read_back_as_written(void **state)
{
    (void)state;
    struct goaway goaway;
    const char *json =
        "{\"code\":14,\"message\":\"tunnel session limit reached\",\"lastStreamId\":0,\"retryAfterMs\":0}";
    assert_json(goaway_encode(14, "tunnel session limit reached"), json);
    ASSERT_DECODES(goaway_decode, json, &goaway);
    assert_int_equal(goaway.code, 14);
    assert_string_equal(goaway.message, "tunnel session limit reached");
    assert_int_equal(goaway.retry_after_ms, 0);
    goaway_done(&goaway);
    assert_null(goaway.message);
    goaway_done(&goaway);
    ASSERT_DECODES(goaway_decode, "{\"code\":4294967295,\"retryAfterMs\":1500}", &goaway);
    assert_int_equal(goaway.code, UINT32_MAX);
    assert_string_equal(goaway.message, "");
    assert_int_equal(goaway.retry_after_ms, 1500);
    goaway_done(&goaway);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subprotocols_have_their_names),
        cmocka_unit_test(other_names_are_no_subprotocols),
        cmocka_unit_test(the_hello_of_an_old_driver_is_read),
        cmocka_unit_test(the_hello_of_a_new_driver_is_read),
        cmocka_unit_test(the_version_alone_makes_a_hello),
        cmocka_unit_test(a_hello_says_what_is_wrong_with_it),
        cmocka_unit_test(max_connections_beyond_what_fits_is_the_most),
        cmocka_unit_test(auth_of_another_kind_is_not_looked_into),
        cmocka_unit_test(a_hello_is_read_back_as_written),
        cmocka_unit_test(a_hello_ok_is_written_for_each_version),
        cmocka_unit_test(a_hello_ok_is_read_back_as_written),
        cmocka_unit_test(a_hello_ok_without_connections_granted_is_v1),
        cmocka_unit_test(a_hello_ok_says_what_is_wrong_with_it),
        cmocka_unit_test(a_join_is_read_back_as_written),
        cmocka_unit_test(the_answers_to_join_are_read_back_as_written),
        cmocka_unit_test(a_shard_map_is_read_back_as_written),
        cmocka_unit_test(a_lost_connection_is_named_by_its_nonce),
        cmocka_unit_test(tickets_are_asked_for_with_an_empty_object),
        cmocka_unit_test(a_goaway_is_read_back_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
