/* A lying driver: whatever heads, bodies and ends it sends in whatever order, the visitor's bytes are read by a naive
 * reader, and by http_reader, as exactly the answers that http_answer says it wrote, or are cut short; never as one
 * answer more, with exactly the driver's fields that may pass. Input: per request its flags, then operations. */
#include "fuzz_fields.h"
#include "naive_answer.h"

#include "check.h"
#include "http_answer.h"

#include <event2/buffer.h>

enum { HEADS_MAX = 16, REQUESTS_MAX = 4, STATUS_SWITCHES = 101 };

enum operation { DO_HEAD, DO_BODY, DO_END, OPERATION_COUNT };

/* One request's answer, as far as it got. */
struct exchange {
    struct http_answer answer;
    struct response_head heads[HEADS_MAX]; /* those that were written; owned */
    size_t head_count;
    struct evbuffer *body; /* what the visitor must get of it */
    bool said_keep_alive;  /* the final head did */
    bool is_cut;           /* the connection is aborted */
};

struct connection {
    struct http_reader *reader; /* the visitor's */
    struct evbuffer *wire;
};

/* ---- the driver ---- */

/* Mostly one of those that matter. */
static uint16_t take_status(struct span *input)
{
    static const uint16_t statuses[] = {100, 101, 103, 199, 200, 204, 206, 304, 404, 502, 599};
    const uint8_t pick = fuzz_take_u8(input);
    return pick < sizeof statuses / sizeof statuses[0] ? statuses[pick] : fuzz_take_u16(input);
}

static void do_head(struct exchange *exchange, struct span *input, struct evbuffer *wire)
{
    struct response_head head = {.is_final = (fuzz_take_u8(input) & 1) == 0};
    head.status = take_status(input);
    fuzz_take_fields(input, &head.fields);

    const size_t before = evbuffer_get_length(wire);
    const enum http_answer_verdict verdict = http_answer_head(&exchange->answer, &head, wire);
    const bool is_written = evbuffer_get_length(wire) > before;
    check(verdict == ANSWER_OK || (verdict == ANSWER_INVALID && !is_written));
    if (is_written && head.is_final)
        exchange->said_keep_alive = exchange->answer.keeps_alive;
    if (is_written)
        exchange->heads[exchange->head_count++] = head;
    else
        response_head_done(&head);
}

/* What of `body` the visitor must see, by the framing that was chosen. */
static size_t visible_length(const struct http_answer *answer, size_t length)
{
    switch (answer->framing) {
    case ANSWER_NO_BODY:
        return 0;
    case ANSWER_BY_LENGTH:
        return length < answer->remaining ? length : (size_t)answer->remaining;
    case ANSWER_CHUNKED:
    case ANSWER_UNTIL_CLOSE:
    case ANSWER_RAW:
        return length;
    }
    check(false);
}

static void do_body(struct exchange *exchange, struct span *input, struct evbuffer *wire)
{
    struct evbuffer *body = evbuffer_new();
    const struct span bytes = fuzz_take_bytes(input);
    const struct http_answer before = exchange->answer;
    const size_t written_before = evbuffer_get_length(wire);
    const size_t visible = visible_length(&before, bytes.length);
    evbuffer_add(body, bytes.data, bytes.length);
    switch (http_answer_body(&exchange->answer, body, wire)) {
    case ANSWER_OK:
        check(before.head_written && evbuffer_get_length(body) == 0);
        evbuffer_add(exchange->body, bytes.data, visible);
        break;
    case ANSWER_INVALID:
        check(!before.head_written || before.ended);
        check(evbuffer_get_length(body) == bytes.length && evbuffer_get_length(wire) == written_before);
        break;
    case ANSWER_TOO_LONG:
        check(before.framing == ANSWER_BY_LENGTH && exchange->answer.remaining == 0);
        check(evbuffer_get_length(body) == bytes.length - visible);
        evbuffer_add(exchange->body, bytes.data, visible);
        break;
    case ANSWER_CUT:
        check(false);
    }
    evbuffer_free(body);
}

static void do_end(struct exchange *exchange, struct evbuffer *wire)
{
    const struct http_answer before = exchange->answer;
    switch (http_answer_end(&exchange->answer, wire)) {
    case ANSWER_OK:
        check(before.head_written && !before.ended && before.remaining == 0);
        break;
    case ANSWER_INVALID:
        check(!before.head_written || before.ended);
        break;
    case ANSWER_CUT:
        check(before.remaining > 0);
        exchange->is_cut = true;
        break;
    case ANSWER_TOO_LONG:
        check(false);
    }
}

/* Until the answer is complete, or the driver has no more to say: then its stream is reset. */
static void do_operations(struct exchange *exchange, struct span *input, struct evbuffer *wire)
{
    while (!exchange->answer.ended && input->length > 0 && exchange->head_count < HEADS_MAX)
        switch ((enum operation)(fuzz_take_u8(input) % OPERATION_COUNT)) {
        case DO_HEAD:
            do_head(exchange, input, wire);
            break;
        case DO_BODY:
            do_body(exchange, input, wire);
            break;
        case DO_END:
            do_end(exchange, wire);
            break;
        case OPERATION_COUNT:
            check(false);
        }
    exchange->is_cut |= !exchange->answer.ended;
}

/* ---- the visitor, naive ---- */

static void check_framing(const struct naive_head *seen, const struct exchange *exchange)
{
    const struct http_answer *answer = &exchange->answer;
    const bool is_plain = answer->framing != ANSWER_RAW;
    check(seen->is_chunked == (answer->framing == ANSWER_CHUNKED));
    check(seen->has_length || answer->framing != ANSWER_BY_LENGTH);
    check(!is_plain || seen->closes == !exchange->said_keep_alive);
}

static void check_head_naively(struct span *wire, const struct response_head *sent, struct naive_head *ret_seen)
{
    struct field_list passing;
    check(naive_head_read(wire, ret_seen));
    check(ret_seen->status == sent->status);
    naive_fields_that_pass(&sent->fields, sent->status, &passing);
    naive_check_fields(ret_seen, &passing);
    field_list_done(&passing);
}

static void check_end_naively(const struct exchange *exchange, enum naive_end end)
{
    switch (exchange->answer.framing) {
    case ANSWER_NO_BODY:
        check(end == NAIVE_WHOLE);
        break;
    case ANSWER_BY_LENGTH:
        check((end == NAIVE_WHOLE) == (exchange->answer.remaining == 0));
        break;
    case ANSWER_CHUNKED:
        check((end == NAIVE_WHOLE) == exchange->answer.ended);
        break;
    case ANSWER_UNTIL_CLOSE:
    case ANSWER_RAW:
        check(end == NAIVE_OPEN);
        break;
    }
}

/* Looks at all that was written for one request; takes none of it. */
static void check_naively(const struct connection *connection, const struct exchange *exchange)
{
    struct span wire = fuzz_span(connection->wire);
    struct naive_head seen = {0};
    for (size_t i = 0; i < exchange->head_count; i++) {
        naive_head_done(&seen);
        check_head_naively(&wire, &exchange->heads[i], &seen);
    }
    if (exchange->answer.head_written) {
        struct evbuffer *body = evbuffer_new();
        check_framing(&seen, exchange);
        check_end_naively(exchange, naive_body_read(&wire, &seen, exchange->answer.request.is_head, body));
        fuzz_check_same(body, exchange->body, "the naive visitor got another body");
        evbuffer_free(body);
    }
    naive_head_done(&seen);
    check(wire.length == 0);
}

/* ---- the visitor ---- */

/* false: the head is one that our reader does not take. */
static bool read_head(struct connection *connection, const struct response_head *sent, const struct exchange *exchange)
{
    const enum http_event event = http_reader_read(connection->reader, connection->wire, NULL, 0);
    if (event == HTTP_BAD && fuzz_fields_are_beyond_the_reader(&sent->fields))
        return false;
    check(event == HTTP_HEAD);
    const struct http_head *head = http_reader_head(connection->reader);
    check(head->status == sent->status);
    fuzz_check_fields_are_from(head, &sent->fields);
    if (!sent->is_final) {
        check(http_head_field(head, "content-length") == NULL && http_head_field(head, "connection") == NULL);
        check(http_reader_read(connection->reader, connection->wire, NULL, 0) == HTTP_END);
    } else if (exchange->answer.framing != ANSWER_RAW) {
        check(head->keeps_alive == exchange->said_keep_alive);
        check((head->framing == HTTP_CHUNKED) == (exchange->answer.framing == ANSWER_CHUNKED));
        check((head->framing == HTTP_UNTIL_CLOSE) == (exchange->answer.framing == ANSWER_UNTIL_CLOSE));
        check(head->status != 204 || http_head_field(head, "content-length") == NULL);
    }
    return true;
}

/* true: the message is complete as its receiver sees it. */
static bool is_complete(const struct exchange *exchange)
{
    switch (exchange->answer.framing) {
    case ANSWER_NO_BODY:
        return true;
    case ANSWER_BY_LENGTH:
        return exchange->answer.remaining == 0;
    case ANSWER_CHUNKED:
        return exchange->answer.ended;
    case ANSWER_UNTIL_CLOSE:
    case ANSWER_RAW:
        return false;
    }
    check(false);
}

static void read_body(struct connection *connection, struct exchange *exchange)
{
    struct evbuffer *body = evbuffer_new();
    enum http_event event = HTTP_BODY;
    while (event == HTTP_BODY)
        event = http_reader_read(connection->reader, connection->wire, body, SIZE_MAX);
    check(event == (is_complete(exchange) ? HTTP_END : HTTP_MORE));
    if (exchange->answer.framing == ANSWER_UNTIL_CLOSE)
        check(http_reader_finish(connection->reader) == HTTP_END);
    fuzz_check_same(body, exchange->body, "the visitor got another body");
    evbuffer_free(body);
}

/* true: the connection may carry another exchange. */
static bool read_answer(struct connection *connection, struct exchange *exchange)
{
    for (size_t i = 0; i < exchange->head_count; i++)
        if (!read_head(connection, &exchange->heads[i], exchange))
            return false;
    if (!exchange->answer.head_written) {
        check(evbuffer_get_length(connection->wire) == 0);
        return false;
    }
    if (exchange->answer.status == STATUS_SWITCHES) {
        check(http_reader_read(connection->reader, connection->wire, NULL, 0) == HTTP_END);
        fuzz_check_same(connection->wire, exchange->body, "the visitor got other bytes after the 101");
        return false;
    }
    read_body(connection, exchange);
    check(evbuffer_get_length(connection->wire) == 0);
    return !exchange->is_cut && exchange->answer.keeps_alive;
}

static struct http_answer_request take_request(struct span *input)
{
    const uint8_t flags = fuzz_take_u8(input);
    return (struct http_answer_request){
        .is_head = (flags & 1) != 0,
        .is_upgrade = (flags & 2) != 0,
        .version_minor = (flags & 4) != 0 ? 0 : 1,
        .keeps_alive = (flags & 8) == 0,
    };
}

static bool play_exchange(struct connection *connection, struct span *input)
{
    struct exchange exchange = {.body = evbuffer_new()};
    const struct http_answer_request request = take_request(input);
    http_answer_init(&exchange.answer, request);
    if (request.is_head)
        http_reader_answers_head(connection->reader);
    do_operations(&exchange, input, connection->wire);
    check_naively(connection, &exchange);
    const bool keeps_alive = read_answer(connection, &exchange);
    for (size_t i = 0; i < exchange.head_count; i++)
        response_head_done(&exchange.heads[i]);
    evbuffer_free(exchange.body);
    return keeps_alive;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct connection connection = {.reader = http_reader_new(HTTP_ANSWERS), .wire = evbuffer_new()};
    bool keeps_alive = true;
    for (int i = 0; i < REQUESTS_MAX && keeps_alive; i++)
        keeps_alive = play_exchange(&connection, &input);
    http_reader_destroy(&connection.reader);
    evbuffer_free(connection.wire);
    return 0;
}
