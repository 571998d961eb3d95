/* What comes from a driver, message by message. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "bulk_read.h"
#include "driver_connection.h"
#include "tcp_socket.h"
#include "tunnel_session.h"

enum { ASKS_MAX = 64 /* unanswered BINDs and the like of a session: it is not read from until there are fewer */ };

static void on_message(struct driver_connection *connection)
{
    connection->last_heard_ms = monotonic_ms();
    switch (connection->phase) {
    case DRIVER_AWAITS_HELLO:
        driver_connection_greet(connection);
        break;
    case DRIVER_LIVE:
        tunnel_session_receive(connection, connection->message);
        break;
    case DRIVER_AWAITS_DECISION:
    case DRIVER_CLOSING:
    case DRIVER_GONE:
        break;
    }
    evbuffer_drain(connection->message, evbuffer_get_length(connection->message));
}

static void on_close_frame(struct driver_connection *connection)
{
    uint16_t code = connection->reader.close_code;
    if (connection->phase != DRIVER_CLOSING) {
        uint16_t echoed = code == WEBSOCKET_CLOSE_NO_CODE ? 0 : code;
        driver_connection_detach(connection, code, DRIVER_ENDED_BY_PEER);
        driver_connection_write_close(connection, echoed, "");
    }
    driver_connection_let_go(connection);
}

static void on_text(struct driver_connection *connection)
{
    switch (connection->phase) {
    case DRIVER_AWAITS_HELLO:
    case DRIVER_AWAITS_DECISION:
        driver_connection_refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, "text frames not allowed");
        break;
    case DRIVER_LIVE:
        driver_connection_fail(connection->session->primary, CODE_PROTOCOL_ERROR, "text frames not allowed");
        break;
    case DRIVER_CLOSING:
        driver_connection_let_go(connection);
        break;
    case DRIVER_GONE:
        break;
    }
}

static void on_broken_framing(struct driver_connection *connection)
{
    uint16_t close_code = connection->reader.close_code;
    if (connection->phase != DRIVER_LIVE) {
        driver_connection_refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, connection->reader.why);
        return;
    }
    enum error_code code = close_code == WEBSOCKET_CLOSE_TOO_BIG ? CODE_FRAME_SIZE : CODE_PROTOCOL_ERROR;
    struct driver_connection *primary = connection->session->primary; /* what a secondary breaks ends the session */
    connection->gateway->counts.driver_errors[code]++;
    driver_connection_end(primary, true, code, connection->reader.why, close_code, DRIVER_ENDED_BY_KIT);
    driver_connection_let_go(primary);
    if (connection != primary)
        driver_connection_let_go(connection);
}

/* Handles one event of the WebSocket. false: nothing more to read now. */
static bool read_one(struct driver_connection *connection)
{
    struct evbuffer *in = bufferevent_get_input(connection->socket);
    struct websocket_reader *reader = &connection->reader;
    switch (websocket_read(reader, in, connection->message)) {
    case WEBSOCKET_MORE:
        return false;
    case WEBSOCKET_MESSAGE:
        on_message(connection);
        return true;
    case WEBSOCKET_TEXT_BEGUN:
    case WEBSOCKET_TEXT_MESSAGE:
        on_text(connection);
        return false;
    case WEBSOCKET_PINGED:
        websocket_write_control(WEBSOCKET_SERVER, WEBSOCKET_PONG, span_of(reader->control, reader->control_length),
                                bufferevent_get_output(connection->socket));
        return true;
    case WEBSOCKET_PONGED:
        connection->last_heard_ms = monotonic_ms();
        round_trip_hear(&connection->round_trip, reader->control, reader->control_length, connection->last_heard_ms);
        barriers_passed(connection, reader->control, reader->control_length);
        return true;
    case WEBSOCKET_CLOSED:
        on_close_frame(connection);
        return false;
    case WEBSOCKET_BAD:
        on_broken_framing(connection);
        return false;
    }
    return false;
}

/* ---- how much is read ---- */

static bool may_read(const struct driver_connection *connection)
{
    return connection->phase == DRIVER_AWAITS_HELLO || connection->phase == DRIVER_LIVE ||
           connection->phase == DRIVER_CLOSING;
}

/* Of a session that ends, asks may stay without an answer. */
static bool is_flooding(const struct driver_connection *connection)
{
    const struct tunnel_session *session = connection->session;
    bool asks_too_much = session && !session->is_ending && session->primary->asks_waiting >= ASKS_MAX;
    return asks_too_much || driver_connection_is_flooded(connection);
}

void driver_connection_read(struct driver_connection *connection)
{
    while (may_read(connection) && read_one(connection) && may_read(connection))
        if (is_flooding(connection)) {
            prompt_socket_read(&connection->prompt, false);
            return;
        }
}

static void read_on(struct driver_connection *connection)
{
    if (!may_read(connection) || is_flooding(connection) || connection->prompt.reads)
        return;
    prompt_socket_read(&connection->prompt, true);
    driver_connection_read(connection);
}

void driver_connection_read_on(struct driver_connection *primary)
{
    for (unsigned i = 0; primary->session && i < CONNECTIONS_MAX; i++)
        if (primary->session->connections[i])
            read_on(primary->session->connections[i]);
}

/* Mailboxes are finite, and lose what others say when one driver fills them. */
void driver_connection_ask(struct driver_connection *primary, const struct message *message)
{
    if (mailbox_send(primary->gateway->mailbox, message))
        primary->asks_waiting++;
}

void driver_connection_answered(struct driver_connection *primary)
{
    if (primary->asks_waiting > 0 && --primary->asks_waiting == ASKS_MAX / 2)
        driver_connection_read_on(primary);
}

/* ---- the socket ---- */

static void on_readable(struct bufferevent *socket, void *arg)
{
    struct driver_connection *connection = arg;
    bulk_read_messages(socket, &connection->reader, SOCKET_READ_MAX);
    driver_connection_read(connection);
}

static void on_writable(struct bufferevent *socket, void *arg)
{
    (void)socket;
    struct driver_connection *connection = arg;
    if (connection->phase == DRIVER_LIVE && !TAILQ_EMPTY(&connection->ready))
        driver_connection_mark_unflushed(connection);
    read_on(connection);
}

static void on_socket_event(struct bufferevent *socket, short what, void *arg)
{
    (void)socket;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        driver_connection_drop(arg);
}

void driver_connection_watch(struct driver_connection *connection)
{
    bufferevent_setcb(connection->socket, on_readable, on_writable, on_socket_event, connection);
    bufferevent_set_timeouts(connection->socket, NULL, NULL);
    bufferevent_setwatermark(connection->socket, EV_WRITE, DRIVER_OUTPUT_LOW, 0);
}
