#include "driver_connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

#include "bulk_read.h"
#include "check.h"
#include "handover.h"
#include "id_table.h"
#include "loose_socket.h"
#include "tcp_socket.h"
#include "tunnel_session.h"

enum {
    HELLO_BYTES_MAX = 4096,
    OUTPUT_HIGH = 65536,    /* no more DATA beyond: a small request must not wait behind megabytes */
    OUTPUT_LOW = 32768,     /* more DATA again */
    OUTPUT_FLOOD = 1048576, /* the driver is not read from until it has read: a flood of pings must not pile up pongs */
    OUTPUT_STALLED = 8388608, /* no new streams beyond */
    ASKS_MAX = 64,           /* unanswered BINDs and the like of a session: it is not read from until there are fewer */
    CLOSE_TIMEOUT_MS = 1000, /* for the peer's close frame (protocol section 1) */
    GOODBYE_LINGER_MS = 1000,
    PING_TOKEN_BYTES = 8,
};

/* NULL: it has no session. */
static const struct session_id *session_id_of(const struct driver_connection *connection)
{
    return connection->session ? &connection->session->id : NULL;
}

static size_t output_length(const struct driver_connection *connection)
{
    return evbuffer_get_length(bufferevent_get_output(connection->socket));
}

/* ---- birth and death ---- */

static void on_readable(struct bufferevent *socket, void *arg);
static void read_messages(struct driver_connection *connection);
static void on_writable(struct bufferevent *socket, void *arg);
static void on_socket_event(struct bufferevent *socket, short what, void *arg);
static void on_deadline(evutil_socket_t fd, short what, void *arg);
static void on_probe(evutil_socket_t fd, short what, void *arg);

struct revocation {
    char *payload;
    STAILQ_ENTRY(revocation) link;
};

static struct revocation *take_revocation(struct driver_connection *connection)
{
    struct revocation *revocation = STAILQ_FIRST(&connection->revocations);
    if (revocation)
        STAILQ_REMOVE_HEAD(&connection->revocations, link);
    return revocation;
}

static void revocation_destroy(struct revocation *revocation)
{
    free(revocation->payload);
    free(revocation);
}

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
    struct revocation *revocation = NULL;
    while ((revocation = take_revocation(connection)))
        revocation_destroy(revocation);
    free(connection->bearer);
    free(connection);
}

static bool connection_init(struct driver_connection *connection, struct bufferevent *socket, struct span bearer)
{
    return websocket_reader_init(&connection->reader, WEBSOCKET_SERVER, TUNNEL_MESSAGE_MAX) &&
           frame_batch_init(&connection->batch, WEBSOCKET_SERVER, bufferevent_get_output(socket)) &&
           (connection->message = evbuffer_new()) && (connection->first = evbuffer_new()) &&
           (connection->deadline = evtimer_new(connection->gateway->loop, on_deadline, connection)) &&
           (connection->probe = evtimer_new(connection->gateway->loop, on_probe, connection)) &&
           prompt_socket_begin(&connection->prompt, &connection->gateway->writes, socket) &&
           (connection->bearer = strndup(bearer.length > 0 ? (const char *)bearer.data : "", bearer.length));
}

static void set_deadline(struct driver_connection *connection, uint64_t ms)
{
    struct timeval after = gateway_timeval(ms);
    event_add(connection->deadline, &after);
}

/* Takes the socket; `id`: 0: a new one. NULL: out of memory, and the socket is still the caller's. */
static struct driver_connection *connection_new(struct gateway *gateway, struct bufferevent **p_socket, uint64_t id,
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
    bufferevent_setcb(connection->socket, on_readable, on_writable, on_socket_event, connection);
    bufferevent_set_timeouts(connection->socket, NULL, NULL);
    bufferevent_setwatermark(connection->socket, EV_WRITE, OUTPUT_LOW, 0);
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
        connection = connection_new(gateway, p_socket, 0, subprotocol, peer, bearer);
    if (!connection) {
        log_warn(&gateway->log, "driver-refused", log_peer(peer),
                 log_reason(is_full ? "too many connections without HELLO" : "out of memory"));
        tcp_socket_linger(gateway, p_socket, GOODBYE_LINGER_MS);
        return;
    }
    tcp_socket_tune_driver(connection->socket);
    bufferevent_enable(connection->socket, EV_READ);
    set_deadline(connection, gateway->options->hello_timeout);
    read_messages(connection); /* the HELLO may have come with the upgrade */
}

static void leave_pre_auth(struct driver_connection *connection)
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

/* The session is over, or goes on without this secondary, whatever still happens to the socket. */
static void detach(struct driver_connection *connection, uint16_t close_code, enum driver_ending ending)
{
    struct tunnel_session *session = connection->session;
    connection->session = NULL;
    if (session && connection->index > 0)
        tunnel_session_detach(session, connection, close_code != WEBSOCKET_CLOSE_ABNORMAL);
    else
        tunnel_session_destroy(&session, secondaries_close_code(close_code), "the tunnel's driver has left");
    report_closed(connection, close_code, ending);
}

static void forget(struct driver_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    leave_pre_auth(connection);
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

static void drop(struct driver_connection *connection, uint16_t close_code)
{
    if (connection->phase == DRIVER_GONE)
        return;
    detach(connection, close_code, DRIVER_ENDED_BY_PEER);
    prompt_socket_end(&connection->prompt);
    tcp_socket_close(&connection->socket);
    forget(connection);
}

void driver_connection_drop(struct driver_connection *connection)
{
    drop(connection, WEBSOCKET_CLOSE_ABNORMAL);
}

/* Sends what is written, then FIN; the connection itself is forgotten. */
static void let_go(struct driver_connection *connection)
{
    bufferevent_setcb(connection->socket, NULL, NULL, NULL, NULL);
    prompt_socket_end(&connection->prompt);
    tcp_socket_linger(connection->gateway, &connection->socket, GOODBYE_LINGER_MS);
    forget(connection);
}

/* ---- sending ---- */

void driver_connection_mark_unflushed(struct driver_connection *connection)
{
    if (connection->is_unflushed || connection->phase == DRIVER_GONE || connection->phase == DRIVER_CLOSING)
        return;
    connection->is_unflushed = true;
    TAILQ_INSERT_TAIL(&connection->gateway->unflushed, connection, unflushed_link);
    gateway_wake_turn_end(connection->gateway);
}

void driver_connection_measure(struct driver_connection *connection)
{
    if (connection->phase == DRIVER_LIVE && round_trip_want(&connection->round_trip, monotonic_ms()))
        driver_connection_mark_unflushed(connection);
}

static void send_owed_ping(struct driver_connection *connection)
{
    uint8_t token[ROUND_TRIP_TOKEN_BYTES];
    if (!connection->round_trip.is_owed || connection->phase != DRIVER_LIVE)
        return;
    round_trip_ask(&connection->round_trip, monotonic_ms(), token);
    websocket_write_control(WEBSOCKET_SERVER, WEBSOCKET_PING, span_of(token, sizeof token),
                            bufferevent_get_output(connection->socket));
}

void driver_connection_flush(struct driver_connection *connection)
{
    if (connection->session)
        tunnel_session_pump(connection->session, connection);
    frame_batch_seal(&connection->batch);
    barriers_flush(connection);
    send_owed_ping(connection);
    if (output_length(connection) > OUTPUT_FLOOD)
        bufferevent_disable(connection->socket, EV_READ);
}

size_t driver_connection_queued(const struct driver_connection *connection)
{
    return output_length(connection) + evbuffer_get_length(connection->batch.message);
}

bool driver_connection_has_room(const struct driver_connection *connection)
{
    return driver_connection_queued(connection) < OUTPUT_HIGH;
}

bool driver_connection_is_stalled(const struct driver_connection *connection)
{
    return output_length(connection) > OUTPUT_STALLED;
}

void driver_connection_send(struct driver_connection *connection, enum frame_type type, struct span payload)
{
    frame_batch_add(&connection->batch, type, 0, payload);
    driver_connection_mark_unflushed(connection);
}

void driver_connection_send_json(struct driver_connection *connection, enum frame_type type, char *json)
{
    if (json)
        driver_connection_send(connection, type, span_of_string(json));
    free(json);
}

void driver_connection_revoke(struct driver_connection *connection, uint32_t bind, const char *reason)
{
    if (connection->phase == DRIVER_LIVE) {
        driver_connection_send_json(connection, FRAME_BIND_REVOKED, bind_revoked_encode(bind, reason));
        return;
    }
    struct revocation *revocation = connection->phase == DRIVER_AWAITS_DECISION ? calloc(1, sizeof *revocation) : NULL;
    if (!revocation)
        return;
    revocation->payload = bind_revoked_encode(bind, reason);
    STAILQ_INSERT_TAIL(&connection->revocations, revocation, link);
}

static void send_revocations(struct driver_connection *connection)
{
    struct revocation *revocation = NULL;
    while ((revocation = take_revocation(connection))) {
        driver_connection_send_json(connection, FRAME_BIND_REVOKED, revocation->payload);
        revocation->payload = NULL;
        revocation_destroy(revocation);
    }
}

void driver_connection_send_goaway(struct driver_connection *connection, enum error_code code, const char *message)
{
    driver_connection_send_json(connection, FRAME_GOAWAY, goaway_encode(code, message));
}

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

/* Mailboxes are finite, and lose what others say when one driver fills them. */
void driver_connection_ask(struct driver_connection *primary, const struct message *message)
{
    if (mailbox_send(primary->gateway->mailbox, message))
        primary->asks_waiting++;
}

static void write_close(struct driver_connection *connection, uint16_t close_code, const char *reason)
{
    frame_batch_seal(&connection->batch);
    websocket_write_close(WEBSOCKET_SERVER, close_code, reason, bufferevent_get_output(connection->socket));
    leave_pre_auth(connection);
    connection->phase = DRIVER_CLOSING;
    set_deadline(connection, CLOSE_TIMEOUT_MS);
    bufferevent_enable(connection->socket, EV_READ);
}

void driver_connection_end(struct driver_connection *connection, bool sends_goaway, enum error_code code,
                           const char *message, uint16_t close_code, enum driver_ending ending)
{
    if (connection->phase == DRIVER_CLOSING || connection->phase == DRIVER_GONE)
        return;
    log_info(&connection->gateway->log, "driver-ended", log_session(session_id_of(connection)),
             log_connection((struct connection_id){connection->id}), log_peer(connection->peer),
             log_number("code", code), log_number("close", close_code), log_reason(message));
    detach(connection, close_code, ending);
    if (sends_goaway)
        driver_connection_send_goaway(connection, code, message ? message : error_code_text(code));
    write_close(connection, close_code, message ? message : "");
}

void driver_connection_dismiss(struct driver_connection *connection, uint16_t close_code, const char *reason)
{
    connection->session = NULL;
    report_closed(connection, close_code, DRIVER_ENDED_BY_KIT);
    write_close(connection, close_code, reason);
}

void driver_connection_fail(struct driver_connection *connection, enum error_code code, const char *why)
{
    if (connection->phase == DRIVER_CLOSING || connection->phase == DRIVER_GONE)
        return;
    connection->gateway->counts.driver_errors[code]++;
    driver_connection_end(connection, true, code, why, WEBSOCKET_CLOSE_PROTOCOL_ERROR, DRIVER_ENDED_BY_KIT);
    let_go(connection); /* the peer was at fault: its close frame is not waited for */
}

/* ---- handshake ---- */

static void refuse_silently(struct driver_connection *connection, enum driver_drop reason, const char *why)
{
    connection->gateway->counts.handshakes_dropped[reason]++;
    log_warn(&connection->gateway->log, "driver-refused", log_connection((struct connection_id){connection->id}),
             log_peer(connection->peer), log_reason(why));
    detach(connection, WEBSOCKET_CLOSE_ABNORMAL, DRIVER_ENDED_BY_KIT);
    let_go(connection);
}

static struct span first_payload(const struct driver_connection *connection)
{
    return span_of(evbuffer_pullup(connection->first, -1), evbuffer_get_length(connection->first));
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
    bufferevent_disable(connection->socket, EV_READ); /* what comes next is for the session to be */
}

static void on_first_message(struct driver_connection *connection)
{
    struct frame_walk walk;
    struct frame_header header;
    struct frame_error error;
    frame_walk_begin(&walk, SIDE_DRIVER);
    if (evbuffer_get_length(connection->message) > HELLO_BYTES_MAX) {
        refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, "the first message is over 4 KiB");
        return;
    }
    if (frame_walk_next(&walk, connection->message, &header, &error) != FRAME_OK) {
        refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, "the first message is no frame");
        return;
    }
    connection->joins = header.type == FRAME_JOIN && connection->subprotocol == SUBPROTOCOL_V2;
    if ((header.type != FRAME_HELLO && !connection->joins) ||
        evbuffer_get_length(connection->message) != header.length) {
        refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, "the first message is not exactly one HELLO");
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
    forget(connection);
}

void driver_connection_arrive(struct gateway *gateway, const struct message *message)
{
    const struct message_connection_moved *moved = &message->connection_moved;
    struct loose_socket loose;
    handover_unpack_driver(gateway, moved, &loose);
    struct bufferevent *socket = loose_socket_settle(&loose, gateway->loop);
    struct driver_connection *connection = NULL;
    if (socket)
        connection = connection_new(gateway, &socket, moved->connection.value, (enum subprotocol)moved->subprotocol,
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
    leave_pre_auth(connection);
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
    send_revocations(connection);
    bufferevent_enable(connection->socket, EV_READ);
    read_messages(connection);
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
    bufferevent_enable(connection->socket, EV_READ);
    read_messages(connection);
}

void driver_connection_refused(struct driver_connection *connection, const struct message_session_refused *refused)
{
    if (connection->phase != DRIVER_AWAITS_DECISION)
        return;
    connection->is_known = false; /* whoever refused it knows */
    if (refused->close_code == 0) {
        refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, refused->close_reason);
        return;
    }
    if (refused->sends_goaway)
        driver_connection_send_goaway(connection, (enum error_code)refused->goaway_code, refused->goaway_message);
    write_close(connection, (uint16_t)refused->close_code, refused->close_reason);
    if (refused->close_code == WEBSOCKET_CLOSE_PROTOCOL_ERROR)
        let_go(connection); /* the peer was at fault: its close frame is not waited for */
}

void driver_connection_join_refused(struct driver_connection *connection, const struct message_join_refused *refused)
{
    if (connection->phase != DRIVER_AWAITS_DECISION)
        return;
    connection->is_known = false;
    if (refused->join_err.length == 0) {
        refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, "JOIN does not parse");
        return;
    }
    frame_batch_add(&connection->batch, FRAME_JOIN_ERR, 0, refused->join_err);
    write_close(connection, WEBSOCKET_CLOSE_NORMAL, "");
}

/* ---- receiving ---- */

static void on_message(struct driver_connection *connection)
{
    connection->last_heard_ms = monotonic_ms();
    switch (connection->phase) {
    case DRIVER_AWAITS_HELLO:
        on_first_message(connection);
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
        detach(connection, code, DRIVER_ENDED_BY_PEER);
        write_close(connection, echoed, "");
    }
    let_go(connection);
}

static void on_text(struct driver_connection *connection)
{
    switch (connection->phase) {
    case DRIVER_AWAITS_HELLO:
    case DRIVER_AWAITS_DECISION:
        refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, "text frames not allowed");
        break;
    case DRIVER_LIVE:
        driver_connection_fail(connection->session->primary, CODE_PROTOCOL_ERROR, "text frames not allowed");
        break;
    case DRIVER_CLOSING:
        let_go(connection);
        break;
    case DRIVER_GONE:
        break;
    }
}

static void on_broken_framing(struct driver_connection *connection)
{
    uint16_t close_code = connection->reader.close_code;
    if (connection->phase != DRIVER_LIVE) {
        refuse_silently(connection, DROP_BAD_FIRST_MESSAGE, connection->reader.why);
        return;
    }
    enum error_code code = close_code == WEBSOCKET_CLOSE_TOO_BIG ? CODE_FRAME_SIZE : CODE_PROTOCOL_ERROR;
    struct driver_connection *primary = connection->session->primary; /* what a secondary breaks ends the session */
    connection->gateway->counts.driver_errors[code]++;
    driver_connection_end(primary, true, code, connection->reader.why, close_code, DRIVER_ENDED_BY_KIT);
    let_go(primary);
    if (connection != primary)
        let_go(connection);
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
    return asks_too_much || output_length(connection) > OUTPUT_FLOOD;
}

static void read_messages(struct driver_connection *connection)
{
    while (may_read(connection) && read_one(connection) && may_read(connection))
        if (is_flooding(connection)) {
            bufferevent_disable(connection->socket, EV_READ);
            return;
        }
}

static void on_readable(struct bufferevent *socket, void *arg)
{
    struct driver_connection *connection = arg;
    bulk_read_messages(socket, &connection->reader, SOCKET_READ_MAX);
    read_messages(connection);
}

static void read_on(struct driver_connection *connection)
{
    if (!may_read(connection) || is_flooding(connection) || (bufferevent_get_enabled(connection->socket) & EV_READ))
        return;
    bufferevent_enable(connection->socket, EV_READ);
    read_messages(connection);
}

void driver_connection_read_on(struct driver_connection *primary)
{
    for (unsigned i = 0; primary->session && i < CONNECTIONS_MAX; i++)
        if (primary->session->connections[i])
            read_on(primary->session->connections[i]);
}

void driver_connection_answered(struct driver_connection *primary)
{
    if (primary->asks_waiting > 0 && --primary->asks_waiting == ASKS_MAX / 2)
        driver_connection_read_on(primary);
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
    (void)what;
    struct driver_connection *connection = arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        drop(connection, WEBSOCKET_CLOSE_ABNORMAL);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct driver_connection *connection = arg;
    if (connection->phase == DRIVER_AWAITS_HELLO)
        refuse_silently(connection, DROP_HELLO_TIMEOUT, "no HELLO in time");
    else
        let_go(connection);
}
