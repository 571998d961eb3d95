#include "buffer_front.h"
#include "check.h"
#include "exchange.h"
#include "session_state.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

/* A frame's payload lies at the front of its message; on_data takes it off, the others look. false: the daemon broke
 * the protocol, *ret_error says how. */
typedef bool frame_handler(struct session_socket *socket, uint32_t stream, struct span payload,
                           struct frame_error *ret_error);

static bool broke(struct frame_error *ret_error, const char *why)
{
    *ret_error = (struct frame_error){CODE_PROTOCOL_ERROR, why};
    return false;
}

/* ---- session and bindings ---- */

static bool on_hello_ok(struct session_socket *socket, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    struct session *session = socket->session;
    struct hello_ok ok = {0};
    const char *why = "HELLO_OK is not JSON";
    if (session->state != SESSION_GREETING)
        return broke(ret_error, "a second HELLO_OK");
    if (hello_ok_decode(payload, &ok, &why) != PAYLOAD_OK)
        return broke(ret_error, why);
    bool is_sane = ok.stream_window >= FLOW_WINDOW_UNIT && ok.session_window >= FLOW_WINDOW_UNIT;
    if (is_sane)
        session_establish(session, &ok);
    hello_ok_done(&ok);
    return is_sane || broke(ret_error, "HELLO_OK grants windows of less than 65536 bytes");
}

static struct binding *find_by_ref(struct session *session, int64_t ref)
{
    if (ref < 1 || ref > (int64_t)session->binding_count)
        return NULL;
    struct binding *binding = &session->bindings[ref - 1];
    return binding->state == BINDING_ASKED ? binding : NULL;
}

static struct binding *find_by_id(struct session *session, uint32_t id)
{
    for (size_t i = 0; i < session->binding_count; i++) {
        struct binding *binding = &session->bindings[i];
        if (binding->id == id && (binding->state == BINDING_HELD || binding->state == BINDING_LEAVING))
            return binding;
    }
    return NULL;
}

static bool on_bind_ok(struct session_socket *socket, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    struct session *session = socket->session;
    struct bind_ok ok = {0};
    const char *why = "BIND_OK is not JSON";
    if (bind_ok_decode(payload, &ok, &why) != PAYLOAD_OK)
        return broke(ret_error, why);
    struct binding *binding = find_by_ref(session, ok.client_ref);
    bool is_asked_for = binding != NULL;
    if (is_asked_for)
        session_bind_granted(session, binding, &ok);
    bind_ok_done(&ok);
    return is_asked_for || broke(ret_error, "BIND_OK for a clientBindRef that nobody asked for");
}

static bool on_bind_err(struct session_socket *socket, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    struct session *session = socket->session;
    struct bind_err err = {0};
    const char *why = "BIND_ERR is not JSON";
    if (bind_err_decode(payload, &err, &why) != PAYLOAD_OK)
        return broke(ret_error, why);
    struct binding *binding = find_by_ref(session, err.client_ref);
    bool is_asked_for = binding != NULL;
    if (is_asked_for)
        session_bind_refused(session, binding, &err);
    bind_err_done(&err);
    return is_asked_for || broke(ret_error, "BIND_ERR for a clientBindRef that nobody asked for");
}

/* UNBIND_OK, and UNBIND_ERR: it is not ours, so it need not be given back. */
static bool on_unbind_answer(struct session_socket *socket, uint32_t id, struct span payload,
                             struct frame_error *ret_error)
{
    (void)id;
    struct session *session = socket->session;
    uint32_t bind = 0;
    const char *why = "the answer to UNBIND is not JSON";
    if (unbind_decode(payload, &bind, &why) != PAYLOAD_OK)
        return broke(ret_error, why);
    struct binding *binding = find_by_id(session, bind);
    if (binding != NULL && binding->state == BINDING_LEAVING) {
        binding->state = BINDING_GONE;
        session_bindings_changed(session);
    }
    return true;
}

static bool on_bind_revoked(struct session_socket *socket, uint32_t id, struct span payload,
                            struct frame_error *ret_error)
{
    (void)id;
    struct session *session = socket->session;
    uint32_t bind = 0;
    char *reason = NULL;
    const char *why = "BIND_REVOKED is not JSON";
    if (bind_revoked_decode(payload, &bind, &reason, &why) != PAYLOAD_OK)
        return broke(ret_error, why);
    struct binding *binding = find_by_id(session, bind);
    if (binding != NULL)
        session_bind_revoked(session, binding, reason != NULL ? reason : "no reason given");
    free(reason);
    return true;
}

static bool on_connection_lost(struct session_socket *socket, uint32_t id, struct span payload,
                               struct frame_error *ret_error)
{
    (void)id;
    struct connection_lost said = {0};
    const char *why = NULL;
    if (connection_lost_decode(payload, &said, &why) != PAYLOAD_OK)
        return true; /* another daemon's 41, whatever it says */
    return session_pool_hear_lost(socket->session, &said, ret_error);
}

static bool on_goaway(struct session_socket *socket, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    (void)ret_error;
    struct session *session = socket->session;
    struct goaway goaway = {0};
    const char *why = NULL;
    if (socket->state == SOCKET_JOINING)
        return true; /* it means this socket alone, whose close will tell */
    if (goaway_decode(payload, &goaway, &why) == PAYLOAD_OK) {
        session->farewell.has_goaway = !session->has_end;
        bool says_why = goaway.message != NULL && *goaway.message != '\0';
        session_settle_end(session, SESSION_FAILED, "the daemon ended the session: %s%s",
                           says_why ? goaway.message : error_code_text(goaway.code),
                           goaway.code == CODE_AUTH_ERROR ? " (see --token-file)" : "");
        session->farewell.goaway_code = goaway.code;
        session->retry_after_ms = goaway.retry_after_ms;
    } else {
        session_settle_end(session, SESSION_FAILED, "the daemon ended the session");
    }
    goaway_done(&goaway);
    session_await_close(session);
    return true;
}

static bool on_ping(struct session_socket *socket, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    (void)ret_error;
    frame_batch_add(socket_control(socket), FRAME_PONG, 0, payload);
    return true;
}

static bool on_pong(struct session_socket *socket, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    (void)ret_error;
    session_liveness_hear_pong(socket, payload);
    return true;
}

/* ---- several sockets ---- */

static bool on_join_ok(struct session_socket *socket, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    uint32_t index = 0;
    const char *why = "JOIN_OK is not JSON";
    if (socket->state != SOCKET_JOINING)
        return broke(ret_error, "JOIN_OK on a socket that did not ask for it");
    if (join_ok_decode(payload, &index, &why) != PAYLOAD_OK)
        return broke(ret_error, why);
    if (index != socket->index)
        return broke(ret_error, "JOIN_OK for another index");
    session_pool_joined(socket);
    return true;
}

static bool on_join_err(struct session_socket *socket, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    struct join_err err = {0};
    const char *why = "JOIN_ERR is not JSON";
    if (socket->state != SOCKET_JOINING)
        return broke(ret_error, "JOIN_ERR on a socket that did not ask for it");
    if (join_err_decode(payload, &err, &why) != PAYLOAD_OK)
        return broke(ret_error, why);
    session_pool_refused(socket, &err);
    join_err_done(&err);
    return true;
}

static bool on_reissue_join_tickets(struct session_socket *socket, uint32_t id, struct span payload,
                                    struct frame_error *ret_error)
{
    (void)id;
    struct reissue_join_tickets reissue = {0};
    const char *why = "REISSUE_JOIN_TICKETS is not JSON";
    if (reissue_join_tickets_decode(payload, &reissue, &why) != PAYLOAD_OK)
        return broke(ret_error, why);
    session_pool_take_tickets(socket->session, reissue.tickets, reissue.count);
    reissue_join_tickets_done(&reissue);
    return true;
}

/* ---- streams ---- */

static void refuse_stream(struct session_socket *socket, uint32_t id, enum error_code code, const char *reason)
{
    frame_batch_add_reset(socket_control(socket), id, code, reason);
}

/* Connections overtake each other: a visitor's STREAM_OPEN on a secondary one may be here before BIND_OK is. Of those
 * that are asked for at the same time, one at most can be meant. */
static struct binding *find_asked(struct session *session, const struct stream_open *open)
{
    for (size_t i = 0; i < session->binding_count; i++) {
        struct binding *binding = &session->bindings[i];
        bool is_http = binding->wish->service != NULL;
        bool has_port = binding->asked_port == 0 || binding->asked_port == open->container_port;
        if (binding->state == BINDING_ASKED && is_http == (open->kind == STREAM_HTTP) && has_port)
            return binding;
    }
    return NULL;
}

static struct binding *find_for(struct session *session, const struct stream_open *open)
{
    struct binding *binding = find_by_id(session, open->bind);
    return binding != NULL ? binding : find_asked(session, open);
}

/* Why this stream can't be; NULL: it can. */
static const char *find_refusal(const struct session *session, const struct binding *binding,
                                const struct stream_open *open)
{
    if (binding == NULL || binding->state == BINDING_LEAVING)
        return "no such binding";
    if (binding->wish->service != NULL && open->kind != STREAM_HTTP)
        return "the binding is not a tcp one";
    if (binding->wish->service == NULL && open->kind != STREAM_TCP)
        return "the binding is not an http one";
    return session->streams.count >= session->streams.max_streams ? "max streams exceeded" : NULL;
}

/* It is answered on the socket that it came on, for its whole life. */
static void open_stream(struct session_socket *socket, uint32_t id, struct stream_open *open)
{
    struct session *session = socket->session;
    struct stream_table *streams = &session->streams;
    struct binding *binding = find_for(session, open);
    const char *refusal = find_refusal(session, binding, open);
    if (refusal != NULL) {
        refuse_stream(socket, id, CODE_REFUSED_STREAM, refusal);
        return;
    }
    struct outbox *outbox = tunnel_connection_outbox(socket->connection);
    struct stream *stream = stream_new(streams, outbox, id, streams->stream_window);
    switch (open->kind) {
    case STREAM_HTTP:
        exchange_start(session->loop, stream, binding->wish->service, open);
        return;
    case STREAM_TCP:
        tcp_target_connect(binding->wish->target, stream, open);
        return;
    }
}

static bool on_stream_open(struct session_socket *socket, uint32_t id, struct span payload,
                           struct frame_error *ret_error)
{
    struct stream_open open = {0};
    const char *why = "STREAM_OPEN is not JSON";
    if (stream_table_find(&socket->session->streams, id) != NULL)
        return broke(ret_error, "STREAM_OPEN for a stream that is open");
    switch (stream_open_decode(payload, &open, &why)) {
    case PAYLOAD_OK:
        open_stream(socket, id, &open);
        break;
    case PAYLOAD_NOT_JSON:
        return broke(ret_error, why);
    case PAYLOAD_INVALID:
        refuse_stream(socket, id, CODE_PROTOCOL_ERROR, why);
        break;
    }
    stream_open_done(&open);
    return true;
}

static bool on_eof(struct session_socket *socket, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)payload;
    (void)ret_error;
    stream_table_on_end(&socket->session->streams, id);
    return true;
}

static bool on_reset(struct session_socket *socket, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)ret_error;
    stream_table_on_reset(&socket->session->streams, id, frame_reset_decode(payload));
    return true;
}

static bool on_window(struct session_socket *socket, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    return stream_table_on_window(&socket->session->streams, id, frame_window_decode(payload.data), ret_error);
}

/* ---- dispatch ---- */

/* DATA is taken off the message without being looked at. SHARD_MAP answers nothing we said: skipped. Frames of the
 * driver's side never come this far. */
static frame_handler *handler_of(uint8_t type)
{
    static frame_handler *const HANDLERS[] = {
        [FRAME_HELLO_OK] = on_hello_ok,
        [FRAME_BIND_OK] = on_bind_ok,
        [FRAME_BIND_ERR] = on_bind_err,
        [FRAME_UNBIND_OK] = on_unbind_answer,
        [FRAME_UNBIND_ERR] = on_unbind_answer,
        [FRAME_JOIN_OK] = on_join_ok,
        [FRAME_JOIN_ERR] = on_join_err,
        [FRAME_REISSUE_JOIN_TICKETS] = on_reissue_join_tickets,
        [FRAME_STREAM_OPEN] = on_stream_open,
        [FRAME_EOF] = on_eof,
        [FRAME_RESET] = on_reset,
        [FRAME_WINDOW] = on_window,
        [FRAME_PING] = on_ping,
        [FRAME_PONG] = on_pong,
        [FRAME_GOAWAY] = on_goaway,
        [FRAME_BIND_REVOKED] = on_bind_revoked,
        [FRAME_CONNECTION_LOST] = on_connection_lost,
    };
    return type < sizeof HANDLERS / sizeof *HANDLERS ? HANDLERS[type] : NULL;
}

/* Before the session has let the socket in, only so much may be said. NULL: this may. */
static const char *find_haste(const struct session_socket *socket, uint8_t type)
{
    if (type == FRAME_GOAWAY || type == FRAME_PING)
        return NULL;
    if (socket->session->state == SESSION_GREETING && type != FRAME_HELLO_OK)
        return "a frame before HELLO_OK";
    if (socket->state == SOCKET_JOINING && type != FRAME_JOIN_OK && type != FRAME_JOIN_ERR)
        return "a frame before JOIN_OK";
    return NULL;
}

/* Takes the frame's payload off the message. */
static bool handle_frame(struct session_socket *socket, struct frame_header header, struct evbuffer *message,
                         struct frame_error *ret_error)
{
    const char *haste = find_haste(socket, header.type);
    if (haste != NULL)
        return broke(ret_error, haste);
    if (header.type == FRAME_DATA)
        socket->data_received += header.length;
    if (header.type == FRAME_DATA)
        return stream_table_on_data(&socket->session->streams, header.stream, message, header.length, ret_error);
    frame_handler *handler = handler_of(header.type);
    bool is_fine = true;
    if (handler != NULL)
        is_fine = handler(socket, header.stream, buffer_front(message, header.length), ret_error);
    evbuffer_drain(message, header.length);
    return is_fine;
}

void session_read_message(struct session_socket *socket, struct evbuffer *message)
{
    struct session *session = socket->session;
    struct frame_walk walk;
    struct frame_header header;
    struct frame_error error = {CODE_PROTOCOL_ERROR, ""};
    frame_walk_begin(&walk, SIDE_KIT);
    while (session->state < SESSION_CLOSING && socket->state != SOCKET_ABSENT) {
        switch (frame_walk_next(&walk, message, &header, &error)) {
        case FRAME_OK:
            if (handle_frame(socket, header, message, &error))
                break;
            session_fail(session, error);
            return;
        case FRAME_IGNORED:
            evbuffer_drain(message, header.length);
            break;
        case FRAME_END:
            return;
        case FRAME_BAD:
            session_fail(session, error);
            return;
        }
    }
}
