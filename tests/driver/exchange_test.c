/* Requests through the driver to a local service and back (protocol section 6, EXPOSE; driver/exchange.c). */
#include "tunnel_stage.h"

#include <stdio.h>

#define HEAD_OF_5 "{\"status\":200,\"headers\":[[\"Content-Length\",\"5\"]],\"final\":true}"

/* A GET on stream 2, answered with 5 bytes on connection 0, which is kept alive. */
static void play_one_get(struct stage *stage)
{
    stage_open(stage, 2, "GET", "/a", "[\"host\",\"v\"]");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\nx-forwarded-host: v\r\n\r\n");
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, HEAD_OF_5);
    stage_hear_data(stage, 2, "hello", 5);
    stage_hear(stage, FRAME_EOF, 2);
}

static void a_request_is_forwarded_and_answered(void **state)
{
    play_one_get(*state);
    stage_hear_nothing(*state);
}

static void the_connection_is_kept_for_the_next_request(void **state)
{
    struct stage *stage = *state;
    play_one_get(stage);
    stage_open(stage, 4, "GET", "/b", "");
    stage_say(stage, FRAME_EOF, 4, "");
    stage_service_hear(stage, 0, "GET /b HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, 0, "HTTP/1.1 204 No Content\r\n\r\n");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 4, "{\"status\":204,\"headers\":[],\"final\":true}");
    stage_hear(stage, FRAME_EOF, 4);
    assert_int_equal(stage->connection_count, 1);
}

static void requests_at_once_have_connections_of_their_own(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_open(stage, 4, "GET", "/b", "");
    stage_say(stage, FRAME_EOF, 4, "");
    stage_service_hear(stage, 1, "GET /b HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, 1, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nworld");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 4, HEAD_OF_5);
    stage_hear_data(stage, 4, "world", 5);
    stage_hear(stage, FRAME_EOF, 4);
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, HEAD_OF_5);
    stage_hear_data(stage, 2, "hello", 5);
    stage_hear(stage, FRAME_EOF, 2);
}

static void a_connection_that_is_to_be_closed_is_closed(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, HEAD_OF_5);
    stage_hear_data(stage, 2, "hello", 5);
    stage_hear(stage, FRAME_EOF, 2);
    stage_service_hear_end(stage, 0);
}

/* The head's fields, and what they are as JSON; the connection must not be kept after it. */
static void expect_closed_after(struct stage *stage, uint32_t stream, size_t connection, const char *answer,
                                const char *head)
{
    stage_open(stage, stream, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, stream, "");
    stage_service_hear(stage, connection, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, connection, answer);
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, stream, head);
    stage_hear(stage, FRAME_EOF, stream);
    stage_service_hear_end(stage, connection);
}

static void a_service_that_does_not_wait_is_not_asked_again(void **state)
{
    struct stage *stage = *state;
    expect_closed_after(stage, 2, 0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=0\r\n\r\n",
                        "{\"status\":200,\"headers\":[[\"Content-Length\",\"0\"]],\"final\":true}");
    expect_closed_after(stage, 4, 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nkeep-alive: max=9, Timeout=0\r\n\r\n",
                        "{\"status\":200,\"headers\":[[\"Content-Length\",\"0\"]],\"final\":true}");
}

static void a_204_that_announces_a_body_is_the_last_answer(void **state)
{
    struct stage *stage = *state;
    expect_closed_after(stage, 2, 0, "HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n",
                        "{\"status\":204,\"headers\":[[\"Content-Length\",\"5\"]],\"final\":true}");
    expect_closed_after(stage, 4, 1, "HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n",
                        "{\"status\":204,\"headers\":[],\"final\":true}");
}

static void a_body_by_length_arrives_raw(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "POST", "/p", "[\"content-length\",\"6\"]");
    stage_say(stage, FRAME_DATA, 2, "abc");
    stage_service_hear(stage, 0, "POST /p HTTP/1.1\r\nHost: service\r\ncontent-length: 6\r\n\r\nabc");
    stage_say(stage, FRAME_DATA, 2, "def");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "def");
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, HEAD_OF_5);
    stage_hear_data(stage, 2, "hello", 5);
    stage_hear(stage, FRAME_EOF, 2);
}

static void a_chunked_body_is_framed_again(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "POST", "/p", "[\"transfer-encoding\",\"chunked\"]");
    stage_say(stage, FRAME_DATA, 2, "abc");
    stage_say(stage, FRAME_DATA, 2, "");
    stage_service_hear(stage, 0, "POST /p HTTP/1.1\r\nHost: service\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    stage_say(stage, FRAME_DATA, 2, "0123456789abcdef");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "10\r\n0123456789abcdef\r\n0\r\n\r\n");
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, "{\"status\":200,\"headers\":[],\"final\":true}");
    stage_hear_data(stage, 2, "abc", 3);
    stage_hear(stage, FRAME_EOF, 2);
}

static void an_event_stream_is_seen_event_by_event(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/events", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /events HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\n\r\n");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, "{\"status\":200,\"headers\":[],\"final\":true}");
    stage_service_say(stage, 0, "data: 1\n\n");
    stage_hear_data(stage, 2, "data: 1\n\n", 9);
    stage_service_say(stage, 0, "data: 2\n\n");
    stage_hear_data(stage, 2, "data: 2\n\n", 9);
    stage_service_end(stage, 0);
    stage_hear(stage, FRAME_EOF, 2);
}

static void interim_heads_come_before_the_final_one(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, 0,
                      "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
                      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2,
                    "{\"status\":103,\"headers\":[[\"Link\",\"a\"]],\"final\":false}");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, "{\"status\":102,\"headers\":[],\"final\":false}");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, HEAD_OF_5);
    stage_hear_data(stage, 2, "hello", 5);
    stage_hear(stage, FRAME_EOF, 2);
}

static void the_answer_to_head_has_no_body(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "HEAD", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "HEAD /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2, HEAD_OF_5);
    stage_hear(stage, FRAME_EOF, 2);
    stage_open(stage, 4, "GET", "/b", "");
    stage_say(stage, FRAME_EOF, 4, "");
    stage_service_hear(stage, 0, "GET /b HTTP/1.1\r\nHost: service\r\n\r\n");
}

static void a_service_that_is_down_is_a_reset_that_names_it(void **state)
{
    struct stage *stage = *state;
    char expected[HOST_PORT_BYTES + 64];
    stage_stop_service(stage);
    stage_open(stage, 2, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    snprintf(expected, sizeof expected, "local service %s refused the connection", stage->service.endpoint.name);
    stage_hear_reset(stage, 2, CODE_INTERNAL_ERROR, expected);
    stage_hear_nothing(stage);
}

static void answer_is_refused(struct stage *stage, const char *answer, const char *reason)
{
    stage_open(stage, 2, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, 0, answer);
    stage_hear_reset(stage, 2, CODE_INTERNAL_ERROR, reason);
    stage_service_hear_reset(stage, 0);
    stage_hear_nothing(stage);
}

static void a_broken_answer_is_a_reset(void **state)
{
    answer_is_refused(*state, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "sent a broken answer: ");
}

static void a_switch_that_nobody_asked_for_is_a_reset(void **state)
{
    answer_is_refused(*state, "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "switched protocols");
}

static void an_answer_cut_short_is_a_reset_and_never_an_end(void **state)
{
    static const char *const ANSWERS[] = {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
                                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"};
    struct stage *stage = *state;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t stream = 2 + i * 2;
        stage_open(stage, stream, "GET", "/a", "");
        stage_say(stage, FRAME_EOF, stream, "");
        stage_service_hear(stage, i, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
        stage_service_say(stage, i, ANSWERS[i]);
        stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, stream);
        stage_hear_data(stage, stream, "hello", 5);
        stage_service_end(stage, i);
        stage_hear_reset(stage, stream, CODE_INTERNAL_ERROR, "closed the connection in the middle of its answer");
    }
}

static void an_answer_until_close_that_ends_with_a_reset_is_cut(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, 0, "HTTP/1.0 200 OK\r\n\r\nhello");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_hear_data(stage, 2, "hello", 5);
    stage_service_reset(stage, 0);
    stage_hear_reset(stage, 2, CODE_INTERNAL_ERROR, "in the middle of its answer");
}

static void no_answer_at_all_is_a_reset(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_end(stage, 0);
    stage_hear_reset(stage, 2, CODE_INTERNAL_ERROR, "closed the connection without an answer");
}

/* The service reads a whole request on a kept connection and closes: it may have meant the idle time. */
static void close_a_reused_connection(struct stage *stage, const char *method, const char *fields, const char *request)
{
    play_one_get(stage);
    stage_open(stage, 4, method, "/b", fields);
    stage_say(stage, FRAME_EOF, 4, "");
    stage_service_hear(stage, 0, request);
    stage_service_end(stage, 0);
}

static void a_reused_connection_that_was_dead_is_tried_again_afresh(void **state)
{
    struct stage *stage = *state;
    close_a_reused_connection(stage, "GET", "", "GET /b HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_hear(stage, 1, "GET /b HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_end(stage, 1);
    stage_hear_reset(stage, 4, CODE_INTERNAL_ERROR, "without an answer");
    assert_int_equal(stage->connection_count, 2);
}

static void what_is_not_idempotent_is_not_tried_again(void **state)
{
    struct stage *stage = *state;
    close_a_reused_connection(stage, "POST", "[\"content-length\",\"0\"]",
                              "POST /b HTTP/1.1\r\nHost: service\r\ncontent-length: 0\r\n\r\n");
    stage_hear_reset(stage, 4, CODE_INTERNAL_ERROR, "without an answer");
    assert_int_equal(stage->connection_count, 1);
}

static void a_body_that_was_sent_is_not_sent_again(void **state)
{
    struct stage *stage = *state;
    play_one_get(stage);
    stage_open(stage, 4, "PUT", "/b", "[\"content-length\",\"3\"]");
    stage_say(stage, FRAME_DATA, 4, "abc");
    stage_say(stage, FRAME_EOF, 4, "");
    stage_service_hear(stage, 0, "PUT /b HTTP/1.1\r\nHost: service\r\ncontent-length: 3\r\n\r\nabc");
    stage_service_end(stage, 0);
    stage_hear_reset(stage, 4, CODE_INTERNAL_ERROR, "without an answer");
    assert_int_equal(stage->connection_count, 1);
}

static void an_idle_connection_that_was_closed_is_not_used(void **state)
{
    struct stage *stage = *state;
    play_one_get(stage);
    stage_service_end(stage, 0);
    stage_open(stage, 4, "POST", "/b", "[\"content-length\",\"0\"]");
    stage_say(stage, FRAME_EOF, 4, "");
    stage_service_hear(stage, 1, "POST /b HTTP/1.1\r\nHost: service\r\ncontent-length: 0\r\n\r\n");
    stage_service_hear_end(stage, 0);
}

static void a_connection_that_speaks_unasked_is_not_used(void **state)
{
    struct stage *stage = *state;
    play_one_get(stage);
    stage_service_say(stage, 0, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    stage_service_hear_end(stage, 0);
    stage_open(stage, 4, "GET", "/b", "");
    stage_say(stage, FRAME_EOF, 4, "");
    stage_service_hear(stage, 1, "GET /b HTTP/1.1\r\nHost: service\r\n\r\n");
}

static void an_early_answer_is_delivered_and_the_rest_of_the_body_drained(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "POST", "/p", "[\"content-length\",\"1000000\"]");
    stage_say(stage, FRAME_DATA, 2, "abc");
    stage_service_hear(stage, 0, "POST /p HTTP/1.1\r\nHost: service\r\ncontent-length: 1000000\r\n\r\nabc");
    stage_service_say(stage, 0, "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge");
    stage_hear_text(stage, FRAME_STREAM_RESPONSE_HEAD, 2,
                    "{\"status\":413,\"headers\":[[\"Content-Length\",\"5\"]],\"final\":true}");
    stage_hear_data(stage, 2, "large", 5);
    stage_hear(stage, FRAME_EOF, 2);
    stage_service_hear_end(stage, 0);
    stage_say_filler(stage, 2, 65536);
    assert_true(stage_take_windows(stage, 2) >= 65536);
    stage_say(stage, FRAME_EOF, 2, "");
    stage_hear_nothing(stage);
}

static void more_body_than_announced_is_a_protocol_error_of_the_stream(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "POST", "/p", "[\"content-length\",\"2\"]");
    stage_say(stage, FRAME_DATA, 2, "abc");
    stage_hear_reset(stage, 2, CODE_PROTOCOL_ERROR, "more body than the request announced");
    stage_hear_nothing(stage);
}

static void less_body_than_announced_is_a_protocol_error_of_the_stream(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "POST", "/p", "[\"content-length\",\"9\"]");
    stage_say(stage, FRAME_DATA, 2, "abc");
    stage_service_hear(stage, 0, "POST /p HTTP/1.1\r\nHost: service\r\ncontent-length: 9\r\n\r\nabc");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_hear_reset(stage, 2, CODE_PROTOCOL_ERROR, "less body than the request announced");
    stage_service_hear_reset(stage, 0);
}

static void a_request_that_cannot_be_written_safely_is_refused(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a b", "");
    stage_hear_reset(stage, 2, CODE_PROTOCOL_ERROR, "cannot be written safely");
    stage_hear_nothing(stage);
}

static void a_reset_of_the_kit_drops_the_connection(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_say_bytes(stage, FRAME_RESET, 2, "\0\7", 2);
    stage_send(stage);
    stage_service_hear_reset(stage, 0);
    stage_hear_nothing(stage);
}

#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_request_is_forwarded_and_answered),
        STAGE_TEST(the_connection_is_kept_for_the_next_request),
        STAGE_TEST(requests_at_once_have_connections_of_their_own),
        STAGE_TEST(a_connection_that_is_to_be_closed_is_closed),
        STAGE_TEST(a_service_that_does_not_wait_is_not_asked_again),
        STAGE_TEST(a_204_that_announces_a_body_is_the_last_answer),
        STAGE_TEST(a_body_by_length_arrives_raw),
        STAGE_TEST(a_chunked_body_is_framed_again),
        STAGE_TEST(an_event_stream_is_seen_event_by_event),
        STAGE_TEST(interim_heads_come_before_the_final_one),
        STAGE_TEST(the_answer_to_head_has_no_body),
        STAGE_TEST(a_service_that_is_down_is_a_reset_that_names_it),
        STAGE_TEST(a_broken_answer_is_a_reset),
        STAGE_TEST(a_switch_that_nobody_asked_for_is_a_reset),
        STAGE_TEST(an_answer_cut_short_is_a_reset_and_never_an_end),
        STAGE_TEST(an_answer_until_close_that_ends_with_a_reset_is_cut),
        STAGE_TEST(no_answer_at_all_is_a_reset),
        STAGE_TEST(a_reused_connection_that_was_dead_is_tried_again_afresh),
        STAGE_TEST(what_is_not_idempotent_is_not_tried_again),
        STAGE_TEST(a_body_that_was_sent_is_not_sent_again),
        STAGE_TEST(an_idle_connection_that_was_closed_is_not_used),
        STAGE_TEST(a_connection_that_speaks_unasked_is_not_used),
        STAGE_TEST(an_early_answer_is_delivered_and_the_rest_of_the_body_drained),
        STAGE_TEST(more_body_than_announced_is_a_protocol_error_of_the_stream),
        STAGE_TEST(less_body_than_announced_is_a_protocol_error_of_the_stream),
        STAGE_TEST(a_request_that_cannot_be_written_safely_is_refused),
        STAGE_TEST(a_reset_of_the_kit_drops_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
