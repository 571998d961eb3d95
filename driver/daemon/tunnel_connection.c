#include "tunnel_connection.h"

#include "bulk_read.h"
#include "check.h"
#include "handshake.h"
#include "prompt_socket.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define WSS_HINT "; or is it wss:// rather than ws://?"

enum { IO_CHUNK = 131072 /* bytes per read or write of the socket */ };

enum connection_state { DIALING, HANDSHAKING, OPEN, CLOSING /* a close frame went out */, ENDED };

struct tunnel_connection {
    struct loop *loop;
    const struct daemon_access *access;
    const char *subprotocols;     /* offered */
    enum subprotocol subprotocol; /* agreed on */
    const struct connection_events *events;
    void *owner;
    enum connection_state state;
    struct daemon_dial *dial;
    struct bufferevent *bev;
    struct prompt_socket prompt;
    uint64_t heard;
    struct event *deadline; /* of the handshake, of the close */
    char key[WEBSOCKET_KEY_LENGTH + 1];
    struct http_reader *handshake;
    struct websocket_reader reader;
    struct evbuffer *message;
    struct outbox outbox;
    bool has_end; /* `end` was settled before the socket is gone */
    struct connection_end end;
};

static void set_deadline(struct tunnel_connection *connection, unsigned ms)
{
    const struct timeval in = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    check(evtimer_add(connection->deadline, &in) == 0);
}

/* What is said at the end: the first reason found is the real one. */
__attribute__((format(printf, 4, 5))) static void settle_end(struct tunnel_connection *connection,
                                                             enum connection_end_kind kind, uint16_t close_code,
                                                             const char *format, ...)
{
    if (connection->has_end)
        return;
    connection->has_end = true;
    connection->end.kind = kind;
    connection->end.close_code = close_code;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(connection->end.text, sizeof connection->end.text, format, arguments);
    va_end(arguments);
}

/* Neither reads nor writes any more. */
static void still(struct tunnel_connection *connection)
{
    prompt_socket_end(&connection->prompt);
    bufferevent_disable(connection->bev, EV_READ | EV_WRITE);
}

static void finish(struct tunnel_connection *connection)
{
    if (connection->state == ENDED)
        return;
    connection->state = ENDED;
    evtimer_del(connection->deadline);
    outbox_shut(&connection->outbox);
    if (connection->bev != NULL)
        still(connection);
    connection->events->on_ended(connection->owner, &connection->end);
}

/* Nothing can be sent any more, but what the peer said before may still be read. */
static void stop_writing(struct tunnel_connection *connection)
{
    outbox_shut(&connection->outbox);
    prompt_socket_stop_writing(&connection->prompt);
    bufferevent_disable(connection->bev, EV_WRITE);
    set_deadline(connection, CLOSE_TIMEOUT_MS);
}

static void begin_closing(struct tunnel_connection *connection, uint16_t code, const char *reason)
{
    outbox_shut(&connection->outbox);
    websocket_write_close(WEBSOCKET_CLIENT, code, reason, bufferevent_get_output(connection->bev));
    connection->state = CLOSING;
    set_deadline(connection, CLOSE_TIMEOUT_MS);
}

void tunnel_connection_close(struct tunnel_connection *connection, uint16_t code, const char *reason)
{
    switch (connection->state) {
    case DIALING:
    case HANDSHAKING:
        settle_end(connection, CONNECTION_CLOSED, WEBSOCKET_CLOSE_ABNORMAL, "given up before it was open");
        daemon_dial_destroy(&connection->dial);
        if (connection->bev != NULL)
            prompt_socket_read(&connection->prompt, false); /* an answer in this very turn must not open it again */
        set_deadline(connection, 0);
        return;
    case OPEN:
        begin_closing(connection, code, reason);
        return;
    case CLOSING:
    case ENDED:
        return;
    }
}

void tunnel_connection_drop(struct tunnel_connection *connection, const char *why)
{
    if (connection->state == ENDED)
        return;
    settle_end(connection, CONNECTION_LOST, WEBSOCKET_CLOSE_ABNORMAL, "%s", why);
    daemon_dial_destroy(&connection->dial);
    outbox_shut(&connection->outbox);
    if (connection->bev != NULL) {
        const struct linger at_once = {.l_onoff = 1};
        setsockopt(bufferevent_getfd(connection->bev), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        still(connection); /* what comes in this very turn is too late */
    }
    set_deadline(connection, 0);
}

static void on_close_frame(struct tunnel_connection *connection)
{
    const struct websocket_reader *reader = &connection->reader;
    settle_end(connection, CONNECTION_CLOSED, reader->close_code, "the daemon closed the connection (%u%s%.*s)",
               (unsigned)reader->close_code, reader->control_length > 0 ? ", " : "", (int)reader->control_length,
               (const char *)reader->control);
    if (connection->state == CLOSING) {
        finish(connection);
        return;
    }
    uint16_t code = reader->close_code == WEBSOCKET_CLOSE_NO_CODE ? 0 : reader->close_code;
    begin_closing(connection, code, "");
}

static void on_broken(struct tunnel_connection *connection, uint16_t code, const char *why)
{
    settle_end(connection, CONNECTION_LOST, WEBSOCKET_CLOSE_ABNORMAL, "the daemon broke the WebSocket protocol: %s",
               why);
    if (connection->state == OPEN)
        begin_closing(connection, code, why);
    else
        finish(connection);
}

/* One event off the input. false: nothing more for now. */
static bool read_websocket(struct tunnel_connection *connection)
{
    struct websocket_reader *reader = &connection->reader;
    switch (websocket_read(reader, bufferevent_get_input(connection->bev), connection->message)) {
    case WEBSOCKET_MORE:
        return false;
    case WEBSOCKET_MESSAGE:
        if (connection->state == OPEN)
            connection->events->on_message(connection->owner, connection->message);
        evbuffer_drain(connection->message, evbuffer_get_length(connection->message));
        return true;
    case WEBSOCKET_TEXT_BEGUN:
    case WEBSOCKET_TEXT_MESSAGE:
        on_broken(connection, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "text frames not allowed");
        return false;
    case WEBSOCKET_PINGED:
        if (connection->state == OPEN)
            websocket_write_control(WEBSOCKET_CLIENT, WEBSOCKET_PONG, span_of(reader->control, reader->control_length),
                                    bufferevent_get_output(connection->bev));
        return true;
    case WEBSOCKET_PONGED:
        outbox_hear_pong(&connection->outbox, reader->control, reader->control_length);
        return true;
    case WEBSOCKET_CLOSED:
        on_close_frame(connection);
        return false;
    case WEBSOCKET_BAD:
        on_broken(connection, reader->close_code, reader->why);
        return false;
    }
    return false;
}

static void open_up(struct tunnel_connection *connection)
{
    http_reader_destroy(&connection->handshake);
    evtimer_del(connection->deadline);
    connection->state = OPEN;
    connection->events->on_opened(connection->owner);
}

static void read_handshake(struct tunnel_connection *connection)
{
    char why[HANDSHAKE_WHY_BYTES];
    switch (http_reader_read(connection->handshake, bufferevent_get_input(connection->bev), connection->message, 0)) {
    case HTTP_MORE:
        return;
    case HTTP_HEAD:
        if (handshake_is_accepted(http_reader_head(connection->handshake), connection->key, connection->subprotocols,
                                  &connection->subprotocol, why)) {
            open_up(connection);
            return;
        }
        settle_end(connection,
                   handshake_is_final(http_reader_head(connection->handshake)) ? CONNECTION_FORBIDDEN
                                                                               : CONNECTION_REFUSED,
                   0, "%s", why);
        break;
    case HTTP_BODY:
    case HTTP_END:
    case HTTP_BAD:
        settle_end(connection, CONNECTION_REFUSED, 0, "it does not speak HTTP: is there a hoody-tunnel daemon?%s",
                   connection->access->tls == NULL ? WSS_HINT : "");
        break;
    }
    finish(connection);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct tunnel_connection *connection = arg;
    if (connection->state == OPEN)
        bulk_read_messages(bev, &connection->reader, IO_CHUNK);
    connection->heard++;
    if (connection->state == HANDSHAKING)
        read_handshake(connection);
    while ((connection->state == OPEN || connection->state == CLOSING) && read_websocket(connection))
        ;
    if (connection->state == OPEN && outbox_queued(&connection->outbox) > OUTBOX_MAX) {
        settle_end(connection, CONNECTION_LOST, WEBSOCKET_CLOSE_ABNORMAL, "the daemon sends, but does not read");
        finish(connection);
    }
}

static void on_write(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct tunnel_connection *connection = arg;
    if (connection->state == OPEN)
        outbox_flush(&connection->outbox);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    struct tunnel_connection *connection = arg;
    int error = EVUTIL_SOCKET_ERROR();
    if ((what & BEV_EVENT_WRITING) != 0 && (connection->state == OPEN || connection->state == CLOSING)) {
        stop_writing(connection);
        return;
    }
    if (connection->state == HANDSHAKING)
        settle_end(connection, CONNECTION_UNREACHABLE, 0, "it closed the connection before it answered%s",
                   connection->access->tls == NULL ? WSS_HINT : "");
    else if ((what & BEV_EVENT_ERROR) != 0)
        settle_end(connection, CONNECTION_LOST, WEBSOCKET_CLOSE_ABNORMAL, "the connection to the daemon was lost: %s",
                   strerror(error));
    else
        settle_end(connection, CONNECTION_LOST, WEBSOCKET_CLOSE_ABNORMAL, "the connection to the daemon was lost");
    finish(connection);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct tunnel_connection *connection = arg;
    if (connection->state == HANDSHAKING)
        settle_end(connection, CONNECTION_UNREACHABLE, 0, "it does not answer");
    settle_end(connection, CONNECTION_LOST, WEBSOCKET_CLOSE_ABNORMAL, "the connection to the daemon was lost");
    finish(connection);
}

static void on_reached(void *owner, struct bufferevent *bev)
{
    struct tunnel_connection *connection = owner;
    daemon_dial_destroy(&connection->dial);
    connection->bev = bev;
    check(websocket_random_key(connection->key));
    check(outbox_init(&connection->outbox, connection->loop, bufferevent_get_output(bev)));
    bufferevent_set_max_single_read(bev, IO_CHUNK);
    bufferevent_set_max_single_write(bev, IO_CHUNK);
    bufferevent_setwatermark(bev, EV_WRITE, OUTBOX_LOW_MARK, 0);
    bufferevent_setcb(bev, on_read, on_write, on_event, connection);
    bufferevent_enable(bev, EV_WRITE);
    check(prompt_socket_begin(&connection->prompt, loop_writes(connection->loop), bev, NULL));
    check(prompt_socket_read(&connection->prompt, true));
    handshake_write(&connection->access->url, connection->key, connection->subprotocols, connection->access->token,
                    bufferevent_get_output(bev));
    connection->state = HANDSHAKING;
    set_deadline(connection, HANDSHAKE_TIMEOUT_MS);
}

static void on_dial_failed(void *owner, enum dial_failure failure, const char *text)
{
    static const enum connection_end_kind KINDS[] = {
        [DIAL_UNREACHABLE] = CONNECTION_UNREACHABLE,
        [DIAL_REFUSED] = CONNECTION_REFUSED,
        [DIAL_FORBIDDEN] = CONNECTION_FORBIDDEN,
    };
    struct tunnel_connection *connection = owner;
    daemon_dial_destroy(&connection->dial);
    settle_end(connection, KINDS[failure], 0, "%s", text);
    finish(connection);
}

static const struct daemon_dial_events DIAL_EVENTS = {.on_reached = on_reached, .on_failed = on_dial_failed};

struct tunnel_connection *tunnel_connection_new(struct loop *loop, const struct daemon_access *access,
                                                const char *subprotocols, const struct connection_events *events,
                                                void *owner)
{
    struct tunnel_connection *connection = calloc(1, sizeof *connection);
    check(connection != NULL);
    connection->loop = loop;
    connection->access = access;
    connection->subprotocols = subprotocols;
    connection->events = events;
    connection->owner = owner;
    connection->outbox.is_shut = true; /* until there is a socket */
    connection->handshake = http_reader_new(HTTP_ANSWERS);
    connection->message = evbuffer_new();
    connection->deadline = evtimer_new(loop_base(loop), on_deadline, connection);
    check(connection->handshake != NULL && connection->message != NULL && connection->deadline != NULL);
    check(websocket_reader_init(&connection->reader, WEBSOCKET_CLIENT, TUNNEL_MESSAGE_MAX));
    connection->dial = daemon_dial_new(loop, access, &DIAL_EVENTS, connection);
    return connection;
}

uint64_t tunnel_connection_heard(const struct tunnel_connection *connection)
{
    return connection->heard;
}

enum subprotocol tunnel_connection_subprotocol(const struct tunnel_connection *connection)
{
    return connection->subprotocol;
}

struct outbox *tunnel_connection_outbox(struct tunnel_connection *connection)
{
    return &connection->outbox;
}

static void free_connection(void *object)
{
    struct tunnel_connection *connection = object;
    if (connection->bev != NULL) {
        outbox_done(&connection->outbox);
        bufferevent_free(connection->bev);
    }
    websocket_reader_done(&connection->reader);
    http_reader_destroy(&connection->handshake);
    evbuffer_free(connection->message);
    event_free(connection->deadline);
    free(connection);
}

void tunnel_connection_destroy(struct tunnel_connection **p_connection)
{
    struct tunnel_connection *connection = *p_connection;
    *p_connection = NULL;
    if (connection == NULL)
        return;
    connection->state = ENDED;
    daemon_dial_destroy(&connection->dial);
    outbox_shut(&connection->outbox);
    evtimer_del(connection->deadline);
    if (connection->bev != NULL) {
        bufferevent_setcb(connection->bev, NULL, NULL, NULL, NULL);
        still(connection);
    }
    loop_reap(connection->loop, free_connection, connection);
}
