#include "pull_visitor.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "buffer_move.h"
#include "bulk_read.h"
#include "check.h"
#include "tcp_socket.h"
#include "tunnel_session.h"

enum {
    LAST_BYTES_LINGER_MS = 2000,
    HALF_CLOSED_MS = 30000, /* old drivers never end a stream after the kit's EOF */
};

static struct evbuffer *input_of(const struct pull_visitor *visitor)
{
    return bufferevent_get_input(visitor->socket);
}

static struct evbuffer *output_of(const struct pull_visitor *visitor)
{
    return bufferevent_get_output(visitor->socket);
}

static bool is_gone(const struct pull_visitor *visitor)
{
    return !visitor->socket;
}

/* ---- birth and death ---- */

static void bury_visitor(void *object)
{
    struct pull_visitor *visitor = object;
    prompt_socket_end(&visitor->prompt);
    tcp_socket_close(&visitor->socket);
    if (visitor->half_closed)
        event_free(visitor->half_closed);
    free(visitor);
}

static void write_record(const struct pull_visitor *visitor, const char *reason)
{
    if (!visitor->gateway->options->access_log)
        return;
    log_access(&visitor->gateway->log, "connection", log_session(&visitor->session), log_binding(visitor->bind),
               log_port(visitor->binding->port), log_peer(visitor->peer),
               log_number("received", visitor->received_bytes), log_number("sent", visitor->sent_bytes),
               log_number("total_ms", monotonic_ms() - visitor->began_ms), log_reason(reason));
}

/* One that is closed with nothing sent. */
static void write_refusal(const struct binding *binding, const struct sockaddr *peer, enum stream_refusal refusal)
{
    char peer_text[ADDRESS_TEXT_MAX];
    if (!binding->gateway->options->access_log)
        return;
    address_print(peer, peer_text);
    log_access(&binding->gateway->log, "connection", log_session(&binding->session), log_binding(binding_id(binding)),
               log_port(binding->port), log_peer(peer_text), log_number("received", 0), log_number("sent", 0),
               log_number("total_ms", 0), log_reason(stream_refusal_text(refusal)));
}

static void stop_waiting(struct pull_visitor *visitor)
{
    if (visitor->half_closed)
        event_del(visitor->half_closed);
}

/* The stream is over; what becomes of the socket is the caller's. */
static void forget(struct pull_visitor *visitor, const char *reason)
{
    write_record(visitor, reason);
    paused_sockets_remove(visitor->gateway, &visitor->paused);
    stop_waiting(visitor);
    permit_give_back(visitor->gateway);
    binding_remove_pull_visitor(visitor->binding, visitor);
    gateway_bury(visitor->gateway, visitor, bury_visitor);
}

/* The visitor sees a reset, never a clean end. */
static void abort_visitor(struct pull_visitor *visitor, const char *reason)
{
    stream_reset(&visitor->stream, CODE_CANCEL, reason);
    prompt_socket_end(&visitor->prompt);
    tcp_socket_abort(&visitor->socket);
    forget(visitor, reason);
}

/* What waits is sent, then FIN. */
static void close_visitor(struct pull_visitor *visitor, const char *reason)
{
    tcp_socket_linger(visitor->gateway, &visitor->socket, &visitor->prompt, LAST_BYTES_LINGER_MS);
    forget(visitor, reason);
}

void pull_visitor_evict(struct pull_visitor *visitor, bool may_end)
{
    if (!may_end)
        abort_visitor(visitor, "the port was released");
}

/* ---- ends ---- */

static void on_half_closed_idle(evutil_socket_t fd, short what, void *arg);

static void wait_while_half_closed(struct pull_visitor *visitor)
{
    if (!visitor->stream || !visitor->stream->eof_sent || visitor->answer_ended ||
        visitor->stream->session->driver != DRIVER_KIND_OLD)
        return;
    struct timeval idle = gateway_timeval(HALF_CLOSED_MS);
    if (!visitor->half_closed)
        visitor->half_closed = evtimer_new(visitor->gateway->loop, on_half_closed_idle, visitor);
    check(visitor->half_closed);
    event_add(visitor->half_closed, &idle);
}

static void on_half_closed_idle(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct pull_visitor *visitor = arg;
    if (evbuffer_get_length(output_of(visitor)) > 0) { /* it is the visitor who waits: its driver may have more */
        wait_while_half_closed(visitor);
        return;
    }
    stream_reset(&visitor->stream, CODE_IDLE_TIMEOUT, "half-closed and idle");
    close_visitor(visitor, "half-closed and idle");
}

/* Each direction ends on its own; the connection is over when both have. */
static void settle(struct pull_visitor *visitor)
{
    if (!visitor->answer_ended || evbuffer_get_length(output_of(visitor)) > 0)
        return;
    if (!visitor->output_ended)
        tcp_socket_end_output(visitor->socket);
    visitor->output_ended = true;
    if (!visitor->stream->eof_sent)
        return;
    stream_finish(&visitor->stream);
    prompt_socket_end(&visitor->prompt);
    tcp_socket_close(&visitor->socket);
    forget(visitor, "complete");
}

/* ---- to the driver ---- */

static void read_on(struct pull_visitor *visitor)
{
    struct stream *stream = visitor->stream;
    struct evbuffer *in = input_of(visitor);
    size_t room = stream_outgoing_room(stream);
    size_t moved = evbuffer_get_length(in) < room ? evbuffer_get_length(in) : room;
    if (moved > 0) {
        buffer_move(in, stream_outgoing(stream), moved);
        visitor->received_bytes += moved;
        stream_wake(stream);
    }
    if (visitor->input_ended && evbuffer_get_length(in) == 0 && !stream->input_ended)
        stream_end_input(stream);
    if (!visitor->input_ended && stream_outgoing_room(stream) > 0) {
        prompt_socket_read(&visitor->prompt, true);
        paused_sockets_remove(visitor->gateway, &visitor->paused);
    } else { /* also behind its FIN, where libevent reads no more: it may still be reset */
        prompt_socket_read(&visitor->prompt, false);
        paused_sockets_add(visitor->gateway, &visitor->paused);
    }
}

static void on_readable(struct bufferevent *socket, void *arg)
{
    (void)socket;
    struct pull_visitor *visitor = arg;
    bulk_read_on(&visitor->prompt, VISITOR_READ_MAX);
    read_on(visitor);
}

static void on_writable(struct bufferevent *socket, void *arg)
{
    (void)socket;
    settle(arg);
}

static void on_taken(void *arg, size_t left)
{
    struct pull_visitor *visitor = arg;
    if (!visitor->stream)
        return;
    stream_note_unsent(visitor->stream, left);
    wait_while_half_closed(visitor);
}

static void on_socket_event(struct bufferevent *socket, short what, void *arg)
{
    (void)socket;
    struct pull_visitor *visitor = arg;
    if (what & BEV_EVENT_ERROR) {
        abort_visitor(visitor, "the visitor's connection was reset");
    } else if (what & BEV_EVENT_EOF) {
        visitor->input_ended = true;
        read_on(visitor);
    }
}

static void left_while_paused(void *visitor)
{
    abort_visitor(visitor, "the visitor's connection was reset");
}

/* ---- from the driver ---- */

static void on_head(void *arg, const struct response_head *head)
{
    (void)head;
    struct pull_visitor *visitor = arg;
    stream_refuse(visitor->stream, CODE_PROTOCOL_ERROR, "an HTTP head on a tcp stream");
}

static void on_data(void *arg, struct evbuffer *bytes)
{
    struct pull_visitor *visitor = arg;
    visitor->sent_bytes += evbuffer_get_length(bytes);
    evbuffer_add_buffer(output_of(visitor), bytes);
    wait_while_half_closed(visitor);
}

static void on_end(void *arg)
{
    struct pull_visitor *visitor = arg;
    visitor->answer_ended = true;
    stop_waiting(visitor);
    settle(visitor);
}

static void on_reset(void *arg, uint32_t code, struct span reason)
{
    (void)reason;
    struct pull_visitor *visitor = arg;
    const bool is_over = visitor->answer_ended && visitor->stream->eof_sent;
    visitor->stream = NULL;
    if (is_gone(visitor))
        return;
    if (is_over && code != CODE_ENHANCE_YOUR_CALM)
        close_visitor(visitor, "complete"); /* whatever becomes of the driver: all it has to take is here */
    else if (code == CODE_NO_ERROR && visitor->answer_ended)
        close_visitor(visitor, "the service reads no more");
    else
        abort_visitor(visitor, error_code_text(code));
}

static void on_room(void *arg)
{
    struct pull_visitor *visitor = arg;
    read_on(visitor);
    wait_while_half_closed(visitor);
    settle(visitor);
}

/* There is none on a tcp stream: bytes may come at once. */
static bool has_head(void *arg)
{
    (void)arg;
    return true;
}

static const struct stream_events stream_events = {
    .mode = BIND_MODE_PULL,
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_reset = on_reset,
    .on_room = on_room,
    .has_head = has_head,
};

/* ---- accepting ---- */

/* NULL: out of memory. */
static struct evbuffer *make_open_payload(const struct pull_visitor *visitor)
{
    struct stream_open open = {
        .kind = STREAM_TCP,
        .bind = (uint32_t)visitor->binding->id,
        .container_port = visitor->binding->port,
        .peer_address = strdup(visitor->peer),
    };
    struct evbuffer *payload = evbuffer_new();
    if (payload && (!open.peer_address || stream_open_encode(&open, payload) == 0)) {
        evbuffer_free(payload);
        payload = NULL;
    }
    stream_open_done(&open);
    return payload;
}

static bool open_stream(struct pull_visitor *visitor, struct tunnel_session *session, enum stream_refusal *ret_refusal)
{
    struct evbuffer *payload = make_open_payload(visitor);
    if (payload)
        visitor->stream = stream_new(session, &payload, &stream_events, visitor, ret_refusal);
    return visitor->stream;
}

static bool visitor_init(struct pull_visitor *visitor, evutil_socket_t fd)
{
    struct gateway *gateway = visitor->gateway;
    visitor->socket = tcp_socket_new(gateway->loop, fd);
    visitor->paused = (struct paused_socket){
        .half_closes = true, .socket = visitor->socket, .on_left = left_while_paused, .visitor = visitor};
    return visitor->socket && prompt_socket_begin(&visitor->prompt, &gateway->writes, visitor->socket, on_taken) &&
           prompt_socket_read(&visitor->prompt, true);
}

void pull_visitor_accept(struct binding *binding, evutil_socket_t fd, const struct sockaddr *peer, bool has_permit)
{
    struct gateway *gateway = binding->gateway;
    struct tunnel_session *session = binding_session(binding);
    if (!session || !has_permit) {
        enum stream_refusal refusal = session ? STREAM_NO_DESCRIPTOR : STREAM_DRIVER_AWAY;
        if (has_permit)
            permit_give_back(gateway);
        gateway->counts.streams_refused[refusal]++;
        write_refusal(binding, peer, refusal);
        evutil_closesocket(fd);
        return;
    }
    struct pull_visitor *visitor = calloc(1, sizeof *visitor);
    if (!visitor) {
        write_refusal(binding, peer, STREAM_NO_MEMORY);
        evutil_closesocket(fd);
        permit_give_back(gateway);
        return;
    }
    visitor->gateway = gateway;
    visitor->binding = binding;
    visitor->session = session->id;
    visitor->bind = binding_id(binding);
    visitor->began_ms = monotonic_ms();
    address_print(peer, visitor->peer);
    enum stream_refusal refusal = STREAM_NO_MEMORY;
    if (!visitor_init(visitor, fd) || !open_stream(visitor, session, &refusal)) {
        write_refusal(binding, peer, refusal);
        bury_visitor(visitor);
        permit_give_back(gateway);
        return;
    }
    TAILQ_INSERT_TAIL(&binding->pull_visitors, visitor, binding_link);
    tcp_socket_need_fin(visitor->socket);
    bufferevent_setcb(visitor->socket, on_readable, on_writable, on_socket_event, visitor);
    stream_announce(visitor->stream);
}
