#include "session.h"

#include "check.h"
#include "session_state.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

void session_set_deadline(struct session *session, unsigned ms)
{
    const struct timeval in = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    check(evtimer_add(session->deadline, &in) == 0);
}

static struct session_socket *primary_of(struct session *session)
{
    return &session->sockets[0];
}

struct frame_batch *socket_control(struct session_socket *socket)
{
    return outbox_control(tunnel_connection_outbox(socket->connection));
}

struct frame_batch *session_control(struct session *session)
{
    return socket_control(primary_of(session));
}

void session_say(struct session *session, enum frame_type type, char *payload)
{
    check(payload != NULL);
    frame_batch_add(session_control(session), type, 0, span_of_string(payload));
    free(payload);
}

void session_settle_end(struct session *session, enum session_end end, const char *format, ...)
{
    if (session->has_end)
        return;
    session->has_end = true;
    session->end = end;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(session->end_text, sizeof session->end_text, format, arguments);
    va_end(arguments);
}

void session_begin_closing(struct session *session, uint16_t close_code, const char *reason)
{
    if (session->state == SESSION_OVER)
        return;
    session->state = SESSION_CLOSING;
    evtimer_del(session->deadline);
    tunnel_connection_close(primary_of(session)->connection, close_code, reason);
    session_pool_close(session, close_code);
    stream_table_done(&session->streams);
}

void session_lose(struct session *session, const char *why)
{
    if (session->state == SESSION_OVER)
        return;
    session_settle_end(session, SESSION_LOST, "%s", why);
    session->state = SESSION_CLOSING;
    evtimer_del(session->deadline);
    stream_table_done(&session->streams);
    tunnel_connection_drop(primary_of(session)->connection, why);
}

void session_fail(struct session *session, struct frame_error error)
{
    session_settle_end(session, SESSION_FAILED, "the daemon broke the tunnel protocol: %s", error.why);
    session_say(session, FRAME_GOAWAY, goaway_encode(error.code, error.why));
    session_begin_closing(session, WEBSOCKET_CLOSE_PROTOCOL_ERROR, error.why);
}

void session_await_close(struct session *session)
{
    session->state = SESSION_CLOSING;
    stream_table_done(&session->streams);
    session_set_deadline(session, CLOSE_TIMEOUT_MS);
}

void session_establish(struct session *session, const struct hello_ok *ok)
{
    uint32_t granted = ok->subprotocol == SUBPROTOCOL_V2 ? ok->connections_granted : 1;
    if (granted > session->connections)
        granted = session->connections;
    if (granted < 1)
        granted = 1;
    session->id = ok->session;
    session->state = SESSION_LIVE;
    session->farewell.was_live = true;
    stream_table_init(&session->streams, session->loop, tunnel_connection_outbox(primary_of(session)->connection),
                      ok->stream_window, ok->session_window, ok->max_streams);
    evtimer_del(session->deadline);
    session->events->on_established(session->owner, &session->id, session->is_resuming && ok->resumed, granted);
    session_tell_round_trip(primary_of(session));
    session_liveness_begin(session);
    session_pool_begin(session, granted, ok->join_tickets, ok->join_ticket_count);
    session_bind_all(session, ok);
}

/* ---- the primary ---- */

static void on_opened(void *owner)
{
    struct session_socket *primary = owner;
    struct session *session = primary->session;
    enum subprotocol subprotocol = tunnel_connection_subprotocol(primary->connection);
    bool has_several = subprotocol == SUBPROTOCOL_V2;
    const struct hello hello = {
        .version = subprotocol,
        .multi_ws = has_several,
        .max_connections = has_several ? session->connections : 0,
        .resume_session = session->is_resuming ? session->id.text : NULL,
        .has_auth = session->access->token[0] != '\0',
        .token = (char *)(uintptr_t)session->access->token,
        .client_name = (char[]){"hoody-tunnel"},
        .client_version = (char[]){HOODY_VERSION},
    };
    primary->state = SOCKET_ATTACHED;
    primary->asked_us = session_now_us();
    session->state = SESSION_GREETING;
    session_say(session, FRAME_HELLO, hello_encode(&hello));
    session_set_deadline(session, SESSION_GREETING_TIMEOUT_MS);
}

static void on_message(void *owner, struct evbuffer *message)
{
    session_read_message(owner, message);
}

/* Nobody has said why it ends. */
static void settle_by_connection(struct session *session, const struct connection_end *end)
{
    const char *daemon = session->access->name;
    switch (end->kind) {
    case CONNECTION_UNREACHABLE:
        session_settle_end(session, SESSION_UNREACHABLE, "can't reach the daemon at %s: %s", daemon, end->text);
        return;
    case CONNECTION_REFUSED:
        session_settle_end(session, SESSION_FAILED, "no tunnel at %s: %s", daemon, end->text);
        return;
    case CONNECTION_FORBIDDEN:
        session_settle_end(session, SESSION_FORBIDDEN, "no tunnel at %s: %s", daemon, end->text);
        return;
    case CONNECTION_CLOSED:
        session_settle_end(session, farewell_meaning(&session->farewell), "%s", end->text);
        return;
    case CONNECTION_LOST:
        session_settle_end(session, SESSION_LOST, "%s", end->text);
        return;
    }
}

static void on_connection_ended(void *owner, const struct connection_end *end)
{
    struct session_socket *primary = owner;
    struct session *session = primary->session;
    evtimer_del(session->deadline);
    heartbeat_destroy(&session->heartbeat);
    stream_table_done(&session->streams);
    session_pool_done(session);
    session->state = SESSION_OVER;
    session->farewell.close_code = end->kind == CONNECTION_CLOSED ? end->close_code : WEBSOCKET_CLOSE_ABNORMAL;
    if (session->farewell.has_goaway)
        session->end = farewell_meaning(&session->farewell);
    settle_by_connection(session, end);
    const struct session_ending ending = {session->end, session->retry_after_ms, session->end_text};
    session->events->on_ended(session->owner, &ending);
}

static const struct connection_events PRIMARY_EVENTS = {
    .on_opened = on_opened,
    .on_message = on_message,
    .on_ended = on_connection_ended,
};

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct session *session = arg;
    switch (session->state) {
    case SESSION_CONNECTING:
    case SESSION_GREETING:
    case SESSION_LIVE:
        session_lose(session, "the daemon does not answer");
        return;
    case SESSION_LEAVING:
    case SESSION_CLOSING:
    case SESSION_OVER:
        break;
    }
    session_begin_closing(session, WEBSOCKET_CLOSE_NORMAL, "");
}

/* ---- the session itself ---- */

#define EITHER_SUBPROTOCOL SUBPROTOCOL_V2_NAME ", " SUBPROTOCOL_V1_NAME

struct session *session_new(struct loop *loop, const struct daemon_access *access,
                            const struct session_options *options, const struct session_events *events, void *owner)
{
    check(options->connections >= 1 && options->connections <= SESSION_SOCKETS_MAX);
    struct session *session = calloc(1, sizeof *session);
    check(session != NULL);
    session->loop = loop;
    session->access = access;
    session->events = events;
    session->owner = owner;
    session->deadline = evtimer_new(loop_base(loop), on_deadline, session);
    check(session->deadline != NULL);
    session->connections = options->connections;
    session->heartbeat_times = options->heartbeat;
    session->is_resuming = options->resume != NULL;
    session->farewell.was_resuming = session->is_resuming;
    if (session->is_resuming)
        session->id = *options->resume;
    struct session_socket *primary = primary_of(session);
    *primary = (struct session_socket){.session = session, .state = SOCKET_OPENING};
    primary->connection = tunnel_connection_new(
        loop, access, session->connections > 1 ? EITHER_SUBPROTOCOL : SUBPROTOCOL_V1_NAME, &PRIMARY_EVENTS, primary);
    return session;
}

void session_close(struct session *session)
{
    session_settle_end(session, SESSION_CLOSED, "closed");
    if (session->state == SESSION_LIVE && session_leave_bindings(session)) {
        session->state = SESSION_LEAVING;
        session_set_deadline(session, SESSION_UNBIND_TIMEOUT_MS);
        return;
    }
    session_begin_closing(session, WEBSOCKET_CLOSE_NORMAL, "");
}

static void free_session(void *object)
{
    struct session *session = object;
    event_free(session->deadline);
    free(session);
}

void session_destroy(struct session **p_session)
{
    struct session *session = *p_session;
    *p_session = NULL;
    if (session == NULL)
        return;
    session->state = SESSION_OVER;
    evtimer_del(session->deadline);
    heartbeat_destroy(&session->heartbeat);
    stream_table_done(&session->streams);
    session_pool_done(session);
    tunnel_connection_destroy(&primary_of(session)->connection);
    loop_reap(session->loop, free_session, session);
}
