/* Whether the daemon is still there: a PING on every socket of a session, and a deadline for it (protocol section 7).
 * Any byte that comes is an answer, for a PONG may queue behind much else. */
#include "session_state.h"

static const uint8_t ANY_BYTES[8] = "hoodytun";

static void on_ask(void *owner)
{
    struct session *session = owner;
    for (size_t i = 0; i < SESSION_SOCKETS_MAX; i++) {
        struct session_socket *socket = &session->sockets[i];
        socket->is_asked = socket->state == SOCKET_ATTACHED;
        if (!socket->is_asked)
            continue;
        socket->heard_at_asked = tunnel_connection_heard(socket->connection);
        frame_batch_add(socket_control(socket), FRAME_PING, 0, span_of(ANY_BYTES, sizeof ANY_BYTES));
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
