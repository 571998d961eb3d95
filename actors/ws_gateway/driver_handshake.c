/* A driver's first message, and what is decided on it (protocol section 3); here, or on the shard that its session
 * lives on. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "buffer_front.h"
#include "check.h"
#include "driver_connection.h"
#include "handover.h"
#include "loose_socket.h"
#include "tcp_socket.h"
#include "tunnel_session.h"

enum { HELLO_BYTES_MAX = 4096 };

/* ---- the first message ---- */

static struct span first_payload(const struct driver_connection *connection)
{
    return buffer_front(connection->first, evbuffer_get_length(connection->first));
}

static bool say_join(const struct driver_connection *connection)
{
    return mailbox_send(connection->gateway->mailbox,
                        MESSAGE_OF(join_session, .shard = connection->gateway->shard, .connection = {connection->id},
                                   .join = first_payload(connection)));
}

static bool say_open(const struct driver_connection *connection)
{
    return mailbox_send(connection->gateway->mailbox,
                        MESSAGE_OF(open_session, .shard = connection->gateway->shard, .connection = {connection->id},
                                   .peer = connection->peer, .subprotocol = connection->subprotocol,
                                   .bearer = connection->bearer, .hello = first_payload(connection)));
}

static void ask_for_decision(struct driver_connection *connection)
{
    connection->is_known = connection->joins ? say_join(connection) : say_open(connection);
    if (!connection->is_known)
        driver_connection_end(connection, false, CODE_INTERNAL_ERROR, "the kit is overloaded",
                              WEBSOCKET_CLOSE_TRY_LATER, DRIVER_ENDED_BY_KIT);
}

static void on_permit(void *arg, bool is_granted)
{
    struct driver_connection *connection = arg;
    connection->has_permit = is_granted;
    if (is_granted) {
        ask_for_decision(connection);
        return;
    }
    connection->gateway->counts.handshakes_dropped[DROP_NO_DESCRIPTOR]++;
    driver_connection_end(connection, false, CODE_RESOURCE_EXHAUSTED, "no file descriptors left",
                          WEBSOCKET_CLOSE_TRY_LATER, DRIVER_ENDED_BY_KIT);
}

static void await_decision(struct driver_connection *connection)
{
    connection->phase = DRIVER_AWAITS_DECISION;
    event_del(connection->deadline);
    prompt_socket_read(&connection->prompt, false); /* what comes next is for the session to be */
}

void driver_connection_greet(struct driver_connection *connection)
{
    struct frame_walk walk;
    struct frame_header header;
    struct frame_error error;
    frame_walk_begin(&walk, SIDE_DRIVER);
    if (evbuffer_get_length(connection->message) > HELLO_BYTES_MAX) {
        driver_connection_refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, "the first message is over 4 KiB");
        return;
    }
    if (frame_walk_next(&walk, connection->message, &header, &error) != FRAME_OK) {
        driver_connection_refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, "the first message is no frame");
        return;
    }
    connection->joins = header.type == FRAME_JOIN && connection->subprotocol == SUBPROTOCOL_V2;
    if ((header.type != FRAME_HELLO && !connection->joins) ||
        evbuffer_get_length(connection->message) != header.length) {
        driver_connection_refuse_silently(connection, DROP_BAD_FIRST_MESSAGE,
                                          "the first message is not exactly one HELLO");
        return;
    }
    check(evbuffer_add_buffer(connection->first, connection->message) == 0);
    await_decision(connection);
    permit_await(connection->gateway, &connection->permit, on_permit, connection);
}

/* ---- its session lives on another shard ---- */

void driver_connection_move(struct driver_connection *connection, uint32_t to_shard)
{
    if (connection->phase != DRIVER_AWAITS_DECISION)
        return;
    prompt_socket_end(&connection->prompt);
    handover_driver(connection, to_shard);
    connection->has_permit = false;
    connection->is_known = false;
    driver_connection_forget(connection);
}

void driver_connection_arrive(struct gateway *gateway, const struct message *message)
{
    const struct message_connection_moved *moved = &message->connection_moved;
    struct loose_socket loose;
    handover_unpack_driver(gateway, moved, &loose);
    struct bufferevent *socket = loose_socket_settle(&loose, gateway->loop);
    struct driver_connection *connection = NULL;
    if (socket)
        connection =
            driver_connection_new(gateway, &socket, moved->connection.value, (enum subprotocol)moved->subprotocol,
                                  moved->peer, span_of_string(moved->bearer));
    if (!connection) {
        tcp_socket_close(&socket);
        handover_lose_driver(gateway, moved);
        return;
    }
    connection->has_permit = true;
    connection->joins = moved->joins;
    check(evbuffer_add(connection->first, moved->first.data, moved->first.length) == 0);
    await_decision(connection);
    ask_for_decision(connection);
}

/* ---- what is decided ---- */

/* Answers HELLO or JOIN in a message of its own: old drivers lose a STREAM_OPEN that shares it. */
static void let_in(struct driver_connection *connection, enum frame_type type, struct span payload)
{
    driver_connection_leave_pre_auth(connection);
    connection->phase = DRIVER_LIVE;
    evbuffer_free(connection->first);
    connection->first = NULL;
    frame_batch_add(&connection->batch, type, 0, payload);
    frame_batch_seal(&connection->batch);
}

void driver_connection_opened(struct driver_connection *connection, const struct message_session_opened *opened)
{
    if (connection->phase != DRIVER_AWAITS_DECISION)
        return;
    connection->session = tunnel_session_new(connection, opened);
    if (!connection->session) {
        driver_connection_end(connection, true, CODE_INTERNAL_ERROR, "out of memory", WEBSOCKET_CLOSE_TRY_LATER,
                              DRIVER_ENDED_BY_KIT);
        return;
    }
    let_in(connection, FRAME_HELLO_OK, opened->hello_ok);
    driver_connection_send_revocations(connection);
    prompt_socket_read(&connection->prompt, true);
    driver_connection_read(connection);
}

void driver_connection_joined(struct driver_connection *connection, struct driver_connection *primary,
                              const struct message_session_joined *joined)
{
    if (connection->phase != DRIVER_AWAITS_DECISION)
        return;
    if (!primary || !primary->session || primary->session->connections[joined->index]) {
        driver_connection_end(connection, false, CODE_NO_ERROR, "the session has ended", WEBSOCKET_CLOSE_NORMAL,
                              DRIVER_ENDED_BY_KIT);
        return;
    }
    connection->session = primary->session;
    connection->index = joined->index;
    (void)snprintf(connection->nonce, sizeof connection->nonce, "%s", joined->nonce);
    tunnel_session_attach(connection->session, connection);
    let_in(connection, FRAME_JOIN_OK, joined->join_ok);
    prompt_socket_read(&connection->prompt, true);
    driver_connection_read(connection);
}

void driver_connection_refused(struct driver_connection *connection, const struct message_session_refused *refused)
{
    if (connection->phase != DRIVER_AWAITS_DECISION)
        return;
    connection->is_known = false; /* whoever refused it knows */
    if (refused->close_code == 0) {
        driver_connection_refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, refused->close_reason);
        return;
    }
    if (refused->sends_goaway)
        driver_connection_send_goaway(connection, (enum error_code)refused->goaway_code, refused->goaway_message);
    driver_connection_write_close(connection, (uint16_t)refused->close_code, refused->close_reason);
    if (refused->close_code == WEBSOCKET_CLOSE_PROTOCOL_ERROR)
        driver_connection_let_go(connection); /* the peer was at fault: its close frame is not waited for */
}

void driver_connection_join_refused(struct driver_connection *connection, const struct message_join_refused *refused)
{
    if (connection->phase != DRIVER_AWAITS_DECISION)
        return;
    connection->is_known = false;
    if (refused->join_err.length == 0) {
        driver_connection_refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, "JOIN does not parse");
        return;
    }
    frame_batch_add(&connection->batch, FRAME_JOIN_ERR, 0, refused->join_err);
    driver_connection_write_close(connection, WEBSOCKET_CLOSE_NORMAL, "");
}
