#include "session_pool.h"

#include "backoff.h"
#include "check.h"
#include "session_state.h"

#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void set_timer(struct event *timer, unsigned ms)
{
    const struct timeval in = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    check(evtimer_add(timer, &in) == 0);
}

static int64_t now_ms(void)
{
    struct timespec now;
    check(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint32_t count_sockets(const struct session *session, enum socket_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 1; i < session->pool.granted; i++)
        count += session->sockets[i].state == state;
    return count;
}

/* Tickets for what is missing, after a while; nothing changes when they are awaited already. */
static void grow_later(struct session *session)
{
    struct session_pool *pool = &session->pool;
    uint32_t random;
    if (session->state != SESSION_LIVE || count_sockets(session, SOCKET_ABSENT) == 0 ||
        evtimer_pending(pool->timer, NULL))
        return;
    evutil_secure_rng_get_bytes(&random, sizeof random);
    set_timer(pool->timer, backoff_delay_ms(pool->failures++, random));
}

static void on_grow_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct session *session = arg;
    if (session->state != SESSION_LIVE || count_sockets(session, SOCKET_ABSENT) == 0)
        return;
    session_say(session, FRAME_REISSUE_JOIN_TICKETS, strdup("{}"));
    set_timer(session->pool.timer, POOL_ANSWER_TIMEOUT_MS);
}

static void report(struct session *session, const char *why)
{
    struct session_pool *pool = &session->pool;
    uint32_t attached = count_sockets(session, SOCKET_ATTACHED) + 1;
    bool is_complete = attached == pool->granted;
    if (session->state != SESSION_LIVE || is_complete == pool->was_complete)
        return;
    pool->was_complete = is_complete;
    session->events->on_sockets_changed(session->owner, attached, pool->granted, why);
}

/* ---- one socket ---- */

/* Session credit of what was on its way must not be lost with it. */
static void tell_lost(struct session_socket *socket)
{
    struct session *session = socket->session;
    struct connection_lost word = {.data_bytes = tunnel_connection_outbox(socket->connection)->batch.data_bytes};
    if (session->state != SESSION_LIVE)
        return;
    memcpy(word.nonce, socket->nonce, sizeof word.nonce);
    lost_credit_note(&session->pool.lost, socket->nonce, socket->data_received);
    session_say(session, FRAME_CONNECTION_LOST, connection_lost_encode(&word));
}

/* It is no more, whatever it was; its streams go with it. */
static void drop_socket(struct session_socket *socket)
{
    struct session *session = socket->session;
    if (socket->state == SOCKET_ATTACHED)
        stream_table_lose(&session->streams, tunnel_connection_outbox(socket->connection));
    if (socket->state == SOCKET_ATTACHED || socket->state == SOCKET_JOINING)
        tell_lost(socket);
    tunnel_connection_destroy(&socket->connection);
    evtimer_del(socket->deadline);
    socket->state = SOCKET_ABSENT;
}

static void on_opened(void *owner)
{
    struct session_socket *socket = owner;
    const struct join join = {.session = socket->session->id.text, .index = socket->index, .nonce = socket->nonce};
    char *payload = join_encode(&join);
    check(payload != NULL);
    frame_batch_add(socket_control(socket), FRAME_JOIN, 0, span_of_string(payload));
    free(payload);
    socket->state = SOCKET_JOINING;
}

static void on_message(void *owner, struct evbuffer *message)
{
    session_read_message(owner, message);
}

static bool has_been_steady(const struct session_socket *socket)
{
    return socket->state == SOCKET_ATTACHED && now_ms() - socket->attached_ms >= POOL_STEADY_MS;
}

void session_pool_fail(struct session_socket *socket, const char *why)
{
    struct session *session = socket->session;
    if (has_been_steady(socket))
        session->pool.failures = 0;
    drop_socket(socket);
    report(session, why);
    grow_later(session);
}

static void on_ended(void *owner, const struct connection_end *end)
{
    session_pool_fail(owner, end->text);
}

static const struct connection_events SECONDARY_EVENTS = {
    .on_opened = on_opened,
    .on_message = on_message,
    .on_ended = on_ended,
};

static void on_join_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    session_pool_fail(arg, "the daemon does not answer");
}

static void open_socket(struct session_socket *socket, const struct join_ticket *ticket)
{
    struct session *session = socket->session;
    memcpy(socket->nonce, ticket->nonce, sizeof socket->nonce);
    socket->data_received = 0;
    socket->state = SOCKET_OPENING;
    set_timer(socket->deadline, POOL_JOIN_TIMEOUT_MS);
    socket->connection =
        tunnel_connection_new(session->loop, session->access, SUBPROTOCOL_V2_NAME, &SECONDARY_EVENTS, socket);
}

void session_pool_joined(struct session_socket *socket)
{
    evtimer_del(socket->deadline);
    socket->state = SOCKET_ATTACHED;
    socket->attached_ms = now_ms();
    socket->is_asked = false;
    report(socket->session, "");
}

void session_pool_refused(struct session_socket *socket, const struct join_err *err)
{
    char why[256];
    /* Trying soon is no use: a session that the daemon does not know is about to end. */
    if (strcmp(err->code, "UNKNOWN_SESSION") == 0)
        socket->session->pool.failures = POOL_FAILURES_MANY;
    snprintf(why, sizeof why, "%s (%s)", err->message, err->code);
    socket->state = SOCKET_OPENING; /* it was never in: there is nothing to tell of it */
    session_pool_fail(socket, why);
}

/* The daemon may know of a loss before we do. */
static void fail_named(struct session *session, const char *nonce)
{
    for (uint32_t i = 1; i < session->pool.granted; i++) {
        struct session_socket *socket = &session->sockets[i];
        bool is_in_use = socket->state == SOCKET_ATTACHED || socket->state == SOCKET_JOINING;
        if (is_in_use && strcmp(socket->nonce, nonce) == 0)
            session_pool_fail(socket, "the daemon has lost it");
    }
}

bool session_pool_hear_lost(struct session *session, const struct connection_lost *said, struct frame_error *ret_error)
{
    uint64_t bytes = 0;
    fail_named(session, said->nonce);
    switch (lost_credit_settle(&session->pool.lost, said, &bytes)) {
    case LOST_CREDIT_UNKNOWN:
        return true;
    case LOST_CREDIT_ABSURD:
        *ret_error = (struct frame_error){CODE_PROTOCOL_ERROR, "CONNECTION_LOST tells of less than has come"};
        return false;
    case LOST_CREDIT_FOUND:
        break;
    }
    if (bytes > UINT32_MAX || !receive_window_take(&session->streams.receive, (uint32_t)bytes)) {
        *ret_error = (struct frame_error){CODE_FLOW_CONTROL, "more DATA was lost than the session's window"};
        return false;
    }
    stream_table_consumed(&session->streams, (size_t)bytes);
    return true;
}

/* ---- all of them ---- */

void session_pool_take_tickets(struct session *session, const struct join_ticket *tickets, size_t count)
{
    if (session->state != SESSION_LIVE)
        return;
    evtimer_del(session->pool.timer);
    for (size_t i = 0; i < count; i++) {
        uint32_t index = tickets[i].index;
        if (index > 0 && index < session->pool.granted && session->sockets[index].state == SOCKET_ABSENT)
            open_socket(&session->sockets[index], &tickets[i]);
    }
    grow_later(session);
}

void session_pool_begin(struct session *session, uint32_t granted, const struct join_ticket *tickets, size_t count)
{
    struct session_pool *pool = &session->pool;
    *pool = (struct session_pool){.granted = granted, .was_complete = granted == 1};
    pool->timer = evtimer_new(loop_base(session->loop), on_grow_timer, session);
    check(pool->timer != NULL);
    for (uint32_t i = 1; i < granted; i++) {
        struct session_socket *socket = &session->sockets[i];
        *socket = (struct session_socket){.session = session, .index = i, .state = SOCKET_ABSENT};
        socket->deadline = evtimer_new(loop_base(session->loop), on_join_deadline, socket);
        check(socket->deadline != NULL);
    }
    session_pool_take_tickets(session, tickets, count);
}

void session_pool_close(struct session *session, uint16_t code)
{
    for (uint32_t i = 1; i < session->pool.granted; i++)
        if (session->sockets[i].state != SOCKET_ABSENT)
            tunnel_connection_close(session->sockets[i].connection, code, "");
    if (session->pool.timer != NULL)
        evtimer_del(session->pool.timer);
}

void session_pool_done(struct session *session)
{
    for (uint32_t i = 1; i < session->pool.granted; i++) {
        drop_socket(&session->sockets[i]);
        event_free(session->sockets[i].deadline);
    }
    if (session->pool.timer != NULL)
        event_free(session->pool.timer);
    session->pool = (struct session_pool){0};
}
