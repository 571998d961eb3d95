#include "session.h"

#include "check.h"
#include "session_state.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

static void set_deadline(struct session *session, unsigned ms)
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
    set_deadline(session, CLOSE_TIMEOUT_MS);
}

/* ---- bindings ---- */

static void ask_for(struct session *session, struct binding *binding)
{
    const struct binding_wish *wish = binding->wish;
    bool is_expose = wish->service != NULL;
    const struct bind_request request = {
        .client_ref = binding - session->bindings + 1,
        .kind = is_expose ? BIND_KIND_HTTP : BIND_KIND_TCP,
        .mode = is_expose ? BIND_MODE_EXPOSE : BIND_MODE_PULL,
        .container_port = wish->port,
        .label = (char *)(uintptr_t)wish->label,
        .takeover = wish->takeover,
        .host = (char *)(uintptr_t)wish->host,
    };
    binding->state = BINDING_ASKED;
    session_say(session, FRAME_BIND, bind_request_encode(&request));
    set_deadline(session, SESSION_GREETING_TIMEOUT_MS);
}

void session_bind(struct session *session, const struct binding_wish *wish)
{
    check(session->binding_count < SESSION_BINDINGS_MAX);
    struct binding *binding = &session->bindings[session->binding_count++];
    *binding = (struct binding){.wish = wish, .state = BINDING_WISHED};
    if (session->state == SESSION_LIVE)
        ask_for(session, binding);
}

static size_t count_bindings(const struct session *session, enum binding_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < session->binding_count; i++)
        count += session->bindings[i].state == state;
    return count;
}

void session_bindings_changed(struct session *session)
{
    size_t held = count_bindings(session, BINDING_HELD), asked = count_bindings(session, BINDING_ASKED);
    size_t leaving = count_bindings(session, BINDING_LEAVING);
    if (session->state == SESSION_LIVE && asked == 0)
        evtimer_del(session->deadline);
    if (session->state == SESSION_LEAVING ? leaving == 0 : held + asked + leaving == 0)
        session_begin_closing(session, WEBSOCKET_CLOSE_NORMAL, "");
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
    stream_table_init(&session->streams, session->loop, tunnel_connection_outbox(primary_of(session)->connection),
                      ok->stream_window, ok->session_window, ok->max_streams);
    evtimer_del(session->deadline);
    session->events->on_established(session->owner, &session->id, granted);
    for (size_t i = 0; i < session->binding_count; i++)
        if (session->bindings[i].state == BINDING_WISHED)
            ask_for(session, &session->bindings[i]);
    session_pool_begin(session, granted, ok->join_tickets, ok->join_ticket_count);
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
        .client_name = (char[]){"hoody-tunnel"},
        .client_version = (char[]){HOODY_VERSION},
    };
    primary->state = SOCKET_ATTACHED;
    session->state = SESSION_GREETING;
    session_say(session, FRAME_HELLO, hello_encode(&hello));
    set_deadline(session, SESSION_GREETING_TIMEOUT_MS);
}

static void on_message(void *owner, struct evbuffer *message)
{
    session_read_message(owner, message);
}

static void on_connection_ended(void *owner, const struct connection_end *end)
{
    struct session_socket *primary = owner;
    struct session *session = primary->session;
    evtimer_del(session->deadline);
    stream_table_done(&session->streams);
    session_pool_done(session);
    session->state = SESSION_OVER;
    switch (end->kind) {
    case CONNECTION_UNREACHABLE:
        session_settle_end(session, SESSION_UNREACHABLE, "can't reach the daemon at %s: %s", session->daemon->name,
                           end->text);
        break;
    case CONNECTION_REFUSED:
        session_settle_end(session, SESSION_FAILED, "no tunnel at %s: %s", session->daemon->name, end->text);
        break;
    case CONNECTION_CLOSED:
    case CONNECTION_LOST:
        session_settle_end(session, SESSION_FAILED, "%s", end->text);
        break;
    }
    session->events->on_ended(session->owner, session->end, session->end_text);
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
        session_settle_end(session, SESSION_FAILED, "the daemon does not answer");
        break;
    case SESSION_LEAVING:
    case SESSION_CLOSING:
    case SESSION_OVER:
        break;
    }
    session_begin_closing(session, WEBSOCKET_CLOSE_NORMAL, "");
}

/* ---- the session itself ---- */

#define EITHER_SUBPROTOCOL SUBPROTOCOL_V2_NAME ", " SUBPROTOCOL_V1_NAME

struct session *session_new(struct loop *loop, const struct server_url *url, const struct endpoint *daemon,
                            uint32_t connections, const struct session_events *events, void *owner)
{
    check(connections >= 1 && connections <= SESSION_SOCKETS_MAX);
    struct session *session = calloc(1, sizeof *session);
    check(session != NULL);
    session->loop = loop;
    session->url = url;
    session->daemon = daemon;
    session->events = events;
    session->owner = owner;
    session->deadline = evtimer_new(loop_base(loop), on_deadline, session);
    check(session->deadline != NULL);
    session->connections = connections;
    struct session_socket *primary = primary_of(session);
    *primary = (struct session_socket){.session = session, .state = SOCKET_OPENING};
    primary->connection = tunnel_connection_new(
        loop, url, daemon, connections > 1 ? EITHER_SUBPROTOCOL : SUBPROTOCOL_V1_NAME, &PRIMARY_EVENTS, primary);
    return session;
}

/* Gives all bindings back. false: there is none to be given back. */
static bool leave_bindings(struct session *session)
{
    for (size_t i = 0; i < session->binding_count; i++)
        if (session->bindings[i].state == BINDING_HELD) {
            session->bindings[i].state = BINDING_LEAVING;
            session_say(session, FRAME_UNBIND, unbind_encode(session->bindings[i].id));
        }
    return count_bindings(session, BINDING_LEAVING) > 0;
}

void session_close(struct session *session)
{
    session_settle_end(session, SESSION_CLOSED, "closed");
    if (session->state == SESSION_LIVE && leave_bindings(session)) {
        session->state = SESSION_LEAVING;
        set_deadline(session, SESSION_UNBIND_TIMEOUT_MS);
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
    stream_table_done(&session->streams);
    session_pool_done(session);
    tunnel_connection_destroy(&primary_of(session)->connection);
    loop_reap(session->loop, free_session, session);
}
