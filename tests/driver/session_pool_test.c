/* A session over several sockets as the driver lives it (protocol section 4; driver/session_pool.c). */
#include "tunnel_stage.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>

#define SESSION "\"sessionId\":\"S-11111111-2222-4333-8444-555555555555\""
#define REQUEST "GET / HTTP/1.1\r\nHost: service\r\n\r\n"

/* HELLO_OK of v2 with these tickets, and the binding. */
static void establish(struct stage *stage, uint32_t granted, const char *tickets)
{
    char json[1024];
    snprintf(json, sizeof json,
             "{" SESSION ",\"resumed\":false,\"resumedBinds\":[],\"streamWindow\":%d,\"sessionWindow\":%d,"
             "\"maxStreams\":8,\"connectionsGranted\":%u,\"joinTickets\":[%s]}",
             STAGE_WINDOW, STAGE_SESSION_WINDOW, granted, tickets);
    stage_say(stage, FRAME_HELLO_OK, 0, json);
    stage_hear(stage, FRAME_BIND, 0);
    stage_say(stage, FRAME_BIND_OK, 0, "{\"clientBindRef\":1,\"bindId\":1,\"containerPort\":8080,\"publicUrl\":null}");
    stage_send(stage);
}

#define TICKET(index, nonce) "{\"index\":" #index ",\"nonce\":\"" nonce "\",\"expiresMs\":30000}"

/* The JOIN on socket `number`, which is let in. */
static void let_in(struct stage *stage, size_t number, unsigned index, const char *nonce)
{
    char json[256];
    stage_on(stage, number);
    snprintf(json, sizeof json, "{" SESSION ",\"index\":%u,\"nonce\":\"%s\"}", index, nonce);
    stage_hear_text(stage, FRAME_JOIN, 0, json);
    snprintf(json, sizeof json, "{\"index\":%u}", index);
    stage_say(stage, FRAME_JOIN_OK, 0, json);
    stage_hear_nothing(stage);
}

static void refuse_join(struct stage *stage, size_t number, const char *code)
{
    char json[256];
    stage_on(stage, number);
    stage_hear(stage, FRAME_JOIN, 0);
    snprintf(json, sizeof json, "{\"code\":\"%s\",\"message\":\"no\"}", code);
    stage_say(stage, FRAME_JOIN_ERR, 0, json);
    stage_send(stage);
}

/* The driver asks on the primary for tickets, and gets this one. */
static void reissue(struct stage *stage, const char *tickets)
{
    char json[512];
    stage_on(stage, 0);
    stage_hear(stage, FRAME_REISSUE_JOIN_TICKETS, 0);
    snprintf(json, sizeof json, "{\"joinTickets\":[%s]}", tickets);
    stage_say(stage, FRAME_REISSUE_JOIN_TICKETS, 0, json);
    stage_send(stage);
}

/* The driver tells on the primary of a socket that is gone, and what it had sent there. */
static void hear_lost(struct stage *stage, const char *nonce, unsigned data_bytes)
{
    char json[256];
    stage_on(stage, 0);
    snprintf(json, sizeof json, "{\"nonce\":\"%s\",\"dataBytes\":%u}", nonce, data_bytes);
    stage_hear_text(stage, FRAME_CONNECTION_LOST, 0, json);
}

static void say_lost(struct stage *stage, const char *nonce, unsigned long data_bytes)
{
    char json[256];
    stage_on(stage, 0);
    snprintf(json, sizeof json, "{\"nonce\":\"%s\",\"dataBytes\":%lu}", nonce, data_bytes);
    stage_say(stage, FRAME_CONNECTION_LOST, 0, json);
    stage_send(stage);
}

/* Primary and one secondary stand; the kit is on the secondary. */
static void establish_two(struct stage *stage)
{
    establish(stage, 2, TICKET(1, "abc"));
    let_in(stage, 1, 1, "abc");
}

/* A GET on this stream reaches connection `connection`. */
static void ask(struct stage *stage, uint32_t stream, size_t connection)
{
    stage_open(stage, stream, "GET", "/", "");
    stage_say(stage, FRAME_EOF, stream, "");
    stage_service_hear(stage, connection, REQUEST);
}

/* ---- standing up ---- */

static void hello_asks_for_several(void **state)
{
    struct stage *stage = *state;
    const char *hello = stage->current->payload;
    assert_non_null(strstr(hello, "\"version\":\"hoody-tunnel.v2\""));
    assert_non_null(strstr(hello, "\"capabilities\":[\"multi-ws\"]"));
    assert_non_null(strstr(hello, "\"maxConnections\":4"));
}

static void each_ticket_becomes_a_socket(void **state)
{
    struct stage *stage = *state;
    establish(stage, 4, TICKET(1, "one") "," TICKET(2, "two") "," TICKET(3, "three"));
    assert_int_equal(stage->attached, 0);
    let_in(stage, 1, 1, "one");
    let_in(stage, 2, 2, "two");
    assert_int_equal(stage->attached, 0);
    let_in(stage, 3, 3, "three");
    assert_int_equal(stage->granted, 4);
    assert_int_equal(stage->attached, 4);
    stage_on(stage, 0);
    stage_has_sockets(stage, 4);
}

static void fewer_granted_are_taken_as_they_are(void **state)
{
    struct stage *stage = *state;
    establish(stage, 1, "");
    stage_has_sockets(stage, 1);
    assert_int_equal(stage->granted, 1);
    stage_open(stage, 2, "GET", "/", "");
    stage_service_hear(stage, 0, REQUEST);
}

static void more_granted_than_asked_for_are_left_alone(void **state)
{
    struct stage *stage = *state;
    establish(stage, 9, TICKET(1, "one") "," TICKET(2, "two") "," TICKET(3, "three") "," TICKET(4, "four"));
    let_in(stage, 1, 1, "one");
    let_in(stage, 2, 2, "two");
    let_in(stage, 3, 3, "three");
    stage_on(stage, 0);
    stage_has_sockets(stage, 4);
    assert_int_equal(stage->granted, 4);
}

static void tickets_that_are_missing_are_asked_for(void **state)
{
    struct stage *stage = *state;
    establish(stage, 3, TICKET(2, "two"));
    stage_hear_text(stage, FRAME_REISSUE_JOIN_TICKETS, 0, "{}");
    stage_say(stage, FRAME_REISSUE_JOIN_TICKETS, 0,
              "{\"joinTickets\":[" TICKET(1, "one") "," TICKET(2, "again") "," TICKET(7, "none") "]}");
    let_in(stage, 1, 2, "two");
    let_in(stage, 2, 1, "one");
    stage_on(stage, 0);
    stage_has_sockets(stage, 3);
}

/* ---- streams ---- */

static void a_stream_is_answered_on_the_socket_that_opened_it(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    ask(stage, 2, 0); /* with its EOF */
    stage_on(stage, 0);
    ask(stage, 4, 1);
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
    stage_service_say(stage, 1, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 4);
    stage_hear_data(stage, 4, "second", 6);
    stage_hear(stage, FRAME_EOF, 4);
    stage_on(stage, 1);
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_hear_data(stage, 2, "first", 5);
    stage_hear(stage, FRAME_EOF, 2);
}

static void a_stream_is_refused_on_the_socket_that_opened_it(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    stage_say(stage, FRAME_STREAM_OPEN, 2, "{\"kind\":\"tcp\",\"bindId\":1,\"containerPort\":1,\"peerAddr\":\"a:1\"}");
    stage_hear_reset(stage, 2, CODE_REFUSED_STREAM, "");
}

static void windows_of_a_stream_go_on_its_socket_those_of_the_session_on_the_primary(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    stage_open(stage, 2, "POST", "/", "[\"content-length\",\"1000000\"]");
    stage_say_filler(stage, 2, STAGE_WINDOW);
    stage_service_hear(stage, 0, "POST / HTTP/1.1\r\nHost: service\r\ncontent-length: 1000000\r\n\r\n");
    stage_service_hear_filler(stage, 0, STAGE_WINDOW);
    assert_int_equal(stage_take_windows(stage, 0), 0);
    stage_on(stage, 0);
    assert_true(stage_take_windows(stage, 0) > STAGE_WINDOW / 2);
}

static void windows_for_a_stream_count_on_any_socket(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    ask(stage, 2, 0);
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nContent-Length: 131082\r\n\r\n");
    stage_service_say_filler(stage, 0, STAGE_WINDOW + 10);
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_hear_data(stage, 2, NULL, STAGE_WINDOW);
    stage_on(stage, 0);
    stage_grant(stage, 2, 10);
    stage_on(stage, 1);
    stage_hear_data(stage, 2, "ssssssssss", 10);
    stage_hear(stage, FRAME_EOF, 2);
}

static void a_ping_is_answered_on_its_socket(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    stage_hear_nothing(stage);
    stage_on(stage, 0);
    stage_hear_nothing(stage);
}

/* ---- a socket that is lost ---- */

static void a_lost_socket_takes_its_streams_along_and_no_others(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    ask(stage, 2, 0);
    stage_on(stage, 0);
    ask(stage, 4, 1);
    stage_on(stage, 1);
    stage_drop_kit(stage, true);
    stage_service_hear_reset(stage, 0);
    assert_int_equal(stage->attached, 1);
    stage_on(stage, 0);
    stage_hear_reset(stage, 2, CODE_CANCEL, "was lost");
    hear_lost(stage, "abc", 0);
    stage_hear(stage, FRAME_REISSUE_JOIN_TICKETS, 0);
    stage_service_say(stage, 1, "HTTP/1.1 204 No Content\r\n\r\n");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 4);
    stage_hear(stage, FRAME_EOF, 4);
    assert_false(stage->is_over);
}

static void a_lost_socket_gives_its_held_credit_back(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    stage_open_upgrade(stage, 2); /* its bytes are held until the 101 */
    stage_say_filler(stage, 2, STAGE_WINDOW);
    stage_hear_nothing(stage);
    stage_drop_kit(stage, false);
    stage_service_hear(stage, 0, "GET /ws");
    stage_on(stage, 0);
    uint32_t granted = 0;
    for (int i = 0; i < 4; i++) { /* RESET, WINDOW, CONNECTION_LOST and the ask, in whatever order */
        const struct heard *heard = stage_hear_any(stage);
        if (heard->type == FRAME_WINDOW && heard->stream == 0)
            granted += frame_window_decode((const uint8_t *)heard->payload);
    }
    assert_int_equal(granted, STAGE_WINDOW);
}

static void a_lost_socket_is_joined_anew_at_once_with_a_fresh_ticket(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    stage_drop_kit(stage, false);
    hear_lost(stage, "abc", 0);
    reissue(stage, TICKET(1, "fresh"));
    let_in(stage, 2, 1, "fresh");
    assert_int_equal(stage->attached, 2);
    ask(stage, 2, 0);
}

static void a_socket_that_the_kit_closes_is_joined_anew(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    stage_say_close(stage, WEBSOCKET_CLOSE_GOING_AWAY);
    hear_lost(stage, "abc", 0);
    reissue(stage, TICKET(1, "fresh"));
    let_in(stage, 2, 1, "fresh");
}

static void an_index_that_is_not_free_yet_is_asked_for_again(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    stage_drop_kit(stage, false);
    hear_lost(stage, "abc", 0);
    reissue(stage, "");
    reissue(stage, "");
    reissue(stage, TICKET(1, "at last"));
    let_in(stage, 2, 1, "at last");
    assert_int_equal(stage->attached, 2);
}

static void a_refused_join_is_tried_again_with_a_fresh_ticket(void **state)
{
    struct stage *stage = *state;
    establish(stage, 2, TICKET(1, "one"));
    refuse_join(stage, 1, "EXPIRED_TICKET");
    reissue(stage, TICKET(1, "two"));
    refuse_join(stage, 2, "BAD_TICKET");
    reissue(stage, TICKET(1, "three"));
    refuse_join(stage, 3, "INDEX_IN_USE");
    reissue(stage, TICKET(1, "four"));
    let_in(stage, 4, 1, "four");
    assert_int_equal(stage->attached, 2);
}

static void a_session_that_the_kit_does_not_know_is_not_joined_again_soon(void **state)
{
    struct stage *stage = *state;
    establish(stage, 2, TICKET(1, "one"));
    refuse_join(stage, 1, "UNKNOWN_SESSION");
    stage_on(stage, 1);
    while (!stage->kit->has_ended)
        stage_run_once(stage);
    stage_on(stage, 0);
    assert_false(stage->is_over);
    stage_hear(stage, FRAME_REISSUE_JOIN_TICKETS, 0); /* but one day it is */
}

static void a_secondary_that_is_not_let_in_in_http_is_tried_again(void **state)
{
    struct stage *stage = *state;
    stage->refused_upgrades = 1;
    establish(stage, 2, TICKET(1, "one"));
    reissue(stage, TICKET(1, "two"));
    let_in(stage, 2, 1, "two");
}

static void a_lost_primary_ends_the_session_with_all_its_sockets(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    ask(stage, 2, 0);
    stage_on(stage, 0);
    stage_drop_kit(stage, true);
    stage_await_end(stage);
    assert_int_equal(stage->end, SESSION_LOST);
    stage_service_hear_reset(stage, 0);
    stage_on(stage, 1);
    while (!stage->kit->has_ended)
        stage_run_once(stage);
}

/* ---- the end ---- */

static void closing_says_goodbye_on_every_socket(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    session_close(stage->session);
    stage_on(stage, 0);
    stage_hear(stage, FRAME_UNBIND, 0);
    stage_say(stage, FRAME_UNBIND_OK, 0, "{\"bindId\":1}");
    stage_send(stage);
    stage_on(stage, 1);
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    stage_on(stage, 0);
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    stage_await_end(stage);
    assert_int_equal(stage->end, SESSION_CLOSED);
    assert_int_equal(stage->socket_count, 2);
}

static void a_session_may_end_while_a_socket_is_on_its_way(void **state)
{
    struct stage *stage = *state;
    establish(stage, 2, TICKET(1, "one"));
    stage_on(stage, 1);
    stage_hear(stage, FRAME_JOIN, 0);
    stage_on(stage, 0);
    stage_drop_kit(stage, true);
    stage_await_end(stage);
}

static void a_frame_before_join_ok_is_a_protocol_error(void **state)
{
    struct stage *stage = *state;
    establish(stage, 2, TICKET(1, "one"));
    stage_on(stage, 1);
    stage_hear(stage, FRAME_JOIN, 0);
    stage_open(stage, 2, "GET", "/", "");
    stage_on(stage, 0);
    const struct heard *goaway = stage_hear(stage, FRAME_GOAWAY, 0);
    assert_non_null(strstr(goaway->payload, "before JOIN_OK"));
    stage_hear_close(stage, WEBSOCKET_CLOSE_PROTOCOL_ERROR);
}

static void a_broken_frame_on_a_secondary_ends_the_session(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    stage_say_bytes(stage, FRAME_WINDOW, 0, "\0\0\0\0", 4);
    stage_on(stage, 0);
    stage_hear(stage, FRAME_GOAWAY, 0);
    stage_hear_close(stage, WEBSOCKET_CLOSE_PROTOCOL_ERROR);
    stage_await_end(stage);
    assert_int_equal(stage->end, SESSION_FAILED);
}

static void a_goaway_on_a_secondary_counts(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    stage_say(stage, FRAME_GOAWAY, 0, "{\"code\":0,\"message\":\"kit is shutting down\"}");
    stage_await_end(stage);
    assert_non_null(strstr(stage->end_text, "kit is shutting down"));
}

static void a_goaway_before_join_ok_means_that_socket_alone(void **state)
{
    struct stage *stage = *state;
    establish(stage, 2, TICKET(1, "one"));
    stage_on(stage, 1);
    stage_hear(stage, FRAME_JOIN, 0);
    stage_say(stage, FRAME_GOAWAY, 0, "{\"code\":14,\"message\":\"too many\"}");
    stage_send(stage);
    stage_on(stage, 0);
    stage_hear_nothing(stage);
    stage_on(stage, 1);
    stage_drop_kit(stage, false);
    hear_lost(stage, "one", 0);
    reissue(stage, TICKET(1, "two"));
    let_in(stage, 2, 1, "two");
}

/* ---- the credit that was on its way (lost_credit.h) ---- */

static void what_was_sent_on_a_lost_socket_is_told(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    ask(stage, 2, 0);
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfive5");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_hear(stage, FRAME_DATA, 2);
    stage_drop_kit(stage, false);
    stage_on(stage, 0);
    stage_hear_reset(stage, 2, CODE_CANCEL, "was lost");
    hear_lost(stage, "abc", 5);
}

static void what_never_came_is_given_back(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    stage_drop_kit(stage, false);
    hear_lost(stage, "abc", 0);
    stage_hear(stage, FRAME_REISSUE_JOIN_TICKETS, 0);
    say_lost(stage, "somebody else", 1000);
    say_lost(stage, "abc", STAGE_SESSION_WINDOW / 2);
    const struct heard *window = stage_hear(stage, FRAME_WINDOW, 0);
    assert_int_equal(frame_window_decode((const uint8_t *)window->payload), STAGE_SESSION_WINDOW / 2);
    say_lost(stage, "abc", STAGE_SESSION_WINDOW / 2); /* once is enough */
    stage_hear_nothing(stage);
}

static void a_socket_that_the_kit_has_lost_is_lost(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    say_lost(stage, "abc", 100000);
    hear_lost(stage, "abc", 0);
    const struct heard *window = stage_hear(stage, FRAME_WINDOW, 0);
    assert_int_equal(frame_window_decode((const uint8_t *)window->payload), 100000);
    reissue(stage, TICKET(1, "fresh"));
    let_in(stage, 2, 1, "fresh");
}

static void more_than_the_window_cannot_have_been_lost(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    say_lost(stage, "abc", STAGE_SESSION_WINDOW + 1UL);
    hear_lost(stage, "abc", 0);
    const struct heard *goaway = stage_hear(stage, FRAME_GOAWAY, 0);
    assert_non_null(strstr(goaway->payload, "\"code\":3"));
}

static void less_than_came_cannot_have_been_sent(void **state)
{
    struct stage *stage = *state;
    establish_two(stage);
    stage_open_upgrade(stage, 2);
    stage_say_filler(stage, 2, 10);
    stage_hear_nothing(stage);
    say_lost(stage, "abc", 9);
    for (;;) {
        const struct heard *heard = stage_hear_any(stage);
        if (heard->type != FRAME_GOAWAY)
            continue;
        assert_non_null(strstr(heard->payload, "less than has come"));
        return;
    }
}

#define POOL_TEST(test) cmocka_unit_test_setup_teardown(test, stage_set_up_several, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(hello_asks_for_several),
        POOL_TEST(each_ticket_becomes_a_socket),
        POOL_TEST(fewer_granted_are_taken_as_they_are),
        POOL_TEST(more_granted_than_asked_for_are_left_alone),
        POOL_TEST(tickets_that_are_missing_are_asked_for),
        POOL_TEST(a_stream_is_answered_on_the_socket_that_opened_it),
        POOL_TEST(a_stream_is_refused_on_the_socket_that_opened_it),
        POOL_TEST(windows_of_a_stream_go_on_its_socket_those_of_the_session_on_the_primary),
        POOL_TEST(windows_for_a_stream_count_on_any_socket),
        POOL_TEST(a_ping_is_answered_on_its_socket),
        POOL_TEST(a_lost_socket_takes_its_streams_along_and_no_others),
        POOL_TEST(a_lost_socket_gives_its_held_credit_back),
        POOL_TEST(what_was_sent_on_a_lost_socket_is_told),
        POOL_TEST(what_never_came_is_given_back),
        POOL_TEST(a_socket_that_the_kit_has_lost_is_lost),
        POOL_TEST(more_than_the_window_cannot_have_been_lost),
        POOL_TEST(less_than_came_cannot_have_been_sent),
        POOL_TEST(a_lost_socket_is_joined_anew_at_once_with_a_fresh_ticket),
        POOL_TEST(a_socket_that_the_kit_closes_is_joined_anew),
        POOL_TEST(an_index_that_is_not_free_yet_is_asked_for_again),
        POOL_TEST(a_refused_join_is_tried_again_with_a_fresh_ticket),
        POOL_TEST(a_session_that_the_kit_does_not_know_is_not_joined_again_soon),
        POOL_TEST(a_secondary_that_is_not_let_in_in_http_is_tried_again),
        POOL_TEST(a_lost_primary_ends_the_session_with_all_its_sockets),
        POOL_TEST(closing_says_goodbye_on_every_socket),
        POOL_TEST(a_session_may_end_while_a_socket_is_on_its_way),
        POOL_TEST(a_frame_before_join_ok_is_a_protocol_error),
        POOL_TEST(a_broken_frame_on_a_secondary_ends_the_session),
        POOL_TEST(a_goaway_on_a_secondary_counts),
        POOL_TEST(a_goaway_before_join_ok_means_that_socket_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
