/* Every JSON payload: a decoder takes any bytes, says why it refuses, and leaves its output untouched then; what it
 * accepts is encoded and decoded to the same. The first byte chooses the payload. */
#include "fuzz_input.h"

#include "check.h"
#include "session_payloads.h"
#include "stream_payloads.h"
#include "utf8.h"

#include <event2/buffer.h>

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* true: it was accepted. By address: the decoder, an argument too, sets it. */
static bool judge(enum payload_verdict verdict, const char *const *why)
{
    if (verdict == PAYLOAD_OK)
        return true;
    check(*why != NULL && strlen(*why) > 0 && strchr(*why, '\n') == NULL);
    return false;
}

static bool is_zero(const void *bytes, size_t length)
{
    for (const uint8_t *at = bytes; length > 0; at++, length--)
        if (*at != 0)
            return false;
    return true;
}

/* ---- the same? ---- */

static bool same_hello(const struct hello *a, const struct hello *b)
{
    return a->version == b->version && a->multi_ws == b->multi_ws && a->shard_map == b->shard_map &&
           a->max_connections == b->max_connections && a->has_auth == b->has_auth &&
           same_text(a->resume_session, b->resume_session) && same_text(a->token, b->token) &&
           same_text(a->client_name, b->client_name) && same_text(a->client_version, b->client_version);
}

static bool same_tickets(const struct join_ticket *a, size_t a_count, const struct join_ticket *b, size_t b_count)
{
    bool is_same = a_count == b_count;
    for (size_t i = 0; is_same && i < a_count; i++)
        is_same = a[i].index == b[i].index && a[i].expires_ms == b[i].expires_ms && strcmp(a[i].nonce, b[i].nonce) == 0;
    return is_same;
}

static bool same_hello_ok(const struct hello_ok *a, const struct hello_ok *b)
{
    bool is_same = session_id_equals(&a->session, &b->session) && a->resumed == b->resumed &&
                   a->resumed_bind_count == b->resumed_bind_count && a->stream_window == b->stream_window &&
                   a->session_window == b->session_window && a->max_streams == b->max_streams &&
                   a->subprotocol == b->subprotocol && a->connections_granted == b->connections_granted &&
                   same_tickets(a->join_tickets, a->join_ticket_count, b->join_tickets, b->join_ticket_count);
    for (size_t i = 0; is_same && i < a->resumed_bind_count; i++)
        is_same = a->resumed_binds[i].bind == b->resumed_binds[i].bind &&
                  a->resumed_binds[i].is_pull == b->resumed_binds[i].is_pull &&
                  a->resumed_binds[i].container_port == b->resumed_binds[i].container_port;
    return is_same;
}

static bool same_join(const struct join *a, const struct join *b)
{
    return a->index == b->index && same_text(a->session, b->session) && same_text(a->nonce, b->nonce);
}

static bool same_join_err(const struct join_err *a, const struct join_err *b)
{
    return same_text(a->code, b->code) && same_text(a->message, b->message);
}

static bool same_shard_map(const struct shard_map *a, const struct shard_map *b)
{
    bool is_same = a->count == b->count;
    for (size_t i = 0; is_same && i < a->count; i++)
        is_same = a->shards[i].index == b->shards[i].index && a->shards[i].is_attached == b->shards[i].is_attached;
    return is_same;
}

static bool same_reissue_join_tickets(const struct reissue_join_tickets *a, const struct reissue_join_tickets *b)
{
    return same_tickets(a->tickets, a->count, b->tickets, b->count);
}

static bool same_bind_request(const struct bind_request *a, const struct bind_request *b)
{
    return a->client_ref == b->client_ref && a->kind == b->kind && a->mode == b->mode &&
           a->container_port == b->container_port && a->takeover == b->takeover && same_text(a->label, b->label) &&
           same_text(a->host, b->host);
}

static bool same_bind_ok(const struct bind_ok *a, const struct bind_ok *b)
{
    return a->client_ref == b->client_ref && a->bind == b->bind && a->container_port == b->container_port &&
           same_text(a->public_url, b->public_url);
}

static bool same_bind_err(const struct bind_err *a, const struct bind_err *b)
{
    return a->client_ref == b->client_ref && same_text(a->code, b->code) && same_text(a->message, b->message);
}

static bool same_unbind_err(const struct unbind_err *a, const struct unbind_err *b)
{
    return a->bind == b->bind && same_text(a->code, b->code) && same_text(a->message, b->message);
}

/* The encoder always says "at once". */
static bool same_goaway(const struct goaway *a, const struct goaway *b)
{
    return a->code == b->code && same_text(a->message, b->message) && b->retry_after_ms == 0;
}

static bool same_fields(const struct field_list *a, const struct field_list *b)
{
    bool is_same = a->count == b->count;
    for (size_t i = 0; is_same && i < a->count; i++)
        is_same = same_text(a->pairs[i].name, b->pairs[i].name) && same_text(a->pairs[i].value, b->pairs[i].value);
    return is_same;
}

static bool same_stream_open(const struct stream_open *a, const struct stream_open *b)
{
    return a->kind == b->kind && a->is_upgrade == b->is_upgrade && a->bind == b->bind &&
           a->container_port == b->container_port && same_text(a->method, b->method) &&
           same_text(a->target, b->target) && same_text(a->peer_address, b->peer_address) &&
           same_fields(&a->fields, &b->fields);
}

static bool same_response_head(const struct response_head *a, const struct response_head *b)
{
    return a->status == b->status && a->is_final == b->is_final && same_fields(&a->fields, &b->fields);
}

/* ---- there and back ---- */

static char *append_to_text(struct evbuffer *out, size_t length)
{
    const struct span json = fuzz_span(out);
    check(length > 0 && length == json.length);
    char *text = strndup((const char *)json.data, json.length);
    evbuffer_free(out);
    return text;
}

static char *stream_open_text(const struct stream_open *open)
{
    struct evbuffer *out = evbuffer_new();
    return append_to_text(out, stream_open_encode(open, out));
}

static char *response_head_text(const struct response_head *head)
{
    struct evbuffer *out = evbuffer_new();
    return append_to_text(out, response_head_encode(head, out));
}

/* A payload with a struct of its own; `encoded` writes `first`. */
#define THERE_AND_BACK(payload, encoded)                                                                               \
    static void play_##payload(struct span json)                                                                       \
    {                                                                                                                  \
        struct payload first = {0}, second = {0};                                                                      \
        const char *why = NULL;                                                                                        \
        if (!judge(payload##_decode(json, &first, &why), &why)) {                                                      \
            check(is_zero(&first, sizeof first));                                                                      \
            return;                                                                                                    \
        }                                                                                                              \
        char *text = (encoded);                                                                                        \
        check(text != NULL && utf8_is_valid(span_of_string(text)));                                                    \
        check(payload##_decode(span_of_string(text), &second, &why) == PAYLOAD_OK);                                    \
        check(same_##payload(&first, &second));                                                                        \
        payload##_done(&first);                                                                                        \
        payload##_done(&second);                                                                                       \
        payload##_done(&second);                                                                                       \
        free(text);                                                                                                    \
    }

THERE_AND_BACK(hello, hello_encode(&first))
THERE_AND_BACK(hello_ok, hello_ok_encode(&first))
THERE_AND_BACK(join, join_encode(&first))
THERE_AND_BACK(join_err, join_err_encode(first.code, first.message))
THERE_AND_BACK(shard_map, shard_map_encode(&first))
THERE_AND_BACK(reissue_join_tickets, reissue_join_tickets_encode(&first))
THERE_AND_BACK(bind_request, bind_request_encode(&first))
THERE_AND_BACK(bind_ok, bind_ok_encode(&first))
THERE_AND_BACK(bind_err, bind_err_encode(&first))
THERE_AND_BACK(unbind_err, unbind_err_encode(first.bind, first.code, first.message))
THERE_AND_BACK(goaway, goaway_encode(first.code, first.message))
THERE_AND_BACK(stream_open, stream_open_text(&first))
THERE_AND_BACK(response_head, response_head_text(&first))

static void play_join_ok(struct span json)
{
    uint32_t index = 0, again = 0;
    const char *why = NULL;
    if (!judge(join_ok_decode(json, &index, &why), &why))
        return;
    char *text = join_ok_encode(index);
    check(join_ok_decode(span_of_string(text), &again, &why) == PAYLOAD_OK && again == index);
    free(text);
}

static void play_connection_lost(struct span json)
{
    struct connection_lost lost = {0}, again = {0};
    const char *why = NULL;
    if (!judge(connection_lost_decode(json, &lost, &why), &why))
        return;
    char *text = connection_lost_encode(&lost);
    check(connection_lost_decode(span_of_string(text), &again, &why) == PAYLOAD_OK);
    check(again.data_bytes == lost.data_bytes && strcmp(again.nonce, lost.nonce) == 0);
    free(text);
}

static void play_unbind(struct span json)
{
    uint32_t bind = 0, again = 0;
    const char *why = NULL;
    if (!judge(unbind_decode(json, &bind, &why), &why))
        return;
    char *text = unbind_encode(bind);
    check(unbind_decode(span_of_string(text), &again, &why) == PAYLOAD_OK && again == bind);
    free(text);
}

static void play_bind_revoked(struct span json)
{
    uint32_t bind = 0, again = 0;
    char *reason = NULL, *reason_again = NULL;
    const char *why = NULL;
    if (!judge(bind_revoked_decode(json, &bind, &reason, &why), &why)) {
        check(reason == NULL);
        return;
    }
    char *text = bind_revoked_encode(bind, reason);
    check(bind_revoked_decode(span_of_string(text), &again, &reason_again, &why) == PAYLOAD_OK);
    check(again == bind && same_text(reason, reason_again));
    free(text);
    free(reason);
    free(reason_again);
}

typedef void play_fn(struct span json);

/* In an order that corpora rely on: add at the end. */
static play_fn *const plays[] = {
    play_hello,
    play_hello_ok,
    play_join,
    play_join_ok,
    play_join_err,
    play_shard_map,
    play_reissue_join_tickets,
    play_bind_request,
    play_bind_ok,
    play_bind_err,
    play_unbind,
    play_unbind_err,
    play_goaway,
    play_bind_revoked,
    play_stream_open,
    play_response_head,
    play_connection_lost,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    plays[fuzz_take_u8(&input) % (sizeof plays / sizeof plays[0])](input);
    return 0;
}
