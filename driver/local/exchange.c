#include "exchange.h"

#include "buffer_move.h"
#include "check.h"
#include "exchange_watch.h"
#include "relay.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

enum { HTTP_SWITCHING_PROTOCOLS = 101, HTTP_NO_CONTENT = 204, REASON_BYTES = FRAME_RESET_REASON_MAX };

struct exchange {
    struct loop *loop;
    struct stream *stream;
    struct local_service *service;
    struct stream_open open;
    struct exchange_watch *watch;        /* NULL: nobody observes, or it was told the end */
    struct dial *dial;                   /* on the way to a connection */
    struct local_connection *connection; /* NULL: not yet, or given away */

    /* the request */
    struct evbuffer *held; /* body bytes that wait for the connection; on upgrades: for the 101 */
    bool is_chunked;
    uint64_t body_due; /* by length: bytes still to come */
    bool kit_ended;    /* the kit's EOF came */
    bool body_begun;   /* bytes of it were given to the connection */

    /* the answer */
    bool answer_begun; /* a byte of it came */
    bool head_sent;    /* the final one */
    bool keeps_alive;
    bool until_close;
    unsigned patience_s; /* Keep-Alive: timeout= */
};

static void dial(struct exchange *exchange);

static void free_exchange(void *object)
{
    struct exchange *exchange = object;
    stream_open_done(&exchange->open);
    evbuffer_free(exchange->held);
    free(exchange);
}

static void end_exchange(struct exchange *exchange, bool aborts)
{
    dial_destroy(&exchange->dial);
    local_connection_destroy(&exchange->connection, aborts);
    loop_reap(exchange->loop, free_exchange, exchange);
}

/* The local service's fault; on_gone follows from within. */
__attribute__((format(printf, 2, 3))) static void fail(struct exchange *exchange, const char *format, ...)
{
    char what[REASON_BYTES], reason[REASON_BYTES + HOST_PORT_BYTES + 32];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(reason, sizeof reason, "local service %s %s", exchange->service->endpoint.name, what);
    stream_reset(exchange->stream, CODE_INTERNAL_ERROR, reason);
}

/* ---- the request ---- */

static bool request_is_whole(const struct exchange *exchange)
{
    return exchange->is_chunked ? exchange->kit_ended : exchange->body_due == 0;
}

/* `length` bytes of the body to the connection. false: more than was announced, the stream is gone. */
static bool pass_on(struct exchange *exchange, struct evbuffer *data, size_t length)
{
    if (!exchange->is_chunked && length > exchange->body_due) {
        evbuffer_drain(data, length);
        stream_reset(exchange->stream, CODE_PROTOCOL_ERROR, "more body than the request announced");
        return false;
    }
    if (!exchange->is_chunked)
        exchange->body_due -= length;
    exchange->body_begun = true;
    local_connection_write(exchange->connection, data, length, exchange->is_chunked);
    return true;
}

static void pass_on_end(struct exchange *exchange)
{
    if (exchange->open.is_upgrade)
        return;
    if (exchange->is_chunked && !exchange->connection->cannot_write)
        http_chunk_write_last(local_connection_output(exchange->connection));
    else if (exchange->body_due > 0)
        stream_reset(exchange->stream, CODE_PROTOCOL_ERROR, "less body than the request announced");
}

static void on_data(void *handler, struct evbuffer *data, size_t length)
{
    struct exchange *exchange = handler;
    if (length == 0)
        return;
    exchange_watch_bytes(exchange->watch, EXCHANGE_IN, data, 0, length);
    if (exchange->connection == NULL || exchange->open.is_upgrade)
        buffer_move(data, exchange->held, length);
    else
        pass_on(exchange, data, length);
}

static void on_end(void *handler)
{
    struct exchange *exchange = handler;
    exchange->kit_ended = true;
    if (exchange->connection != NULL)
        pass_on_end(exchange);
}

static void on_room(void *handler)
{
    struct exchange *exchange = handler;
    if (exchange->connection != NULL)
        local_connection_resume_reading(exchange->connection);
}

static void on_gone(void *handler, enum stream_gone how, const char *why)
{
    struct exchange *exchange = handler;
    exchange_watch_gone(&exchange->watch, how, why);
    end_exchange(exchange, true);
}

static const struct stream_handler HANDLER = {
    .on_data = on_data,
    .on_end = on_end,
    .on_room = on_room,
    .on_gone = on_gone,
};

/* ---- the answer ---- */

/* The whole answer has come: EOF to the kit, and the connection is kept when it may carry another request. */
static void complete(struct exchange *exchange)
{
    bool is_reusable = exchange->keeps_alive && !exchange->until_close && !exchange->open.is_upgrade &&
                       request_is_whole(exchange) && local_connection_is_quiet(exchange->connection);
    if (is_reusable)
        local_service_give(exchange->service, &exchange->connection, exchange->patience_s);
    exchange_watch_complete(&exchange->watch);
    stream_end(exchange->stream);
    stream_detach(exchange->stream);
    end_exchange(exchange, false);
}

static unsigned seconds_of(struct span digits)
{
    unsigned seconds = 0;
    for (size_t i = 0; i < digits.length && seconds <= LOCAL_IDLE_S; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            break;
        seconds = seconds * 10 + (unsigned)(digits.data[i] - '0');
    }
    return seconds;
}

/* Keep-Alive: timeout=N */
static unsigned patience_of(const struct http_head *head)
{
    static const char KEY[] = "timeout=";
    const struct http_field *field = http_head_field(head, "keep-alive");
    struct span list = field != NULL ? field->value : (struct span){0}, member;
    while (http_list_next(&list, &member))
        if (member.length >= sizeof KEY - 1 && strncasecmp((const char *)member.data, KEY, sizeof KEY - 1) == 0)
            return seconds_of(span_of(member.data + sizeof KEY - 1, member.length - (sizeof KEY - 1)));
    return LOCAL_PATIENCE_UNSAID;
}

/* A 204 that announces a body is likely to send it, too: it must not come before the next answer. */
static bool threatens_with_body(const struct http_head *head)
{
    return head->status == HTTP_NO_CONTENT &&
           (head->content_length > 0 || http_head_field(head, "transfer-encoding") != NULL);
}

static void note_framing(struct exchange *exchange, const struct http_head *head)
{
    exchange->patience_s = patience_of(head);
    exchange->keeps_alive = head->keeps_alive && exchange->patience_s > 0 && !threatens_with_body(head);
    exchange->until_close = head->framing == HTTP_UNTIL_CLOSE;
}

/* false: the exchange has ended, or is a relay now. */
static bool on_head(struct exchange *exchange)
{
    const struct http_head *head = http_reader_head(exchange->connection->reader);
    bool switches = head->status == HTTP_SWITCHING_PROTOCOLS;
    struct response_head response = {0};

    if (switches && !exchange->open.is_upgrade) {
        fail(exchange, "switched protocols, though nobody asked it to");
        return false;
    }
    check(http_forward_answer(head, &response));
    bool is_final = response.is_final;
    bool fits = stream_send_head(exchange->stream, &response);
    if (fits)
        exchange_watch_head(exchange->watch, &response);
    response_head_done(&response);
    if (!fits) {
        fail(exchange, "sent a head that is too large");
        return false;
    }
    if (is_final) {
        exchange->head_sent = true;
        note_framing(exchange, head);
    }
    if (!switches)
        return true;
    relay_start(exchange->loop, exchange->stream, &exchange->connection, exchange->held, exchange->kit_ended,
                &exchange->watch);
    end_exchange(exchange, false);
    return false;
}

/* What the reader found. false: nothing more for now, or the exchange has ended. */
static bool on_reader_event(struct exchange *exchange, enum http_event event)
{
    switch (event) {
    case HTTP_MORE:
        return false;
    case HTTP_HEAD:
        return on_head(exchange);
    case HTTP_BODY:
        stream_queue_grew(exchange->stream);
        return true;
    case HTTP_END:
        if (!exchange->head_sent)
            return true; /* an interim one */
        complete(exchange);
        return false;
    case HTTP_BAD:
        fail(exchange, "sent a broken answer: %s", http_reader_error(exchange->connection->reader).text);
        return false;
    }
    return false;
}

static void on_input(void *owner)
{
    struct exchange *exchange = owner;
    enum http_event event;
    if (evbuffer_get_length(local_connection_input(exchange->connection)) > 0)
        exchange->answer_begun = true;
    do {
        struct local_connection *connection = exchange->connection;
        struct evbuffer *queue = stream_queue(exchange->stream);
        size_t queued = evbuffer_get_length(queue);
        size_t room = stream_room(exchange->stream);
        if (room == 0) {
            local_connection_pause_reading(connection);
            return;
        }
        event = http_reader_read(connection->reader, local_connection_input(connection), queue, room);
        exchange_watch_bytes(exchange->watch, EXCHANGE_OUT, queue, queued, evbuffer_get_length(queue) - queued);
    } while (on_reader_event(exchange, event));
}

static void on_consumed(void *owner, size_t bytes)
{
    struct exchange *exchange = owner;
    stream_consumed(exchange->stream, bytes);
}

static void on_flushed(void *owner)
{
    (void)owner;
}

static bool method_is_idempotent(const char *method)
{
    static const char *const METHODS[] = {"GET",    "HEAD",     "OPTIONS", "TRACE", "PUT",
                                          "DELETE", "PROPFIND", "REPORT",  "SEARCH"};
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++)
        if (strcmp(METHODS[i], method) == 0)
            return true;
    return false;
}

/* The service closed a kept connection just when we used it: that is nobody's fault, and a fresh one will do. */
static bool may_retry(const struct exchange *exchange)
{
    return exchange->connection->is_reused && !exchange->answer_begun && !exchange->body_begun &&
           method_is_idempotent(exchange->open.method);
}

static void on_cut(struct exchange *exchange, enum local_end end)
{
    struct local_connection *connection = exchange->connection;
    if (may_retry(exchange)) {
        local_connection_destroy(&exchange->connection, false);
        dial(exchange);
        return;
    }
    /* After a reset the end of the answer may be the reset's doing: never pass that for a whole. */
    bool is_clean = end == LOCAL_ENDED && !(connection->was_reset && exchange->until_close);
    if (is_clean && http_reader_finish(connection->reader) == HTTP_END) {
        complete(exchange);
        return;
    }
    fail(exchange, exchange->head_sent ? "closed the connection in the middle of its answer"
                                       : "closed the connection without an answer");
}

static void on_local_ended(void *owner, enum local_end end)
{
    struct exchange *exchange = owner;
    switch (end) {
    case LOCAL_ENDED:
    case LOCAL_READ_FAILED:
    case LOCAL_IDLED:
        on_cut(exchange, end);
        return;
    case LOCAL_WRITE_FAILED:
        /* It may have answered before it closed: read on, the end will tell. */
        return;
    }
}

static const struct local_connection_events EVENTS = {
    .on_input = on_input,
    .on_consumed = on_consumed,
    .on_flushed = on_flushed,
    .on_ended = on_local_ended,
};

/* ---- the beginning ---- */

static void use_connection(struct exchange *exchange, struct local_connection *connection)
{
    exchange->connection = connection;
    if (strcmp(exchange->open.method, "HEAD") == 0)
        http_reader_answers_head(connection->reader);
    local_connection_own(connection, &EVENTS, exchange);
    if (!http_forward_write_request(&exchange->open, local_service_host(exchange->service, &exchange->open),
                                    local_connection_output(connection))) {
        stream_reset(exchange->stream, CODE_PROTOCOL_ERROR, "the request cannot be written safely");
        return;
    }
    if (exchange->open.is_upgrade)
        return;
    size_t held = evbuffer_get_length(exchange->held);
    if (held > 0 && !pass_on(exchange, exchange->held, held))
        return;
    if (exchange->kit_ended)
        pass_on_end(exchange);
}

static void on_dialed(void *owner, int fd, int error)
{
    struct exchange *exchange = owner;
    dial_destroy(&exchange->dial);
    exchange_place_tell_dial(&exchange->service->place, &exchange->service->is_down, error);
    if (fd < 0)
        fail(exchange, "%s", dial_error_text(error));
    else
        use_connection(exchange, local_connection_new(exchange->loop, fd));
}

static void dial(struct exchange *exchange)
{
    exchange->dial = dial_new(exchange->loop, &exchange->service->endpoint, LOCAL_DIAL_TIMEOUT_MS, on_dialed, exchange);
}

static void begin(struct exchange *exchange)
{
    struct local_connection *connection = local_service_take(exchange->service);
    if (connection != NULL)
        use_connection(exchange, connection);
    else
        dial(exchange);
}

void exchange_start(struct loop *loop, struct stream *stream, struct local_service *service, struct stream_open *open)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    check(exchange != NULL);
    exchange->loop = loop;
    exchange->stream = stream;
    exchange->service = service;
    exchange->open = *open;
    *open = (struct stream_open){0};
    exchange->held = evbuffer_new();
    check(exchange->held != NULL);
    exchange->is_chunked = http_forward_is_chunked(&exchange->open);
    exchange->body_due = http_forward_content_length(&exchange->open);
    exchange->watch = exchange_watch_begin(&service->place, &exchange->open);
    stream_attach(stream, &HANDLER, exchange);
    begin(exchange);
}
