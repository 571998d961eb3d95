/* Flow control as the driver keeps it (protocol section 6, flow control; driver/stream.c,
 * driver/outbox.c). */
#include "tunnel_stage.h"

#include <stdio.h>

/* Stream `stream` downloads `length` bytes from connection `connection`. */
static void begin_download(struct stage *stage, uint32_t stream, size_t connection, size_t length)
{
    char head[96];
    stage_open(stage, stream, "GET", "/", "");
    stage_say(stage, FRAME_EOF, stream, "");
    stage_service_hear(stage, connection, "GET / HTTP/1.1\r\nHost: service\r\n\r\n");
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", length);
    stage_service_say(stage, connection, head);
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, stream);
    stage_service_say_filler(stage, connection, length);
}

static void begin_upload(struct stage *stage, uint32_t stream, size_t connection)
{
    stage_open(stage, stream, "POST", "/", "[\"content-length\",\"100000000\"]");
    stage_service_hear(stage, connection, "POST / HTTP/1.1\r\nHost: service\r\ncontent-length: 100000000\r\n\r\n");
}

static void data_stops_where_the_streams_credit_ends(void **state)
{
    struct stage *stage = *state;
    begin_download(stage, 2, 0, STAGE_WINDOW + 100);
    stage_hear_data(stage, 2, NULL, STAGE_WINDOW);
    stage_hear_nothing(stage);
    stage_grant(stage, 2, 60);
    stage_hear_data(stage, 2, NULL, 60);
    stage_hear_nothing(stage);
    stage_grant(stage, 2, 1000);
    stage_hear_data(stage, 2, NULL, 40);
    stage_hear(stage, FRAME_EOF, 2);
}

static void data_stops_where_the_sessions_credit_ends(void **state)
{
    struct stage *stage = *state;
    begin_download(stage, 2, 0, STAGE_WINDOW);
    stage_hear_data(stage, 2, NULL, STAGE_WINDOW);
    stage_hear(stage, FRAME_EOF, 2);
    begin_download(stage, 4, 0, STAGE_WINDOW);
    stage_hear_data(stage, 4, NULL, STAGE_WINDOW);
    stage_hear(stage, FRAME_EOF, 4);
    begin_download(stage, 6, 0, 10);
    stage_hear_nothing(stage);
    stage_grant(stage, 0, 4);
    stage_hear_data(stage, 6, "ssss", 4);
    stage_hear_nothing(stage);
    stage_grant(stage, 0, 100);
    stage_hear_data(stage, 6, "ssssss", 6);
    stage_hear(stage, FRAME_EOF, 6);
}

static void a_head_costs_no_credit(void **state)
{
    struct stage *stage = *state;
    begin_download(stage, 2, 0, STAGE_WINDOW);
    stage_hear_data(stage, 2, NULL, STAGE_WINDOW);
    stage_hear(stage, FRAME_EOF, 2);
    begin_download(stage, 4, 0, STAGE_WINDOW);
    stage_hear_data(stage, 4, NULL, STAGE_WINDOW);
    stage_hear(stage, FRAME_EOF, 4);
    begin_download(stage, 6, 0, 0);
    stage_hear(stage, FRAME_EOF, 6);
}

static void a_reset_of_a_starved_stream_leaves_the_others(void **state)
{
    struct stage *stage = *state;
    begin_download(stage, 2, 0, STAGE_WINDOW);
    stage_hear_data(stage, 2, NULL, STAGE_WINDOW);
    stage_hear(stage, FRAME_EOF, 2);
    begin_download(stage, 4, 0, STAGE_WINDOW);
    stage_hear_data(stage, 4, NULL, STAGE_WINDOW);
    stage_hear(stage, FRAME_EOF, 4);
    begin_download(stage, 6, 0, 10);
    begin_download(stage, 8, 1, 10);
    stage_hear_nothing(stage);
    stage_say_bytes(stage, FRAME_RESET, 6, "\0\7", 2);
    stage_grant(stage, 0, 100);
    stage_hear_data(stage, 8, "ssssssssss", 10);
    stage_hear(stage, FRAME_EOF, 8);
}

static void credit_comes_back_when_the_service_has_taken_the_bytes(void **state)
{
    struct stage *stage = *state;
    begin_upload(stage, 2, 0);
    stage_say_filler(stage, 2, STAGE_WINDOW);
    stage_service_hear_filler(stage, 0, STAGE_WINDOW);
    /* Less than a grant's worth may still wait. */
    assert_true(stage_take_windows(stage, 2) > STAGE_WINDOW / 2);
}

static void a_service_that_does_not_read_stops_the_grants_and_loses_nothing(void **state)
{
    struct stage *stage = *state;
    begin_upload(stage, 2, 0);
    stage_service_pause(stage, 0);
    size_t said = stage_fill_up(stage, 2);
    stage_service_resume(stage, 0);
    stage_service_hear_filler(stage, 0, said);
    assert_true(stage_take_windows(stage, 2) > 0);
}

static void a_stalled_upload_leaves_the_others_alone(void **state)
{
    struct stage *stage = *state;
    begin_upload(stage, 2, 0);
    stage_service_pause(stage, 0);
    stage_fill_up(stage, 2);
    begin_upload(stage, 4, 1);
    stage_say_filler(stage, 4, 65536);
    stage_service_hear_filler(stage, 1, 65536);
}

static void data_beyond_the_streams_window_resets_it(void **state)
{
    struct stage *stage = *state;
    stage_open_upgrade(stage, 2); /* its bytes are held until the 101: none is granted back */
    stage_say_filler(stage, 2, STAGE_WINDOW);
    stage_say(stage, FRAME_DATA, 2, "x");
    stage_hear_reset(stage, 2, CODE_FLOW_CONTROL, "beyond the stream's window");
}

static void data_beyond_the_sessions_window_ends_the_session(void **state)
{
    struct stage *stage = *state;
    for (uint32_t stream = 2; stream <= 4; stream += 2) {
        stage_open_upgrade(stage, stream);
        stage_say_filler(stage, stream, STAGE_WINDOW);
    }
    stage_open_upgrade(stage, 6);
    stage_say(stage, FRAME_DATA, 6, "x");
    const struct heard *goaway = stage_hear(stage, FRAME_GOAWAY, 0);
    assert_non_null(strstr(goaway->payload, "\"code\":3,"));
    stage_hear_close(stage, WEBSOCKET_CLOSE_PROTOCOL_ERROR);
}

static void discarded_data_gives_session_credit_back(void **state)
{
    struct stage *stage = *state;
    stage_say_filler(stage, 2, STAGE_WINDOW); /* a stream that is gone */
    assert_int_equal(stage_take_windows(stage, 0), STAGE_WINDOW);
    stage_open_upgrade(stage, 4);
    stage_say_filler(stage, 4, STAGE_WINDOW);
    assert_int_equal(stage_take_windows(stage, 0), 0);
    stage_say_bytes(stage, FRAME_RESET, 4, "\0\7", 2);
    assert_int_equal(stage_take_windows(stage, 0), STAGE_WINDOW);
}

static void a_window_of_nothing_is_a_protocol_error(void **state)
{
    struct stage *stage = *state;
    stage_say_bytes(stage, FRAME_WINDOW, 2, "\0\0\0\0", 4);
    const struct heard *goaway = stage_hear(stage, FRAME_GOAWAY, 0);
    assert_non_null(strstr(goaway->payload, "\"code\":1,"));
}

static void grants_beyond_the_limit_reset_the_stream(void **state)
{
    struct stage *stage = *state;
    begin_upload(stage, 2, 0);
    stage_grant(stage, 2, INT32_MAX);
    stage_hear_reset(stage, 2, CODE_FLOW_CONTROL, "beyond 2^31-1");
}

static void session_grants_beyond_the_limit_end_the_session(void **state)
{
    struct stage *stage = *state;
    stage_grant(stage, 0, INT32_MAX);
    const struct heard *goaway = stage_hear(stage, FRAME_GOAWAY, 0);
    assert_non_null(strstr(goaway->payload, "\"code\":3,"));
}

#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(data_stops_where_the_streams_credit_ends),
        STAGE_TEST(data_stops_where_the_sessions_credit_ends),
        STAGE_TEST(a_head_costs_no_credit),
        STAGE_TEST(a_reset_of_a_starved_stream_leaves_the_others),
        STAGE_TEST(credit_comes_back_when_the_service_has_taken_the_bytes),
        STAGE_TEST(a_service_that_does_not_read_stops_the_grants_and_loses_nothing),
        STAGE_TEST(a_stalled_upload_leaves_the_others_alone),
        STAGE_TEST(data_beyond_the_streams_window_resets_it),
        STAGE_TEST(data_beyond_the_sessions_window_ends_the_session),
        STAGE_TEST(discarded_data_gives_session_credit_back),
        STAGE_TEST(a_window_of_nothing_is_a_protocol_error),
        STAGE_TEST(grants_beyond_the_limit_reset_the_stream),
        STAGE_TEST(session_grants_beyond_the_limit_end_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
