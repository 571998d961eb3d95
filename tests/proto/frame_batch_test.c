#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frame_batch.h"
#include "websocket_script.h"

#include <stdlib.h>

enum { FRAMES_KEPT = 300 };

/* What a peer finds in a batch's output. */
struct received {
    size_t messages;
    size_t frames_in[FRAMES_KEPT]; /* by message */
    size_t bytes_in[FRAMES_KEPT];  /* by message */
    size_t frames;
    struct frame_header headers[FRAMES_KEPT];
    struct evbuffer *payloads; /* one behind the other */
};

struct fixture {
    struct evbuffer *out;
    struct frame_batch batch;
    struct received received;
};

static void begin(struct fixture *fixture, enum websocket_role role)
{
    *fixture = (struct fixture){.out = evbuffer_new(), .received.payloads = evbuffer_new()};
    assert_true(frame_batch_init(&fixture->batch, role, fixture->out));
}

static void end(struct fixture *fixture)
{
    frame_batch_done(&fixture->batch);
    frame_batch_done(&fixture->batch);
    evbuffer_free(fixture->out);
    evbuffer_free(fixture->received.payloads);
}

static void receive_message(struct received *received, enum tunnel_side from, struct evbuffer *message)
{
    struct frame_walk walk;
    struct frame_error error;
    enum frame_verdict verdict;
    received->bytes_in[received->messages] = evbuffer_get_length(message);
    frame_walk_begin(&walk, from);
    while ((verdict = frame_walk_next(&walk, message, &received->headers[received->frames], &error)) == FRAME_OK) {
        size_t length = received->headers[received->frames].length;
        assert_int_equal(evbuffer_remove_buffer(message, received->payloads, length), length);
        received->frames++;
    }
    assert_int_equal(verdict, FRAME_END);
    received->frames_in[received->messages++] = walk.frames;
}

/* Reads all that was sealed, as the other side does. */
static struct received *receive(struct fixture *fixture)
{
    bool is_kit = fixture->batch.role == WEBSOCKET_SERVER;
    struct websocket_reader reader;
    struct evbuffer *message = evbuffer_new();
    enum websocket_event event;
    assert_true(websocket_reader_init(&reader, is_kit ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER, TUNNEL_MESSAGE_MAX));
    while ((event = websocket_read(&reader, fixture->out, message)) == WEBSOCKET_MESSAGE)
        receive_message(&fixture->received, is_kit ? SIDE_KIT : SIDE_DRIVER, message);
    assert_int_equal(event, WEBSOCKET_MORE);
    assert_int_equal(evbuffer_get_length(fixture->out), 0);
    evbuffer_free(message);
    websocket_reader_done(&reader);
    return &fixture->received;
}

static void assert_header(struct frame_header header, enum frame_type type, uint32_t stream, uint32_t length)
{
    assert_int_equal(header.type, type);
    assert_int_equal(header.stream, stream);
    assert_int_equal(header.length, length);
}

static void assert_payloads(struct received *received, const void *expected, size_t length)
{
    assert_int_equal(evbuffer_get_length(received->payloads), length);
    assert_memory_equal(evbuffer_pullup(received->payloads, -1), expected, length);
}

static struct evbuffer *noise_buffer(size_t length)
{
    struct evbuffer *buffer = evbuffer_new();
    uint8_t *noise = script_noise(length);
    assert_int_equal(evbuffer_add(buffer, noise, length), 0);
    free(noise);
    return buffer;
}

static void test_frames_of_one_turn_share_a_message(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        begin(&fixture, i == 0 ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT);
        frame_batch_add(&fixture.batch, FRAME_PING, 0, span_of("12345678", 8));
        struct evbuffer *source = evbuffer_new();
        assert_int_equal(evbuffer_add(source, "data and more", 13), 0);
        frame_batch_add_data(&fixture.batch, 2, source, 4);
        assert_int_equal(evbuffer_get_length(source), 9);
        assert_memory_equal(evbuffer_pullup(source, -1), " and more", 9);
        evbuffer_free(source);
        frame_batch_add(&fixture.batch, FRAME_EOF, 2, span_of(NULL, 0));
        frame_batch_add_window(&fixture.batch, 4, 0x01020304);
        frame_batch_add_window(&fixture.batch, 0, 65536);
        frame_batch_add_reset(&fixture.batch, 0xFFFFFFFE, CODE_CANCEL, "gone");
        assert_int_equal(evbuffer_get_length(fixture.out), 0);
        frame_batch_seal(&fixture.batch);

        struct received *received = receive(&fixture);
        assert_int_equal(received->messages, 1);
        assert_int_equal(received->frames, 6);
        assert_header(received->headers[0], FRAME_PING, 0, 8);
        assert_header(received->headers[1], FRAME_DATA, 2, 4);
        assert_header(received->headers[2], FRAME_EOF, 2, 0);
        assert_header(received->headers[3], FRAME_WINDOW, 4, 4);
        assert_header(received->headers[4], FRAME_WINDOW, 0, 4);
        assert_header(received->headers[5], FRAME_RESET, 0xFFFFFFFE, 6);
        assert_payloads(received, "12345678data\1\2\3\4\0\1\0\0\0\7gone", 26);
        end(&fixture);
    }
}

static void test_an_empty_batch_seals_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, WEBSOCKET_CLIENT);
    frame_batch_seal(&fixture.batch);
    frame_batch_reserve(&fixture.batch, FRAMES_PER_MESSAGE_MAX, TUNNEL_MESSAGE_MAX);
    assert_int_equal(evbuffer_get_length(fixture.out), 0);
    end(&fixture);
}

static void test_each_seal_ends_a_message(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, WEBSOCKET_SERVER);
    for (uint32_t i = 0; i < 3; i++) {
        frame_batch_add(&fixture.batch, FRAME_EOF, 2 + i, span_of(NULL, 0));
        frame_batch_seal(&fixture.batch);
        frame_batch_seal(&fixture.batch);
    }
    struct received *received = receive(&fixture);
    assert_int_equal(received->messages, 3);
    assert_int_equal(received->frames, 3);
    assert_header(received->headers[2], FRAME_EOF, 4, 0);
    end(&fixture);
}

static void test_no_message_holds_more_than_64_frames(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, WEBSOCKET_SERVER);
    for (uint32_t i = 0; i < 129; i++)
        frame_batch_add_window(&fixture.batch, i, i);
    frame_batch_seal(&fixture.batch);
    struct received *received = receive(&fixture);
    assert_int_equal(received->messages, 3);
    assert_int_equal(received->frames_in[0], 64);
    assert_int_equal(received->frames_in[1], 64);
    assert_int_equal(received->frames_in[2], 1);
    for (uint32_t i = 0; i < 129; i++)
        assert_header(received->headers[i], FRAME_WINDOW, i, 4);
    end(&fixture);
}

static void test_no_message_exceeds_its_size(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        enum { TOTAL = 20 * FRAME_PAYLOAD_MAX };
        struct fixture fixture;
        begin(&fixture, i == 0 ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT);
        struct evbuffer *source = noise_buffer(TOTAL);
        while (evbuffer_get_length(source) > 0)
            frame_batch_add_data(&fixture.batch, 2, source, FRAME_PAYLOAD_MAX);
        frame_batch_seal(&fixture.batch);
        struct received *received = receive(&fixture);
        assert_int_equal(received->messages, 7);
        for (size_t message = 0; message < 7; message++)
            assert_int_equal(received->frames_in[message], message < 6 ? 3 : 2);
        uint8_t *expected = script_noise(TOTAL);
        assert_payloads(received, expected, TOTAL);
        free(expected);
        evbuffer_free(source);
        end(&fixture);
    }
}

static void test_room_is_what_the_next_payload_may_have(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, WEBSOCKET_SERVER);
    struct evbuffer *source = noise_buffer(TUNNEL_MESSAGE_MAX);
    assert_int_equal(frame_batch_room(&fixture.batch), FRAME_PAYLOAD_MAX);
    for (int i = 0; i < 3; i++)
        frame_batch_add_data(&fixture.batch, 2, source, FRAME_PAYLOAD_MAX);
    size_t room = TUNNEL_MESSAGE_MAX - 3 * (FRAME_HEADER_BYTES + FRAME_PAYLOAD_MAX) - FRAME_HEADER_BYTES;
    assert_int_equal(frame_batch_room(&fixture.batch), room);
    frame_batch_add_data(&fixture.batch, 2, source, room - 100);
    assert_int_equal(frame_batch_room(&fixture.batch), 100 - FRAME_HEADER_BYTES);
    frame_batch_add_data(&fixture.batch, 2, source, frame_batch_room(&fixture.batch));
    assert_int_equal(frame_batch_room(&fixture.batch), 0);
    assert_int_equal(evbuffer_get_length(fixture.out), 0);
    frame_batch_seal(&fixture.batch);
    assert_int_equal(frame_batch_room(&fixture.batch), FRAME_PAYLOAD_MAX);

    struct received *received = receive(&fixture);
    assert_int_equal(received->messages, 1);
    assert_int_equal(received->bytes_in[0], TUNNEL_MESSAGE_MAX);
    evbuffer_free(source);
    end(&fixture);
}

static void test_there_is_no_room_behind_the_64th_frame(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, WEBSOCKET_SERVER);
    for (int i = 0; i < 63; i++)
        frame_batch_add_window(&fixture.batch, 2, 1);
    assert_int_equal(frame_batch_room(&fixture.batch), FRAME_PAYLOAD_MAX);
    frame_batch_add_window(&fixture.batch, 2, 1);
    assert_int_equal(frame_batch_room(&fixture.batch), 0);
    end(&fixture);
}

/* With fewer bytes left than a header takes, room must not wrap around. */
static void test_there_is_no_room_for_less_than_a_header(void **state)
{
    (void)state;
    for (size_t left = 0; left <= FRAME_HEADER_BYTES + 1; left++) {
        struct fixture fixture;
        begin(&fixture, WEBSOCKET_SERVER);
        struct evbuffer *source = noise_buffer(TUNNEL_MESSAGE_MAX);
        for (int i = 0; i < 3; i++)
            frame_batch_add_data(&fixture.batch, 2, source, FRAME_PAYLOAD_MAX);
        frame_batch_add_data(&fixture.batch, 2, source, frame_batch_room(&fixture.batch) - left);
        assert_int_equal(frame_batch_room(&fixture.batch), left > FRAME_HEADER_BYTES ? left - FRAME_HEADER_BYTES : 0);
        frame_batch_add(&fixture.batch, FRAME_EOF, 2, span_of(NULL, 0));
        frame_batch_seal(&fixture.batch);
        struct received *received = receive(&fixture);
        assert_int_equal(received->messages, left < FRAME_HEADER_BYTES ? 2 : 1);
        assert_int_equal(received->frames, 5);
        evbuffer_free(source);
        end(&fixture);
    }
}

static void test_reserved_frames_share_one_message(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, WEBSOCKET_SERVER);
    for (int i = 0; i < 62; i++)
        frame_batch_add_window(&fixture.batch, 2, 1);
    frame_batch_reserve(&fixture.batch, 2, 100);
    assert_int_equal(evbuffer_get_length(fixture.out), 0);
    frame_batch_reserve(&fixture.batch, 3, 100);
    assert_true(evbuffer_get_length(fixture.out) > 0);
    frame_batch_add(&fixture.batch, FRAME_STREAM_OPEN, 2, span_of("{}", 2));
    frame_batch_add(&fixture.batch, FRAME_EOF, 2, span_of(NULL, 0));
    frame_batch_seal(&fixture.batch);
    struct received *received = receive(&fixture);
    assert_int_equal(received->messages, 2);
    assert_int_equal(received->frames_in[0], 62);
    assert_int_equal(received->frames_in[1], 2);
    end(&fixture);
}

static void test_reserved_bytes_share_one_message(void **state)
{
    (void)state;
    static const uint8_t payload[100];
    struct fixture fixture;
    begin(&fixture, WEBSOCKET_SERVER);
    frame_batch_add(&fixture.batch, FRAME_DATA, 2, span_of(payload, sizeof payload));
    size_t left = TUNNEL_MESSAGE_MAX - FRAME_HEADER_BYTES - sizeof payload;
    frame_batch_reserve(&fixture.batch, 1, left);
    assert_int_equal(evbuffer_get_length(fixture.out), 0);
    frame_batch_reserve(&fixture.batch, 1, left + 1);
    assert_true(evbuffer_get_length(fixture.out) > 0);
    end(&fixture);
}

static void test_an_open_message_is_dropped_with_its_batch(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, WEBSOCKET_SERVER);
    frame_batch_add_window(&fixture.batch, 0, 1);
    frame_batch_done(&fixture.batch);
    assert_int_equal(evbuffer_get_length(fixture.out), 0);
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_of_one_turn_share_a_message),
        cmocka_unit_test(test_an_empty_batch_seals_nothing),
        cmocka_unit_test(test_each_seal_ends_a_message),
        cmocka_unit_test(test_no_message_holds_more_than_64_frames),
        cmocka_unit_test(test_no_message_exceeds_its_size),
        cmocka_unit_test(test_room_is_what_the_next_payload_may_have),
        cmocka_unit_test(test_there_is_no_room_behind_the_64th_frame),
        cmocka_unit_test(test_there_is_no_room_for_less_than_a_header),
        cmocka_unit_test(test_reserved_frames_share_one_message),
        cmocka_unit_test(test_reserved_bytes_share_one_message),
        cmocka_unit_test(test_an_open_message_is_dropped_with_its_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
