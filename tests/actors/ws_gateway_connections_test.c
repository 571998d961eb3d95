/* The ws-gateway alone: a session of several connections, and the order of streams that change between them (protocol
 * section 4). */
#include "gateway_peers.h"

#include <event2/buffer.h>

#define HEAD_OF_4 "{\"status\":200,\"headers\":[[\"content-length\",\"4\"]]}"
#define POST      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"

struct scene {
    struct driver *primary;
    struct driver *secondary;
    uint16_t port;
};

static struct scene begin(void **state)
{
    struct gateway_stage *stage = *state;
    struct scene scene = {0};
    gateway_raise(stage);
    scene.primary = driver_enter(stage);
    scene.secondary = driver_join(scene.primary, 1);
    scene.port = driver_bind(scene.primary, 1);
    return scene;
}

/* A request on the secondary, on stream 4; one on the primary before it, on stream 2. */
static struct client *ask_on_secondary(struct scene *scene, const char *request)
{
    struct client *visitor = NULL;
    driver_visited(scene->primary, scene->port, 2, "/first");
    driver_quiet(scene->primary);
    visitor = client_dial(scene->primary->socket->stage, scene->port);
    client_say(visitor, request);
    driver_hear(scene->secondary, FRAME_STREAM_OPEN, 4);
    return visitor;
}

static void streams_go_to_each_in_turn(void **state)
{
    struct scene scene = begin(state);
    struct driver *third = driver_join(scene.primary, 2);
    struct driver *const turns[] = {scene.primary, scene.secondary, third};
    for (uint32_t i = 0; i < 6; i++) {
        struct client *visitor = driver_visited(turns[i % 3], scene.port, 2 + 2 * i, "/");
        driver_say_answer(turns[i % 3], 2 + 2 * i, 200, "here");
        client_hear_answer(visitor, 200, "here");
        client_hang_up(visitor);
        driver_quiet(turns[i % 3]);
    }
}

static void what_comes_on_another_connection_waits_for_the_pong(void **state)
{
    struct scene scene = begin(state);
    struct client *visitor = ask_on_secondary(&scene, POST);
    driver_say(scene.primary, FRAME_DATA, 4, "me");
    driver_say(scene.primary, FRAME_EOF, 4, "");
    driver_hear_ping(scene.secondary);
    driver_say(scene.secondary, FRAME_STREAM_RESPONSE_HEAD, 4, HEAD_OF_4);
    driver_say(scene.secondary, FRAME_DATA, 4, "ti");
    driver_say_pong(scene.secondary);
    client_hear_answer(visitor, 200, "time");
}

static void a_pong_that_nobody_asked_for_lets_nothing_go(void **state)
{
    struct scene scene = begin(state);
    struct client *visitor = ask_on_secondary(&scene, POST);
    driver_say_answer(scene.primary, 4, 200, "held");
    driver_hear_ping(scene.secondary);
    scene.secondary->reader.control[0]++;
    driver_say_pong(scene.secondary);
    driver_quiet(scene.secondary);
    assert_int_equal(permits_left(gateway_count(*state)), scene.primary->socket->stage->permits - 5);
    scene.secondary->reader.control[0]--;
    driver_say_pong(scene.secondary);
    client_hear_answer(visitor, 200, "held");
}

static void a_request_that_was_whole_at_once_needs_no_ping(void **state)
{
    struct scene scene = begin(state);
    struct client *visitor = ask_on_secondary(&scene, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    driver_hear(scene.secondary, FRAME_EOF, 4);
    driver_say_answer(scene.primary, 4, 200, "at once");
    client_hear_answer(visitor, 200, "at once");
    driver_quiet(scene.secondary);
}

static void a_third_connection_resets_the_stream(void **state)
{
    struct scene scene = begin(state);
    struct driver *third = driver_join(scene.primary, 2);
    struct client *visitor = ask_on_secondary(&scene, POST);
    driver_say(scene.primary, FRAME_STREAM_RESPONSE_HEAD, 4, HEAD_OF_4);
    driver_hear_ping(scene.secondary);
    driver_say(third, FRAME_DATA, 4, "time");
    driver_hear_reset(scene.secondary, 4, CODE_PROTOCOL_ERROR);
    client_hear_refusal(visitor, 502);
    driver_say_pong(scene.secondary); /* for a stream that is gone */
    driver_quiet(scene.secondary);
}

static void a_reset_does_not_wait(void **state)
{
    struct scene scene = begin(state);
    struct client *visitor = ask_on_secondary(&scene, POST);
    driver_say(scene.primary, FRAME_STREAM_RESPONSE_HEAD, 4, HEAD_OF_4);
    driver_add(scene.primary, FRAME_RESET, 4, span_of("\0\7", 2));
    driver_send(scene.primary);
    client_hear_refusal(visitor, 502);
    driver_hear_ping(scene.secondary);
    driver_quiet(scene.secondary);
}

static void a_close_frame_lets_go_what_waited(void **state)
{
    struct gateway_stage *stage = *state;
    struct scene scene = begin(state);
    struct client *visitor = driver_visited(scene.primary, scene.port, 2, "/");
    driver_say(scene.secondary, FRAME_STREAM_RESPONSE_HEAD, 2, HEAD_OF_4);
    driver_say(scene.secondary, FRAME_DATA, 2, "ti");
    client_hear_answer(visitor, 200, NULL);
    client_hear(visitor, "ti");
    driver_say(scene.primary, FRAME_DATA, 2, "me");
    driver_hear_ping(scene.secondary);
    driver_say_close(scene.secondary, 1000);
    client_hear(visitor, "me");
    assert_int_equal(gateway_hear(stage, MESSAGE_secondary_closed)->secondary_closed.connection.value,
                     scene.secondary->connection.value);
}

static void a_drop_resets_what_waited(void **state)
{
    struct gateway_stage *stage = *state;
    struct scene scene = begin(state);
    struct client *visitor = driver_visited(scene.primary, scene.port, 2, "/");
    driver_say(scene.secondary, FRAME_STREAM_RESPONSE_HEAD, 2, HEAD_OF_4);
    client_hear_answer(visitor, 200, NULL);
    driver_say(scene.primary, FRAME_DATA, 2, "time");
    driver_hear_ping(scene.secondary);
    driver_hang_up(scene.secondary);
    driver_hear_reset(scene.primary, 2, CODE_CANCEL);
    client_hear_abort(visitor);
    gateway_hear(stage, MESSAGE_secondary_closed);
}

static void a_lost_secondary_costs_its_own_streams_only(void **state)
{
    struct gateway_stage *stage = *state;
    struct scene scene = begin(state);
    struct client *first = driver_visited(scene.primary, scene.port, 2, "/first");
    driver_quiet(scene.primary);
    struct client *second = driver_visited(scene.secondary, scene.port, 4, "/second");
    driver_hang_up(scene.secondary);
    gateway_hear(stage, MESSAGE_secondary_closed);
    driver_hear_reset(scene.primary, 4, CODE_CANCEL);
    client_hear_refusal(second, 502);
    driver_say_answer(scene.primary, 2, 200, "lives");
    client_hear_answer(first, 200, "lives");
    gateway_silent(stage); /* the session goes on */
    driver_join(scene.primary, 1);
}

static void what_a_secondary_breaks_ends_the_session(void **state)
{
    struct gateway_stage *stage = *state;
    struct scene scene = begin(state);
    driver_say(scene.secondary, FRAME_HELLO, 0, "{}");
    driver_hear_goaway(scene.primary, CODE_PROTOCOL_ERROR, "a second HELLO");
    driver_hear_close(scene.primary, 1002, "a second HELLO");
    driver_hear_close(scene.secondary, 1002, "the tunnel's driver has left");
    gateway_hear(stage, MESSAGE_secondary_closed);
    assert_true(gateway_hear(stage, MESSAGE_connection_closed)->connection_closed.kit_ended);
}

static void the_goaway_of_a_drain_waits_for_the_last_bytes(void **state)
{
    struct gateway_stage *stage = *state;
    struct scene scene = begin(state);
    gateway_say(stage, MESSAGE_OF(end_session, .connection = scene.primary->connection, .goaway_message = "bye",
                                  .close_code = 1001, .grace_ms = PATIENCE_MS, .goaway_last = true));
    driver_hear_ping(scene.secondary);
    driver_quiet(scene.primary);
    driver_say_pong(scene.secondary);
    driver_hear_goaway(scene.primary, CODE_NO_ERROR, "bye");
    driver_hear_close(scene.primary, 1001, "bye");
    gateway_hear(stage, MESSAGE_secondary_closed);
    gateway_hear(stage, MESSAGE_connection_closed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_stage_set_up, gateway_stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(streams_go_to_each_in_turn),
        TEST(what_comes_on_another_connection_waits_for_the_pong),
        TEST(a_pong_that_nobody_asked_for_lets_nothing_go),
        TEST(a_request_that_was_whole_at_once_needs_no_ping),
        TEST(a_third_connection_resets_the_stream),
        TEST(a_reset_does_not_wait),
        TEST(a_close_frame_lets_go_what_waited),
        TEST(a_drop_resets_what_waited),
        TEST(a_lost_secondary_costs_its_own_streams_only),
        TEST(what_a_secondary_breaks_ends_the_session),
        TEST(the_goaway_of_a_drain_waits_for_the_last_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
