/* The life of a session as the driver lives it (protocol sections 2, 3, 5, 7; driver/session.c). */
#include "tunnel_stage.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>

#define HELLO_OK                                                                                                       \
    "{\"sessionId\":\"S-11111111-2222-4333-8444-555555555555\",\"resumed\":false,\"resumedBinds\":[],"                 \
    "\"streamWindow\":65536,\"sessionWindow\":65536,\"maxStreams\":1}"

static void the_end_is(struct stage *stage, enum session_end end, const char *text)
{
    stage_await_end(stage);
    assert_int_equal(stage->end, end);
    if (strstr(stage->end_text, text) == NULL)
        fail_msg("the end is '%s', not '%s'", stage->end_text, text);
}

/* The driver refuses to go on: GOAWAY, close 1002, and says why. */
static void the_session_is_broken(struct stage *stage, enum error_code code, const char *why)
{
    char start[32];
    snprintf(start, sizeof start, "{\"code\":%d,", (int)code);
    const struct heard *goaway = stage_hear(stage, FRAME_GOAWAY, 0);
    if (strncmp(goaway->payload, start, strlen(start)) != 0 || strstr(goaway->payload, why) == NULL)
        fail_msg("GOAWAY %s, not %d %s", goaway->payload, (int)code, why);
    stage_hear_close(stage, WEBSOCKET_CLOSE_PROTOCOL_ERROR);
    the_end_is(stage, SESSION_FAILED, why);
}

/* ---- greeting ---- */

static void hello_says_who_we_are_and_bind_what_we_want(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_HELLO_OK, 0, HELLO_OK);
    stage_hear_text(stage, FRAME_BIND, 0,
                    "{\"clientBindRef\":1,\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":8080}");
    assert_true(stage->is_established);
    stage_say(stage, FRAME_BIND_OK, 0,
              "{\"clientBindRef\":1,\"bindId\":7,\"containerPort\":8081,\"publicUrl\":\"https://p.example/\"}");
    stage_hear_nothing(stage);
    assert_int_equal(stage->bound, 1);
    assert_int_equal(stage->bound_port, 8081);
    assert_string_equal(stage->public_url, "https://p.example/");
}

static void a_refused_port_ends_the_session_with_its_reason(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_HELLO_OK, 0, HELLO_OK);
    stage_hear(stage, FRAME_BIND, 0);
    stage_say(stage, FRAME_BIND_ERR, 0,
              "{\"clientBindRef\":1,\"code\":\"ALREADY_BOUND\",\"message\":\"use --takeover\"}");
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_FORBIDDEN, "use --takeover (ALREADY_BOUND)");
    assert_int_equal(stage->bound, 0);
}

static void a_frame_before_hello_ok_is_a_protocol_error(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/", "");
    stage_send(stage);
    the_session_is_broken(stage, CODE_PROTOCOL_ERROR, "before HELLO_OK");
}

static void windows_too_small_to_work_with_are_a_protocol_error(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_HELLO_OK, 0,
              "{\"sessionId\":\"S-11111111-2222-4333-8444-555555555555\",\"resumed\":false,\"resumedBinds\":[],"
              "\"streamWindow\":1,\"sessionWindow\":1,\"maxStreams\":1}");
    stage_send(stage);
    the_session_is_broken(stage, CODE_PROTOCOL_ERROR, "windows");
}

static void a_goaway_instead_of_hello_ok_says_why(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_GOAWAY, 0, "{\"code\":14,\"message\":\"tunnel session limit reached\"}");
    stage_send(stage);
    stage_say_close(stage, WEBSOCKET_CLOSE_TRY_LATER);
    the_end_is(stage, SESSION_FAILED, "the daemon ended the session: tunnel session limit reached");
}

/* ---- the live session ---- */

static void a_ping_is_answered(void **state)
{
    stage_hear_nothing(*state);
}

static void unknown_types_above_3f_are_skipped(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, (enum frame_type)0x55, 0, "what is this?");
    stage_hear_nothing(stage);
}

static void other_unknown_types_are_a_protocol_error(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, (enum frame_type)0x3F, 0, "");
    stage_send(stage);
    the_session_is_broken(stage, CODE_PROTOCOL_ERROR, "");
}

static void a_second_hello_ok_is_a_protocol_error(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_HELLO_OK, 0, HELLO_OK);
    stage_send(stage);
    the_session_is_broken(stage, CODE_PROTOCOL_ERROR, "second HELLO_OK");
}

static void a_text_message_is_refused(void **state)
{
    struct stage *stage = *state;
    struct evbuffer *text = evbuffer_new();
    evbuffer_add(text, "{}", 2);
    websocket_write(WEBSOCKET_SERVER, WEBSOCKET_TEXT, text, bufferevent_get_output(stage->kit->bev));
    evbuffer_free(text);
    stage_hear_close(stage, WEBSOCKET_CLOSE_PROTOCOL_ERROR);
    the_end_is(stage, SESSION_LOST, "text frames not allowed");
}

static void a_stream_open_that_is_no_json_is_a_protocol_error(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_STREAM_OPEN, 2, "{");
    stage_send(stage);
    the_session_is_broken(stage, CODE_PROTOCOL_ERROR, "");
}

static void a_stream_open_that_makes_no_sense_is_refused(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_STREAM_OPEN, 2, "{\"kind\":\"http\"}");
    stage_hear_reset(stage, 2, CODE_PROTOCOL_ERROR, "");
    stage_hear_nothing(stage);
}

static void a_stream_that_is_open_is_not_opened_again(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/", "");
    stage_open(stage, 2, "GET", "/", "");
    stage_send(stage);
    the_session_is_broken(stage, CODE_PROTOCOL_ERROR, "that is open");
}

static void a_stream_of_a_binding_that_is_not_ours_is_refused(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_STREAM_OPEN, 2,
              "{\"kind\":\"http\",\"method\":\"GET\",\"target\":\"/\",\"headers\":[],\"isUpgrade\":false,\"bindId\":9,"
              "\"containerPort\":1,\"peerAddr\":\"a:1\"}");
    stage_hear_reset(stage, 2, CODE_REFUSED_STREAM, "no such binding");
}

static void a_tcp_stream_of_an_http_binding_is_refused(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_STREAM_OPEN, 2, "{\"kind\":\"tcp\",\"bindId\":1,\"containerPort\":1,\"peerAddr\":\"a:1\"}");
    stage_hear_reset(stage, 2, CODE_REFUSED_STREAM, "");
}

static void streams_beyond_the_cap_are_refused(void **state)
{
    struct stage *stage = *state;
    for (uint32_t i = 1; i <= 9; i++)
        stage_open(stage, i * 2, "POST", "/", "[\"content-length\",\"1\"]");
    stage_hear_reset(stage, 18, CODE_REFUSED_STREAM, "max streams exceeded");
}

static void frames_for_streams_that_are_gone_are_ignored(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_DATA, 2, "x");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_grant(stage, 2, 5);
    stage_say_bytes(stage, FRAME_RESET, 2, "\0\7", 2);
    stage_hear_nothing(stage);
}

static void data_after_eof_resets_the_stream(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_say(stage, FRAME_DATA, 2, "x");
    stage_hear_reset(stage, 2, CODE_STREAM_CLOSED, "after EOF");
    stage_hear_nothing(stage);
}

/* ---- the end ---- */

static void a_goaway_ends_streams_and_session(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/", "");
    stage_service_hear(stage, 0, "GET / HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_say(stage, FRAME_GOAWAY, 0, "{\"code\":0,\"message\":\"kit is shutting down\"}");
    stage_send(stage);
    stage_say_close(stage, WEBSOCKET_CLOSE_GOING_AWAY);
    stage_service_hear_reset(stage, 0);
    the_end_is(stage, SESSION_FAILED, "the daemon ended the session: kit is shutting down");
}

static void a_goaway_that_says_no_more_is_told_by_its_code(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_GOAWAY, 0, "{\"code\":8,\"message\":\"\"}");
    stage_send(stage);
    stage_say_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_FAILED, "the daemon ended the session: enhance your calm");
}

static void a_goaway_counts_whatever_it_holds(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_GOAWAY, 0, "nonsense");
    stage_send(stage);
    stage_say_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_FAILED, "the daemon ended the session");
}

static void a_binding_taken_away_ends_the_session(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_BIND_REVOKED, 0, "{\"bindId\":1,\"reason\":\"taken over\"}");
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_FORBIDDEN, "port 8080 was taken away: taken over");
}

static void a_lost_connection_ends_it(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/", "");
    stage_service_hear(stage, 0, "GET / HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_drop_kit(stage, true);
    stage_service_hear_reset(stage, 0);
    the_end_is(stage, SESSION_LOST, "the connection to the daemon was lost");
}

static void closing_gives_the_port_back_and_says_goodbye(void **state)
{
    struct stage *stage = *state;
    session_close(stage->session);
    stage_hear_text(stage, FRAME_UNBIND, 0, "{\"bindId\":1}");
    stage_say(stage, FRAME_UNBIND_OK, 0, "{\"bindId\":1}");
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_CLOSED, "");
}

static void closing_twice_does_not_wait_for_the_answer(void **state)
{
    struct stage *stage = *state;
    session_close(stage->session);
    stage_hear(stage, FRAME_UNBIND, 0);
    session_close(stage->session);
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_CLOSED, "");
}

static void a_closing_session_still_serves_until_the_port_is_back(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET / HTTP/1.1\r\nHost: service\r\n\r\n");
    session_close(stage->session);
    stage_hear(stage, FRAME_UNBIND, 0);
    stage_open(stage, 4, "GET", "/", "");
    stage_hear_reset(stage, 4, CODE_REFUSED_STREAM, "");
    stage_service_say(stage, 0, "HTTP/1.1 204 No Content\r\n\r\n");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_hear(stage, FRAME_EOF, 2);
}

#define EARLY_TEST(test) cmocka_unit_test_setup_teardown(test, stage_set_up_early, stage_tear_down)
#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EARLY_TEST(hello_says_who_we_are_and_bind_what_we_want),
        EARLY_TEST(a_refused_port_ends_the_session_with_its_reason),
        EARLY_TEST(a_frame_before_hello_ok_is_a_protocol_error),
        EARLY_TEST(windows_too_small_to_work_with_are_a_protocol_error),
        EARLY_TEST(a_goaway_instead_of_hello_ok_says_why),
        STAGE_TEST(a_ping_is_answered),
        STAGE_TEST(unknown_types_above_3f_are_skipped),
        STAGE_TEST(other_unknown_types_are_a_protocol_error),
        STAGE_TEST(a_second_hello_ok_is_a_protocol_error),
        STAGE_TEST(a_text_message_is_refused),
        STAGE_TEST(a_stream_open_that_is_no_json_is_a_protocol_error),
        STAGE_TEST(a_stream_open_that_makes_no_sense_is_refused),
        STAGE_TEST(a_stream_that_is_open_is_not_opened_again),
        STAGE_TEST(a_stream_of_a_binding_that_is_not_ours_is_refused),
        STAGE_TEST(a_tcp_stream_of_an_http_binding_is_refused),
        STAGE_TEST(streams_beyond_the_cap_are_refused),
        STAGE_TEST(frames_for_streams_that_are_gone_are_ignored),
        STAGE_TEST(data_after_eof_resets_the_stream),
        STAGE_TEST(a_goaway_ends_streams_and_session),
        STAGE_TEST(a_goaway_that_says_no_more_is_told_by_its_code),
        STAGE_TEST(a_goaway_counts_whatever_it_holds),
        STAGE_TEST(a_binding_taken_away_ends_the_session),
        STAGE_TEST(a_lost_connection_ends_it),
        STAGE_TEST(closing_gives_the_port_back_and_says_goodbye),
        STAGE_TEST(closing_twice_does_not_wait_for_the_answer),
        STAGE_TEST(a_closing_session_still_serves_until_the_port_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
