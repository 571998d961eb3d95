/* Field lists and STREAM_OPEN: exact bytes, Jansson as the oracle of what was written, encode then decode is identity.
 */
#include "stream_payloads.h"

#include <event2/buffer.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#define TEXT(literal) ((char[]){literal})

static void add(struct field_list *list, const char *name, const char *value)
{
    assert_true(field_list_add(list, span_of_string(name), span_of_string(value)));
}

static struct span bytes_of(struct evbuffer *buffer)
{
    return span_of(evbuffer_pullup(buffer, -1), evbuffer_get_length(buffer));
}

static void assert_bytes(struct evbuffer *buffer, const char *expected)
{
    struct span bytes = bytes_of(buffer);
    assert_int_equal(bytes.length, strlen(expected));
    assert_memory_equal(bytes.data, expected, bytes.length);
}

/* ---- field lists ---- */

static void a_field_list_keeps_order_and_duplicates(void **state)
{
    (void)state;
    struct field_list list = {0};
    char name[16];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "n%d", i % 50);
        add(&list, name, i < 50 ? "first" : "second");
    }
    assert_int_equal(list.count, 100);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "n%d", i % 50);
        assert_string_equal(list.pairs[i].name, name);
        assert_string_equal(list.pairs[i].value, i < 50 ? "first" : "second");
    }
    field_list_done(&list);
    assert_null(list.pairs);
    assert_int_equal(list.count + list.capacity, 0);
    field_list_done(&list);
}

static void a_field_is_found_whatever_its_case(void **state)
{
    (void)state;
    struct field_list list = {0};
    assert_null(field_list_find(&list, "host"));
    add(&list, "Set-Cookie", "a");
    add(&list, "set-cookie", "b");
    add(&list, "x", "");
    assert_string_equal(field_list_find(&list, "SET-cookie"), "a");
    assert_string_equal(field_list_find(&list, "X"), "");
    assert_null(field_list_find(&list, "set-cooki"));
    assert_null(field_list_find(&list, "set-cookie2"));
    field_list_done(&list);
}

static void a_field_list_copies_what_it_is_given(void **state)
{
    (void)state;
    struct field_list list = {0};
    char text[] = "name value";
    assert_true(field_list_add(&list, span_of(text, 4), span_of(text + 5, 5)));
    assert_true(field_list_add(&list, span_of(NULL, 0), span_of(NULL, 0)));
    memset(text, 'x', sizeof text);
    assert_string_equal(list.pairs[0].name, "name");
    assert_string_equal(list.pairs[0].value, "value");
    assert_string_equal(list.pairs[1].name, "");
    assert_string_equal(list.pairs[1].value, "");
    field_list_done(&list);
}

/* ---- STREAM_OPEN, written ---- */

static void an_http_stream_open_is_written_whole(void **state)
{
    (void)state;
    struct stream_open open = {
        .kind = STREAM_HTTP,
        .method = TEXT("GET"),
        .target = TEXT("/a?b=\"c\""),
        .is_upgrade = true,
        .bind = 2147483647,
        .container_port = 65535,
        .peer_address = TEXT("10.0.0.1:5"),
    };
    add(&open.fields, "host", "x");
    add(&open.fields, "cookie", "a");
    add(&open.fields, "cookie", "b");
    struct evbuffer *out = evbuffer_new();
    size_t length = stream_open_encode(&open, out);
    assert_bytes(out,
                 "{\"kind\":\"http\",\"method\":\"GET\",\"target\":\"/a?b=\\\"c\\\"\",\"headers\":[[\"host\",\"x\"],"
                 "[\"cookie\",\"a\"],[\"cookie\",\"b\"]],\"isUpgrade\":true,\"bindId\":2147483647,"
                 "\"containerPort\":65535,\"peerAddr\":\"10.0.0.1:5\"}");
    assert_int_equal(length, evbuffer_get_length(out));
    evbuffer_free(out);
    field_list_done(&open.fields);
}

static void an_http_stream_open_without_fields_has_an_empty_list(void **state)
{
    (void)state;
    struct stream_open open = {
        .kind = STREAM_HTTP, .method = TEXT("A"), .target = TEXT("/"), .bind = 1, .peer_address = TEXT("")};
    struct evbuffer *out = evbuffer_new();
    stream_open_encode(&open, out);
    assert_bytes(out,
                 "{\"kind\":\"http\",\"method\":\"A\",\"target\":\"/\",\"headers\":[],\"isUpgrade\":false,\"bindId\":1,"
                 "\"containerPort\":0,\"peerAddr\":\"\"}");
    evbuffer_free(out);
}

static void a_tcp_stream_open_says_only_where_from(void **state)
{
    (void)state;
    struct stream_open open = {
        .kind = STREAM_TCP, .bind = 7, .container_port = 5432, .peer_address = TEXT("[::1]:9"), .is_upgrade = true};
    struct evbuffer *out = evbuffer_new();
    stream_open_encode(&open, out);
    assert_bytes(out, "{\"kind\":\"tcp\",\"bindId\":7,\"containerPort\":5432,\"peerAddr\":\"[::1]:9\"}");
    evbuffer_free(out);
}

static void it_is_appended_to_what_is_there(void **state)
{
    (void)state;
    struct stream_open open = {.kind = STREAM_TCP, .bind = 1, .container_port = 80};
    const char *json = "{\"kind\":\"tcp\",\"bindId\":1,\"containerPort\":80}";
    struct evbuffer *out = evbuffer_new();
    evbuffer_add(out, "before", 6);
    assert_int_equal(stream_open_encode(&open, out), strlen(json));
    assert_int_equal(stream_open_encode(&open, out), strlen(json));
    struct span bytes = bytes_of(out);
    assert_int_equal(bytes.length, 6 + 2 * strlen(json));
    assert_memory_equal(bytes.data, "before", 6);
    assert_memory_equal(bytes.data + 6, json, strlen(json));
    assert_memory_equal(bytes.data + 6 + strlen(json), json, strlen(json));
    evbuffer_free(out);
}

static void what_cannot_be_appended_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    struct stream_open open = {.kind = STREAM_TCP, .bind = 1};
    struct evbuffer *out = evbuffer_new();
    evbuffer_freeze(out, 0);
    assert_int_equal(stream_open_encode(&open, out), 0);
    assert_int_equal(evbuffer_get_length(out), 0);
    evbuffer_free(out);
}

static void a_stream_open_beyond_a_frame_is_written_and_measured(void **state)
{
    (void)state;
    char *value = malloc(40001);
    memset(value, '"', 40000);
    value[40000] = '\0';
    struct stream_open open = {.kind = STREAM_HTTP, .method = TEXT("GET"), .target = TEXT("/"), .bind = 1};
    add(&open.fields, "x", value);
    struct evbuffer *out = evbuffer_new();
    size_t length = stream_open_encode(&open, out);
    assert_true(length > 80000);
    assert_int_equal(length, evbuffer_get_length(out));
    struct stream_open decoded;
    assert_int_equal(stream_open_decode(bytes_of(out), &decoded, NULL), PAYLOAD_OK);
    assert_string_equal(decoded.fields.pairs[0].value, value);
    stream_open_done(&decoded);
    evbuffer_free(out);
    field_list_done(&open.fields);
    free(value);
}

/* ---- Jansson as the oracle ---- */

static json_t *expected_of(const struct stream_open *open)
{
    json_t *headers = json_array();
    for (size_t i = 0; i < open->fields.count; i++)
        json_array_append_new(headers, json_pack("[ss]", open->fields.pairs[i].name, open->fields.pairs[i].value));
    return json_pack("{ss ss ss so sb si si ss}", "kind", "http", "method", open->method, "target", open->target,
                     "headers", headers, "isUpgrade", (int)open->is_upgrade, "bindId", (int)open->bind, "containerPort",
                     (int)open->container_port, "peerAddr", open->peer_address);
}

static void assert_same_open(const struct stream_open *a, const struct stream_open *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_string_equal(a->method, b->method);
    assert_string_equal(a->target, b->target);
    assert_int_equal(a->fields.count, b->fields.count);
    for (size_t i = 0; i < a->fields.count; i++) {
        assert_string_equal(a->fields.pairs[i].name, b->fields.pairs[i].name);
        assert_string_equal(a->fields.pairs[i].value, b->fields.pairs[i].value);
    }
    assert_int_equal(a->is_upgrade, b->is_upgrade);
    assert_int_equal(a->bind, b->bind);
    assert_int_equal(a->container_port, b->container_port);
    assert_string_equal(a->peer_address, b->peer_address);
}

static void assert_oracle_agrees(const struct stream_open *open)
{
    struct evbuffer *out = evbuffer_new();
    assert_true(stream_open_encode(open, out) > 0);
    struct span bytes = bytes_of(out);
    json_t *written = json_loadb((const char *)bytes.data, bytes.length, JSON_REJECT_DUPLICATES, NULL);
    json_t *expected = expected_of(open);
    assert_non_null(written);
    assert_non_null(expected);
    assert_true(json_equal(written, expected));
    json_decref(written);
    json_decref(expected);
    struct stream_open decoded;
    assert_int_equal(stream_open_decode(bytes, &decoded, NULL), PAYLOAD_OK);
    assert_same_open(open, &decoded);
    stream_open_done(&decoded);
    evbuffer_free(out);
}

static void each_character_is_escaped_as_json_wants_it(void **state)
{
    (void)state;
    static const char *const beyond_ascii[] = {
        "\xC2\x80",     "\xC3\xA9",         "\xDF\xBF",         "\xE2\x80\xA8", "\xE2\x80\xA9",
        "\xEF\xBF\xBF", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF", "\xF0\x90\x80\x80"};
    enum { ASCII = 127, BEYOND = sizeof beyond_ascii / sizeof beyond_ascii[0] };
    char texts[ASCII + BEYOND][24];
    for (size_t i = 0; i < ASCII; i++)
        snprintf(texts[i], sizeof texts[i], "a%cb%c%c", (char)(i + 1), (char)(i + 1), (char)(i + 1));
    for (size_t i = 0; i < BEYOND; i++)
        snprintf(texts[ASCII + i], sizeof texts[0], "%s\"%s", beyond_ascii[i], beyond_ascii[i]);
    for (size_t i = 0; i < ASCII + BEYOND; i++) {
        struct stream_open open = {
            .method = texts[i], .target = texts[i], .bind = 1, .container_port = 1, .peer_address = texts[i]};
        add(&open.fields, texts[i], texts[i]);
        assert_oracle_agrees(&open);
        field_list_done(&open.fields);
    }
}

static uint32_t noise(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Up to 31 characters, of which the delicate ones are frequent. */
static void make_text(uint32_t *seed, char text[128])
{
    static const char *const characters[] = {
        "\"", "\\", "\n", "\x01", "\x1F", "\x7F", "/", "u0000", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
        "a",  "[",  "}",  ",",    " "};
    char *at = text;
    *at = '\0';
    for (uint32_t left = noise(seed) % 32; left > 0; left--)
        at = stpcpy(at, characters[noise(seed) % (sizeof characters / sizeof characters[0])]);
}

static void whatever_is_written_is_read_back(void **state)
{
    (void)state;
    uint32_t seed = 0x1BADB002;
    char method[128], target[128], peer[128], name[128], value[128];
    for (int round = 0; round < 2000; round++) {
        make_text(&seed, method);
        make_text(&seed, target);
        make_text(&seed, peer);
        struct stream_open open = {.method = method,
                                   .target = target,
                                   .is_upgrade = noise(&seed) % 2 == 0,
                                   .bind = 1 + noise(&seed) % INT32_MAX,
                                   .container_port = (uint16_t)noise(&seed),
                                   .peer_address = peer};
        for (uint32_t left = noise(&seed) % 8; left > 0; left--) {
            make_text(&seed, name);
            make_text(&seed, value);
            add(&open.fields, name, value);
        }
        assert_oracle_agrees(&open);
        field_list_done(&open.fields);
    }
}

/* ---- STREAM_OPEN, read ---- */

static enum payload_verdict open_verdict(const char *json)
{
    struct stream_open open;
    enum payload_verdict verdict = stream_open_decode(span_of_string(json), &open, NULL);
    if (verdict == PAYLOAD_OK)
        stream_open_done(&open);
    return verdict;
}

static void a_tcp_stream_open_is_read_without_http_fields(void **state)
{
    (void)state;
    struct stream_open open;
    const char *json = "{\"kind\":\"tcp\",\"bindId\":9,\"containerPort\":22,\"peerAddr\":\"127.0.0.1:1\",\"method\":5,"
                       "\"headers\":{}}";
    assert_int_equal(stream_open_decode(span_of_string(json), &open, NULL), PAYLOAD_OK);
    assert_int_equal(open.kind, STREAM_TCP);
    assert_null(open.method);
    assert_null(open.target);
    assert_int_equal(open.fields.count, 0);
    assert_int_equal(open.bind, 9);
    assert_int_equal(open.container_port, 22);
    assert_string_equal(open.peer_address, "127.0.0.1:1");
    stream_open_done(&open);
    assert_null(open.peer_address);
    stream_open_done(&open);
}

static void what_a_stream_open_may_leave_out_is_empty(void **state)
{
    (void)state;
    struct stream_open open;
    const char *json = "{\"kind\":\"http\",\"method\":\"GET\",\"target\":\"/\",\"bindId\":1}";
    assert_int_equal(stream_open_decode(span_of_string(json), &open, NULL), PAYLOAD_OK);
    assert_int_equal(open.kind, STREAM_HTTP);
    assert_int_equal(open.fields.count, 0);
    assert_false(open.is_upgrade);
    assert_int_equal(open.container_port, 0);
    assert_null(open.peer_address);
    stream_open_done(&open);
}

static void ids_and_ports_of_a_stream_open_have_their_range(void **state)
{
    (void)state;
    assert_int_equal(open_verdict("{\"kind\":\"tcp\",\"bindId\":1}"), PAYLOAD_OK);
    assert_int_equal(open_verdict("{\"kind\":\"tcp\",\"bindId\":2147483647,\"containerPort\":65535}"), PAYLOAD_OK);
    assert_int_equal(open_verdict("{\"kind\":\"tcp\",\"bindId\":0}"), PAYLOAD_INVALID);
    assert_int_equal(open_verdict("{\"kind\":\"tcp\",\"bindId\":-1}"), PAYLOAD_INVALID);
    assert_int_equal(open_verdict("{\"kind\":\"tcp\",\"bindId\":2147483648}"), PAYLOAD_INVALID);
    assert_int_equal(open_verdict("{\"kind\":\"tcp\",\"bindId\":1,\"containerPort\":65536}"), PAYLOAD_INVALID);
    assert_int_equal(open_verdict("{\"kind\":\"tcp\",\"bindId\":1,\"containerPort\":-1}"), PAYLOAD_INVALID);
    assert_int_equal(open_verdict("{\"kind\":\"udp\",\"bindId\":1}"), PAYLOAD_INVALID);
    assert_int_equal(open_verdict("{\"kind\":\"HTTP\",\"method\":\"G\",\"target\":\"/\",\"bindId\":1}"),
                     PAYLOAD_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_list_keeps_order_and_duplicates),
        cmocka_unit_test(a_field_is_found_whatever_its_case),
        cmocka_unit_test(a_field_list_copies_what_it_is_given),
        cmocka_unit_test(an_http_stream_open_is_written_whole),
        cmocka_unit_test(an_http_stream_open_without_fields_has_an_empty_list),
        cmocka_unit_test(a_tcp_stream_open_says_only_where_from),
        cmocka_unit_test(it_is_appended_to_what_is_there),
        cmocka_unit_test(what_cannot_be_appended_leaves_the_buffer_as_it_was),
        cmocka_unit_test(a_stream_open_beyond_a_frame_is_written_and_measured),
        cmocka_unit_test(each_character_is_escaped_as_json_wants_it),
        cmocka_unit_test(whatever_is_written_is_read_back),
        cmocka_unit_test(a_tcp_stream_open_is_read_without_http_fields),
        cmocka_unit_test(what_a_stream_open_may_leave_out_is_empty),
        cmocka_unit_test(ids_and_ports_of_a_stream_open_have_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
