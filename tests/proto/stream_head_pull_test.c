/* Which heads are read token by token, and which are left to Jansson: the fuzz target stream_head_pull compares what
 * they make of them. */
#include "stream_head_decoders.h"

#include "json_plain.h"
#include "json_pull.h"

#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static bool pulls_head(const char *json)
{
    struct response_head head = {0};
    const bool is_pulled = response_head_pull(span_of_string(json), &head);
    response_head_done(&head);
    return is_pulled;
}

static bool pulls_open(const char *json)
{
    struct stream_open open = {0};
    const bool is_pulled = stream_open_pull(span_of_string(json), &open);
    stream_open_done(&open);
    return is_pulled;
}

static void a_head_is_pulled_as_drivers_write_it(void **state)
{
    (void)state;
    struct response_head head = {0};
    const char *json =
        "{\"status\":404,\"headers\":[[\"ETag\",\"\\\"a\\\\b\\/\\t\\\"\"],[\"x\",\"caf\xC3\xA9\"]],\"final\":true}";
    assert_true(response_head_pull(span_of_string(json), &head));
    assert_int_equal(head.status, 404);
    assert_true(head.is_final);
    assert_int_equal(head.fields.count, 2);
    assert_string_equal(head.fields.pairs[0].name, "ETag");
    assert_string_equal(head.fields.pairs[0].value, "\"a\\b/\t\"");
    assert_string_equal(head.fields.pairs[1].name, "x");
    assert_string_equal(head.fields.pairs[1].value, "caf\xC3\xA9");
    response_head_done(&head);
    assert_true(pulls_head(" {\t\"final\" : false ,\r\n \"status\" : 103 } "));
    assert_true(pulls_head("{\"headers\":[],\"status\":200}"));
}

static void an_open_is_pulled_as_the_kit_writes_it(void **state)
{
    (void)state;
    struct stream_open open = {.method = strdup("GET"),
                               .target = strdup("/\"x"),
                               .bind = 7,
                               .container_port = 8080,
                               .peer_address = strdup("[::1]:9")};
    struct stream_open read = {0};
    assert_true(field_list_add(&open.fields, span_of_string("host"), span_of_string("a.test")));
    struct evbuffer *json = evbuffer_new();
    const size_t length = stream_open_encode(&open, json);
    assert_true(stream_open_pull(span_of(evbuffer_pullup(json, -1), length), &read));
    assert_int_equal(read.kind, STREAM_HTTP);
    assert_string_equal(read.method, "GET");
    assert_string_equal(read.target, "/\"x");
    assert_string_equal(read.peer_address, "[::1]:9");
    assert_int_equal(read.bind, 7);
    assert_int_equal(read.container_port, 8080);
    assert_false(read.is_upgrade);
    assert_int_equal(read.fields.count, 1);
    assert_string_equal(read.fields.pairs[0].value, "a.test");
    stream_open_done(&read);
    stream_open_done(&open);
    evbuffer_free(json);
    assert_true(pulls_open("{\"kind\":\"tcp\",\"bindId\":1,\"containerPort\":0}"));
}

static void whatever_is_unusual_is_declined(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "",
        "{}",
        "[]",
        "{\"status\":200",
        "{\"status\":200}x",
        "{\"status\":200,}",
        "{\"status\":200,\"status\":200}",
        "{\"status\":200,\"more\":1}",
        "{\"status\":200,\"final\":null}",
        "{\"status\":200,\"final\":truer}",
        "{\"status\":200,\"final\":false}",
        "{\"status\":100}",
        "{\"status\":99}",
        "{\"status\":600}",
        "{\"status\":0200}",
        "{\"status\":200.0}",
        "{\"status\":2e2}",
        "{\"status\":-200}",
        "{\"status\":18446744073709551816}",
        "{\"status\":\"200\"}",
        "{\"st\\u0061tus\":200}",
        "{\"status\":200,\"headers\":{}}",
        "{\"status\":200,\"headers\":[[]]}",
        "{\"status\":200,\"headers\":[[\"a\"]]}",
        "{\"status\":200,\"headers\":[[\"a\",\"b\",\"c\"]]}",
        "{\"status\":200,\"headers\":[[\"a\",1]]}",
        "{\"status\":200,\"headers\":[[\"a\",\"b\"],]}",
        "{\"status\":200,\"headers\":[[\"a\",\"\\u0062\"]]}",
        "{\"status\":200,\"headers\":[[\"a\",\"\\x\"]]}",
        "{\"status\":200,\"headers\":[[\"a\",\"\n\"]]}",
        "{\"status\":200,\"headers\":[[\"a\",\"\xE9\"]]}",
        "{\"status\":200,\"headers\":[[\"a\",\"\xED\xA0\x80\"]]}",
        "{\"status\":200,\"headers\":[[\"a\",\"b",
        "{\"status\":200,\"headers\":[[\"a\",\"b\\",
    };
    static const char *const opens[] = {
        "{\"kind\":\"http\",\"bindId\":1,\"method\":\"GET\"}",
        "{\"kind\":\"http\",\"bindId\":1,\"target\":\"/\"}",
        "{\"kind\":\"http\",\"method\":\"GET\",\"target\":\"/\"}",
        "{\"bindId\":1,\"method\":\"GET\",\"target\":\"/\"}",
        "{\"kind\":\"udp\",\"bindId\":1}",
        "{\"kind\":\"tcp\",\"bindId\":0}",
        "{\"kind\":\"tcp\",\"bindId\":2147483648}",
        "{\"kind\":\"tcp\",\"bindId\":1,\"containerPort\":65536}",
        "{\"kind\":\"tcp\",\"bindId\":1,\"peerAddr\":null}",
        "{\"kind\":\"tcp\",\"bindId\":1,\"peerAddr\":\"a\",\"peerAddr\":\"b\"}",
        "{\"kind\":\"tcp\",\"bindId\":1,\"method\":\"GET\"}",
        "{\"kind\":\"tcp\",\"bindId\":1,\"isUpgrade\":1}",
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (pulls_head(heads[i]))
            fail_msg("pulled: %s", heads[i]);
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++)
        if (pulls_open(opens[i]))
            fail_msg("pulled: %s", opens[i]);
}

/* Words are looked at as a whole: each byte must count at each place in them. */
static void a_plain_run_ends_at_each_byte_that_is_not(void **state)
{
    (void)state;
    uint8_t bytes[24];
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t at = 0; at < sizeof bytes; at++) {
            const bool is_plain = byte >= 0x20 && byte != '"' && byte != '\\';
            memset(bytes, at % 2 ? 'a' : 0xFF, sizeof bytes);
            bytes[at] = (uint8_t)byte;
            assert_int_equal(json_plain_run(bytes, sizeof bytes), is_plain ? sizeof bytes : at);
            assert_int_equal(json_plain_run(bytes, at), at);
        }
}

/* All strings of a text fit the room for one of its length, however short they are. */
static void many_short_strings_fit_their_room(void **state)
{
    (void)state;
    char json[8192] = "{\"status\":200,\"headers\":[[\"\",\"\"]";
    for (size_t length = strlen(json); length < sizeof json - 16; length += 8)
        strcpy(json + length, ",[\"\",\"\"]");
    strcat(json, "]}");
    assert_true(pulls_head(json));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_pulled_as_drivers_write_it),
        cmocka_unit_test(an_open_is_pulled_as_the_kit_writes_it),
        cmocka_unit_test(whatever_is_unusual_is_declined),
        cmocka_unit_test(a_plain_run_ends_at_each_byte_that_is_not),
        cmocka_unit_test(many_short_strings_fit_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
