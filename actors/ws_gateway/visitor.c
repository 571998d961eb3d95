/* A visitor's life: its socket, the end of its exchanges, its own end. */
#include "visitor.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "bulk_read.h"
#include "driver_connection.h"
#include "handover.h"
#include "loose_socket.h"
#include "tcp_socket.h"

enum { REFUSAL_LINGER_MS = 2000 /* protocol section 6: so that no reset eats the answer */ };

/* ---- birth and death ---- */

static void bury_visitor(void *object)
{
    struct visitor *visitor = object;
    prompt_socket_end(&visitor->prompt);
    tcp_socket_close(&visitor->socket);
    http_reader_destroy(&visitor->reader);
    free(visitor);
}

/* The socket has been given away, closed or aborted. Its permit is the caller's. */
static void leave(struct visitor *visitor)
{
    /* A request whose head will never be whole is one too. */
    if (visitor->phase == VISITOR_IDLE && http_reader_in_message(visitor->reader))
        visitor_record_begin(visitor, NULL);
    visitor_record_because(visitor, "aborted");
    visitor_record_end(visitor);
    visitor->phase = VISITOR_GONE;
    paused_sockets_remove(visitor->gateway, &visitor->paused);
    visitor_end_deadlines(visitor);
    binding_remove_visitor(visitor->binding, visitor);
    gateway_bury(visitor->gateway, visitor, bury_visitor);
}

static void forget(struct visitor *visitor)
{
    leave(visitor);
    permit_give_back(visitor->gateway);
}

void visitor_abort(struct visitor *visitor)
{
    stream_reset(&visitor->stream, CODE_CANCEL, "the visitor's connection was aborted");
    prompt_socket_end(&visitor->prompt);
    tcp_socket_abort(&visitor->socket);
    forget(visitor);
}

void visitor_close(struct visitor *visitor)
{
    stream_reset(&visitor->stream, CODE_CANCEL, "the visitor's connection is closed");
    tcp_socket_linger(visitor->gateway, &visitor->socket, &visitor->prompt, REFUSAL_LINGER_MS);
    forget(visitor);
}

static void has_left(struct visitor *visitor)
{
    visitor_record_because(visitor, "the visitor has left");
    stream_reset(&visitor->stream, CODE_CANCEL, "the visitor has left");
    prompt_socket_end(&visitor->prompt);
    if (visitor->answer.head_written) /* a FIN would look like the answer's end to one that only half-closed */
        tcp_socket_abort(&visitor->socket);
    else
        tcp_socket_close(&visitor->socket);
    forget(visitor);
}

static void on_readable(struct bufferevent *socket, void *arg);
static void on_writable(struct bufferevent *socket, void *arg);
static void on_socket_event(struct bufferevent *socket, short what, void *arg);
static void on_taken(void *arg, size_t left);

/* Sockets of visitors being refused live from the reserve, not from the budget. */
static void refuse_connection(const struct binding *binding, evutil_socket_t fd, const struct sockaddr *peer)
{
    const char *text = stream_refusal_text(STREAM_NO_DESCRIPTOR);
    struct gateway *gateway = binding->gateway;
    struct http_answer_request request = {.version_minor = 1};
    struct bufferevent *socket = tcp_socket_new(gateway->loop, fd);
    if (!socket)
        return;
    char peer_text[ADDRESS_TEXT_MAX];
    address_print(peer, peer_text);
    visitor_record_unheard(binding, peer_text, 503, strlen(text), text);
    http_answer_own(request, 503, "Retry-After: 1\r\n", text, true, bufferevent_get_output(socket));
    tcp_socket_linger(gateway, &socket, NULL, REFUSAL_LINGER_MS);
}

static void left_while_paused(void *visitor)
{
    visitor_abort(visitor);
}

/* Takes the socket. */
static bool visitor_init(struct visitor *visitor, struct bufferevent *socket)
{
    struct gateway *gateway = visitor->gateway;
    visitor->socket = socket;
    visitor->reader = http_reader_new(HTTP_REQUESTS);
    visitor->paused =
        (struct paused_socket){.socket = visitor->socket, .on_left = left_while_paused, .visitor = visitor};
    if (!visitor->socket || !visitor->reader)
        return false;
    http_reader_share(visitor->reader, &gateway->heads);
    return prompt_socket_begin(&visitor->prompt, &gateway->writes, visitor->socket, on_taken);
}

/* Takes the socket, which may be NULL, and its permit. NULL: out of memory. */
static struct visitor *visitor_new(struct binding *binding, struct bufferevent *socket, const struct sockaddr *peer)
{
    struct gateway *gateway = binding->gateway;
    struct visitor *visitor = socket ? calloc(1, sizeof *visitor) : NULL;
    if (!visitor) {
        tcp_socket_close(&socket);
        permit_give_back(gateway);
        return NULL;
    }
    visitor->gateway = gateway;
    visitor->binding = binding;
    if (!visitor_init(visitor, socket)) {
        bury_visitor(visitor);
        permit_give_back(gateway);
        return NULL;
    }
    address_print(peer, visitor->peer);
    visitor->peer_is_trusted = gateway_trusts(gateway, peer);
    bufferevent_setcb(visitor->socket, on_readable, on_writable, on_socket_event, visitor);
    if (!prompt_socket_read(&visitor->prompt, true)) {
        bury_visitor(visitor);
        permit_give_back(gateway);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&binding->visitors, visitor, binding_link);
    return visitor;
}

void visitor_accept(struct binding *binding, evutil_socket_t fd, const struct sockaddr *peer, bool has_permit)
{
    struct gateway *gateway = binding->gateway;
    if (!has_permit) {
        gateway->counts.streams_refused[STREAM_NO_DESCRIPTOR]++;
        refuse_connection(binding, fd, peer);
        return;
    }
    struct visitor *visitor = visitor_new(binding, tcp_socket_new(gateway->loop, fd), peer);
    if (!visitor)
        return;
    visitor_begin_deadlines(visitor);
}

/* ---- another shard's ---- */

bool visitor_is_between_requests(const struct visitor *visitor)
{
    return visitor->phase == VISITOR_IDLE && !visitor->must_close;
}

void visitor_hand_over(struct visitor *visitor, const struct message_transfer_listener *transfer)
{
    struct gateway *gateway = visitor->gateway;
    http_reader_unread(visitor->reader, bufferevent_get_input(visitor->socket));
    prompt_socket_end(&visitor->prompt);
    handover_visitor(gateway, transfer, &visitor->socket, visitor->record.came_ms);
    leave(visitor);
}

void visitor_arrive(struct binding *binding, const struct message_visitor_moved *moved)
{
    struct gateway *gateway = binding->gateway;
    struct loose_socket loose;
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    handover_unpack_visitor(gateway, moved, &loose);
    if (getpeername(loose.fd, (struct sockaddr *)&peer, &length) != 0) { /* it has left meanwhile */
        loose_socket_done(&loose);
        permit_give_back(gateway);
        return;
    }
    struct bufferevent *socket = loose_socket_settle(&loose, gateway->loop);
    struct visitor *visitor = visitor_new(binding, socket, (struct sockaddr *)&peer);
    if (!visitor)
        return;
    visitor->record.came_ms = moved->came_ms;
    visitor_read(visitor);
}

void visitor_evict(struct visitor *visitor, bool exchange_may_end)
{
    bool is_busy = visitor->phase == VISITOR_EXCHANGE || visitor->phase == VISITOR_UPGRADED;
    visitor->must_close = true;
    visitor->answer.request.keeps_alive = false; /* said in its head, when that is still to come */
    if (is_busy && exchange_may_end)
        return;
    visitor_record_because(visitor, "the port was released");
    if (is_busy)
        visitor_abort(visitor);
    else
        visitor_close(visitor);
}

void visitor_lose_stream(struct visitor *visitor, enum error_code code, const char *reason)
{
    if (visitor->stream)
        stream_refuse(visitor->stream, code, reason);
}

/* ---- exchanges end ---- */

/* The visitor's fault, or nobody's answer: told when no head went out yet, else aborted. */
void visitor_fail_exchange(struct visitor *visitor, uint16_t status, const char *text)
{
    visitor_record_because(visitor, text);
    stream_reset(&visitor->stream, CODE_CANCEL, text);
    if (visitor->answer.head_written) {
        visitor_abort(visitor);
        return;
    }
    visitor->must_close = true;
    visitor_answer_own(visitor, status, "", text);
}

static void settle_exchange(struct visitor *visitor)
{
    if (!visitor->answer_ended)
        return;
    bool closes = visitor->must_close || !visitor->answer.keeps_alive;
    if (visitor->stream && evbuffer_get_length(visitor_output(visitor)) > 0) {
        visitor->prompt.fin_follows = closes;
        return; /* the stream gives credit back as the visitor reads, to the last byte */
    }
    if (visitor->stream && visitor->stream->eof_sent)
        stream_finish(&visitor->stream);
    else
        stream_reset(&visitor->stream, CODE_NO_ERROR, "the answer is complete");
    visitor_record_end(visitor);
    if (closes)
        visitor_close(visitor);
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
    visitor_record_end(visitor);
    prompt_socket_end(&visitor->prompt);
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

/* ---- the socket ---- */

static void on_readable(struct bufferevent *socket, void *arg)
{
    (void)socket;
    struct visitor *visitor = arg;
    bulk_read_on(&visitor->prompt, VISITOR_READ_MAX);
    visitor_read(visitor);
}

static void on_writable(struct bufferevent *socket, void *arg)
{
    (void)socket;
    struct visitor *visitor = arg;
    visitor_settle(visitor);
    visitor_read(visitor);
}

static void on_taken(void *arg, size_t left)
{
    struct visitor *visitor = arg;
    if (!visitor->stream)
        return;
    stream_note_unsent(visitor->stream, left);
    if (visitor->phase == VISITOR_UPGRADED)
        visitor_set_deadline(visitor, true);
}

static void on_end_of_input(struct visitor *visitor)
{
    switch (visitor->phase) {
    case VISITOR_IDLE:
        visitor_record_because(visitor, "the visitor has left");
        visitor_close(visitor);
        break;
    case VISITOR_DISCARDING:
        visitor_close(visitor);
        break;
    case VISITOR_EXCHANGE:
        if (visitor->stream || !visitor->answer_ended)
            has_left(visitor);
        else
            visitor_close(visitor);
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
    if (what & BEV_EVENT_ERROR) {
        tcp_socket_need_fin(visitor->socket); /* a failed write is no end of an answer */
        has_left(visitor);
    } else if (what & BEV_EVENT_EOF) {
        on_end_of_input(visitor);
    }
}
