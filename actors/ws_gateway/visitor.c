#include "visitor.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "buffer_move.h"
#include "driver_connection.h"
#include "http_forward.h"
#include "paused_visitors.h"
#include "tcp_socket.h"
#include "tunnel_session.h"

enum {
    HELD_MAX = 65536,         /* bytes read ahead: pipelined requests, or what follows an upgrade */
    REFUSAL_LINGER_MS = 2000, /* protocol section 6: so that no reset eats the answer */
    HALF_CLOSED_MS = 30000,   /* old drivers never end a stream after the kit's EOF */
};

static struct evbuffer *input_of(const struct visitor *visitor)
{
    return bufferevent_get_input(visitor->socket);
}

/* ---- birth and death
 * ---------------------------------------------------------------------------------------------------------- */

static void bury_visitor(void *object)
{
    struct visitor *visitor = object;
    tcp_socket_close(&visitor->socket);
    http_reader_destroy(&visitor->reader);
    if (visitor->deadline)
        event_free(visitor->deadline);
    free(visitor);
}

/* The socket has been given away, closed or aborted. */
static void forget(struct visitor *visitor)
{
    visitor->phase = VISITOR_GONE;
    paused_visitors_remove(visitor);
    event_del(visitor->deadline);
    gateway_give_permit(visitor->gateway);
    binding_remove_visitor(visitor->binding, visitor);
    gateway_bury(visitor->gateway, visitor, bury_visitor);
}

void visitor_abort(struct visitor *visitor)
{
    stream_reset(&visitor->stream, CODE_CANCEL, "the visitor's connection was aborted");
    tcp_socket_abort(&visitor->socket);
    forget(visitor);
}

static void close_gracefully(struct visitor *visitor)
{
    stream_reset(&visitor->stream, CODE_CANCEL, "the visitor's connection is closed");
    tcp_socket_linger(visitor->gateway, &visitor->socket, REFUSAL_LINGER_MS);
    forget(visitor);
}

static void has_left(struct visitor *visitor)
{
    stream_reset(&visitor->stream, CODE_CANCEL, "the visitor has left");
    tcp_socket_close(&visitor->socket);
    forget(visitor);
}

static void on_readable(struct bufferevent *socket, void *arg);
static void on_writable(struct bufferevent *socket, void *arg);
static void on_socket_event(struct bufferevent *socket, short what, void *arg);
static void on_deadline(evutil_socket_t fd, short what, void *arg);
static void on_output_changed(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg);

/* Sockets of visitors being refused live from the reserve, not from the budget. */
static void refuse_connection(struct gateway *gateway, evutil_socket_t fd)
{
    struct http_answer_request request = {.version_minor = 1};
    struct bufferevent *socket = tcp_socket_new(gateway->loop, fd);
    if (!socket)
        return;
    http_answer_own(request, 503, "Retry-After: 1\r\n", "no file descriptors left", true,
                    bufferevent_get_output(socket));
    tcp_socket_linger(gateway, &socket, REFUSAL_LINGER_MS);
}

static bool visitor_init(struct visitor *visitor, evutil_socket_t fd)
{
    struct gateway *gateway = visitor->gateway;
    visitor->socket = tcp_socket_new(gateway->loop, fd);
    return visitor->socket && (visitor->reader = http_reader_new(HTTP_REQUESTS)) &&
           (visitor->deadline = evtimer_new(gateway->loop, on_deadline, visitor)) &&
           evbuffer_add_cb(visitor_output(visitor), on_output_changed, visitor);
}

void visitor_accept(struct binding *binding, evutil_socket_t fd, const struct sockaddr *peer)
{
    struct gateway *gateway = binding->gateway;
    if (!gateway_take_permit(gateway)) {
        refuse_connection(gateway, fd);
        return;
    }
    struct visitor *visitor = calloc(1, sizeof *visitor);
    if (!visitor) {
        evutil_closesocket(fd);
        gateway_give_permit(gateway);
        return;
    }
    visitor->gateway = gateway;
    visitor->binding = binding;
    if (!visitor_init(visitor, fd)) {
        bury_visitor(visitor);
        gateway_give_permit(gateway);
        return;
    }
    address_print(peer, visitor->peer);
    address_print_ip(peer, visitor->peer_ip);
    visitor->peer_is_trusted = gateway_trusts(gateway, peer);
    TAILQ_INSERT_TAIL(&binding->visitors, visitor, binding_link);
    bufferevent_setcb(visitor->socket, on_readable, on_writable, on_socket_event, visitor);
    bufferevent_enable(visitor->socket, EV_READ | EV_WRITE);
    struct timeval first_head = gateway_timeval(gateway->options->head_timeout);
    visitor->deadline_kind = DEADLINE_KEEPALIVE;
    event_add(visitor->deadline, &first_head);
}

void visitor_evict(struct visitor *visitor, bool exchange_may_end)
{
    bool is_busy = visitor->phase == VISITOR_EXCHANGE || visitor->phase == VISITOR_UPGRADED;
    visitor->must_close = true;
    if (is_busy && exchange_may_end)
        return;
    if (is_busy)
        visitor_abort(visitor);
    else
        close_gracefully(visitor);
}

void visitor_lose_stream(struct visitor *visitor, enum error_code code, const char *reason)
{
    if (visitor->stream)
        stream_refuse(visitor->stream, code, reason);
}

/* ---- deadlines
 * --------------------------------------------------------------------------------------------------------------------
 */

static uint64_t deadline_ms(const struct visitor *visitor, enum visitor_deadline kind)
{
    const struct options *options = visitor->gateway->options;
    switch (kind) {
    case DEADLINE_NONE:
        break;
    case DEADLINE_HEAD:
        return options->head_timeout;
    case DEADLINE_KEEPALIVE:
        return options->keepalive_timeout;
    case DEADLINE_BODY:
        return options->body_timeout;
    case DEADLINE_RESPONSE:
        return options->response_timeout;
    case DEADLINE_HALF_CLOSED:
        return HALF_CLOSED_MS;
    }
    return 0;
}

static enum visitor_deadline deadline_due(const struct visitor *visitor)
{
    switch (visitor->phase) {
    case VISITOR_IDLE:
        return http_reader_in_message(visitor->reader) ? DEADLINE_HEAD : DEADLINE_KEEPALIVE;
    case VISITOR_EXCHANGE:
        if (!visitor->request_ended)
            return visitor->is_paused ? DEADLINE_NONE : DEADLINE_BODY;
        return visitor->answer.head_written ? DEADLINE_NONE : DEADLINE_RESPONSE;
    case VISITOR_DISCARDING:
        return DEADLINE_BODY;
    case VISITOR_UPGRADED:
        return visitor->request_ended ? DEADLINE_HALF_CLOSED : DEADLINE_NONE;
    case VISITOR_GONE:
        break;
    }
    return DEADLINE_NONE;
}

/* `progressed`: deadlines of progress begin anew. */
static void set_deadline(struct visitor *visitor, bool progressed)
{
    enum visitor_deadline kind = deadline_due(visitor);
    bool counts_progress = kind == DEADLINE_BODY || kind == DEADLINE_HALF_CLOSED;
    if (kind == visitor->deadline_kind && !(progressed && counts_progress))
        return;
    visitor->deadline_kind = kind;
    if (kind == DEADLINE_NONE) {
        event_del(visitor->deadline);
        return;
    }
    struct timeval after = gateway_timeval(deadline_ms(visitor, kind));
    event_add(visitor->deadline, &after);
}

/* The visitor's fault, or nobody's answer: told when no head went out yet, else aborted. */
static void fail_exchange(struct visitor *visitor, uint16_t status, const char *text)
{
    stream_reset(&visitor->stream, CODE_CANCEL, text);
    if (visitor->answer.head_written) {
        visitor_abort(visitor);
        return;
    }
    visitor->must_close = true;
    visitor_answer_own(visitor, status, "", text);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct visitor *visitor = arg;
    switch (visitor->deadline_kind) {
    case DEADLINE_NONE:
        break;
    case DEADLINE_HEAD:
        visitor->phase = VISITOR_EXCHANGE;
        http_answer_init(&visitor->answer, (struct http_answer_request){.version_minor = 1});
        fail_exchange(visitor, 408, "the request's head did not arrive in time");
        break;
    case DEADLINE_KEEPALIVE:
        close_gracefully(visitor);
        break;
    case DEADLINE_BODY:
        if (visitor->phase == VISITOR_DISCARDING)
            close_gracefully(visitor);
        else
            fail_exchange(visitor, 408, "the request's body made no progress");
        break;
    case DEADLINE_RESPONSE:
        fail_exchange(visitor, 504, "the service behind the tunnel did not answer in time");
        break;
    case DEADLINE_HALF_CLOSED:
        stream_reset(&visitor->stream, CODE_IDLE_TIMEOUT, "half-closed and idle");
        close_gracefully(visitor);
        break;
    }
}

/* ---- a request's head
 * ----------------------------------------------------------------------------------------------------------------- */

static void refuse_stream(struct visitor *visitor, enum stream_refusal refusal)
{
    switch (refusal) {
    case STREAM_TOO_MANY:
        visitor_answer_own(visitor, 503, "Retry-After: 1\r\n", "max streams exceeded");
        break;
    case STREAM_SESSION_ENDING:
        visitor->must_close = true;
        visitor_answer_own(visitor, 503, "Retry-After: 5\r\n", "the tunnel is closing");
        break;
    case STREAM_DRIVER_STALLED:
        visitor_answer_own(visitor, 503, "Retry-After: 1\r\n", "the tunnel's driver is not reading");
        break;
    case STREAM_NO_MEMORY:
        visitor_answer_own(visitor, 503, "Retry-After: 1\r\n", "out of memory");
        break;
    }
}

/* The STREAM_OPEN payload. NULL: out of memory. */
static struct evbuffer *make_open_payload(const struct visitor *visitor, const struct http_head *head)
{
    struct http_forward_policy policy = {
        .peer_ip = visitor->peer_ip,
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
        refuse_stream(visitor, STREAM_NO_MEMORY);
        return;
    }
    if (evbuffer_get_length(payload) > FRAME_PAYLOAD_MAX) {
        evbuffer_free(payload);
        visitor->must_close = true;
        visitor_answer_own(visitor, 431, "", "the request's head is too large for the tunnel");
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
    visitor->answer_ended = false;
    http_answer_init(&visitor->answer, (struct http_answer_request){
                                           .is_head = span_equals(head->method, "HEAD"),
                                           .is_upgrade = head->is_upgrade,
                                           .version_minor = head->version_minor,
                                           .keeps_alive = head->keeps_alive && !visitor->must_close,
                                       });
    if (session)
        open_stream(visitor, session, head);
    else
        visitor_answer_own(visitor, 503, "Retry-After: 5\r\n", "the tunnel's driver is away");
}

static void refuse_broken(struct visitor *visitor)
{
    struct http_error error = http_reader_error(visitor->reader);
    if (visitor->phase == VISITOR_IDLE) {
        visitor->phase = VISITOR_EXCHANGE;
        http_answer_init(&visitor->answer, (struct http_answer_request){.version_minor = 1});
    }
    if (visitor->phase == VISITOR_DISCARDING)
        close_gracefully(visitor);
    else
        fail_exchange(visitor, error.status, error.text);
}

/* Each read_*: true when the phase may allow more. */
static bool read_head(struct visitor *visitor)
{
    switch (http_reader_read(visitor->reader, input_of(visitor), NULL, 0)) {
    case HTTP_HEAD:
        begin_exchange(visitor);
        return true;
    case HTTP_BAD:
        refuse_broken(visitor);
        return false;
    case HTTP_MORE:
    case HTTP_BODY:
    case HTTP_END:
        break;
    }
    return false;
}

/* ---- a request's body
 * --------------------------------------------------------------------------------------------------------------------
 */

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
    struct evbuffer *body = drops ? evbuffer_new() : visitor->stream->outgoing;
    size_t room = drops ? STREAM_OUTGOING_MAX : stream_outgoing_room(visitor->stream);
    enum http_event event = HTTP_MORE;
    if (body && room > 0)
        event = http_reader_read(visitor->reader, input_of(visitor), body, room);
    if (drops && body)
        evbuffer_free(body);
    switch (event) {
    case HTTP_BODY:
        if (!drops)
            stream_wake(visitor->stream);
        set_deadline(visitor, true);
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

/* ---- after an upgrade
 * ------------------------------------------------------------------------------------------------------------------------
 */

static bool read_raw(struct visitor *visitor)
{
    struct stream *stream = visitor->stream;
    struct evbuffer *in = input_of(visitor);
    size_t room = stream_outgoing_room(stream);
    size_t length = evbuffer_get_length(in);
    size_t moved = length < room ? length : room;
    if (moved > 0) {
        buffer_move(in, stream->outgoing, moved);
        stream_wake(stream);
        set_deadline(visitor, true);
    }
    if (visitor->request_ended && evbuffer_get_length(in) == 0 && !stream->input_ended)
        stream_end_input(stream);
    return false;
}

/* ---- the reading side as a whole
 * ------------------------------------------------------------------------------------------------------------- */

static bool wants_input(const struct visitor *visitor)
{
    switch (visitor->phase) {
    case VISITOR_IDLE:
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
    bool reads = bufferevent_get_enabled(visitor->socket) & EV_READ;
    if (wants && !reads)
        bufferevent_enable(visitor->socket, EV_READ);
    else if (!wants && reads)
        bufferevent_disable(visitor->socket, EV_READ);
    visitor->is_paused = !wants;
    if (!wants && visitor->phase == VISITOR_EXCHANGE)
        paused_visitors_add(visitor);
    else
        paused_visitors_remove(visitor);
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
    set_deadline(visitor, false);
}

/* ---- exchanges end
 * --------------------------------------------------------------------------------------------------------------------------------
 */

static void settle_exchange(struct visitor *visitor)
{
    if (!visitor->answer_ended)
        return;
    if (visitor->stream && evbuffer_get_length(visitor_output(visitor)) > 0)
        return; /* the stream gives credit back as the visitor reads, to the last byte */
    if (visitor->stream && visitor->stream->eof_sent)
        stream_finish(&visitor->stream);
    else
        stream_reset(&visitor->stream, CODE_NO_ERROR, "the answer is complete");
    if (visitor->must_close || !visitor->answer.keeps_alive)
        close_gracefully(visitor);
    else
        visitor->phase = visitor->request_ended ? VISITOR_IDLE : VISITOR_DISCARDING;
}

static void settle_upgraded(struct visitor *visitor)
{
    if (!visitor->answer_ended || evbuffer_get_length(visitor_output(visitor)) > 0)
        return;
    if (!visitor->output_ended)
        tcp_socket_end_output(visitor->socket);
    visitor->output_ended = true;
    if (!visitor->stream->eof_sent)
        return;
    stream_finish(&visitor->stream);
    tcp_socket_close(&visitor->socket);
    forget(visitor);
}

void visitor_settle(struct visitor *visitor)
{
    if (visitor->phase == VISITOR_EXCHANGE)
        settle_exchange(visitor);
    else if (visitor->phase == VISITOR_UPGRADED)
        settle_upgraded(visitor);
}

/* ---- the socket
 * ---------------------------------------------------------------------------------------------------------------------------------------
 */

static void on_readable(struct bufferevent *socket, void *arg)
{
    (void)socket;
    visitor_read(arg);
}

static void on_writable(struct bufferevent *socket, void *arg)
{
    (void)socket;
    struct visitor *visitor = arg;
    visitor_settle(visitor);
    visitor_read(visitor);
}

static void on_output_changed(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct visitor *visitor = arg;
    if (info->n_deleted > 0 && visitor->stream)
        stream_note_unsent(visitor->stream, evbuffer_get_length(output));
}

static void on_end_of_input(struct visitor *visitor)
{
    switch (visitor->phase) {
    case VISITOR_IDLE:
    case VISITOR_DISCARDING:
        close_gracefully(visitor);
        break;
    case VISITOR_EXCHANGE:
        if (visitor->stream || !visitor->answer_ended)
            has_left(visitor);
        else
            close_gracefully(visitor);
        break;
    case VISITOR_UPGRADED:
        visitor->request_ended = true;
        visitor_read(visitor);
        break;
    case VISITOR_GONE:
        break;
    }
}

static void on_socket_event(struct bufferevent *socket, short what, void *arg)
{
    (void)socket;
    struct visitor *visitor = arg;
    if (what & BEV_EVENT_ERROR)
        has_left(visitor);
    else if (what & BEV_EVENT_EOF)
        on_end_of_input(visitor);
}
