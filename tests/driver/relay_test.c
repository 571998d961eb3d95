/* Upgrades: raw bytes both ways after the local service's 101 (protocol section 6; driver/relay.c). */
#include "tunnel_stage.h"

#include <event2/bufferevent.h>
#include <stdlib.h>

#define UPGRADE_REQUEST                                                                                                \
    "GET /ws HTTP/1.1\r\nHost: service\r\nconnection: upgrade\r\nupgrade: raw\r\nx-forwarded-host: a\r\n\r\n"
#define SWITCH      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n"
#define SWITCH_JSON "{\"status\":101,\"headers\":[[\"Connection\",\"upgrade\"],[\"Upgrade\",\"raw\"]],\"final\":true}"

/* An upgraded stream 2 on connection 0. */
static void play_upgrade(struct stage *stage)
{
    stage_open_upgrade(stage, 2);
    stage_service_hear(stage, 0, UPGRADE_REQUEST);
    stage_service_say(stage, 0, SWITCH);
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, SWITCH_JSON);
}

static void bytes_pass_raw_both_ways(void **state)
{
    struct stage *stage = *state;
    play_upgrade(stage);
    stage_say(stage, FRAME_DATA, 2, "ping");
    stage_service_hear(stage, 0, "ping");
    stage_service_say(stage, 0, "pong");
    stage_hear_data(stage, 2, "pong", 4);
}

static void bytes_behind_the_101_are_part_of_the_stream(void **state)
{
    struct stage *stage = *state;
    stage_open_upgrade(stage, 2);
    stage_service_hear(stage, 0, UPGRADE_REQUEST);
    stage_service_say(stage, 0, SWITCH "first");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, SWITCH_JSON);
    stage_hear_data(stage, 2, "first", 5);
}

static void bytes_before_the_101_are_held(void **state)
{
    struct stage *stage = *state;
    stage_open_upgrade(stage, 2);
    stage_say(stage, FRAME_DATA, 2, "early");
    stage_service_hear(stage, 0, UPGRADE_REQUEST);
    stage_hear_nothing(stage);
    stage_service_say(stage, 0, SWITCH);
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, SWITCH_JSON);
    stage_service_hear(stage, 0, "early");
}

static void the_visitors_end_is_a_half_close(void **state)
{
    struct stage *stage = *state;
    play_upgrade(stage);
    stage_say(stage, FRAME_DATA, 2, "last");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "last");
    stage_service_hear_end(stage, 0);
    stage_service_say(stage, 0, "still here");
    stage_hear_data(stage, 2, "still here", 10);
    stage_service_end(stage, 0);
    stage_hear(stage, FRAME_EOF, 2);
    stage_hear_nothing(stage);
}

static void the_services_end_is_a_half_close(void **state)
{
    struct stage *stage = *state;
    play_upgrade(stage);
    stage_service_say(stage, 0, "bye");
    stage_service_end(stage, 0);
    stage_hear_data(stage, 2, "bye", 3);
    stage_hear(stage, FRAME_EOF, 2);
    stage_say(stage, FRAME_DATA, 2, "still here");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "still here");
    stage_service_hear_end(stage, 0);
}

/* More than the kernel takes at once waits in the driver when both directions have ended. */
static void what_waits_for_the_service_outlives_both_ends(void **state)
{
    struct stage *stage = *state;
    play_upgrade(stage);
    stage_service_pause(stage, 0);
    stage_service_end(stage, 0);
    stage_hear(stage, FRAME_EOF, 2);
    size_t said = stage_fill_up(stage, 2);
    stage_say(stage, FRAME_EOF, 2, "");
    stage_take_windows(stage, 2);
    stage_service_resume(stage, 0);
    stage_service_hear_filler(stage, 0, said);
    stage_service_hear_end(stage, 0);
}

/* The odd byte makes the rest fit the stream's queue in parts only. */
static void a_service_held_back_in_the_middle_is_read_on(void **state)
{
    enum { BYTES = 1 << 20, GRANTED = STAGE_WINDOW - 1 };
    struct stage *stage = *state;
    char *filler = malloc(BYTES);
    assert_non_null(filler);
    memset(filler, 's', BYTES);
    play_upgrade(stage);
    stage_service_say(stage, 0, "o");
    stage_hear_data(stage, 2, "o", 1);
    stage_service_say_filler(stage, 0, BYTES);
    stage_hear_data(stage, 2, filler, GRANTED);
    stage_hear_nothing(stage); /* the credit is used up, the queue is full */
    for (size_t heard = GRANTED; heard < BYTES;) {
        size_t part = BYTES - heard < STAGE_WINDOW ? BYTES - heard : STAGE_WINDOW;
        stage_grant(stage, 2, (uint32_t)part);
        stage_grant(stage, 0, (uint32_t)part);
        stage_send(stage);
        stage_hear_data(stage, 2, filler, part);
        heard += part;
    }
    stage_hear_nothing(stage);
    free(filler);
}

static void a_reset_of_the_service_is_a_reset(void **state)
{
    struct stage *stage = *state;
    play_upgrade(stage);
    stage_service_reset(stage, 0);
    stage_hear_reset(stage, 2, CODE_CANCEL, "the local service reset the connection");
}

static void a_reset_of_the_kit_is_a_reset(void **state)
{
    struct stage *stage = *state;
    play_upgrade(stage);
    stage_say_bytes(stage, FRAME_RESET, 2, "\0\7", 2);
    stage_send(stage);
    stage_service_hear_reset(stage, 0);
    stage_hear_nothing(stage);
}

/* What it had said is whole; but whoever goes on sending into the void must be told. */
static void a_service_that_has_closed_reads_no_more(void **state)
{
    struct stage *stage = *state;
    play_upgrade(stage);
    stage_service_say(stage, 0, "bye");
    stage_service_end(stage, 0);
    stage_hear_data(stage, 2, "bye", 3);
    stage_hear(stage, FRAME_EOF, 2);
    bufferevent_free(stage->connections[0].bev);
    stage->connections[0].bev = NULL;
    const struct heard *heard;
    do { /* the kernel takes the first of it */
        stage_say(stage, FRAME_DATA, 2, "into the void");
        stage_say_bytes(stage, FRAME_PING, 0, "a token.", 8);
        stage_send(stage);
        heard = stage_hear_any(stage);
    } while (heard->type == FRAME_PONG);
    assert_int_equal(heard->type, FRAME_RESET);
    assert_int_equal(frame_reset_decode(span_of(heard->payload, heard->length)).code, CODE_NO_ERROR);
    stage_hear(stage, FRAME_PONG, 0);
    stage_say(stage, FRAME_EOF, 2, "");
    stage_hear_nothing(stage);
}

static void a_refused_upgrade_is_delivered_and_then_the_end(void **state)
{
    struct stage *stage = *state;
    stage_open_upgrade(stage, 2);
    stage_say(stage, FRAME_DATA, 2, "dropped");
    stage_service_hear(stage, 0, UPGRADE_REQUEST);
    stage_service_say(stage, 0, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2,
                    "{\"status\":403,\"headers\":[[\"Content-Length\",\"2\"]],\"final\":true}");
    stage_hear_data(stage, 2, "no", 2);
    stage_hear(stage, FRAME_EOF, 2);
    stage_service_hear_end(stage, 0);
    stage_say(stage, FRAME_EOF, 2, "");
    stage_hear_nothing(stage);
}

static void an_end_before_the_101_is_kept_until_then(void **state)
{
    struct stage *stage = *state;
    stage_open_upgrade(stage, 2);
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, UPGRADE_REQUEST);
    stage_hear_nothing(stage);
    assert_false(stage->connections[0].ended);
    stage_service_say(stage, 0, SWITCH);
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, SWITCH_JSON);
    stage_service_hear_end(stage, 0);
}

#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(bytes_pass_raw_both_ways),
        STAGE_TEST(bytes_behind_the_101_are_part_of_the_stream),
        STAGE_TEST(bytes_before_the_101_are_held),
        STAGE_TEST(the_visitors_end_is_a_half_close),
        STAGE_TEST(the_services_end_is_a_half_close),
        STAGE_TEST(what_waits_for_the_service_outlives_both_ends),
        STAGE_TEST(a_service_held_back_in_the_middle_is_read_on),
        STAGE_TEST(a_reset_of_the_service_is_a_reset),
        STAGE_TEST(a_reset_of_the_kit_is_a_reset),
        STAGE_TEST(a_service_that_has_closed_reads_no_more),
        STAGE_TEST(a_refused_upgrade_is_delivered_and_then_the_end),
        STAGE_TEST(an_end_before_the_101_is_kept_until_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
