/* Every decoder of a JSON payload against everything a peer may send: each field missing, of each wrong type, unknown
 * fields that hold anything, duplicate keys, cut at every offset, single bytes changed, noise. */
#include "session_payloads.h"
#include "stream_payloads.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

/* ---- the decoders, each with a payload that has all its fields ---- */

#define PROBE(name, type, decode, done)                                                                                \
    static enum payload_verdict probe_##name(struct span json, const char **ret_why)                                   \
    {                                                                                                                  \
        type decoded;                                                                                                  \
        type untouched;                                                                                                \
        memset(&decoded, 0xA5, sizeof decoded);                                                                        \
        memcpy(&untouched, &decoded, sizeof decoded);                                                                  \
        enum payload_verdict verdict = decode(json, &decoded, ret_why);                                                \
        if (verdict == PAYLOAD_OK)                                                                                     \
            done(&decoded);                                                                                            \
        else                                                                                                           \
            assert_memory_equal(&decoded, &untouched, sizeof decoded);                                                 \
        return verdict;                                                                                                \
    }

static void nothing_done(uint32_t *value)
{
    (void)value;
}

static enum payload_verdict revoked_decode(struct span json, char **ret_reason, const char **ret_why)
{
    uint32_t bind;
    return bind_revoked_decode(json, &bind, ret_reason, ret_why);
}

static void lost_done(struct connection_lost *lost)
{
    (void)lost;
}

static void revoked_done(char **reason)
{
    free(*reason);
}

PROBE(hello, struct hello, hello_decode, hello_done)
PROBE(hello_ok, struct hello_ok, hello_ok_decode, hello_ok_done)
PROBE(join, struct join, join_decode, join_done)
PROBE(join_ok, uint32_t, join_ok_decode, nothing_done)
PROBE(join_err, struct join_err, join_err_decode, join_err_done)
PROBE(shard_map, struct shard_map, shard_map_decode, shard_map_done)
PROBE(reissue, struct reissue_join_tickets, reissue_join_tickets_decode, reissue_join_tickets_done)
PROBE(connection_lost, struct connection_lost, connection_lost_decode, lost_done)
PROBE(bind, struct bind_request, bind_request_decode, bind_request_done)
PROBE(bind_ok, struct bind_ok, bind_ok_decode, bind_ok_done)
PROBE(bind_err, struct bind_err, bind_err_decode, bind_err_done)
PROBE(unbind, uint32_t, unbind_decode, nothing_done)
PROBE(unbind_err, struct unbind_err, unbind_err_decode, unbind_err_done)
PROBE(goaway, struct goaway, goaway_decode, goaway_done)
PROBE(revoked, char *, revoked_decode, revoked_done)
PROBE(stream_open, struct stream_open, stream_open_decode, stream_open_done)
PROBE(response_head, struct response_head, response_head_decode, response_head_done)

typedef enum payload_verdict probe_fn(struct span json, const char **ret_why);

static const struct decoder {
    const char *name;
    probe_fn *probe;
    const char *example;
} decoders[] = {
    {"hello", probe_hello,
     "{\"version\":\"hoody-tunnel.v2\",\"capabilities\":[\"multi-ws\"],\"maxConnections\":4,\"resume\":{\"sessionId\":"
     "\"S\"},"
     "\"auth\":{\"kind\":\"bearer\",\"token\":\"t\"},\"client\":{\"name\":\"n\",\"version\":\"1\"}}"},
    {"hello_ok", probe_hello_ok,
     "{\"sessionId\":\"S-0123abcd-0123-4abc-8def-0123456789ab\",\"resumed\":true,\"resumedBinds\":[{\"bindId\":1,"
     "\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":3000}],\"streamWindow\":65536,\"sessionWindow\":131072,"
     "\"maxStreams\":10,\"connectionsGranted\":2,\"joinTickets\":[{\"index\":1,\"nonce\":\"n\",\"expiresMs\":30000}]}"},
    {"join", probe_join, "{\"sessionId\":\"S\",\"index\":1,\"nonce\":\"n\"}"},
    {"join_ok", probe_join_ok, "{\"index\":1}"},
    {"join_err", probe_join_err, "{\"code\":\"BAD_TICKET\",\"message\":\"m\"}"},
    {"shard_map", probe_shard_map, "{\"shards\":[{\"index\":0,\"attached\":true}]}"},
    {"reissue", probe_reissue, "{\"joinTickets\":[{\"index\":1,\"nonce\":\"n\",\"expiresMs\":30000}]}"},
    {"connection_lost", probe_connection_lost, "{\"nonce\":\"n\",\"dataBytes\":7}"},
    {"bind", probe_bind,
     "{\"clientBindRef\":1,\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":3000,\"label\":\"l\",\"takeover\":"
     "true,"
     "\"host\":\"127.0.0.1\"}"},
    {"bind_ok", probe_bind_ok, "{\"clientBindRef\":1,\"bindId\":2,\"containerPort\":3000,\"publicUrl\":\"https://x\"}"},
    {"bind_err", probe_bind_err, "{\"clientBindRef\":1,\"code\":\"PORT_IN_USE\",\"message\":\"m\"}"},
    {"unbind", probe_unbind, "{\"bindId\":1}"},
    {"unbind_err", probe_unbind_err, "{\"bindId\":1,\"code\":\"NOT_OWNED\",\"message\":\"m\"}"},
    {"goaway", probe_goaway, "{\"code\":0,\"message\":\"bye\",\"lastStreamId\":0,\"retryAfterMs\":0}"},
    {"revoked", probe_revoked, "{\"bindId\":1,\"reason\":\"r\"}"},
    {"stream_open", probe_stream_open,
     "{\"kind\":\"http\",\"method\":\"GET\",\"target\":\"/"
     "\",\"headers\":[[\"a\",\"b\"]],\"isUpgrade\":true,\"bindId\":1,"
     "\"containerPort\":3000,\"peerAddr\":\"127.0.0.1:4\"}"},
    {"response_head", probe_response_head, "{\"status\":200,\"headers\":[[\"a\",\"b\"]],\"final\":true}"},
};
enum { DECODERS = sizeof decoders / sizeof decoders[0] };

static const struct decoder *decoder_of(const char *name)
{
    for (size_t i = 0; i < DECODERS; i++) {
        if (strcmp(decoders[i].name, name) == 0)
            return &decoders[i];
    }
    fail_msg("no decoder %s", name);
    return NULL;
}

/* Decodes from an allocation of exactly that length, so that a sanitizer sees one byte too far. */
static enum payload_verdict probe(const struct decoder *decoder, const void *json, size_t length, const char **ret_why)
{
    void *copy = malloc(length > 0 ? length : 1);
    memcpy(copy, json, length);
    const char *why = NULL;
    enum payload_verdict verdict = decoder->probe(span_of(copy, length), &why);
    free(copy);
    if (verdict == PAYLOAD_OK) {
        assert_null(why);
    } else {
        assert_non_null(why);
        assert_true(strlen(why) > 0);
    }
    if (ret_why)
        *ret_why = why;
    return verdict;
}

static void assert_verdict(const struct decoder *decoder, const char *json, enum payload_verdict expected)
{
    enum payload_verdict verdict = probe(decoder, json, strlen(json), NULL);
    if (verdict != expected)
        fail_msg("%s: %s: verdict %d, not %d", decoder->name, json, (int)verdict, (int)expected);
}

/* ---- every field, missing and of every type ---- */

enum {
    IS_NULL = 1,
    IS_FLAG = 2,
    IS_INTEGER = 4,
    IS_REAL = 8,
    IS_TEXT = 16,
    IS_UNUSABLE_TEXT = 32, /* holds NUL or a lone surrogate */
    IS_ARRAY = 64,
    IS_OBJECT = 128,
    IS_ABSENT = 256,
    OPTIONAL = IS_ABSENT | IS_NULL,
    ANYTHING = 511,
};

static const struct value {
    const char *json;
    int type;
} values[] = {
    {"null", IS_NULL},
    {"true", IS_FLAG},
    {"7", IS_INTEGER},
    {"7.0", IS_REAL},
    {"0.5", IS_REAL},
    {"7e0", IS_REAL},
    {"1e400", IS_REAL},
    {"123456789012345678901234567890", IS_REAL}, /* beyond int64_t: no integer */
    {"-9223372036854775809", IS_REAL},
    {"\"text\"", IS_TEXT},
    {"\"\"", IS_TEXT},
    {"\"\\u0000\"", IS_UNUSABLE_TEXT},
    {"\"a\\u0000b\"", IS_UNUSABLE_TEXT},
    {"\"\\ud800\"", IS_UNUSABLE_TEXT},
    {"\"x\\udc00x\"", IS_UNUSABLE_TEXT},
    {"[]", IS_ARRAY},
    {"{}", IS_OBJECT},
};

static const struct field {
    const char *decoder;
    const char *path; /* keys and indexes, divided by dots */
    int accepted;
} fields[] = {
    {"hello", "version", 0},
    {"hello", "capabilities", OPTIONAL | IS_ARRAY},
    {"hello", "capabilities.0", IS_TEXT | IS_UNUSABLE_TEXT | IS_ABSENT}, /* compared, not kept */
    {"hello", "maxConnections", OPTIONAL | IS_INTEGER},
    {"hello", "resume", OPTIONAL},
    {"hello", "resume.sessionId", IS_TEXT},
    {"hello", "auth", OPTIONAL | IS_OBJECT},
    {"hello", "auth.kind", OPTIONAL | IS_TEXT | IS_UNUSABLE_TEXT}, /* another kind than bearer */
    {"hello", "auth.token", OPTIONAL | IS_TEXT},
    {"hello", "client", OPTIONAL | IS_OBJECT},
    {"hello", "client.name", OPTIONAL | IS_TEXT},
    {"hello", "client.version", OPTIONAL | IS_TEXT},
    {"hello_ok", "sessionId", 0},
    {"hello_ok", "resumed", OPTIONAL | IS_FLAG},
    {"hello_ok", "resumedBinds", OPTIONAL | IS_ARRAY},
    {"hello_ok", "resumedBinds.0", IS_ABSENT},
    {"hello_ok", "resumedBinds.0.bindId", IS_INTEGER},
    {"hello_ok", "resumedBinds.0.kind", 0},
    {"hello_ok", "resumedBinds.0.mode", 0},
    {"hello_ok", "resumedBinds.0.containerPort", IS_INTEGER},
    {"hello_ok", "streamWindow", IS_INTEGER},
    {"hello_ok", "sessionWindow", IS_INTEGER},
    {"hello_ok", "maxStreams", IS_INTEGER},
    {"hello_ok", "connectionsGranted", OPTIONAL | IS_INTEGER},
    {"hello_ok", "joinTickets", OPTIONAL | IS_ARRAY},
    {"hello_ok", "joinTickets.0", IS_ABSENT},
    {"hello_ok", "joinTickets.0.index", IS_INTEGER},
    {"hello_ok", "joinTickets.0.nonce", IS_TEXT},
    {"hello_ok", "joinTickets.0.expiresMs", IS_INTEGER},
    {"join", "sessionId", IS_TEXT},
    {"join", "index", IS_INTEGER},
    {"join", "nonce", IS_TEXT},
    {"join_ok", "index", IS_INTEGER},
    {"join_err", "code", IS_TEXT},
    {"join_err", "message", OPTIONAL | IS_TEXT},
    {"shard_map", "shards", IS_ARRAY},
    {"shard_map", "shards.0", IS_ABSENT},
    {"shard_map", "shards.0.index", IS_INTEGER},
    {"shard_map", "shards.0.attached", IS_FLAG},
    {"reissue", "joinTickets", OPTIONAL | IS_ARRAY},
    {"reissue", "joinTickets.0", IS_ABSENT},
    {"reissue", "joinTickets.0.index", IS_INTEGER},
    {"reissue", "joinTickets.0.nonce", IS_TEXT},
    {"reissue", "joinTickets.0.expiresMs", IS_INTEGER},
    {"bind", "clientBindRef", IS_INTEGER},
    {"bind", "kind", ANYTHING}, /* these four are refused by policy, with a BIND_ERR */
    {"bind", "mode", ANYTHING},
    {"bind", "containerPort", ANYTHING},
    {"bind", "host", ANYTHING},
    {"bind", "label", OPTIONAL | IS_TEXT},
    {"bind", "takeover", OPTIONAL | IS_FLAG},
    {"bind_ok", "clientBindRef", IS_INTEGER},
    {"bind_ok", "bindId", IS_INTEGER},
    {"bind_ok", "containerPort", IS_INTEGER},
    {"bind_ok", "publicUrl", OPTIONAL | IS_TEXT},
    {"bind_err", "clientBindRef", IS_INTEGER},
    {"bind_err", "code", IS_TEXT},
    {"bind_err", "message", OPTIONAL | IS_TEXT},
    {"unbind", "bindId", IS_INTEGER},
    {"unbind_err", "bindId", IS_INTEGER},
    {"unbind_err", "code", IS_TEXT},
    {"unbind_err", "message", OPTIONAL | IS_TEXT},
    {"goaway", "code", IS_INTEGER},
    {"goaway", "message", OPTIONAL | IS_TEXT},
    {"goaway", "lastStreamId", ANYTHING}, /* not used */
    {"goaway", "retryAfterMs", OPTIONAL | IS_INTEGER},
    {"revoked", "bindId", IS_INTEGER},
    {"revoked", "reason", OPTIONAL | IS_TEXT},
    {"stream_open", "kind", 0},
    {"stream_open", "method", IS_TEXT},
    {"stream_open", "target", IS_TEXT},
    {"stream_open", "headers", IS_ABSENT | IS_ARRAY},
    {"stream_open", "headers.0", IS_ABSENT},
    {"stream_open", "headers.0.0", IS_TEXT},
    {"stream_open", "headers.0.1", IS_TEXT},
    {"stream_open", "isUpgrade", OPTIONAL | IS_FLAG},
    {"stream_open", "bindId", IS_INTEGER},
    {"stream_open", "containerPort", OPTIONAL | IS_INTEGER},
    {"stream_open", "peerAddr", OPTIONAL | IS_TEXT},
    {"response_head", "status", 0}, /* 7 is no status */
    {"response_head", "headers", IS_ABSENT | IS_ARRAY},
    {"response_head", "headers.0", IS_ABSENT},
    {"response_head", "headers.0.0", IS_TEXT | IS_UNUSABLE_TEXT}, /* dropped */
    {"response_head", "headers.0.1", IS_TEXT | IS_UNUSABLE_TEXT},
    {"response_head", "final", OPTIONAL | IS_FLAG},
};

#define MARK "@@"

/* Puts MARK in the place of a field, or removes it; returns the JSON, malloc'd. */
static char *example_without(const struct field *field, bool is_marked)
{
    json_t *root = json_loads(decoder_of(field->decoder)->example, 0, NULL);
    assert_non_null(root);
    char path[64];
    snprintf(path, sizeof path, "%s", field->path);
    json_t *parent = root;
    char *rest = path;
    char *key = strsep(&rest, ".");
    for (; rest; key = strsep(&rest, ".")) {
        parent = json_is_array(parent) ? json_array_get(parent, (size_t)atoi(key)) : json_object_get(parent, key);
        assert_non_null(parent);
    }
    int failed;
    if (json_is_array(parent))
        failed = is_marked ? json_array_set_new(parent, (size_t)atoi(key), json_string(MARK))
                           : json_array_remove(parent, (size_t)atoi(key));
    else
        failed = is_marked ? json_object_set_new(parent, key, json_string(MARK)) : json_object_del(parent, key);
    assert_int_equal(failed, 0);
    char *json = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return json;
}

static char *with_value(const char *marked, const char *value)
{
    const char *mark = strstr(marked, "\"" MARK "\"");
    assert_non_null(mark);
    char *json = NULL;
    assert_true(asprintf(&json, "%.*s%s%s", (int)(mark - marked), marked, value, mark + sizeof MARK + 1) > 0);
    return json;
}

/* The last key of the path stands in the reason; an element is named by its array. */
static void assert_names_field(const struct field *field, const char *why)
{
    char path[64];
    snprintf(path, sizeof path, "%s", field->path);
    char *last = path;
    for (char *rest = path, *key; (key = strsep(&rest, "."));) {
        if (key[0] < '0' || key[0] > '9')
            last = key;
    }
    if (!strstr(why, last) && strcmp(field->path, "resumedBinds.0") != 0)
        fail_msg("%s: %s: \"%s\" does not name the field", field->decoder, field->path, why);
}

static void assert_accepted(const struct field *field, const char *json, bool is_accepted)
{
    const char *why;
    enum payload_verdict verdict = probe(decoder_of(field->decoder), json, strlen(json), &why);
    if (verdict != (is_accepted ? PAYLOAD_OK : PAYLOAD_INVALID))
        fail_msg("%s: %s: %s: verdict %d", field->decoder, field->path, json, (int)verdict);
    if (!is_accepted)
        assert_names_field(field, why);
}

static void each_field_takes_its_types_and_no_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char *marked = example_without(&fields[i], true);
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            char *json = with_value(marked, values[k].json);
            assert_accepted(&fields[i], json, (fields[i].accepted & values[k].type) != 0);
            free(json);
        }
        free(marked);
    }
}

static void required_fields_are_required_and_others_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char *json = example_without(&fields[i], false);
        assert_accepted(&fields[i], json, (fields[i].accepted & IS_ABSENT) != 0);
        free(json);
    }
}

/* ---- whole payloads ---- */

static void examples_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < DECODERS; i++)
        assert_verdict(&decoders[i], decoders[i].example, PAYLOAD_OK);
}

static void a_payload_cut_anywhere_is_not_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < DECODERS; i++) {
        for (size_t length = 0; length < strlen(decoders[i].example); length++)
            assert_int_equal(probe(&decoders[i], decoders[i].example, length, NULL), PAYLOAD_NOT_JSON);
    }
}

static void white_space_around_is_taken_and_anything_else_is_not(void **state)
{
    (void)state;
    char json[1024];
    for (size_t i = 0; i < DECODERS; i++) {
        snprintf(json, sizeof json, " \t\r\n%s \t\r\n", decoders[i].example);
        assert_verdict(&decoders[i], json, PAYLOAD_OK);
        snprintf(json, sizeof json, "%s}", decoders[i].example);
        assert_verdict(&decoders[i], json, PAYLOAD_NOT_JSON);
        snprintf(json, sizeof json, "%s{}", decoders[i].example);
        assert_verdict(&decoders[i], json, PAYLOAD_NOT_JSON);
        snprintf(json, sizeof json, "\xEF\xBB\xBF%s", decoders[i].example);
        assert_verdict(&decoders[i], json, PAYLOAD_NOT_JSON);
        assert_int_equal(probe(&decoders[i], decoders[i].example, strlen(decoders[i].example) + 1, NULL),
                         PAYLOAD_NOT_JSON);
    }
}

static void what_is_no_object_is_not_json(void **state)
{
    (void)state;
    static const char *const texts[] = {"", " ", "null", "true", "1", "1e400", "\"a\"", "[]", "[{}]", "[[]]", "{", "}"};
    for (size_t i = 0; i < DECODERS; i++) {
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
            assert_verdict(&decoders[i], texts[k], PAYLOAD_NOT_JSON);
    }
}

static void a_duplicate_of_any_key_is_not_json(void **state)
{
    (void)state;
    char json[1024];
    for (size_t i = 0; i < DECODERS; i++) {
        json_t *root = json_loads(decoders[i].example, 0, NULL);
        const char *key;
        json_t *value;
        json_object_foreach(root, key, value)
        {
            snprintf(json, sizeof json, "{\"%s\":0,%s", key, decoders[i].example + 1);
            assert_verdict(&decoders[i], json, PAYLOAD_NOT_JSON);
        }
        json_decref(root);
    }
}

static void the_reason_may_go_unasked(void **state)
{
    (void)state;
    for (size_t i = 0; i < DECODERS; i++)
        assert_int_equal(decoders[i].probe(span_of_string("[]"), NULL), PAYLOAD_NOT_JSON);
    assert_int_equal(probe_unbind(span_of_string("{}"), NULL), PAYLOAD_INVALID);
    assert_int_equal(probe_unbind(span_of(NULL, 0), NULL), PAYLOAD_NOT_JSON);
}

/* ---- noise ---- */

static uint32_t noise(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void any_byte_may_be_any_other(void **state)
{
    (void)state;
    static const char bytes[] = "\"\\{}[],:0-9eEu.tn \x01\x7F\x80\xC3\xED\xFF"; /* and the NUL at its end */
    char json[1024];
    for (size_t i = 0; i < DECODERS; i++) {
        size_t length = strlen(decoders[i].example);
        for (size_t at = 0; at < length; at++) {
            for (size_t k = 0; k < sizeof bytes; k++) {
                memcpy(json, decoders[i].example, length);
                json[at] = bytes[k];
                (void)probe(&decoders[i], json, length, NULL);
            }
        }
    }
}

static void noise_is_refused(void **state)
{
    (void)state;
    uint32_t seed = 0x2545F491;
    uint8_t bytes[64];
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)noise(&seed);
        size_t length = noise(&seed) % (sizeof bytes + 1);
        assert_int_equal(probe(&decoders[noise(&seed) % DECODERS], bytes, length, NULL), PAYLOAD_NOT_JSON);
    }
}

static void pieces_of_json_in_any_order_do_no_harm(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"kind\"",
        "\"http\"",
        "\"headers\"",
        "\"a\"",
        "1",
        "1e400",
        "\"\\ud800\"",
        "null",
        "\"status\"",
        "200",
        "true",
        "\"bindId\"",
        "\"code\"",
        "\\",
        "\"\\u0000\"",
        "\"version\"",
        "99999999999999999999",
        " ",
        "\"resume\"",
        "-",
        "\"auth\"",
    };
    uint32_t seed = 0xCAFEF00D;
    char json[1024];
    for (int round = 0; round < 50000; round++) {
        size_t length = 0;
        for (uint32_t left = noise(&seed) % 24; left > 0; left--)
            length += (size_t)snprintf(json + length, sizeof json - length, "%s",
                                       pieces[noise(&seed) % (sizeof pieces / sizeof pieces[0])]);
        (void)probe(&decoders[noise(&seed) % DECODERS], json, length, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_takes_its_types_and_no_others),
        cmocka_unit_test(required_fields_are_required_and_others_not),
        cmocka_unit_test(examples_are_taken),
        cmocka_unit_test(a_payload_cut_anywhere_is_not_json),
        cmocka_unit_test(white_space_around_is_taken_and_anything_else_is_not),
        cmocka_unit_test(what_is_no_object_is_not_json),
        cmocka_unit_test(a_duplicate_of_any_key_is_not_json),
        cmocka_unit_test(the_reason_may_go_unasked),
        cmocka_unit_test(any_byte_may_be_any_other),
        cmocka_unit_test(noise_is_refused),
        cmocka_unit_test(pieces_of_json_in_any_order_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
