/* stream_open_encode and response_head_encode write JSON by hand: Jansson, the oracle, reads it and finds what went in.
 * And what Jansson loads as a STREAM_RESPONSE_HEAD is judged and read by response_head_decode as section 6 has it. The
 * first byte says which. */
#include "fuzz_fields.h"

#include "check.h"

#include <event2/buffer.h>
#include <jansson.h>

enum play { PLAY_OPEN, PLAY_HEAD, PLAY_DECODE, PLAY_COUNT };

static char *take_utf8(struct span *input)
{
    return fuzz_text_utf8(fuzz_take_bytes(input));
}

static void take_utf8_fields(struct span *input, struct field_list *list)
{
    struct field_list raw = {0};
    fuzz_take_fields(input, &raw);
    for (size_t i = 0; i < raw.count; i++) {
        char *name = fuzz_text_utf8(span_of_string(raw.pairs[i].name));
        char *value = fuzz_text_utf8(span_of_string(raw.pairs[i].value));
        check(field_list_add(list, span_of_string(name), span_of_string(value)));
        free(name);
        free(value);
    }
    field_list_done(&raw);
}

/* ---- the oracle ---- */

static json_t *load(struct evbuffer *json)
{
    const struct span text = fuzz_span(json);
    json_t *root = json_loadb((const char *)text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
    check(json_is_object(root));
    return root;
}

static void check_text(const json_t *string, const char *expected)
{
    check(json_is_string(string) && json_string_length(string) == strlen(expected));
    check(strcmp(json_string_value(string), expected) == 0);
}

static void check_fields(const json_t *headers, const struct field_list *list)
{
    check(json_is_array(headers) && json_array_size(headers) == list->count);
    for (size_t i = 0; i < list->count; i++) {
        const json_t *pair = json_array_get(headers, i);
        check(json_array_size(pair) == 2);
        check_text(json_array_get(pair, 0), list->pairs[i].name);
        check_text(json_array_get(pair, 1), list->pairs[i].value);
    }
}

static void check_number(const json_t *number, json_int_t expected)
{
    check(json_is_integer(number) && json_integer_value(number) == expected);
}

/* ---- what is encoded ---- */

static void take_open(struct span *input, struct stream_open *open)
{
    const uint8_t flags = fuzz_take_u8(input);
    open->kind = (flags & 1) != 0 ? STREAM_TCP : STREAM_HTTP;
    open->bind = fuzz_take_u32(input);
    open->container_port = fuzz_take_u16(input);
    if ((flags & 2) != 0)
        open->peer_address = take_utf8(input);
    if (open->kind == STREAM_TCP)
        return;
    open->is_upgrade = (flags & 4) != 0;
    open->method = take_utf8(input);
    open->target = take_utf8(input);
    take_utf8_fields(input, &open->fields);
}

static void play_open(struct span *input)
{
    struct stream_open open = {0};
    struct evbuffer *json = evbuffer_new();
    take_open(input, &open);
    check(stream_open_encode(&open, json) == evbuffer_get_length(json));

    json_t *root = load(json);
    const bool is_http = open.kind == STREAM_HTTP;
    check_text(json_object_get(root, "kind"), is_http ? "http" : "tcp");
    check_number(json_object_get(root, "bindId"), open.bind);
    check_number(json_object_get(root, "containerPort"), open.container_port);
    if (open.peer_address != NULL)
        check_text(json_object_get(root, "peerAddr"), open.peer_address);
    if (is_http) {
        check_text(json_object_get(root, "method"), open.method);
        check_text(json_object_get(root, "target"), open.target);
        check_fields(json_object_get(root, "headers"), &open.fields);
        check(json_is_boolean(json_object_get(root, "isUpgrade")));
        check(json_is_true(json_object_get(root, "isUpgrade")) == open.is_upgrade);
    }
    check(json_object_size(root) == (is_http ? 7U : 3U) + (open.peer_address != NULL));
    json_decref(root);
    stream_open_done(&open);
    evbuffer_free(json);
}

static void play_head(struct span *input)
{
    struct response_head head = {0};
    struct evbuffer *json = evbuffer_new();
    head.is_final = (fuzz_take_u8(input) & 1) != 0;
    head.status = fuzz_take_u16(input);
    take_utf8_fields(input, &head.fields);
    check(response_head_encode(&head, json) == evbuffer_get_length(json));

    json_t *root = load(json);
    check_number(json_object_get(root, "status"), head.status);
    check(json_is_boolean(json_object_get(root, "final")));
    check(json_is_true(json_object_get(root, "final")) == head.is_final);
    check_fields(json_object_get(root, "headers"), &head.fields);
    check(json_object_size(root) == 3);
    json_decref(root);
    response_head_done(&head);
    evbuffer_free(json);
}

/* ---- what is decoded ---- */

static bool is_pair_of_strings(const json_t *pair)
{
    return json_array_size(pair) == 2 && json_is_string(json_array_get(pair, 0)) &&
           json_is_string(json_array_get(pair, 1));
}

static bool has_nul(const json_t *string)
{
    return strlen(json_string_value(string)) != json_string_length(string);
}

/* true: valid by section 6; then those of the pairs that hold no NUL are added to the list. */
static bool judge_headers(const json_t *headers, struct field_list *list)
{
    if (headers != NULL && !json_is_array(headers))
        return false;
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const json_t *pair = json_array_get(headers, i);
        if (!is_pair_of_strings(pair))
            return false;
        const json_t *name = json_array_get(pair, 0), *value = json_array_get(pair, 1);
        if (!has_nul(name) && !has_nul(value))
            check(field_list_add(list, span_of_string(json_string_value(name)),
                                 span_of_string(json_string_value(value))));
    }
    return true;
}

/* The oracle's own judgement. */
static bool judge_head(const json_t *root, struct response_head *ret_head)
{
    const json_t *status = json_object_get(root, "status"), *final = json_object_get(root, "final");
    if (!json_is_integer(status) || json_integer_value(status) < 100 || json_integer_value(status) > 599)
        return false;
    if (final != NULL && !json_is_null(final) && !json_is_boolean(final))
        return false;
    ret_head->status = (uint16_t)json_integer_value(status);
    ret_head->is_final = !json_is_false(final);
    const bool is_interim = ret_head->status < 200 && ret_head->status != 101;
    return is_interim != ret_head->is_final && judge_headers(json_object_get(root, "headers"), &ret_head->fields);
}

static void play_decode(struct span json)
{
    struct response_head head = {0}, expected = {0};
    const char *why = NULL;
    const enum payload_verdict verdict = response_head_decode(json, &head, &why);
    json_t *root = json_loadb(json.length > 0 ? (const char *)json.data : "", json.length,
                              JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    /* What Jansson does not load may be JSON all the same, see json_amend.h; a raw NUL never is. */
    if (json_is_object(root) && memchr(json.data, '\0', json.length) == NULL) {
        const bool is_valid = judge_head(root, &expected);
        check(verdict == (is_valid ? PAYLOAD_OK : PAYLOAD_INVALID));
        check(!is_valid || (head.status == expected.status && head.is_final == expected.is_final));
        check(!is_valid || head.fields.count == expected.fields.count);
        for (size_t i = 0; is_valid && i < head.fields.count; i++) {
            check(strcmp(head.fields.pairs[i].name, expected.fields.pairs[i].name) == 0);
            check(strcmp(head.fields.pairs[i].value, expected.fields.pairs[i].value) == 0);
        }
    } else if (root != NULL) {
        check(verdict == PAYLOAD_NOT_JSON);
    }
    json_decref(root);
    response_head_done(&head);
    response_head_done(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    switch ((enum play)(fuzz_take_u8(&input) % PLAY_COUNT)) {
    case PLAY_OPEN:
        play_open(&input);
        break;
    case PLAY_HEAD:
        play_head(&input);
        break;
    case PLAY_DECODE:
        play_decode(input);
        break;
    case PLAY_COUNT:
        check(false);
    }
    return 0;
}
