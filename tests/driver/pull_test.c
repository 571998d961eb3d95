/* PULL as the driver lives it: raw TCP between the kit and a local target (protocol section 6, PULL;
 * driver/tcp_target.c, driver/relay.c). */
#include "tunnel_stage.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>

#define STREAM_RESET "\0\7" /* cancel */

/* Stream 2 on connection 0. */
static void connect_visitor(struct stage *stage)
{
    stage_open_tcp(stage, 2);
    stage_service_pause(stage, 0);
    stage_service_resume(stage, 0); /* it is there */
}

/* ---- the beginning ---- */

static void bind_asks_for_a_tcp_port_of_that_address(void **state)
{
    struct stage *stage = *state;
    struct binding_wish wish = {.port = 0, .target = &stage->target, .host = "::1", .label = "db"};
    session_bind(stage->session, &wish, (struct binding_past){0});
    stage_hear_text(stage, FRAME_BIND, 0,
                    "{\"clientBindRef\":2,\"kind\":\"tcp\",\"mode\":\"pull\",\"containerPort\":0,\"label\":\"db\","
                    "\"host\":\"::1\"}");
}

static void a_service_that_speaks_first_is_heard(void **state)
{
    struct stage *stage = *state;
    connect_visitor(stage);
    stage_service_say(stage, 0, "220 ready\r\n");
    stage_hear_data(stage, 2, "220 ready\r\n", 11);
}

static void bytes_pass_both_ways(void **state)
{
    struct stage *stage = *state;
    connect_visitor(stage);
    stage_say(stage, FRAME_DATA, 2, "ping");
    stage_service_hear(stage, 0, "ping");
    stage_service_say(stage, 0, "pong");
    stage_hear_data(stage, 2, "pong", 4);
    stage_say(stage, FRAME_DATA, 2, "");
    stage_hear_nothing(stage);
}

static void an_http_stream_of_a_tcp_binding_is_refused(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/", "");
    stage_hear_reset(stage, 2, CODE_REFUSED_STREAM, "not an http one");
}

/* The kit says all of it in one message, so the connection can't be there before the last byte. */
static void what_comes_before_the_connection_is_held_and_none_is_lost(void **state)
{
    struct stage *stage = *state;
    stage_open_tcp(stage, 2);
    stage_say_filler(stage, 2, STAGE_WINDOW);
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear_filler(stage, 0, STAGE_WINDOW);
    stage_service_hear_end(stage, 0);
    stage_service_say(stage, 0, "got it");
    stage_service_end(stage, 0);
    const struct heard *heard;
    while ((heard = stage_hear_any(stage))->type == FRAME_WINDOW) /* its credit comes back */
        ;
    assert_int_equal(heard->type, FRAME_DATA);
    assert_string_equal(heard->payload, "got it");
    stage_hear(stage, FRAME_EOF, 2);
    stage_hear_nothing(stage);
}

static void what_waits_for_the_connection_is_not_granted_back(void **state)
{
    struct stage *stage = *state;
    stage_block_service(stage);
    stage_open_tcp(stage, 2);
    stage_say_filler(stage, 2, STAGE_WINDOW);
    assert_int_equal(stage_take_windows(stage, 2), 0);
    stage_say(stage, FRAME_DATA, 2, "x");
    stage_hear_reset(stage, 2, CODE_FLOW_CONTROL, "beyond the stream's window");
    assert_int_equal(stage_take_windows(stage, 0), STAGE_WINDOW + 1);
}

static void a_reset_before_the_connection_ends_the_attempt(void **state)
{
    struct stage *stage = *state;
    stage_block_service(stage);
    stage_open_tcp(stage, 2);
    stage_say(stage, FRAME_DATA, 2, "x");
    stage_say_bytes(stage, FRAME_RESET, 2, STREAM_RESET, 2);
    stage_hear_nothing(stage);
    stage_say(stage, FRAME_DATA, 2, "too late");
    stage_hear_nothing(stage);
}

static void a_target_that_refuses_is_a_reset_that_says_so(void **state)
{
    struct stage *stage = *state;
    stage_stop_service(stage);
    stage_open_tcp(stage, 2);
    stage_say(stage, FRAME_DATA, 2, "hello?");
    stage_hear_reset(stage, 2, CODE_REFUSED_STREAM, "refused the connection");
    stage_hear_nothing(stage);
}

static void a_target_that_does_not_answer_is_a_reset_that_says_so(void **state)
{
    struct stage *stage = *state;
    stage->target.connect_timeout_ms = 1;
    stage_block_service(stage);
    stage_open_tcp(stage, 2);
    stage_hear_reset(stage, 2, CODE_REFUSED_STREAM, "does not answer");
}

static void the_next_address_of_a_target_is_tried(void **state)
{
    struct stage *stage = *state;
    struct endpoint *endpoint = &stage->target.endpoint;
    struct sockaddr_in6 *first = (struct sockaddr_in6 *)&endpoint->addresses[0];
    const uint16_t port = ((struct sockaddr_in *)&endpoint->addresses[0])->sin_port;
    endpoint->addresses[1] = endpoint->addresses[0];
    endpoint->lengths[1] = endpoint->lengths[0];
    endpoint->count = 2;
    *first = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = port};
    endpoint->lengths[0] = sizeof *first;
    connect_visitor(stage);
    stage_say(stage, FRAME_DATA, 2, "found");
    stage_service_hear(stage, 0, "found");
}

/* ---- the end ---- */

static void the_visitors_end_is_a_half_close_behind_its_bytes(void **state)
{
    struct stage *stage = *state;
    connect_visitor(stage);
    stage_say(stage, FRAME_DATA, 2, "question");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "question");
    stage_service_hear_end(stage, 0);
    stage_service_say(stage, 0, "answer");
    stage_hear_data(stage, 2, "answer", 6);
    stage_service_end(stage, 0);
    stage_hear(stage, FRAME_EOF, 2);
    stage_hear_nothing(stage);
}

static void the_services_end_is_a_half_close_behind_its_bytes(void **state)
{
    struct stage *stage = *state;
    connect_visitor(stage);
    stage_service_say(stage, 0, "bye");
    stage_service_end(stage, 0);
    stage_hear_data(stage, 2, "bye", 3);
    stage_hear(stage, FRAME_EOF, 2);
    stage_say(stage, FRAME_DATA, 2, "still here");
    stage_service_hear(stage, 0, "still here");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear_end(stage, 0);
    stage_hear_nothing(stage);
}

static void both_ends_at_once_leave_nothing(void **state)
{
    struct stage *stage = *state;
    stage_open_tcp(stage, 2);
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_end(stage, 0);
    stage_hear(stage, FRAME_EOF, 2);
    stage_service_hear_end(stage, 0);
    stage_say(stage, FRAME_DATA, 2, "gone");
    stage_hear_nothing(stage);
}

static void a_reset_of_the_service_is_a_reset(void **state)
{
    struct stage *stage = *state;
    connect_visitor(stage);
    stage_service_reset(stage, 0);
    stage_hear_reset(stage, 2, CODE_CANCEL, "reset the connection");
    stage_hear_nothing(stage);
}

/* Its last bytes may come before, or be lost with it; what may never come is an EOF. */
static void a_reset_behind_bytes_is_never_a_clean_end(void **state)
{
    struct stage *stage = *state;
    connect_visitor(stage);
    stage_service_say(stage, 0, "partial");
    stage_service_reset(stage, 0);
    const struct heard *heard = stage_hear_any(stage);
    if (heard->type == FRAME_DATA)
        heard = stage_hear_any(stage);
    assert_int_equal(heard->type, FRAME_RESET);
    assert_int_equal(heard->stream, 2);
    stage_hear_nothing(stage);
}

static void a_reset_after_the_visitors_end_is_a_reset(void **state)
{
    struct stage *stage = *state;
    connect_visitor(stage);
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear_end(stage, 0);
    stage_service_reset(stage, 0);
    stage_hear_reset(stage, 2, CODE_CANCEL, "reset the connection");
}

static void a_reset_of_the_kit_is_a_reset(void **state)
{
    struct stage *stage = *state;
    connect_visitor(stage);
    stage_say_bytes(stage, FRAME_RESET, 2, STREAM_RESET, 2);
    stage_send(stage);
    stage_service_hear_reset(stage, 0);
    stage_hear_nothing(stage);
}

/* ---- flow control ---- */

static void a_slow_service_holds_back_its_own_stream_only(void **state)
{
    struct stage *stage = *state;
    connect_visitor(stage);
    stage_service_pause(stage, 0);
    size_t said = stage_fill_up(stage, 2);
    stage_open_tcp(stage, 4);
    stage_say_filler(stage, 4, STAGE_WINDOW);
    stage_service_hear_filler(stage, 1, STAGE_WINDOW);
    stage_service_resume(stage, 0);
    stage_service_hear_filler(stage, 0, said);
}

static void without_credit_its_service_waits_and_the_others_go_on(void **state)
{
    enum { BYTES = STAGE_WINDOW * 2 };
    struct stage *stage = *state;
    connect_visitor(stage);
    stage_service_say_filler(stage, 0, BYTES);
    stage_hear_data(stage, 2, NULL, STAGE_WINDOW);
    stage_hear_nothing(stage);
    stage_open_tcp(stage, 4);
    stage_service_say(stage, 1, "hello");
    stage_hear_data(stage, 4, "hello", 5);
    stage_grant(stage, 0, BYTES);
    stage_grant(stage, 2, BYTES - STAGE_WINDOW);
    stage_hear_data(stage, 2, NULL, BYTES - STAGE_WINDOW);
    stage_service_end(stage, 0);
    stage_hear(stage, FRAME_EOF, 2);
}

#define PULL_TEST(test) cmocka_unit_test_setup_teardown(test, stage_set_up_pull, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PULL_TEST(bind_asks_for_a_tcp_port_of_that_address),
        PULL_TEST(a_service_that_speaks_first_is_heard),
        PULL_TEST(bytes_pass_both_ways),
        PULL_TEST(an_http_stream_of_a_tcp_binding_is_refused),
        PULL_TEST(what_comes_before_the_connection_is_held_and_none_is_lost),
        PULL_TEST(what_waits_for_the_connection_is_not_granted_back),
        PULL_TEST(a_reset_before_the_connection_ends_the_attempt),
        PULL_TEST(a_target_that_refuses_is_a_reset_that_says_so),
        PULL_TEST(a_target_that_does_not_answer_is_a_reset_that_says_so),
        PULL_TEST(the_next_address_of_a_target_is_tried),
        PULL_TEST(the_visitors_end_is_a_half_close_behind_its_bytes),
        PULL_TEST(the_services_end_is_a_half_close_behind_its_bytes),
        PULL_TEST(both_ends_at_once_leave_nothing),
        PULL_TEST(a_reset_of_the_service_is_a_reset),
        PULL_TEST(a_reset_behind_bytes_is_never_a_clean_end),
        PULL_TEST(a_reset_after_the_visitors_end_is_a_reset),
        PULL_TEST(a_reset_of_the_kit_is_a_reset),
        PULL_TEST(a_slow_service_holds_back_its_own_stream_only),
        PULL_TEST(without_credit_its_service_waits_and_the_others_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
