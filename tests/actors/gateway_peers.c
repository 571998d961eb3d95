#include "gateway_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "session_payloads.h"
#include "tunnel_handshake.h"

enum { QUIET_ROUNDS = 4 /* accept, read, act, send: each takes a turn of the gateway's loop at most */ };

/* ---- clients --------------------------------------------------------------------------------------------------- */

static struct client *connect_to(struct gateway_stage *stage, uint16_t port)
{
    struct client *client = calloc(1, sizeof *client);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int yes = 1;
    assert_non_null(client);
    client->stage = stage;
    assert_non_null(client->in = evbuffer_new());
    assert_true((client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
    assert_int_equal(setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes), 0);
    address.sin_port = htons(port);
    while (connect(client->fd, (struct sockaddr *)&address, length) != 0 && errno != EISCONN)
        if (errno != EINTR && errno != EALREADY) /* what a signal interrupted goes on */
            fail_msg("connecting to port %u: %s", port, strerror(errno));
    assert_int_equal(getsockname(client->fd, (struct sockaddr *)&address, &length), 0);
    client->local_port = ntohs(address.sin_port);
    return client;
}

struct client *client_dial(struct gateway_stage *stage, uint16_t port)
{
    struct client *client = connect_to(stage, port);
    LIST_INSERT_HEAD(&stage->clients, client, link);
    return client;
}

void assert_port_refuses(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
}

static void say_all(const struct client *client, const void *bytes, size_t length)
{
    assert_int_equal(send(client->fd, bytes, length, MSG_NOSIGNAL), length); /* blocking: all or an error */
}

void client_say(struct client *client, const char *text)
{
    say_all(client, text, strlen(text));
}

/* More bytes into `in`: their number, 0: the end, negative: -errno. */
static int receive_some(struct client *client)
{
    char bytes[16384];
    struct pollfd readable = {.fd = client->fd, .events = POLLIN};
    int64_t deadline = zclock_mono() + PATIENCE_MS;
    int ready = 0;
    do { /* libFuzzer's timer interrupts it */
        int64_t left = deadline - zclock_mono();
        ready = poll(&readable, 1, left > 0 ? (int)left : 0);
    } while (ready < 0 && errno == EINTR);
    if (ready != 1)
        return -ETIMEDOUT;
    ssize_t length = recv(client->fd, bytes, sizeof bytes, 0);
    if (length < 0)
        return -errno;
    assert_int_equal(evbuffer_add(client->in, bytes, (size_t)length), 0);
    return (int)length;
}

static void await_bytes(struct client *client, size_t length)
{
    while (evbuffer_get_length(client->in) < length) {
        int received = receive_some(client);
        if (received <= 0)
            fail_msg("%s after %zu of %zu bytes: %.*s", received == 0 ? "ended" : strerror(-received),
                     evbuffer_get_length(client->in), length, (int)evbuffer_get_length(client->in),
                     (const char *)evbuffer_pullup(client->in, -1));
    }
}

void client_hear(struct client *client, const char *text)
{
    size_t length = strlen(text);
    await_bytes(client, length);
    const void *bytes = evbuffer_pullup(client->in, (ev_ssize_t)length);
    if (memcmp(bytes, text, length) != 0)
        fail_msg("heard \"%.*s\", should have heard \"%s\"", (int)length, (const char *)bytes, text);
    evbuffer_drain(client->in, length);
}

static void hear_head(struct client *client)
{
    struct evbuffer_ptr end;
    while ((end = evbuffer_search(client->in, "\r\n\r\n", 4, NULL)).pos < 0)
        await_bytes(client, evbuffer_get_length(client->in) + 1);
    size_t length = (size_t)end.pos + 4;
    free(client->head);
    assert_non_null(client->head = calloc(1, length + 1));
    assert_int_equal(evbuffer_remove(client->in, client->head, length), length);
}

const char *client_hear_answer(struct client *client, unsigned status, const char *body)
{
    char expected[64];
    hear_head(client);
    (void)snprintf(expected, sizeof expected, "HTTP/1.1 %u ", status);
    if (strncmp(client->head, expected, strlen(expected)) != 0)
        fail_msg("heard \"%s\", should have heard \"%s\"", client->head, expected);
    if (body == NULL)
        return client->head;
    (void)snprintf(expected, sizeof expected, "\r\ncontent-length: %zu\r\n", strlen(body));
    if (strcasestr(client->head, expected) == NULL)
        fail_msg("\"%s\" should have had \"%s\"", client->head, expected);
    client_hear(client, body);
    return client->head;
}

const char *client_hear_refusal(struct client *client, unsigned status)
{
    const char *head = client_hear_answer(client, status, NULL);
    const char *field = strcasestr(head, "\r\ncontent-length: ");
    assert_non_null(field);
    size_t length = strtoul(strchr(field, ':') + 1, NULL, 10);
    await_bytes(client, length);
    evbuffer_drain(client->in, length);
    return head;
}

static int hear_last(struct client *client)
{
    int received = evbuffer_get_length(client->in) > 0 ? 1 : receive_some(client);
    if (received > 0)
        fail_msg("heard \"%.*s\", should have heard the end", (int)evbuffer_get_length(client->in),
                 (const char *)evbuffer_pullup(client->in, -1));
    return received;
}

void client_hear_end(struct client *client)
{
    assert_int_equal(hear_last(client), 0);
}

void client_hear_abort(struct client *client)
{
    assert_int_equal(hear_last(client), -ECONNRESET);
}

void client_end_output(struct client *client)
{
    assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
}

static void disconnect(struct client *client)
{
    close(client->fd);
    evbuffer_free(client->in);
    free(client->head);
    free(client);
}

void client_hang_up(struct client *client)
{
    LIST_REMOVE(client, link);
    disconnect(client);
}

void client_abort(struct client *client)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    client_hang_up(client);
}

/* ---- drivers: life --------------------------------------------------------------------------------------------- */

const char *driver_upgrade(char text[UPGRADE_MAX], const char *subprotocol, const char *fields)
{
    int length = snprintf(text, UPGRADE_MAX,
                          "GET " TUNNEL_CONNECT_PATH " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n%s\r\n",
                          subprotocol, fields);
    assert_in_range(length, 1, UPGRADE_MAX - 1);
    return text;
}

struct driver *driver_dial_as(struct gateway_stage *stage, const char *subprotocol, const char *fields)
{
    char text[UPGRADE_MAX];
    struct driver *driver = calloc(1, sizeof *driver);
    assert_non_null(driver);
    driver->socket = connect_to(stage, stage->port);
    LIST_INSERT_HEAD(&stage->drivers, driver, link);
    assert_non_null(driver->out = evbuffer_new());
    assert_non_null(driver->message = evbuffer_new());
    assert_true(websocket_reader_init(&driver->reader, WEBSOCKET_CLIENT, TUNNEL_MESSAGE_MAX));
    assert_true(frame_batch_init(&driver->batch, WEBSOCKET_CLIENT, driver->out));
    client_say(driver->socket, driver_upgrade(text, subprotocol, fields));
    const char *head = client_hear_answer(driver->socket, 101, NULL);
    assert_non_null(strstr(head, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    (void)snprintf(text, sizeof text, "\r\nSec-WebSocket-Protocol: %s\r\n", subprotocol);
    assert_non_null(strstr(head, text));
    return driver;
}

struct driver *driver_dial(struct gateway_stage *stage)
{
    return driver_dial_as(stage, SUBPROTOCOL_V1_NAME, "");
}

void driver_hang_up(struct driver *driver)
{
    LIST_REMOVE(driver, link);
    disconnect(driver->socket);
    websocket_reader_done(&driver->reader);
    frame_batch_done(&driver->batch);
    evbuffer_free(driver->out);
    evbuffer_free(driver->message);
    free(driver->frame.payload);
    free(driver);
}

struct driver *driver_knock(struct gateway_stage *stage)
{
    struct driver *driver = driver_dial(stage);
    driver_say(driver, FRAME_HELLO, 0, "{\"version\":\"hoody-tunnel.v1\"}");
    driver->connection = gateway_hear(stage, MESSAGE_open_session)->open_session.connection;
    return driver;
}

struct session_id driver_session(const struct driver *driver)
{
    struct session_id session;
    (void)snprintf(session.text, sizeof session.text, "S-00000000-0000-4000-8000-%012llx",
                   (unsigned long long)driver->connection.value);
    return session;
}

void driver_let_in(struct driver *driver)
{
    struct gateway_stage *stage = driver->socket->stage;
    gateway_say(stage,
                MESSAGE_OF(session_opened, .shard = driver->shard, .connection = driver->connection,
                           .session = driver_session(driver), .hello_ok = span_of_string("{\"sessionId\":\"a\"}"),
                           .stream_window = (uint32_t)stage->options.stream_window,
                           .session_window = (uint32_t)stage->options.session_window,
                           .max_streams = (uint32_t)stage->options.max_streams));
}

struct driver *driver_enter(struct gateway_stage *stage)
{
    struct driver *driver = driver_knock(stage);
    driver_let_in(driver);
    driver_hear_text(driver, FRAME_HELLO_OK, 0, "{\"sessionId\":\"a\"}");
    return driver;
}

struct driver *driver_join(struct driver *primary, uint32_t index)
{
    struct gateway_stage *stage = primary->socket->stage;
    struct driver *driver = driver_dial_as(stage, SUBPROTOCOL_V2_NAME, "");
    driver_say(driver, FRAME_JOIN, 0, "{}");
    driver->connection = gateway_hear(stage, MESSAGE_join_session)->join_session.connection;
    gateway_say(stage, MESSAGE_OF(session_joined, .connection = driver->connection, .primary = primary->connection,
                                  .index = index, .nonce = "a", .join_ok = span_of_string("{\"index\":1}")));
    driver_hear_text(driver, FRAME_JOIN_OK, 0, "{\"index\":1}");
    return driver;
}

/* ---- drivers: saying ------------------------------------------------------------------------------------------- */

void driver_say_bytes(struct driver *driver, struct span bytes)
{
    say_all(driver->socket, bytes.data, bytes.length);
}

static void flush(struct driver *driver)
{
    size_t length = evbuffer_get_length(driver->out);
    driver_say_bytes(driver, span_of(evbuffer_pullup(driver->out, -1), length));
    evbuffer_drain(driver->out, length);
}

void driver_add(struct driver *driver, enum frame_type type, uint32_t stream, struct span payload)
{
    frame_batch_add(&driver->batch, type, stream, payload);
}

void driver_send(struct driver *driver)
{
    frame_batch_seal(&driver->batch);
    flush(driver);
}

void driver_say(struct driver *driver, enum frame_type type, uint32_t stream, const char *payload)
{
    driver_add(driver, type, stream, span_of_string(payload));
    driver_send(driver);
}

void driver_say_answer(struct driver *driver, uint32_t stream, unsigned status, const char *body)
{
    char head[128];
    (void)snprintf(head, sizeof head, "{\"status\":%u,\"headers\":[[\"content-length\",\"%zu\"]],\"final\":true}",
                   status, strlen(body));
    driver_add(driver, FRAME_STREAM_RESPONSE_HEAD, stream, span_of_string(head));
    driver_add(driver, FRAME_DATA, stream, span_of_string(body));
    driver_add(driver, FRAME_EOF, stream, span_of(NULL, 0));
    driver_send(driver);
}

void driver_say_close(struct driver *driver, uint16_t code)
{
    websocket_write_close(WEBSOCKET_CLIENT, code, "", driver->out);
    flush(driver);
}

void driver_say_pong(struct driver *driver)
{
    websocket_write_control(WEBSOCKET_CLIENT, WEBSOCKET_PONG,
                            span_of(driver->reader.control, driver->reader.control_length), driver->out);
    flush(driver);
}

/* ---- drivers: hearing ------------------------------------------------------------------------------------------ */

/* The next event of the WebSocket, waited for; WEBSOCKET_MORE: the connection has ended. */
static enum websocket_event next_event(struct driver *driver)
{
    enum websocket_event event = WEBSOCKET_MORE;
    while ((event = websocket_read(&driver->reader, driver->socket->in, driver->message)) == WEBSOCKET_MORE)
        if (receive_some(driver->socket) <= 0)
            break;
    return event;
}

static void take_frame(struct driver *driver, bool begins_message)
{
    struct frame_header header;
    struct frame_error error;
    if (begins_message)
        frame_walk_begin(&driver->walk, SIDE_KIT);
    assert_int_equal(frame_walk_next(&driver->walk, driver->message, &header, &error), FRAME_OK);
    free(driver->frame.payload);
    driver->frame = (struct frame){.type = header.type,
                                   .stream = header.stream,
                                   .length = header.length,
                                   .payload = calloc(1, header.length + 1),
                                   .begins_message = begins_message};
    assert_non_null(driver->frame.payload);
    assert_int_equal(evbuffer_remove(driver->message, driver->frame.payload, header.length), header.length);
    driver->frame.ends_message = evbuffer_get_length(driver->message) == 0;
}

/* The next frame; `expected` is what a failure says should have come. */
static const struct frame *next_frame(struct driver *driver, const char *expected)
{
    bool begins_message = evbuffer_get_length(driver->message) == 0;
    enum websocket_event event = begins_message ? next_event(driver) : WEBSOCKET_MESSAGE;
    if (event == WEBSOCKET_CLOSED)
        fail_msg("heard close %u, should have heard %s", driver->reader.close_code, expected);
    if (event != WEBSOCKET_MESSAGE)
        fail_msg("heard the end, should have heard %s", expected);
    take_frame(driver, begins_message);
    return &driver->frame;
}

const struct frame *driver_hear_any(struct driver *driver)
{
    return next_frame(driver, "a frame");
}

const struct frame *driver_hear(struct driver *driver, enum frame_type type, uint32_t stream)
{
    const struct frame *frame = next_frame(driver, frame_type_name((uint8_t)type));
    if (frame->type != type || frame->stream != stream)
        fail_msg("heard %s on %u \"%.200s\", should have heard %s on %u", frame_type_name(frame->type), frame->stream,
                 frame->payload, frame_type_name((uint8_t)type), stream);
    return frame;
}

void driver_hear_text(struct driver *driver, enum frame_type type, uint32_t stream, const char *payload)
{
    assert_string_equal(driver_hear(driver, type, stream)->payload, payload);
}

void driver_hear_reset(struct driver *driver, uint32_t stream, enum error_code code)
{
    const struct frame *frame = driver_hear(driver, FRAME_RESET, stream);
    assert_int_equal(frame_reset_decode(span_of(frame->payload, frame->length)).code, code);
}

void driver_hear_goaway(struct driver *driver, enum error_code code, const char *message)
{
    const struct frame *frame = driver_hear(driver, FRAME_GOAWAY, 0);
    struct goaway goaway = {0};
    const char *why = NULL;
    assert_int_equal(goaway_decode(span_of(frame->payload, frame->length), &goaway, &why), PAYLOAD_OK);
    assert_string_equal(goaway.message, message);
    assert_int_equal(goaway.code, code);
    goaway_done(&goaway);
}

void driver_hear_request(struct driver *driver, uint32_t stream, const char *target)
{
    char expected[256];
    const struct frame *frame = driver_hear(driver, FRAME_STREAM_OPEN, stream);
    (void)snprintf(expected, sizeof expected, "\"target\":\"%s\"", target);
    if (strstr(frame->payload, expected) == NULL)
        fail_msg("heard %s, should have had %s", frame->payload, expected);
    assert_false(driver_hear(driver, FRAME_EOF, stream)->begins_message);
}

void driver_hear_close(struct driver *driver, uint16_t code, const char *reason)
{
    assert_int_equal(evbuffer_get_length(driver->message), 0);
    enum websocket_event event = next_event(driver);
    if (event == WEBSOCKET_MESSAGE) {
        take_frame(driver, true);
        fail_msg("heard %s \"%.200s\", should have heard a close frame", frame_type_name(driver->frame.type),
                 driver->frame.payload);
    }
    assert_int_equal(event, WEBSOCKET_CLOSED);
    assert_int_equal(driver->reader.close_code, code);
    assert_int_equal(driver->reader.control_length, strlen(reason));
    assert_memory_equal(driver->reader.control, reason, strlen(reason));
}

void driver_hear_ping(struct driver *driver)
{
    assert_int_equal(evbuffer_get_length(driver->message), 0);
    assert_int_equal(next_event(driver), WEBSOCKET_PINGED);
}

void driver_hear_end(struct driver *driver)
{
    assert_int_equal(evbuffer_get_length(driver->message), 0);
    client_hear_end(driver->socket);
}

void driver_quiet(struct driver *driver)
{
    for (int round = 0; round < QUIET_ROUNDS; round++) {
        char token[] = "quiet? 0";
        token[sizeof token - 2] = (char)('0' + round);
        driver_say(driver, FRAME_PING, 0, token);
        driver_hear_text(driver, FRAME_PONG, 0, token);
    }
}

/* ---- bindings -------------------------------------------------------------------------------------------------- */

uint16_t driver_open_port(struct driver *driver, uint32_t binding)
{
    struct gateway_stage *stage = driver->socket->stage;
    assert_in_range(binding, 1, STAGE_BINDINGS_MAX);
    gateway_say(stage, MESSAGE_OF(open_listener, .shard = driver->shard, .connection = driver->connection,
                                  .binding = {binding}, .mode = BIND_MODE_EXPOSE, .address = "127.0.0.1", .port = 0));
    const struct message *opened = gateway_hear(stage, MESSAGE_listener_opened);
    assert_int_equal(opened->listener_opened.binding.value, binding);
    assert_in_range(opened->listener_opened.port, 1, 65535);
    return (uint16_t)opened->listener_opened.port;
}

uint16_t driver_bind(struct driver *driver, uint32_t binding)
{
    uint16_t port = driver_open_port(driver, binding);
    gateway_say(driver->socket->stage, MESSAGE_OF(bound, .shard = driver->shard, .connection = driver->connection,
                                                  .client_ref = 1, .binding = {binding}, .port = port));
    driver_hear(driver, FRAME_BIND_OK, 0);
    return port;
}

struct client *driver_visited(struct driver *driver, uint16_t port, uint32_t stream, const char *target)
{
    char request[256];
    struct client *visitor = client_dial(driver->socket->stage, port);
    (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
    client_say(visitor, request);
    driver_hear_request(driver, stream, target);
    return visitor;
}
