#include "driver_connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "id_table.h"
#include "tcp_socket.h"
#include "tunnel_session.h"

enum {
    CLOSE_TIMEOUT_MS = 1000, /* for the peer's close frame (protocol section 1) */
    GOODBYE_LINGER_MS = 1000,
    PING_TOKEN_BYTES = 8,
};

/* ---- is it alive? ---- */

void driver_connection_probe(struct driver_connection *connection)
{
    if (connection->phase != DRIVER_LIVE)
        return;
    uint64_t now = monotonic_ms();
    uint8_t token[PING_TOKEN_BYTES];
    memcpy(token, &now, sizeof token);
    frame_batch_add(&connection->batch, FRAME_PING, 0, span_of(token, sizeof token));
    driver_connection_mark_unflushed(connection);
    event_add(connection->probe, &(struct timeval){0});
}

/* When the loop has looked at all sockets once more: after a freeze of this process, PONGs wait in the socket, and the
 * clock alone would call their sender dead. */
static void on_probe(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    const struct driver_connection *connection = arg;
    struct gateway *gateway = connection->gateway;
    if (connection->phase != DRIVER_LIVE)
        return;
    mailbox_send(gateway->mailbox,
                 MESSAGE_OF(connection_probed, .shard = gateway->shard, .connection = {connection->id},
                            .silence_ms = monotonic_ms() - connection->last_heard_ms,
                            .active_streams = connection->session->stream_count,
                            .streams_opened = connection->session->streams_opened));
}

/* ---- birth ---- */

static void bury_connection(void *object)
{
    struct driver_connection *connection = object;
    tcp_socket_close(&connection->socket);
    websocket_reader_done(&connection->reader);
    frame_batch_done(&connection->batch);
    if (connection->message)
        evbuffer_free(connection->message);
    if (connection->first)
        evbuffer_free(connection->first);
    if (connection->deadline)
        event_free(connection->deadline);
    if (connection->probe)
        event_free(connection->probe);
    driver_connection_forget_revocations(connection);
    free(connection->bearer);
    free(connection);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct driver_connection *connection = arg;
    if (connection->phase == DRIVER_AWAITS_HELLO)
        driver_connection_refuse_silently(connection, DROP_HELLO_TIMEOUT, "no HELLO in time");
    else
        driver_connection_let_go(connection);
}

static bool connection_init(struct driver_connection *connection, struct bufferevent *socket, struct span bearer)
{
    return websocket_reader_init(&connection->reader, WEBSOCKET_SERVER, TUNNEL_MESSAGE_MAX) &&
           frame_batch_init(&connection->batch, WEBSOCKET_SERVER, bufferevent_get_output(socket)) &&
           (connection->message = evbuffer_new()) && (connection->first = evbuffer_new()) &&
           (connection->deadline = evtimer_new(connection->gateway->loop, on_deadline, connection)) &&
           (connection->probe = evtimer_new(connection->gateway->loop, on_probe, connection)) &&
           prompt_socket_begin(&connection->prompt, &connection->gateway->writes, socket, NULL) &&
           (connection->bearer = strndup(bearer.length > 0 ? (const char *)bearer.data : "", bearer.length));
}

static void set_deadline(struct driver_connection *connection, uint64_t ms)
{
    struct timeval after = gateway_timeval(ms);
    event_add(connection->deadline, &after);
}

struct driver_connection *driver_connection_new(struct gateway *gateway, struct bufferevent **p_socket, uint64_t id,
                                                enum subprotocol subprotocol, const char *peer, struct span bearer)
{
    struct driver_connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    connection->gateway = gateway;
    STAILQ_INIT(&connection->revocations);
    TAILQ_INIT(&connection->ready);
    barriers_init(&connection->barriers);
    if (!connection_init(connection, *p_socket, bearer)) {
        prompt_socket_end(&connection->prompt);
        bury_connection(connection);
        return NULL;
    }
    connection->id = id != 0 ? id : gateway_next_connection_id(gateway).value;
    connection->socket = *p_socket;
    *p_socket = NULL;
    connection->subprotocol = subprotocol;
    connection->last_heard_ms = monotonic_ms();
    (void)snprintf(connection->peer, sizeof connection->peer, "%s", peer);
    connection->phase = DRIVER_AWAITS_HELLO;
    gateway->pre_auth_count++;
    id_table_add(gateway->drivers, &connection->id, connection);
    driver_connection_watch(connection);
    return connection;
}

void driver_connection_begin(struct gateway *gateway, struct bufferevent **p_socket, enum subprotocol subprotocol,
                             const char *peer, struct span bearer)
{
    struct driver_connection *connection = NULL;
    bool is_full = gateway->pre_auth_count >= gateway->options->max_pre_auth_connections;
    if (is_full)
        gateway->counts.handshakes_dropped[DROP_PRE_AUTH_CAP]++;
    else
        connection = driver_connection_new(gateway, p_socket, 0, subprotocol, peer, bearer);
    if (!connection) {
        log_warn(&gateway->log, "driver-refused", log_peer(peer),
                 log_reason(is_full ? "too many connections without HELLO" : "out of memory"));
        tcp_socket_linger(gateway, p_socket, NULL, GOODBYE_LINGER_MS);
        return;
    }
    tcp_socket_tune_driver(connection->socket);
    prompt_socket_read(&connection->prompt, true);
    set_deadline(connection, gateway->options->hello_timeout);
    driver_connection_read(connection); /* the HELLO may have come with the upgrade */
}

/* ---- death ---- */

void driver_connection_leave_pre_auth(struct driver_connection *connection)
{
    if (connection->phase == DRIVER_AWAITS_HELLO || connection->phase == DRIVER_AWAITS_DECISION)
        connection->gateway->pre_auth_count--;
}

static void report_closed(struct driver_connection *connection, uint16_t close_code, enum driver_ending ending)
{
    if (!connection->is_known)
        return;
    connection->is_known = false;
    if (connection->joins) {
        mailbox_send(connection->gateway->mailbox,
                     MESSAGE_OF(secondary_closed, .shard = connection->gateway->shard, .connection = {connection->id}));
        return;
    }
    mailbox_send(connection->gateway->mailbox,
                 MESSAGE_OF(connection_closed, .shard = connection->gateway->shard, .connection = {connection->id},
                            .close_code = close_code, .driver_goaway = ending == DRIVER_ENDED_BY_GOAWAY,
                            .kit_ended = ending == DRIVER_ENDED_BY_KIT));
}

/* What a session's other connections are told when its primary is gone. */
static uint16_t secondaries_close_code(uint16_t close_code)
{
    if (close_code == WEBSOCKET_CLOSE_NO_CODE)
        return WEBSOCKET_CLOSE_NORMAL;
    return websocket_close_code_is_valid(close_code) ? close_code : WEBSOCKET_CLOSE_GOING_AWAY;
}

void driver_connection_detach(struct driver_connection *connection, uint16_t close_code, enum driver_ending ending)
{
    struct tunnel_session *session = connection->session;
    connection->session = NULL;
    if (session && connection->index > 0)
        tunnel_session_detach(session, connection, close_code != WEBSOCKET_CLOSE_ABNORMAL);
    else
        tunnel_session_destroy(&session, secondaries_close_code(close_code), "the tunnel's driver has left");
    report_closed(connection, close_code, ending);
}

void driver_connection_forget(struct driver_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    driver_connection_leave_pre_auth(connection);
    connection->phase = DRIVER_GONE;
    permit_forgo(gateway, &connection->permit);
    if (connection->has_permit)
        permit_give_back(gateway);
    connection->has_permit = false;
    if (connection->is_unflushed)
        TAILQ_REMOVE(&gateway->unflushed, connection, unflushed_link);
    connection->is_unflushed = false;
    event_del(connection->deadline);
    event_del(connection->probe);
    id_table_remove(gateway->drivers, connection->id);
    gateway_bury(gateway, connection, bury_connection);
}

void driver_connection_drop(struct driver_connection *connection)
{
    if (connection->phase == DRIVER_GONE)
        return;
    driver_connection_detach(connection, WEBSOCKET_CLOSE_ABNORMAL, DRIVER_ENDED_BY_PEER);
    prompt_socket_end(&connection->prompt);
    tcp_socket_close(&connection->socket);
    driver_connection_forget(connection);
}

void driver_connection_let_go(struct driver_connection *connection)
{
    bufferevent_setcb(connection->socket, NULL, NULL, NULL, NULL);
    tcp_socket_linger(connection->gateway, &connection->socket, &connection->prompt, GOODBYE_LINGER_MS);
    driver_connection_forget(connection);
}

/* ---- a goodbye ---- */

void driver_connection_write_close(struct driver_connection *connection, uint16_t close_code, const char *reason)
{
    frame_batch_seal(&connection->batch);
    websocket_write_close(WEBSOCKET_SERVER, close_code, reason, bufferevent_get_output(connection->socket));
    driver_connection_leave_pre_auth(connection);
    connection->phase = DRIVER_CLOSING;
    set_deadline(connection, CLOSE_TIMEOUT_MS);
    prompt_socket_read(&connection->prompt, true);
}

/* NULL: it has no session. */
static const struct session_id *session_id_of(const struct driver_connection *connection)
{
    return connection->session ? &connection->session->id : NULL;
}

void driver_connection_end(struct driver_connection *connection, bool sends_goaway, enum error_code code,
                           const char *message, uint16_t close_code, enum driver_ending ending)
{
    if (connection->phase == DRIVER_CLOSING || connection->phase == DRIVER_GONE)
        return;
    log_info(&connection->gateway->log, "driver-ended", log_session(session_id_of(connection)),
             log_connection((struct connection_id){connection->id}), log_peer(connection->peer),
             log_number("code", code), log_number("close", close_code), log_reason(message));
    driver_connection_detach(connection, close_code, ending);
    if (sends_goaway)
        driver_connection_send_goaway(connection, code, message ? message : error_code_text(code));
    driver_connection_write_close(connection, close_code, message ? message : "");
}

void driver_connection_dismiss(struct driver_connection *connection, uint16_t close_code, const char *reason)
{
    connection->session = NULL;
    report_closed(connection, close_code, DRIVER_ENDED_BY_KIT);
    driver_connection_write_close(connection, close_code, reason);
}

void driver_connection_fail(struct driver_connection *connection, enum error_code code, const char *why)
{
    if (connection->phase == DRIVER_CLOSING || connection->phase == DRIVER_GONE)
        return;
    connection->gateway->counts.driver_errors[code]++;
    driver_connection_end(connection, true, code, why, WEBSOCKET_CLOSE_PROTOCOL_ERROR, DRIVER_ENDED_BY_KIT);
    driver_connection_let_go(connection); /* the peer was at fault: its close frame is not waited for */
}

void driver_connection_refuse_silently(struct driver_connection *connection, enum driver_drop reason, const char *why)
{
    connection->gateway->counts.handshakes_dropped[reason]++;
    log_warn(&connection->gateway->log, "driver-refused", log_connection((struct connection_id){connection->id}),
             log_peer(connection->peer), log_reason(why));
    driver_connection_detach(connection, WEBSOCKET_CLOSE_ABNORMAL, DRIVER_ENDED_BY_KIT);
    driver_connection_let_go(connection);
}
