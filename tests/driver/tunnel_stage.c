#include "tunnel_stage.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WATCHDOG_S = 60 };

void stage_run_once(struct stage *stage)
{
    assert_true(event_base_loop(loop_base(stage->loop), EVLOOP_ONCE) >= 0);
}

#define AWAIT(stage, condition)                                                                                        \
    while (!(condition))                                                                                               \
    stage_run_once(stage)

/* ---- the kit ---- */

static void keep_frames(struct kit_socket *kit, struct evbuffer *message)
{
    struct frame_walk walk;
    struct frame_header header;
    struct frame_error error;
    frame_walk_begin(&walk, SIDE_DRIVER);
    enum frame_verdict verdict;
    while ((verdict = frame_walk_next(&walk, message, &header, &error)) == FRAME_OK) {
        struct heard *heard = calloc(1, sizeof *heard + header.length + 1);
        assert_non_null(heard);
        heard->type = header.type;
        heard->stream = header.stream;
        heard->length = header.length;
        assert_int_equal(evbuffer_remove(message, heard->payload, header.length), header.length);
        TAILQ_INSERT_TAIL(&kit->heard, heard, entry);
    }
    assert_int_equal(verdict, FRAME_END);
}

/* What the driver must offer on this socket, and what the kit takes of it. */
static const char *offer_of(const struct kit_socket *kit, const char **ret_taken)
{
    bool has_several = kit->stage->asked > 1;
    *ret_taken = has_several ? "hoody-tunnel.v2" : "hoody-tunnel.v1";
    if (has_several && kit == &kit->stage->sockets[0])
        return "\r\nSec-WebSocket-Protocol: hoody-tunnel.v2, hoody-tunnel.v1\r\n";
    return has_several ? "\r\nSec-WebSocket-Protocol: hoody-tunnel.v2\r\n"
                       : "\r\nSec-WebSocket-Protocol: hoody-tunnel.v1\r\n";
}

static bool accept_handshake(struct kit_socket *kit)
{
    static const char KEY[] = "Sec-WebSocket-Key: ";
    struct evbuffer *input = bufferevent_get_input(kit->bev);
    struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    if (end.pos < 0)
        return false;
    char head[2048] = "", accept[WEBSOCKET_ACCEPT_LENGTH + 1];
    const char *taken = NULL;
    assert_true((size_t)end.pos + 4 < sizeof head);
    evbuffer_remove(input, head, (size_t)end.pos + 4);
    assert_non_null(strstr(head, "GET /api/v1/tunnel/connect HTTP/1.1\r\nHost: 127.0.0.1:"));
    assert_non_null(strstr(head, offer_of(kit, &taken)));
    if (kit != &kit->stage->sockets[0] && kit->stage->refused_upgrades > 0) {
        kit->stage->refused_upgrades--;
        evbuffer_add_printf(bufferevent_get_output(kit->bev), "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
        return false;
    }
    const char *key = strstr(head, KEY);
    assert_non_null(key);
    websocket_accept_key(span_of(key + sizeof KEY - 1, WEBSOCKET_KEY_LENGTH), accept);
    evbuffer_add_printf(bufferevent_get_output(kit->bev),
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
                        accept, taken);
    kit->is_open = true;
    return true;
}

static void on_kit_read(struct bufferevent *bev, void *arg)
{
    struct kit_socket *kit = arg;
    struct evbuffer *input = bufferevent_get_input(bev), *message = evbuffer_new();
    if (kit->is_open || accept_handshake(kit)) {
        enum websocket_event event;
        while ((event = websocket_read(&kit->reader, input, message)) != WEBSOCKET_MORE) {
            if (event == WEBSOCKET_CLOSED) {
                kit->close_code = kit->reader.close_code;
                break;
            }
            assert_int_equal(event, WEBSOCKET_MESSAGE);
            keep_frames(kit, message);
        }
    }
    evbuffer_free(message);
}

static void on_kit_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)what;
    struct kit_socket *kit = arg;
    kit->has_ended = true;
}

static void on_kit_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length,
                          void *arg)
{
    (void)listener;
    (void)address;
    (void)length;
    struct stage *stage = arg;
    assert_true(stage->socket_count < STAGE_SOCKETS_MAX);
    struct kit_socket *kit = &stage->sockets[stage->socket_count++];
    kit->stage = stage;
    kit->bev = bufferevent_socket_new(loop_base(stage->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(kit->bev);
    TAILQ_INIT(&kit->heard);
    assert_true(frame_batch_init(&kit->batch, WEBSOCKET_SERVER, bufferevent_get_output(kit->bev)));
    assert_true(websocket_reader_init(&kit->reader, WEBSOCKET_SERVER, TUNNEL_MESSAGE_MAX));
    bufferevent_setcb(kit->bev, on_kit_read, NULL, on_kit_event, kit);
    bufferevent_enable(kit->bev, EV_READ | EV_WRITE);
}

void stage_on(struct stage *stage, size_t socket)
{
    if (stage->kit->bev != NULL)
        stage_send(stage);
    AWAIT(stage, socket < stage->socket_count && stage->sockets[socket].is_open);
    stage->kit = &stage->sockets[socket];
}

void stage_has_sockets(struct stage *stage, size_t count)
{
    stage_hear_nothing(stage); /* what was about to come has come: accepting takes no longer than a frame */
    assert_int_equal(stage->socket_count, count);
}

void stage_say_bytes(struct stage *stage, enum frame_type type, uint32_t stream, const void *bytes, size_t length)
{
    frame_batch_add(&stage->kit->batch, type, stream, span_of(bytes, length));
}

void stage_say(struct stage *stage, enum frame_type type, uint32_t stream, const char *payload)
{
    stage_say_bytes(stage, type, stream, payload, strlen(payload));
}

void stage_say_filler(struct stage *stage, uint32_t stream, size_t length)
{
    static char filler[FRAME_PAYLOAD_MAX];
    memset(filler, 'k', sizeof filler);
    for (; length > 0; length -= length < sizeof filler ? length : sizeof filler)
        stage_say_bytes(stage, FRAME_DATA, stream, filler, length < sizeof filler ? length : sizeof filler);
}

void stage_grant(struct stage *stage, uint32_t stream, uint32_t increment)
{
    frame_batch_add_window(&stage->kit->batch, stream, increment);
}

void stage_send(struct stage *stage)
{
    frame_batch_seal(&stage->kit->batch);
}

void stage_open(struct stage *stage, uint32_t stream, const char *method, const char *target, const char *fields)
{
    char json[1024];
    int length = snprintf(json, sizeof json,
                          "{\"kind\":\"http\",\"method\":\"%s\",\"target\":\"%s\",\"headers\":[%s],\"isUpgrade\":false,"
                          "\"bindId\":1,\"containerPort\":8080,\"peerAddr\":\"192.0.2.1:5\"}",
                          method, target, fields);
    assert_true(length > 0 && (size_t)length < sizeof json);
    stage_say(stage, FRAME_STREAM_OPEN, stream, json);
}

void stage_open_upgrade(struct stage *stage, uint32_t stream)
{
    stage_say(stage, FRAME_STREAM_OPEN, stream,
              "{\"kind\":\"http\",\"method\":\"GET\",\"target\":\"/ws\",\"headers\":[[\"host\",\"a\"],[\"connection\","
              "\"upgrade\"],[\"upgrade\",\"raw\"]],\"isUpgrade\":true,\"bindId\":1,\"containerPort\":8080,"
              "\"peerAddr\":\"192.0.2.1:5\"}");
}

void stage_open_tcp(struct stage *stage, uint32_t stream)
{
    stage_say(stage, FRAME_STREAM_OPEN, stream,
              "{\"kind\":\"tcp\",\"bindId\":1,\"containerPort\":8080,\"peerAddr\":\"127.0.0.1:5\"}");
}

const struct heard *stage_hear_any(struct stage *stage)
{
    stage_send(stage);
    free(stage->current);
    stage->current = NULL;
    while (TAILQ_EMPTY(&stage->kit->heard)) {
        if (stage->kit->has_ended || stage->is_over)
            fail_msg("no frame comes any more: %s", stage->end_text);
        stage_run_once(stage);
    }
    stage->current = TAILQ_FIRST(&stage->kit->heard);
    TAILQ_REMOVE(&stage->kit->heard, stage->current, entry);
    return stage->current;
}

const struct heard *stage_hear(struct stage *stage, enum frame_type type, uint32_t stream)
{
    const struct heard *heard = stage_hear_any(stage);
    if (heard->type != type || heard->stream != stream)
        fail_msg("heard %s on stream %u (%.100s), not %s on stream %u", frame_type_name(heard->type), heard->stream,
                 heard->payload, frame_type_name((uint8_t)type), stream);
    return heard;
}

void stage_hear_text(struct stage *stage, enum frame_type type, uint32_t stream, const char *payload)
{
    assert_string_equal(stage_hear(stage, type, stream)->payload, payload);
}

void stage_hear_reset(struct stage *stage, uint32_t stream, enum error_code code, const char *reason)
{
    const struct heard *heard = stage_hear(stage, FRAME_RESET, stream);
    struct reset reset = frame_reset_decode(span_of(heard->payload, heard->length));
    assert_int_equal(reset.code, code);
    if (strstr(heard->payload + 2, reason) == NULL)
        fail_msg("the reason is '%s', not '%s'", heard->payload + 2, reason);
}

void stage_hear_data(struct stage *stage, uint32_t stream, const char *bytes, size_t length)
{
    while (length > 0) {
        const struct heard *heard = stage_hear(stage, FRAME_DATA, stream);
        assert_true(heard->length <= length);
        if (bytes != NULL)
            assert_memory_equal(heard->payload, bytes, heard->length);
        bytes = bytes != NULL ? bytes + heard->length : NULL;
        length -= heard->length;
    }
}

uint32_t stage_take_windows(struct stage *stage, uint32_t stream)
{
    uint32_t granted = 0;
    stage_say(stage, FRAME_PING, 0, "12345678");
    for (;;) {
        const struct heard *heard = stage_hear_any(stage);
        if (heard->type == FRAME_PONG)
            return granted;
        if (heard->type != FRAME_WINDOW)
            fail_msg("heard %s on stream %u", frame_type_name(heard->type), heard->stream);
        if (heard->stream == stream)
            granted += frame_window_decode((const uint8_t *)heard->payload);
    }
}

size_t stage_fill_up(struct stage *stage, uint32_t stream)
{
    size_t said = 0;
    for (uint32_t credit = STAGE_WINDOW; credit > 0; credit = stage_take_windows(stage, stream)) {
        stage_say_filler(stage, stream, credit);
        said += credit;
    }
    return said;
}

void stage_hear_nothing(struct stage *stage)
{
    stage_say(stage, FRAME_PING, 0, "12345678");
    stage_hear_text(stage, FRAME_PONG, 0, "12345678");
}

void stage_hear_close(struct stage *stage, uint16_t code)
{
    stage_send(stage);
    AWAIT(stage, stage->kit->close_code != 0);
    assert_true(TAILQ_EMPTY(&stage->kit->heard));
    assert_int_equal(stage->kit->close_code, code);
    websocket_write_close(WEBSOCKET_SERVER, code, "", bufferevent_get_output(stage->kit->bev));
}

static void close_with_reset(struct bufferevent *bev)
{
    const struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(bufferevent_getfd(bev), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    bufferevent_free(bev);
}

static void drop_kit(struct kit_socket *kit, bool with_reset)
{
    frame_batch_done(&kit->batch);
    websocket_reader_done(&kit->reader);
    if (with_reset)
        close_with_reset(kit->bev);
    else
        bufferevent_free(kit->bev);
    kit->bev = NULL;
}

void stage_drop_kit(struct stage *stage, bool with_reset)
{
    drop_kit(stage->kit, with_reset);
}

/* ---- the local service ---- */

static void on_service_event(struct bufferevent *bev, short what, void *arg)
{
    struct service_connection *connection = arg;
    (void)bev;
    if ((what & BEV_EVENT_EOF) != 0)
        connection->ended = true;
    if ((what & BEV_EVENT_ERROR) != 0)
        connection->reset = true;
}

static void on_service_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length,
                              void *arg)
{
    (void)listener;
    (void)address;
    (void)length;
    struct stage *stage = arg;
    assert_true(stage->connection_count < STAGE_CONNECTIONS_MAX);
    struct service_connection *connection = &stage->connections[stage->connection_count++];
    connection->bev = bufferevent_socket_new(loop_base(stage->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(connection->bev);
    bufferevent_setcb(connection->bev, NULL, NULL, on_service_event, connection);
    bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
}

static struct service_connection *connection_of(struct stage *stage, size_t connection)
{
    if (stage->kit->bev != NULL)
        stage_send(stage);
    AWAIT(stage, connection < stage->connection_count);
    assert_non_null(stage->connections[connection].bev);
    return &stage->connections[connection];
}

void stage_stop_service(struct stage *stage)
{
    evconnlistener_free(stage->service_listener);
    stage->service_listener = NULL;
}

/* A listener whose queue is full: the kernel drops what knocks. */
void stage_block_service(struct stage *stage)
{
    struct sockaddr_in *address = (struct sockaddr_in *)&stage->target.endpoint.addresses[0];
    socklen_t length = sizeof *address;
    for (size_t i = 0; i < STAGE_BLOCKING_SOCKETS; i++) {
        stage->blocking[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_true(stage->blocking[i] > 0);
    }
    address->sin_port = 0;
    assert_int_equal(bind(stage->blocking[0], (struct sockaddr *)address, length), 0);
    assert_int_equal(listen(stage->blocking[0], 0), 0);
    assert_int_equal(getsockname(stage->blocking[0], (struct sockaddr *)address, &length), 0);
    for (size_t i = 1; i < STAGE_BLOCKING_SOCKETS; i++)
        connect(stage->blocking[i], (struct sockaddr *)address, length); /* one is queued, the others wait */
}

static void service_await(struct stage *stage, size_t number, size_t length)
{
    struct service_connection *connection = connection_of(stage, number);
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    while (evbuffer_get_length(input) < length) {
        if (connection->ended || connection->reset)
            fail_msg("the driver closed connection %zu after %zu bytes", number, evbuffer_get_length(input));
        stage_run_once(stage);
    }
}

void stage_service_hear(struct stage *stage, size_t number, const char *text)
{
    char got[2048] = "";
    size_t length = strlen(text);
    assert_true(length < sizeof got);
    service_await(stage, number, length);
    evbuffer_remove(bufferevent_get_input(stage->connections[number].bev), got, length);
    assert_string_equal(got, text);
}

void stage_service_hear_filler(struct stage *stage, size_t number, size_t length)
{
    service_await(stage, number, length);
    struct evbuffer *input = bufferevent_get_input(stage->connections[number].bev);
    const uint8_t *bytes = evbuffer_pullup(input, (ev_ssize_t)length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(bytes[i], 'k');
    evbuffer_drain(input, length);
}

void stage_service_say(struct stage *stage, size_t number, const char *text)
{
    assert_int_equal(bufferevent_write(connection_of(stage, number)->bev, text, strlen(text)), 0);
}

void stage_service_say_filler(struct stage *stage, size_t number, size_t length)
{
    struct evbuffer *output = bufferevent_get_output(connection_of(stage, number)->bev);
    char *bytes = malloc(length);
    assert_non_null(bytes);
    memset(bytes, 's', length);
    assert_int_equal(evbuffer_add(output, bytes, length), 0);
    free(bytes);
}

void stage_service_pause(struct stage *stage, size_t number)
{
    bufferevent_disable(connection_of(stage, number)->bev, EV_READ);
}

void stage_service_resume(struct stage *stage, size_t number)
{
    bufferevent_enable(connection_of(stage, number)->bev, EV_READ);
}

void stage_service_end(struct stage *stage, size_t number)
{
    struct service_connection *connection = connection_of(stage, number);
    AWAIT(stage, evbuffer_get_length(bufferevent_get_output(connection->bev)) == 0);
    assert_int_equal(shutdown(bufferevent_getfd(connection->bev), SHUT_WR), 0);
}

void stage_service_reset(struct stage *stage, size_t number)
{
    struct service_connection *connection = connection_of(stage, number);
    AWAIT(stage, evbuffer_get_length(bufferevent_get_output(connection->bev)) == 0);
    close_with_reset(connection->bev);
    connection->bev = NULL;
}

void stage_service_hear_end(struct stage *stage, size_t number)
{
    struct service_connection *connection = connection_of(stage, number);
    AWAIT(stage, connection->ended || connection->reset);
    assert_true(connection->ended);
    assert_int_equal(evbuffer_get_length(bufferevent_get_input(connection->bev)), 0);
}

void stage_service_hear_reset(struct stage *stage, size_t number)
{
    struct service_connection *connection = connection_of(stage, number);
    AWAIT(stage, connection->ended || connection->reset);
    assert_true(connection->reset);
}

/* ---- the session ---- */

static void on_established(void *owner, const struct session_id *id, uint32_t connections_granted)
{
    struct stage *stage = owner;
    stage->granted = connections_granted;
    assert_string_equal(id->text, "S-11111111-2222-4333-8444-555555555555");
    stage->is_established = true;
}

static void on_sockets_changed(void *owner, uint32_t attached, uint32_t granted, const char *why)
{
    struct stage *stage = owner;
    assert_int_equal(granted, stage->granted);
    assert_true(attached == granted || *why != '\0');
    stage->attached = attached;
}

static void on_bound(void *owner, const struct binding_wish *wish, const struct bind_ok *ok)
{
    struct stage *stage = owner;
    assert_ptr_equal(wish, &stage->wish);
    stage->bound++;
    stage->bound_port = ok->container_port;
    if (ok->public_url != NULL)
        snprintf(stage->public_url, sizeof stage->public_url, "%s", ok->public_url);
}

static void on_ended(void *owner, enum session_end end, const char *text)
{
    struct stage *stage = owner;
    assert_false(stage->is_over);
    stage->is_over = true;
    stage->end = end;
    snprintf(stage->end_text, sizeof stage->end_text, "%s", text);
}

static const struct session_events EVENTS = {
    .on_established = on_established,
    .on_sockets_changed = on_sockets_changed,
    .on_bound = on_bound,
    .on_ended = on_ended,
};

void stage_await_end(struct stage *stage)
{
    if (stage->kit->bev != NULL)
        stage_send(stage);
    AWAIT(stage, stage->is_over);
}

/* Listens on a free loopback port, and says which. */
static struct evconnlistener *listen_somewhere(struct stage *stage, evconnlistener_cb on_accept,
                                               struct endpoint *ret_endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct evconnlistener *listener =
        evconnlistener_new_bind(loop_base(stage->loop), on_accept, stage, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 16,
                                (struct sockaddr *)&address, sizeof address);
    assert_non_null(listener);
    assert_int_equal(getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length), 0);
    const char *why = NULL;
    struct host_port where = {.host = "127.0.0.1", .port = ntohs(address.sin_port)};
    assert_true(endpoint_resolve(&where, ret_endpoint, &why));
    return listener;
}

static struct stage *new_stage(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    struct endpoint target;
    const char *why = NULL;
    char url[HOST_PORT_BYTES + 8];
    assert_non_null(stage);
    *state = stage;
    alarm(WATCHDOG_S);
    stage->kit = &stage->sockets[0];
    stage->asked = 1;
    stage->loop = loop_new();
    assert_non_null(stage->loop);
    stage->kit_listener = listen_somewhere(stage, on_kit_accept, &stage->daemon);
    stage->service_listener = listen_somewhere(stage, on_service_accept, &target);
    snprintf(url, sizeof url, "ws://%s", stage->daemon.name);
    assert_true(server_url_parse(url, &stage->url, &why));
    local_service_init(&stage->service, stage->loop, &target, HOST_FIXED, "service");
    tcp_target_init(&stage->target, stage->loop, &target, DIAL_TIMEOUT_MS);
    return stage;
}

static void begin_session(struct stage *stage)
{
    stage->session = session_new(stage->loop, &stage->url, &stage->daemon, stage->asked, &EVENTS, stage);
    session_bind(stage->session, &stage->wish);
    stage_on(stage, 0);
    stage_hear(stage, FRAME_HELLO, 0);
}

/* HELLO_OK, and what was wished for is bound. */
static void become_bound(struct stage *stage)
{
    char json[256];
    snprintf(json, sizeof json,
             "{\"sessionId\":\"S-11111111-2222-4333-8444-555555555555\",\"resumed\":false,\"resumedBinds\":[],"
             "\"streamWindow\":%d,\"sessionWindow\":%d,\"maxStreams\":8}",
             STAGE_WINDOW, STAGE_SESSION_WINDOW);
    stage_say(stage, FRAME_HELLO_OK, 0, json);
    stage_hear(stage, FRAME_BIND, 0);
    stage_say(stage, FRAME_BIND_OK, 0, "{\"clientBindRef\":1,\"bindId\":1,\"containerPort\":8080,\"publicUrl\":null}");
    stage_send(stage);
    AWAIT(stage, stage->bound == 1);
}

int stage_set_up_early(void **state)
{
    struct stage *stage = new_stage(state);
    stage->wish = (struct binding_wish){.port = 8080, .service = &stage->service};
    begin_session(stage);
    return 0;
}

int stage_set_up(void **state)
{
    stage_set_up_early(state);
    become_bound(*state);
    return 0;
}

int stage_set_up_several(void **state)
{
    struct stage *stage = new_stage(state);
    stage->wish = (struct binding_wish){.port = 8080, .service = &stage->service};
    stage->asked = 4;
    begin_session(stage);
    return 0;
}

int stage_set_up_pull(void **state)
{
    struct stage *stage = new_stage(state);
    stage->wish = (struct binding_wish){.port = 8080, .target = &stage->target, .host = "127.0.0.1"};
    begin_session(stage);
    become_bound(stage);
    return 0;
}

static void forget_kit(struct kit_socket *kit)
{
    struct heard *heard;
    while ((heard = TAILQ_FIRST(&kit->heard)) != NULL) {
        TAILQ_REMOVE(&kit->heard, heard, entry);
        free(heard);
    }
    if (kit->bev != NULL)
        drop_kit(kit, false);
}

int stage_tear_down(void **state)
{
    struct stage *stage = *state;
    free(stage->current);
    session_destroy(&stage->session);
    local_service_done(&stage->service);
    for (size_t i = 0; i < stage->socket_count; i++)
        forget_kit(&stage->sockets[i]);
    for (size_t i = 0; i < stage->connection_count; i++)
        if (stage->connections[i].bev != NULL)
            bufferevent_free(stage->connections[i].bev);
    for (size_t i = 0; i < STAGE_BLOCKING_SOCKETS; i++)
        if (stage->blocking[i] > 0)
            close(stage->blocking[i]);
    evconnlistener_free(stage->kit_listener);
    if (stage->service_listener != NULL)
        evconnlistener_free(stage->service_listener);
    loop_destroy(&stage->loop);
    free(stage);
    alarm(0);
    return 0;
}
