#include "tunnel_session.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "driver_connection.h"
#include "id_table.h"

static void take_leave(struct tunnel_session *session);

/* ---- birth and death ---- */

static void unblock(struct tunnel_session *session)
{
    if (session->blocked_since_ms != 0)
        session->gateway->counts.session_blocked_ms += monotonic_ms() - session->blocked_since_ms;
    session->blocked_since_ms = 0;
}

static void bury_session(void *object)
{
    struct tunnel_session *session = object;
    if (session->grace)
        event_free(session->grace);
    if (session->scratch)
        evbuffer_free(session->scratch);
    zhashx_destroy(&session->streams);
    free(session->goaway_message);
    free(session);
}

static void on_grace_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    take_leave(arg);
}

struct tunnel_session *tunnel_session_new(struct driver_connection *primary,
                                          const struct message_session_opened *opened)
{
    struct tunnel_session *session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    session->gateway = primary->gateway;
    session->primary = primary;
    session->connections[0] = primary;
    session->driver = (enum driver_kind)opened->driver;
    session->id = opened->session;
    session->stream_window = opened->stream_window;
    session->session_window = opened->session_window;
    session->max_streams = opened->max_streams;
    session->next_stream_id = FIRST_STREAM_ID;
    send_window_init(&session->send, opened->session_window);
    receive_window_init(&session->receive, opened->session_window,
                        receive_window_threshold(opened->session_window, SESSION_REFILL_SHARE));
    window_growth_init(&session->growth, opened->session_window,
                       (uint32_t)session->gateway->options->max_session_window);
    TAILQ_INIT(&session->all);
    session->streams = id_table_new();
    session->scratch = evbuffer_new();
    session->grace = evtimer_new(session->gateway->loop, on_grace_over, session);
    if (!session->streams || !session->scratch || !session->grace) {
        bury_session(session);
        return NULL;
    }
    return session;
}

void tunnel_session_destroy(struct tunnel_session **p_session, uint16_t close_code, const char *reason)
{
    struct tunnel_session *session = *p_session;
    if (!session)
        return;
    *p_session = NULL;
    session->is_ending = true; /* no visitor gets a new stream while the old ones are told */
    session->is_leaving = false;
    unblock(session);
    struct stream *stream = NULL;
    while ((stream = TAILQ_FIRST(&session->all)))
        stream_lose(stream, CODE_STREAM_CLOSED, span_of_string(reason));
    for (unsigned i = 1; i < CONNECTIONS_MAX; i++)
        if (session->connections[i])
            driver_connection_dismiss(session->connections[i], close_code, reason);
    event_del(session->grace);
    window_growth_end(&session->growth, &session->gateway->window_budget);
    gateway_bury(session->gateway, session, bury_session);
}

/* ---- streams ---- */

void tunnel_session_add_stream(struct tunnel_session *session, struct stream *stream)
{
    stream->id = session->next_stream_id;
    session->next_stream_id += STREAM_ID_STEP;
    id_table_add(session->streams, &stream->id, stream);
    TAILQ_INSERT_TAIL(&session->all, stream, session_link);
    session->stream_count++;
    session->streams_opened++;
    session->gateway->counts.streams_opened++;
    session->gateway->counts.streams_active++;
}

void tunnel_session_remove_stream(struct tunnel_session *session, struct stream *stream)
{
    id_table_remove(session->streams, stream->id);
    TAILQ_REMOVE(&session->all, stream, session_link);
    session->stream_count--;
    session->gateway->counts.streams_active--;
    if (session->is_ending && session->stream_count == 0)
        event_add(session->grace, &(struct timeval){0}); /* not here: the stream is still being handled */
}

/* ---- credit and turns ---- */

void tunnel_session_consumed(struct tunnel_session *session, uint32_t bytes)
{
    if (bytes == 0)
        return;
    struct gateway *gateway = session->gateway;
    uint32_t increment = receive_window_consume(&session->receive, bytes);
    if (increment > 0)
        driver_connection_measure(session->primary);
    uint32_t growth = window_growth_consumed(&session->growth, &session->receive, &gateway->window_budget, bytes,
                                             monotonic_ms(), round_trip_ms(&session->primary->round_trip));
    gateway->counts.window_growth += growth;
    increment += growth;
    if (increment > 0) {
        frame_batch_add_window(&session->primary->batch, 0, increment);
        driver_connection_mark_unflushed(session->primary);
    }
}

bool tunnel_session_grow_send_window(struct tunnel_session *session, uint32_t increment)
{
    if (!send_window_grow(&session->send, increment))
        return false;
    unblock(session);
    tunnel_session_wake(session);
    return true;
}

void tunnel_session_send_turn(struct tunnel_session *session, struct stream *stream)
{
    uint32_t credit = send_window_take(&session->send, FRAME_PAYLOAD_MAX);
    uint32_t used = stream_send_turn(stream, credit);
    session->send.available += credit - used;
}

void tunnel_session_wake(struct tunnel_session *session)
{
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct driver_connection *connection = session->connections[(session->turn + i) % CONNECTIONS_MAX];
        if (connection && !TAILQ_EMPTY(&connection->ready))
            driver_connection_mark_unflushed(connection);
    }
}

static void send_due_ends(struct tunnel_session *session, struct driver_connection *connection)
{
    struct stream *next = NULL;
    for (struct stream *stream = TAILQ_FIRST(&connection->ready); stream; stream = next) {
        next = TAILQ_NEXT(stream, ready_link);
        if (stream_waiting(stream) > 0)
            continue;
        TAILQ_REMOVE(&connection->ready, stream, ready_link);
        stream->is_ready = false;
        tunnel_session_send_turn(session, stream);
        stream->events->on_room(stream->visitor);
    }
}

/* NULL: nobody has both something to send and room for it. */
static struct driver_connection *next_sender(struct tunnel_session *session)
{
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        unsigned index = (session->credit_turn + i) % CONNECTIONS_MAX;
        struct driver_connection *connection = session->connections[index];
        if (!connection || TAILQ_EMPTY(&connection->ready) || !driver_connection_has_room(connection))
            continue;
        session->credit_turn = (index + 1) % CONNECTIONS_MAX;
        return connection;
    }
    return NULL;
}

void tunnel_session_pump(struct tunnel_session *session, struct driver_connection *connection)
{
    struct driver_connection *sender = NULL;
    while (session->send.available > 0 && (sender = next_sender(session))) {
        struct stream *stream = TAILQ_FIRST(&sender->ready);
        TAILQ_REMOVE(&sender->ready, stream, ready_link);
        stream->is_ready = false;
        tunnel_session_send_turn(session, stream);
        driver_connection_mark_unflushed(sender);
        stream_wake(stream); /* back to the end of the line while it has more */
        stream->events->on_room(stream->visitor);
    }
    if (session->send.available > 0)
        return;
    send_due_ends(session, connection); /* an end costs no credit: it need not wait for it */
    if (!TAILQ_EMPTY(&connection->ready) && session->blocked_since_ms == 0)
        session->blocked_since_ms = monotonic_ms();
}

/* ---- the end ---- */

static void say_goodbye(struct tunnel_session *session)
{
    driver_connection_end(session->primary, session->owes_goaway, session->goaway_code, session->goaway_message,
                          session->close_code, DRIVER_ENDED_BY_KIT);
}

static bool all_has_arrived(const struct tunnel_session *session)
{
    for (unsigned i = 1; i < CONNECTIONS_MAX; i++)
        if (session->connections[i] && !barriers_are_passed(session->connections[i]))
            return false;
    return true;
}

/* Drivers abort everything on GOAWAY, which would overtake the last bytes of streams on other connections: so it waits
 * for the pong of each. */
static void await_arrival(struct tunnel_session *session, uint64_t now_ms)
{
    struct timeval rest = gateway_timeval(session->ends_by_ms - now_ms);
    session->is_leaving = true;
    for (unsigned i = 1; i < CONNECTIONS_MAX; i++)
        if (session->connections[i])
            barriers_raise(session->connections[i]);
    event_add(session->grace, &rest);
}

/* The last stream has ended, all that was sent has arrived, or the time is up. */
static void take_leave(struct tunnel_session *session)
{
    uint64_t now_ms = monotonic_ms();
    bool may_wait = session->owes_goaway && now_ms < session->ends_by_ms;
    if (may_wait && !session->is_leaving)
        await_arrival(session, now_ms);
    if (!may_wait || all_has_arrived(session))
        say_goodbye(session);
}

void tunnel_session_note_passed(struct tunnel_session *session)
{
    if (session->is_leaving && all_has_arrived(session))
        event_add(session->grace, &(struct timeval){0}); /* not here: its connection is still being handled */
}

void tunnel_session_end(struct tunnel_session *session, const struct message_end_session *end)
{
    free(session->goaway_message); /* a kill may overtake a drain */
    session->is_ending = true;
    session->is_leaving = false;
    session->owes_goaway = end->goaway_last;
    session->goaway_code = (enum error_code)end->goaway_code;
    session->goaway_message = strdup(end->goaway_message);
    session->close_code = (uint16_t)end->close_code;
    session->ends_by_ms = monotonic_ms() + end->grace_ms;
    if (!end->goaway_last)
        driver_connection_send_goaway(session->primary, session->goaway_code, end->goaway_message);
    if (session->stream_count == 0 || end->grace_ms == 0) {
        take_leave(session);
        return;
    }
    struct timeval grace = gateway_timeval(end->grace_ms);
    event_add(session->grace, &grace);
}
