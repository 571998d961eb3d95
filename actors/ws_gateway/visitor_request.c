/* What a visitor sends: requests, their bodies, and raw bytes after an upgrade. */
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "buffer_move.h"
#include "check.h"
#include "driver_connection.h"
#include "http_forward.h"
#include "tunnel_session.h"
#include "visitor.h"

enum {
    HELD_MAX = 65536,     /* bytes read ahead: pipelined requests, or what follows an upgrade */
    UNTAKEN_MAX = 131072, /* bytes of earlier answers: a visitor that pipelines and takes none gets no more */
};

static struct evbuffer *input_of(const struct visitor *visitor)
{
    return bufferevent_get_input(visitor->socket);
}

/* ---- a head ---- */

static void refuse_stream(struct visitor *visitor, enum stream_refusal refusal)
{
    const char *text = stream_refusal_text(refusal);
    /* Who waits for 100 Continue may send its body now, or its next request: what comes does not tell which. */
    visitor->must_close |= http_reader_head(visitor->reader)->expects_continue;
    switch (refusal) {
    case STREAM_SESSION_ENDING:
        visitor->must_close = true;
        visitor_refuse(visitor, 503, "Retry-After: 5\r\n", text);
        break;
    case STREAM_TOO_MANY:
    case STREAM_DRIVER_STALLED:
    case STREAM_NO_MEMORY:
        visitor_refuse(visitor, 503, "Retry-After: 1\r\n", text);
        break;
    case STREAM_DRIVER_AWAY:
        visitor_refuse(visitor, 503, "Retry-After: 5\r\n", text);
        break;
    case STREAM_HEAD_TOO_LARGE:
        visitor->must_close = true;
        visitor_refuse(visitor, 431, "", text);
        break;
    case STREAM_NO_DESCRIPTOR: /* these came to no exchange */
    case STREAM_BAD_REQUEST:
    case STREAM_HEAD_TOO_SLOW:
    case STREAM_REFUSAL_COUNT:
        check(false);
    }
}

/* Where no stream was asked for, nothing counts what is refused. */
static void refuse_unasked(struct visitor *visitor, enum stream_refusal refusal)
{
    visitor->gateway->counts.streams_refused[refusal]++;
    refuse_stream(visitor, refusal);
}

/* The STREAM_OPEN payload. NULL: out of memory. */
static struct evbuffer *make_open_payload(const struct visitor *visitor, const struct http_head *head)
{
    char peer_ip[ADDRESS_IP_MAX];
    address_text_ip(visitor->peer, peer_ip);
    struct http_forward_policy policy = {
        .peer_ip = peer_ip,
        .peer_is_trusted = visitor->peer_is_trusted,
        .adds_forwarded_fields = !visitor->gateway->options->no_forwarded_headers,
        .proto = "http",
    };
    struct stream_open open = {
        .kind = STREAM_HTTP,
        .bind = (uint32_t)visitor->binding->id,
        .container_port = visitor->binding->port,
        .peer_address = strdup(visitor->peer),
    };
    struct evbuffer *payload = evbuffer_new();
    if (payload && (!open.peer_address || !http_forward_request(head, &policy, &open) ||
                    stream_open_encode(&open, payload) == 0)) {
        evbuffer_free(payload);
        payload = NULL;
    }
    stream_open_done(&open);
    return payload;
}

static void open_stream(struct visitor *visitor, struct tunnel_session *session, const struct http_head *head)
{
    struct evbuffer *payload = make_open_payload(visitor, head);
    if (!payload) {
        refuse_unasked(visitor, STREAM_NO_MEMORY);
        return;
    }
    if (evbuffer_get_length(payload) > FRAME_PAYLOAD_MAX) {
        evbuffer_free(payload);
        refuse_unasked(visitor, STREAM_HEAD_TOO_LARGE);
        return;
    }
    enum stream_refusal refusal = STREAM_NO_MEMORY;
    visitor->stream = stream_new(session, &payload, &visitor_stream_events, visitor, &refusal);
    if (!visitor->stream) {
        refuse_stream(visitor, refusal);
        return;
    }
    visitor->stream->is_gated = visitor->is_upgrade;
    if (visitor->drops_body)
        stream_end_input(visitor->stream);
    if (head->expects_continue)
        evbuffer_add_printf(visitor_output(visitor), "HTTP/1.1 100 Continue\r\n\r\n");
}

static void begin_exchange(struct visitor *visitor)
{
    const struct http_head *head = http_reader_head(visitor->reader);
    struct tunnel_session *session = binding_session(visitor->binding);
    visitor->phase = VISITOR_EXCHANGE;
    visitor->is_upgrade = head->is_upgrade;
    visitor->drops_body = span_equals(head->method, "GET") || span_equals(head->method, "HEAD");
    if (visitor->is_upgrade)
        visitor->drops_body = false; /* it has none, and its EOF means that the visitor closed */
    visitor->request_ended = false;
    visitor_set_deadline(visitor, false); /* what was waited for has come, even when the exchange ends at once */
    visitor->answer_ended = false;
    visitor_record_begin(visitor, head);
    http_answer_init(&visitor->answer, (struct http_answer_request){
                                           .is_head = span_equals(head->method, "HEAD"),
                                           .is_upgrade = head->is_upgrade,
                                           .version_minor = head->version_minor,
                                           .keeps_alive = head->keeps_alive && !visitor->must_close,
                                       });
    if (session)
        open_stream(visitor, session, head);
    else
        refuse_unasked(visitor, STREAM_DRIVER_AWAY);
}

static void refuse_broken(struct visitor *visitor)
{
    struct http_error error = http_reader_error(visitor->reader);
    if (visitor->phase == VISITOR_IDLE) {
        visitor->gateway->counts.streams_refused[STREAM_BAD_REQUEST]++;
        visitor->phase = VISITOR_EXCHANGE;
        visitor_record_begin(visitor, NULL);
        http_answer_init(&visitor->answer, (struct http_answer_request){.version_minor = 1});
    }
    if (visitor->phase == VISITOR_DISCARDING)
        visitor_close(visitor);
    else
        visitor_fail_exchange(visitor, error.status, error.text);
}

static bool takes_its_answers(const struct visitor *visitor)
{
    return evbuffer_get_length(visitor_output(visitor)) <= UNTAKEN_MAX;
}

/* Each read_*: true when the phase may allow more. */
static bool read_head(struct visitor *visitor)
{
    if (!visitor->binding->is_served || !takes_its_answers(visitor))
        return false;
    switch (http_reader_read(visitor->reader, input_of(visitor), NULL, 0)) {
    case HTTP_HEAD:
        begin_exchange(visitor);
        return true;
    case HTTP_BAD:
        refuse_broken(visitor);
        return false;
    case HTTP_MORE:
        if (http_reader_in_message(visitor->reader)) /* empty lines before it are no request yet */
            visitor_record_arrive(visitor);
        break;
    case HTTP_BODY:
    case HTTP_END:
        break;
    }
    return false;
}

/* ---- a body ---- */

static void end_request(struct visitor *visitor)
{
    visitor->request_ended = true;
    if (visitor->phase == VISITOR_DISCARDING) {
        visitor->phase = VISITOR_IDLE;
        return;
    }
    if (visitor->stream && !visitor->is_upgrade && !visitor->stream->input_ended)
        stream_end_input(visitor->stream);
    visitor_settle(visitor);
}

/* The body's bytes go to the stream, or nowhere. */
static bool read_body(struct visitor *visitor)
{
    if (visitor->request_ended)
        return false; /* what comes now waits: the next request, or what follows an upgrade */
    bool drops = !visitor->stream || visitor->drops_body;
    struct evbuffer *dropped = visitor->gateway->dropped;
    struct evbuffer *body = drops ? dropped : stream_outgoing(visitor->stream);
    size_t room = drops ? STREAM_OUTGOING_MAX : stream_outgoing_room(visitor->stream);
    enum http_event event = HTTP_MORE;
    size_t unread = evbuffer_get_length(input_of(visitor));
    if (room > 0)
        event = http_reader_read(visitor->reader, input_of(visitor), body, room);
    visitor_record_received(visitor, unread - evbuffer_get_length(input_of(visitor)));
    if (drops)
        evbuffer_drain(dropped, evbuffer_get_length(dropped));
    switch (event) {
    case HTTP_BODY:
        if (!drops)
            stream_wake(visitor->stream);
        visitor_set_deadline(visitor, true);
        return true;
    case HTTP_END:
        end_request(visitor);
        return true;
    case HTTP_BAD:
        refuse_broken(visitor);
        return false;
    case HTTP_MORE:
    case HTTP_HEAD:
        break;
    }
    return false;
}

/* ---- after an upgrade ---- */

static bool read_raw(struct visitor *visitor)
{
    struct stream *stream = visitor->stream;
    struct evbuffer *in = input_of(visitor);
    size_t room = stream_outgoing_room(stream);
    size_t length = evbuffer_get_length(in);
    size_t moved = length < room ? length : room;
    if (moved > 0) {
        buffer_move(in, stream_outgoing(stream), moved);
        visitor_record_received(visitor, moved);
        stream_wake(stream);
        visitor_set_deadline(visitor, true);
    }
    if (visitor->request_ended && evbuffer_get_length(in) == 0 && !stream->input_ended)
        stream_end_input(stream);
    return false;
}

/* ---- all of it ---- */

static bool wants_input(const struct visitor *visitor)
{
    switch (visitor->phase) {
    case VISITOR_IDLE:
        return visitor->binding->is_served && takes_its_answers(visitor);
    case VISITOR_DISCARDING:
        return true;
    case VISITOR_EXCHANGE:
        if (visitor->request_ended)
            return evbuffer_get_length(input_of(visitor)) < HELD_MAX;
        return !visitor->stream || visitor->drops_body || stream_outgoing_room(visitor->stream) > 0;
    case VISITOR_UPGRADED:
        return !visitor->request_ended && stream_outgoing_room(visitor->stream) > 0;
    case VISITOR_GONE:
        break;
    }
    return false;
}

static void update_reading(struct visitor *visitor)
{
    if (visitor->phase == VISITOR_GONE)
        return;
    bool wants = wants_input(visitor);
    prompt_socket_read(&visitor->prompt, wants);
    visitor->is_paused = !wants;
    if (!wants && (visitor->phase == VISITOR_EXCHANGE || visitor->phase == VISITOR_UPGRADED))
        paused_sockets_add(visitor->gateway, &visitor->paused);
    else
        paused_sockets_remove(visitor->gateway, &visitor->paused);
}

static bool read_more(struct visitor *visitor)
{
    switch (visitor->phase) {
    case VISITOR_IDLE:
        return read_head(visitor);
    case VISITOR_EXCHANGE:
    case VISITOR_DISCARDING:
        return read_body(visitor);
    case VISITOR_UPGRADED:
        return read_raw(visitor);
    case VISITOR_GONE:
        break;
    }
    return false;
}

void visitor_read(struct visitor *visitor)
{
    while (read_more(visitor))
        ;
    if (visitor->phase == VISITOR_GONE)
        return;
    if (visitor->stream && visitor->stream->open_payload)
        stream_announce(visitor->stream);
    update_reading(visitor);
    visitor_set_deadline(visitor, false);
}
