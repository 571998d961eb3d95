#include "check.h"
#include "exchange.h"
#include "session_state.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

/* A frame's payload lies at the front of its message; on_data takes it off, the others look. false: the daemon broke
 * the protocol, *ret_error says how. */
typedef bool frame_handler(struct session *session, uint32_t stream, struct span payload,
                           struct frame_error *ret_error);

static bool broke(struct frame_error *ret_error, const char *why)
{
    *ret_error = (struct frame_error){CODE_PROTOCOL_ERROR, why};
    return false;
}

/* ---- session and bindings ---- */

static bool on_hello_ok(struct session *session, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
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

static bool on_bind_ok(struct session *session, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    struct bind_ok ok = {0};
    const char *why = "BIND_OK is not JSON";
    if (bind_ok_decode(payload, &ok, &why) != PAYLOAD_OK)
        return broke(ret_error, why);
    struct binding *binding = find_by_ref(session, ok.client_ref);
    bool is_asked_for = binding != NULL;
    if (is_asked_for) {
        binding->state = BINDING_HELD;
        binding->id = ok.bind;
        binding->port = ok.container_port;
        session->events->on_bound(session->owner, binding->wish, &ok);
        session_bindings_changed(session);
    }
    bind_ok_done(&ok);
    return is_asked_for || broke(ret_error, "BIND_OK for a clientBindRef that nobody asked for");
}

static bool on_bind_err(struct session *session, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    struct bind_err err = {0};
    const char *why = "BIND_ERR is not JSON";
    if (bind_err_decode(payload, &err, &why) != PAYLOAD_OK)
        return broke(ret_error, why);
    struct binding *binding = find_by_ref(session, err.client_ref);
    bool is_asked_for = binding != NULL;
    if (is_asked_for) {
        binding->state = BINDING_GONE;
        session_settle_end(session, SESSION_FAILED, "the daemon refused port %u: %s (%s)", binding->wish->port,
                           err.message, err.code);
        session_bindings_changed(session);
    }
    bind_err_done(&err);
    return is_asked_for || broke(ret_error, "BIND_ERR for a clientBindRef that nobody asked for");
}

/* UNBIND_OK, and UNBIND_ERR: it is not ours, so it need not be given back. */
static bool on_unbind_answer(struct session *session, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
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

static bool on_bind_revoked(struct session *session, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    uint32_t bind = 0;
    char *reason = NULL;
    const char *why = "BIND_REVOKED is not JSON";
    if (bind_revoked_decode(payload, &bind, &reason, &why) != PAYLOAD_OK)
        return broke(ret_error, why);
    struct binding *binding = find_by_id(session, bind);
    if (binding != NULL) {
        binding->state = BINDING_GONE;
        session_settle_end(session, SESSION_FAILED, "port %u was taken away: %s", (unsigned)binding->port,
                           reason != NULL ? reason : "no reason given");
        session_bindings_changed(session);
    }
    free(reason);
    return true;
}

static bool on_goaway(struct session *session, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    (void)ret_error;
    struct goaway goaway = {0};
    const char *why = NULL;
    if (goaway_decode(payload, &goaway, &why) == PAYLOAD_OK)
        session_settle_end(session, SESSION_FAILED, "the daemon ended the session: %s (%s)",
                           goaway.message != NULL ? goaway.message : "", error_code_text(goaway.code));
    else
        session_settle_end(session, SESSION_FAILED, "the daemon ended the session");
    goaway_done(&goaway);
    session_await_close(session);
    return true;
}

static bool on_ping(struct session *session, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)id;
    (void)ret_error;
    frame_batch_add(session_control(session), FRAME_PONG, 0, payload);
    return true;
}

/* ---- streams ---- */

static void refuse_stream(struct session *session, uint32_t id, enum error_code code, const char *reason)
{
    frame_batch_add_reset(session_control(session), id, code, reason);
}

/* Why this stream can't be; NULL: it can. */
static const char *find_refusal(const struct session *session, const struct binding *binding,
                                const struct stream_open *open)
{
    if (binding == NULL || binding->state != BINDING_HELD)
        return "no such binding";
    if (binding->wish->service != NULL && open->kind != STREAM_HTTP)
        return "the binding is not a tcp one";
    if (binding->wish->service == NULL && open->kind != STREAM_TCP)
        return "the binding is not an http one";
    return session->streams.count >= session->streams.max_streams ? "max streams exceeded" : NULL;
}

static void open_stream(struct session *session, uint32_t id, struct stream_open *open)
{
    struct stream_table *streams = &session->streams;
    struct binding *binding = find_by_id(session, open->bind);
    const char *refusal = find_refusal(session, binding, open);
    if (refusal != NULL) {
        refuse_stream(session, id, CODE_REFUSED_STREAM, refusal);
        return;
    }
    struct outbox *outbox = tunnel_connection_outbox(session->connection);
    struct stream *stream = stream_new(streams, outbox, id, streams->stream_window);
    switch (open->kind) {
    case STREAM_HTTP:
        exchange_start(session->loop, stream, binding->wish->service, open);
        return;
    case STREAM_TCP:
        tcp_target_connect(binding->wish->target, stream);
        return;
    }
}

static bool on_stream_open(struct session *session, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    struct stream_open open = {0};
    const char *why = "STREAM_OPEN is not JSON";
    if (stream_table_find(&session->streams, id) != NULL)
        return broke(ret_error, "STREAM_OPEN for a stream that is open");
    switch (stream_open_decode(payload, &open, &why)) {
    case PAYLOAD_OK:
        open_stream(session, id, &open);
        break;
    case PAYLOAD_NOT_JSON:
        return broke(ret_error, why);
    case PAYLOAD_INVALID:
        refuse_stream(session, id, CODE_PROTOCOL_ERROR, why);
        break;
    }
    stream_open_done(&open);
    return true;
}

static bool on_eof(struct session *session, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)payload;
    (void)ret_error;
    stream_table_on_end(&session->streams, id);
    return true;
}

static bool on_reset(struct session *session, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    (void)payload;
    (void)ret_error;
    stream_table_on_reset(&session->streams, id);
    return true;
}

static bool on_window(struct session *session, uint32_t id, struct span payload, struct frame_error *ret_error)
{
    return stream_table_on_window(&session->streams, id, frame_window_decode(payload.data), ret_error);
}

/* ---- dispatch ---- */

/* DATA is taken off the message without being looked at. PONG answers no PING of ours, JOIN_OK, JOIN_ERR, SHARD_MAP and
 * REISSUE_JOIN_TICKETS answer nothing we said: skipped. Frames of the driver's side never come this far. */
static frame_handler *handler_of(uint8_t type)
{
    static frame_handler *const HANDLERS[] = {
        [FRAME_HELLO_OK] = on_hello_ok,
        [FRAME_BIND_OK] = on_bind_ok,
        [FRAME_BIND_ERR] = on_bind_err,
        [FRAME_UNBIND_OK] = on_unbind_answer,
        [FRAME_UNBIND_ERR] = on_unbind_answer,
        [FRAME_STREAM_OPEN] = on_stream_open,
        [FRAME_EOF] = on_eof,
        [FRAME_RESET] = on_reset,
        [FRAME_WINDOW] = on_window,
        [FRAME_PING] = on_ping,
        [FRAME_GOAWAY] = on_goaway,
        [FRAME_BIND_REVOKED] = on_bind_revoked,
    };
    return type < sizeof HANDLERS / sizeof *HANDLERS ? HANDLERS[type] : NULL;
}

/* Takes the frame's payload off the message. */
static bool handle_frame(struct session *session, struct frame_header header, struct evbuffer *message,
                         struct frame_error *ret_error)
{
    bool greets = header.type == FRAME_HELLO_OK || header.type == FRAME_GOAWAY || header.type == FRAME_PING;
    if (session->state == SESSION_GREETING && !greets)
        return broke(ret_error, "a frame before HELLO_OK");
    if (header.type == FRAME_DATA)
        return stream_table_on_data(&session->streams, header.stream, message, header.length, ret_error);
    frame_handler *handler = handler_of(header.type);
    bool is_fine = true;
    if (handler != NULL) {
        const uint8_t *bytes = header.length > 0 ? evbuffer_pullup(message, header.length) : NULL;
        is_fine = handler(session, header.stream, span_of(bytes, header.length), ret_error);
    }
    evbuffer_drain(message, header.length);
    return is_fine;
}

void session_read_message(struct session *session, struct evbuffer *message)
{
    struct frame_walk walk;
    struct frame_header header;
    struct frame_error error = {CODE_PROTOCOL_ERROR, ""};
    frame_walk_begin(&walk, SIDE_KIT);
    while (session->state < SESSION_CLOSING) {
        switch (frame_walk_next(&walk, message, &header, &error)) {
        case FRAME_OK:
            if (handle_frame(session, header, message, &error))
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
