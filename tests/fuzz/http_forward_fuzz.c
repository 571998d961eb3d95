/* A visitor's request on its whole way: http_reader, STREAM_OPEN as JSON and back, the request that the driver writes,
 * and two readers in the place of the local service, a careless one and http_reader again: one request comes out, with
 * the same meaning. The first byte says how the kit treats x-forwarded-*; the rest is what the visitor sent. */
#include "fuzz_fields.h"

#include "check.h"
#include "http_forward.h"
#include "naive_request.h"

#include <event2/buffer.h>

#define SERVICE_HOST "localhost:3000"

static bool drops_body(struct span method)
{
    return span_equals(method, "GET") || span_equals(method, "HEAD");
}

/* ---- through STREAM_OPEN ---- */

static void check_same_open(const struct stream_open *a, const struct stream_open *b)
{
    check(a->kind == b->kind && a->is_upgrade == b->is_upgrade && a->fields.count == b->fields.count);
    check(strcmp(a->method, b->method) == 0 && strcmp(a->target, b->target) == 0);
    for (size_t i = 0; i < a->fields.count; i++) {
        check(strcmp(a->fields.pairs[i].name, b->fields.pairs[i].name) == 0);
        check(strcmp(a->fields.pairs[i].value, b->fields.pairs[i].value) == 0);
    }
}

static void through_stream_open(const struct http_head *head, uint8_t flags, struct stream_open *ret_open)
{
    const struct http_forward_policy policy = {
        .peer_ip = "192.0.2.1",
        .peer_is_trusted = (flags & 1) != 0,
        .adds_forwarded_fields = (flags & 2) == 0,
        .proto = "http",
    };
    struct stream_open open = {.kind = STREAM_HTTP, .bind = 1, .container_port = 80};
    struct evbuffer *json = evbuffer_new();
    const char *why = NULL;
    check(http_forward_request(head, &policy, &open));
    check(stream_open_encode(&open, json) == evbuffer_get_length(json));
    check(stream_open_decode(fuzz_span(json), ret_open, &why) == PAYLOAD_OK);
    check_same_open(&open, ret_open);
    stream_open_done(&open);
    evbuffer_free(json);
}

/* ---- what the kit must have made of the head ---- */

static void check_open(const struct http_head *head, const struct stream_open *open)
{
    check(span_equals(head->method, open->method) && open->is_upgrade == head->is_upgrade);
    if (head->target.data[0] == '/' || head->target.data[0] == '*')
        check(span_equals(head->target, open->target));
    check(field_list_find(&open->fields, "keep-alive") == NULL && field_list_find(&open->fields, "te") == NULL);
    check(open->is_upgrade || field_list_find(&open->fields, "connection") == NULL);
    for (size_t i = 0; i < open->fields.count; i++)
        for (const char *at = open->fields.pairs[i].name; *at != '\0'; at++)
            check(*at < 'A' || *at > 'Z');
    const bool has_body = !drops_body(head->method);
    check(http_forward_is_chunked(open) == (has_body && head->framing == HTTP_CHUNKED));
    check(http_forward_content_length(open) == (has_body ? head->content_length : 0));
}

/* ---- the local service ---- */

static struct evbuffer *write_request(const struct stream_open *open, struct evbuffer *body)
{
    struct evbuffer *wire = evbuffer_new(), *copy = evbuffer_new();
    const struct span bytes = fuzz_span(body);
    check(http_forward_write_request(open, SERVICE_HOST, wire));
    evbuffer_add(copy, bytes.data, bytes.length);
    if (http_forward_is_chunked(open)) {
        http_chunk_write(copy, bytes.length, wire);
        http_chunk_write_last(wire);
    } else if (http_forward_content_length(open) > 0) {
        evbuffer_add_buffer(wire, copy);
    }
    evbuffer_free(copy);
    return wire;
}

static void receive_carelessly(struct span wire, const struct stream_open *open, struct evbuffer *expected_body)
{
    struct naive_request request;
    struct evbuffer *body = evbuffer_new();
    check(naive_request_read(wire, &request, body) == wire.length);
    check(span_equals(request.method, open->method) && span_equals(request.target, open->target));
    check(request.hosts == 1 && request.is_chunked == http_forward_is_chunked(open));
    check(request.length == http_forward_content_length(open));
    if (drops_body(request.method))
        check(evbuffer_get_length(body) == 0);
    else
        fuzz_check_same(body, expected_body, "a careless service got another body");
    evbuffer_free(body);
}

static void check_received(const struct http_head *head, const struct stream_open *open)
{
    check(span_equals(head->method, open->method) && span_equals(head->target, open->target));
    check(span_equals(head->host, SERVICE_HOST) && head->version_minor == 1);
    check((head->framing == HTTP_CHUNKED) == http_forward_is_chunked(open));
    check(head->content_length == http_forward_content_length(open));
    check(head->is_upgrade == open->is_upgrade && !head->expects_continue);
    check(open->is_upgrade || (head->keeps_alive && http_head_field(head, "connection") == NULL));

    struct field_list expected = {0};
    for (size_t i = 0; i < open->fields.count; i++)
        check(field_list_add(&expected, span_of_string(open->fields.pairs[i].name),
                             span_of_string(open->fields.pairs[i].value)));
    const char *host = field_list_find(&open->fields, "host");
    if (host != NULL)
        check(field_list_add(&expected, span_of_string("x-forwarded-host"), span_of_string(host)));
    fuzz_check_fields_are_from(head, &expected);
    field_list_done(&expected);
}

static void receive(struct evbuffer *wire, const struct stream_open *open, struct evbuffer *expected_body)
{
    struct http_reader *reader = http_reader_new(HTTP_REQUESTS);
    struct evbuffer *body = evbuffer_new();
    enum http_event event = http_reader_read(reader, wire, body, SIZE_MAX);
    if (event == HTTP_BAD) { /* the kit's fields came on top of a head that just fitted */
        check(http_reader_error(reader).status == 431 && fuzz_fields_are_beyond_the_reader(&open->fields));
    } else {
        check(event == HTTP_HEAD);
        check_received(http_reader_head(reader), open);
        do
            event = http_reader_read(reader, wire, body, SIZE_MAX);
        while (event == HTTP_BODY);
        check(event == HTTP_END && evbuffer_get_length(wire) == 0);
        if (!drops_body(span_of_string(open->method)))
            fuzz_check_same(body, expected_body, "the service got another body");
    }
    evbuffer_free(body);
    http_reader_destroy(&reader);
}

/* ---- the visitor ---- */

/* A head was read; its open, and its body once that is whole. false: the visitor is done. */
static bool forward_one(struct http_reader *reader, struct evbuffer *in, uint8_t flags)
{
    struct stream_open open = {0};
    struct evbuffer *body = evbuffer_new();
    enum http_event event = HTTP_BODY;
    through_stream_open(http_reader_head(reader), flags, &open);
    check_open(http_reader_head(reader), &open);
    while (event == HTTP_BODY)
        event = http_reader_read(reader, in, body, SIZE_MAX);
    if (event == HTTP_END) {
        struct evbuffer *wire = write_request(&open, body);
        receive_carelessly(fuzz_span(wire), &open, body);
        receive(wire, &open, body);
        evbuffer_free(wire);
    }
    const bool goes_on = event == HTTP_END && !open.is_upgrade;
    stream_open_done(&open);
    evbuffer_free(body);
    return goes_on;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    const uint8_t flags = fuzz_take_u8(&input);
    struct http_reader *reader = http_reader_new(HTTP_REQUESTS);
    struct evbuffer *in = evbuffer_new();
    evbuffer_add(in, input.data, input.length);
    while (http_reader_read(reader, in, NULL, 0) == HTTP_HEAD && forward_one(reader, in, flags))
        continue;
    http_reader_destroy(&reader);
    evbuffer_free(in);
    return 0;
}
