/* The stage's kit: sockets, handshakes, frames. */
#include "stage_parts.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

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
    char head[2048] = "", answer[512], accept[WEBSOCKET_ACCEPT_LENGTH + 1];
    const char *taken = NULL;
    assert_true((size_t)end.pos + 4 < sizeof head);
    evbuffer_remove(input, head, (size_t)end.pos + 4);
    assert_non_null(strstr(head, "GET /api/v1/tunnel/connect HTTP/1.1\r\nHost: 127.0.0.1:"));
    assert_non_null(strstr(head, offer_of(kit, &taken)));
    if (kit != &kit->stage->sockets[0] && kit->stage->refused_upgrades > 0) {
        kit->stage->refused_upgrades--;
        evbuffer_add_printf(bufferevent_get_output(kit->bev), "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n",
                            kit->stage->refusal);
        return false;
    }
    const char *key = strstr(head, KEY);
    assert_non_null(key);
    websocket_accept_key(span_of(key + sizeof KEY - 1, WEBSOCKET_KEY_LENGTH), accept);
    int length = snprintf(answer, sizeof answer,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
                          accept, taken);
    size_t number = (size_t)(kit - kit->stage->sockets);
    if (number > 0 && number <= kit->stage->cut_upgrades && number < (size_t)length) {
        send(bufferevent_getfd(kit->bev), answer, number - 1, MSG_NOSIGNAL);
        shutdown(bufferevent_getfd(kit->bev), SHUT_RDWR);
        return false;
    }
    evbuffer_add(bufferevent_get_output(kit->bev), answer, (size_t)length);
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
                if (kit->has_said_close)
                    shutdown(bufferevent_getfd(bev), SHUT_RDWR);
                break;
            }
            if (event == WEBSOCKET_PINGED)
                continue; /* no pong, no round trip: windows stay as they are, whatever the machine's load */
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

void stage_kit_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length,
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

void stage_say_close(struct stage *stage, uint16_t code)
{
    stage_send(stage);
    stage->kit->has_said_close = true;
    websocket_write_close(WEBSOCKET_SERVER, code, "", bufferevent_get_output(stage->kit->bev));
}

static void drop_kit(struct kit_socket *kit, bool with_reset)
{
    frame_batch_done(&kit->batch);
    websocket_reader_done(&kit->reader);
    if (with_reset)
        stage_close_with_reset(kit->bev);
    else
        bufferevent_free(kit->bev);
    kit->bev = NULL;
}

void stage_drop_kit(struct stage *stage, bool with_reset)
{
    drop_kit(stage->kit, with_reset);
}

void stage_forget_kit(struct kit_socket *kit)
{
    struct heard *heard;
    while ((heard = TAILQ_FIRST(&kit->heard)) != NULL) {
        TAILQ_REMOVE(&kit->heard, heard, entry);
        free(heard);
    }
    if (kit->bev != NULL)
        drop_kit(kit, false);
}
