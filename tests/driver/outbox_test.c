/* Turns, marks and order of what a connection sends (driver/outbox.h). */
#include "outbox.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Sends frames of `size` bytes until `left` are gone. */
struct source {
    struct outbox_sender sender; /* first */
    uint32_t stream;
    size_t size;
    unsigned left;
};

static bool take_turn(struct outbox_sender *sender, struct frame_batch *batch)
{
    struct source *source = (struct source *)sender;
    struct evbuffer *data = evbuffer_new();
    uint8_t *bytes = calloc(1, source->size);
    assert_null(sender->waits_in);
    assert_true(source->left > 0);
    evbuffer_add(data, bytes, source->size);
    frame_batch_add_data(batch, source->stream, data, source->size);
    evbuffer_free(data);
    free(bytes);
    return --source->left > 0;
}

static struct source source_of(uint32_t stream, size_t size, unsigned frames)
{
    return (struct source){.sender.take_turn = take_turn, .stream = stream, .size = size, .left = frames};
}

struct fixture {
    struct loop *loop;
    struct evbuffer *out;
    struct outbox outbox;
    struct websocket_reader reader;
    struct evbuffer *message;
    struct frame_walk walk;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    *state = fixture;
    fixture->loop = loop_new();
    fixture->out = evbuffer_new();
    fixture->message = evbuffer_new();
    assert_true(outbox_init(&fixture->outbox, fixture->loop, fixture->out));
    assert_true(websocket_reader_init(&fixture->reader, WEBSOCKET_SERVER, TUNNEL_MESSAGE_MAX));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    outbox_done(&fixture->outbox);
    websocket_reader_done(&fixture->reader);
    evbuffer_free(fixture->message);
    evbuffer_free(fixture->out);
    loop_destroy(&fixture->loop);
    free(fixture);
    return 0;
}

/* The next frame of what went out; type 0: none. */
static struct frame_header next_frame(struct fixture *fixture)
{
    struct frame_header header = {0};
    struct frame_error error;
    if (evbuffer_get_length(fixture->message) == 0) {
        if (websocket_read(&fixture->reader, fixture->out, fixture->message) != WEBSOCKET_MESSAGE)
            return header;
        frame_walk_begin(&fixture->walk, SIDE_DRIVER);
    }
    assert_int_equal(frame_walk_next(&fixture->walk, fixture->message, &header, &error), FRAME_OK);
    evbuffer_drain(fixture->message, header.length);
    return header;
}

static void next_is(struct fixture *fixture, enum frame_type type, uint32_t stream)
{
    struct frame_header header = next_frame(fixture);
    assert_int_equal(header.type, type);
    assert_int_equal(header.stream, stream);
}

static void senders_take_turns_one_frame_each(void **state)
{
    struct fixture *fixture = *state;
    struct source a = source_of(2, 100, 4), b = source_of(4, 100, 2), c = source_of(6, 100, 3);
    outbox_add_sender(&fixture->outbox, &a.sender);
    outbox_add_sender(&fixture->outbox, &b.sender);
    outbox_add_sender(&fixture->outbox, &c.sender);
    outbox_add_sender(&fixture->outbox, &a.sender); /* waits already */
    outbox_flush(&fixture->outbox);
    static const uint32_t ORDER[] = {2, 4, 6, 2, 4, 6, 2, 6, 2};
    for (size_t i = 0; i < sizeof ORDER / sizeof *ORDER; i++)
        next_is(fixture, FRAME_DATA, ORDER[i]);
    assert_int_equal(next_frame(fixture).type, 0);
}

static void control_frames_go_ahead_of_data(void **state)
{
    struct fixture *fixture = *state;
    struct source a = source_of(2, 100, 1);
    outbox_add_sender(&fixture->outbox, &a.sender);
    frame_batch_add_window(outbox_control(&fixture->outbox), 0, 5);
    outbox_flush(&fixture->outbox);
    next_is(fixture, FRAME_WINDOW, 0);
    next_is(fixture, FRAME_DATA, 2);
}

static void senders_are_not_asked_while_the_queue_is_long(void **state)
{
    struct fixture *fixture = *state;
    struct source a = source_of(2, FRAME_PAYLOAD_MAX, 100);
    outbox_add_sender(&fixture->outbox, &a.sender);
    outbox_flush(&fixture->outbox);
    unsigned left = a.left;
    assert_in_range(left, 90, 99);
    assert_in_range(outbox_queued(&fixture->outbox), OUTBOX_HIGH_MARK, OUTBOX_HIGH_MARK + 2 * FRAME_PAYLOAD_MAX);
    outbox_flush(&fixture->outbox);
    assert_int_equal(a.left, left);
    evbuffer_drain(fixture->out, evbuffer_get_length(fixture->out));
    outbox_flush(&fixture->outbox);
    assert_true(a.left < left);
    outbox_sender_leave(&a.sender);
}

static void control_frames_go_out_however_long_the_queue_is(void **state)
{
    struct fixture *fixture = *state;
    struct source a = source_of(2, FRAME_PAYLOAD_MAX, 100);
    outbox_add_sender(&fixture->outbox, &a.sender);
    outbox_flush(&fixture->outbox);
    size_t before = evbuffer_get_length(fixture->out);
    frame_batch_add_window(outbox_control(&fixture->outbox), 0, 5);
    outbox_flush(&fixture->outbox);
    assert_true(evbuffer_get_length(fixture->out) > before);
    outbox_sender_leave(&a.sender);
}

static void what_is_ready_goes_out_at_the_end_of_the_turn(void **state)
{
    struct fixture *fixture = *state;
    struct source a = source_of(2, 100, 1);
    frame_batch_add_window(outbox_control(&fixture->outbox), 0, 5);
    outbox_add_sender(&fixture->outbox, &a.sender);
    assert_int_equal(evbuffer_get_length(fixture->out), 0);
    event_base_loop(loop_base(fixture->loop), EVLOOP_ONCE);
    next_is(fixture, FRAME_WINDOW, 0);
    next_is(fixture, FRAME_DATA, 2);
    assert_int_equal(fixture->walk.frames, 2); /* in one message */
}

static void a_sender_that_left_is_not_asked(void **state)
{
    struct fixture *fixture = *state;
    struct source a = source_of(2, 100, 1), b = source_of(4, 100, 1);
    outbox_add_sender(&fixture->outbox, &a.sender);
    outbox_add_sender(&fixture->outbox, &b.sender);
    outbox_sender_leave(&a.sender);
    outbox_sender_leave(&a.sender);
    outbox_flush(&fixture->outbox);
    next_is(fixture, FRAME_DATA, 4);
    assert_int_equal(next_frame(fixture).type, 0);
}

static void a_shut_outbox_sends_what_was_said_and_nothing_more(void **state)
{
    struct fixture *fixture = *state;
    struct source a = source_of(2, 100, 1);
    frame_batch_add_window(outbox_control(&fixture->outbox), 0, 5);
    outbox_shut(&fixture->outbox);
    outbox_add_sender(&fixture->outbox, &a.sender);
    for (int i = 0; i < 200; i++)
        frame_batch_add_window(outbox_control(&fixture->outbox), 0, 6);
    outbox_flush(&fixture->outbox);
    next_is(fixture, FRAME_WINDOW, 0);
    assert_int_equal(next_frame(fixture).type, 0);
    assert_int_equal(evbuffer_get_length(fixture->out), 0);
    assert_int_equal(a.left, 1);
    outbox_sender_leave(&a.sender);
}

#define OUTBOX_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTBOX_TEST(senders_take_turns_one_frame_each),
        OUTBOX_TEST(control_frames_go_ahead_of_data),
        OUTBOX_TEST(senders_are_not_asked_while_the_queue_is_long),
        OUTBOX_TEST(control_frames_go_out_however_long_the_queue_is),
        OUTBOX_TEST(what_is_ready_goes_out_at_the_end_of_the_turn),
        OUTBOX_TEST(a_sender_that_left_is_not_asked),
        OUTBOX_TEST(a_shut_outbox_sends_what_was_said_and_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
