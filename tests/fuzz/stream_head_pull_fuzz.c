/* What the token reader takes, Jansson takes too and understands in the same way; what it declines it may decline, but
 * not what our own encoders write without \u. */
#include "fuzz_input.h"
#include "stream_head_decoders.h"

#include "check.h"

#include <event2/buffer.h>
#include <stdlib.h>

static void check_same_text(const char *a, const char *b)
{
    check((a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0));
}

static void check_same_fields(const struct field_list *a, const struct field_list *b)
{
    check(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        check_same_text(a->pairs[i].name, b->pairs[i].name);
        check_same_text(a->pairs[i].value, b->pairs[i].value);
    }
}

static bool head_equals_loaded(struct span json, const struct response_head *pulled)
{
    struct response_head loaded = {0};
    const char *why = NULL;
    if (response_head_load(json, &loaded, &why) != PAYLOAD_OK)
        return false;
    check(pulled->status == loaded.status && pulled->is_final == loaded.is_final);
    check_same_fields(&pulled->fields, &loaded.fields);
    response_head_done(&loaded);
    return true;
}

static bool open_equals_loaded(struct span json, const struct stream_open *pulled)
{
    struct stream_open loaded = {0};
    const char *why = NULL;
    if (stream_open_load(json, &loaded, &why) != PAYLOAD_OK)
        return false;
    check(pulled->kind == loaded.kind && pulled->bind == loaded.bind);
    check(pulled->container_port == loaded.container_port && pulled->is_upgrade == loaded.is_upgrade);
    check_same_text(pulled->method, loaded.method);
    check_same_text(pulled->target, loaded.target);
    check_same_text(pulled->peer_address, loaded.peer_address);
    check_same_fields(&pulled->fields, &loaded.fields);
    stream_open_done(&loaded);
    return true;
}

static bool holds_unicode_escape(struct span json)
{
    return json.length > 0 && memmem(json.data, json.length, "\\u", 2) != NULL;
}

/* Written anew, it is what programs write. */
static void check_is_pulled_again(struct evbuffer *json, bool (*is_pulled)(struct span json))
{
    const struct span text = fuzz_span(json);
    check(is_pulled(text) || holds_unicode_escape(text));
    evbuffer_free(json);
}

static bool head_is_pulled(struct span json)
{
    struct response_head head = {0};
    const bool is_pulled = response_head_pull(json, &head);
    response_head_done(&head);
    return is_pulled;
}

static bool open_is_pulled(struct span json)
{
    struct stream_open open = {0};
    const bool is_pulled = stream_open_pull(json, &open);
    stream_open_done(&open);
    return is_pulled;
}

static void play_head(struct span json)
{
    struct response_head head = {0};
    const char *why = NULL;
    if (response_head_pull(json, &head)) {
        check(head_equals_loaded(json, &head));
        response_head_done(&head);
    }
    if (response_head_load(json, &head, &why) != PAYLOAD_OK)
        return;
    struct evbuffer *again = evbuffer_new();
    check(response_head_encode(&head, again) > 0);
    check_is_pulled_again(again, head_is_pulled);
    response_head_done(&head);
}

static void play_open(struct span json)
{
    struct stream_open open = {0};
    const char *why = NULL;
    if (stream_open_pull(json, &open)) {
        check(open_equals_loaded(json, &open));
        stream_open_done(&open);
    }
    if (stream_open_load(json, &open, &why) != PAYLOAD_OK)
        return;
    struct evbuffer *again = evbuffer_new();
    check(stream_open_encode(&open, again) > 0);
    check_is_pulled_again(again, open_is_pulled);
    stream_open_done(&open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    play_head(span_of(data, size));
    play_open(span_of(data, size));
    return 0;
}
