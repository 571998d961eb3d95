/* Whether the daemon is still there: a PING on every socket of a session, and a deadline for it (protocol section 7).
 * Any byte that comes is an answer, for a PONG may queue behind much else. */
#include "session_state.h"

#include "check.h"

#include <time.h>

int64_t session_now_us(void)
{
    struct timespec now;
    check(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void session_tell_round_trip(struct session_socket *socket)
{
    struct session *session = socket->session;
    session->events->on_round_trip(session->owner, (uint64_t)(session_now_us() - socket->asked_us));
}

/* Its payload is the time when it was asked, which no other one has. */
static void ask(struct session_socket *socket)
{
    socket->asked_us = session_now_us();
    frame_batch_add(socket_control(socket), FRAME_PING, 0, span_of(&socket->asked_us, sizeof socket->asked_us));
}

/* Secondary sockets wait for other bytes than the primary does; one figure is enough. */
void session_liveness_hear_pong(struct session_socket *socket, struct span payload)
{
    bool is_primary = socket->index == 0;
    if (is_primary && payload.length == sizeof socket->asked_us &&
        memcmp(payload.data, &socket->asked_us, sizeof socket->asked_us) == 0)
        session_tell_round_trip(socket);
}

static void on_ask(void *owner)
{
    struct session *session = owner;
    for (size_t i = 0; i < SESSION_SOCKETS_MAX; i++) {
        struct session_socket *socket = &session->sockets[i];
        socket->is_asked = socket->state == SOCKET_ATTACHED;
        if (!socket->is_asked)
            continue;
        socket->heard_at_asked = tunnel_connection_heard(socket->connection);
        ask(socket);
    }
}

static bool is_silent(const struct session_socket *socket)
{
    return socket->state == SOCKET_ATTACHED && socket->is_asked &&
           tunnel_connection_heard(socket->connection) == socket->heard_at_asked;
}

static void on_due(void *owner)
{
    static const char WHY[] = "the daemon does not answer any more";
    struct session *session = owner;
    if (is_silent(&session->sockets[0])) {
        session_lose(session, WHY);
        return;
    }
    for (size_t i = 1; i < SESSION_SOCKETS_MAX; i++)
        if (is_silent(&session->sockets[i]))
            session_pool_fail(&session->sockets[i], WHY);
}

static const struct heartbeat_events EVENTS = {.on_ask = on_ask, .on_due = on_due};

void session_liveness_begin(struct session *session)
{
    session->heartbeat = heartbeat_new(session->loop, session->heartbeat_times, &EVENTS, session);
}
