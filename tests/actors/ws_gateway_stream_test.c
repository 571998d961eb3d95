/* The ws-gateway alone: a visitor's request on its way to a driver and back (protocol section 6). */
#include "gateway_peers.h"

#include <event2/buffer.h>

#define REQUEST(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

struct scene {
    struct driver *driver;
    uint16_t port;
    struct client *visitor;
};

/* A driver with a port, and a visitor who has said nothing yet. */
static struct scene begin(void **state)
{
    struct gateway_stage *stage = *state;
    struct scene scene = {0};
    gateway_raise(stage);
    scene.driver = driver_enter(stage);
    scene.port = driver_bind(scene.driver, 1);
    scene.visitor = client_dial(stage, scene.port);
    return scene;
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

static void a_request_becomes_stream_open_and_eof_in_one_message(void **state)
{
    char expected[1024];
    struct scene scene = begin(state);
    client_say(scene.visitor, "GET /a?b=%20c HTTP/1.1\r\nHost: a.example\r\nX-Two: 1\r\nConnection: keep-alive\r\n"
                              "X-Two: 2\r\n\r\n");
    const struct frame *open = driver_hear(scene.driver, FRAME_STREAM_OPEN, 2);
    (void)snprintf(expected, sizeof expected,
                   "{\"kind\":\"http\",\"method\":\"GET\",\"target\":\"/a?b=%%20c\",\"headers\":"
                   "[[\"host\",\"a.example\"],[\"x-two\",\"1\"],[\"x-two\",\"2\"],[\"x-forwarded-for\",\"127.0.0.1\"],"
                   "[\"x-forwarded-host\",\"a.example\"],[\"x-forwarded-proto\",\"http\"]],\"isUpgrade\":false,"
                   "\"bindId\":1,\"containerPort\":%u,\"peerAddr\":\"127.0.0.1:%u\"}",
                   scene.port, scene.visitor->local_port);
    assert_string_equal(open->payload, expected);
    assert_true(open->begins_message);
    assert_false(open->ends_message);
    assert_true(driver_hear(scene.driver, FRAME_EOF, 2)->ends_message);
    driver_quiet(scene.driver);
}

static void a_body_at_hand_goes_along(void **state)
{
    struct scene scene = begin(state);
    client_say(scene.visitor, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert_false(driver_hear(scene.driver, FRAME_STREAM_OPEN, 2)->ends_message);
    driver_hear_text(scene.driver, FRAME_DATA, 2, "hello");
    assert_true(driver_hear(scene.driver, FRAME_EOF, 2)->ends_message);
}

static void a_body_that_comes_later_follows(void **state)
{
    struct scene scene = begin(state);
    client_say(scene.visitor, "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_true(driver_hear(scene.driver, FRAME_STREAM_OPEN, 2)->ends_message);
    driver_quiet(scene.driver);
    client_say(scene.visitor, "5\r\nhello\r\n");
    driver_hear_text(scene.driver, FRAME_DATA, 2, "hello");
    client_say(scene.visitor, "0\r\n\r\n");
    driver_hear(scene.driver, FRAME_EOF, 2);
}

static void stream_ids_start_at_2_and_rise_by_2(void **state)
{
    struct gateway_stage *stage = *state;
    struct scene scene = begin(state);
    client_say(scene.visitor, REQUEST("/1"));
    driver_hear_request(scene.driver, 2, "/1");
    driver_say_answer(scene.driver, 2, 200, "one");
    client_hear_answer(scene.visitor, 200, "one");
    client_say(scene.visitor, REQUEST("/2"));
    driver_hear_request(scene.driver, 4, "/2");
    driver_visited(scene.driver, scene.port, 6, "/3");

    struct driver *other = driver_enter(stage); /* of its own */
    driver_visited(other, driver_bind(other, 2), 2, "/4");
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct scene scene = begin(state);
    client_say(scene.visitor, REQUEST("/1") REQUEST("/2"));
    driver_hear_request(scene.driver, 2, "/1");
    driver_quiet(scene.driver);
    driver_say_answer(scene.driver, 2, 200, "one");
    driver_hear_request(scene.driver, 4, "/2");
    driver_say_answer(scene.driver, 4, 200, "two");
    client_hear_answer(scene.visitor, 200, "one");
    client_hear_answer(scene.visitor, 200, "two");
}

static void a_visitor_that_leaves_resets_its_stream(void **state)
{
    struct scene scene = begin(state);
    client_say(scene.visitor, REQUEST("/"));
    driver_hear_request(scene.driver, 2, "/");
    client_end_output(scene.visitor); /* on a plain request a FIN counts as gone */
    driver_hear_reset(scene.driver, 2, CODE_CANCEL);
    client_hear_end(scene.visitor);
    driver_say_answer(scene.driver, 2, 200, "too late"); /* a stream that is gone is ignored */
    driver_quiet(scene.driver);
}

static void streams_beyond_the_sessions_limit_get_503(void **state)
{
    struct gateway_stage *stage = *state;
    stage->options.max_streams = 1;
    struct scene scene = begin(state);
    struct client *first = driver_visited(scene.driver, scene.port, 2, "/first");
    client_say(scene.visitor, REQUEST("/second"));
    const char *head = client_hear_answer(scene.visitor, 503, "max streams exceeded");
    assert_non_null(strstr(head, "\r\nRetry-After: 1\r\n"));
    driver_say_answer(scene.driver, 2, 200, "done");
    client_hear_answer(first, 200, "done");
    client_say(scene.visitor, REQUEST("/third")); /* the refusal cost no id */
    driver_hear_request(scene.driver, 4, "/third");
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static void an_answer_without_length_is_chunked(void **state)
{
    struct scene scene = begin(state);
    client_say(scene.visitor, REQUEST("/"));
    driver_hear_request(scene.driver, 2, "/");
    driver_say(scene.driver, FRAME_STREAM_RESPONSE_HEAD, 2, "{\"status\":200,\"headers\":[[\"X-Mine\",\"yes\"]]}");
    const char *head = client_hear_answer(scene.visitor, 200, NULL);
    assert_non_null(strstr(head, "\r\nX-Mine: yes\r\n"));
    assert_non_null(strcasestr(head, "\r\ntransfer-encoding: chunked\r\n"));
    driver_say(scene.driver, FRAME_DATA, 2, "hello");
    client_hear(scene.visitor, "5\r\nhello\r\n");
    driver_say(scene.driver, FRAME_EOF, 2, "");
    client_hear(scene.visitor, "0\r\n\r\n");
}

static void a_reset_before_the_head_is_502(void **state)
{
    struct scene scene = begin(state);
    client_say(scene.visitor, REQUEST("/"));
    driver_hear_request(scene.driver, 2, "/");
    driver_add(scene.driver, FRAME_RESET, 2, span_of("\0\7busy", 6));
    driver_send(scene.driver);
    client_hear_answer(scene.visitor, 502, "the tunnel gave no answer: busy");
    driver_quiet(scene.driver); /* no RESET in answer to RESET */
    client_say(scene.visitor, REQUEST("/again"));
    driver_hear_request(scene.driver, 4, "/again");
}

static void a_reset_after_the_head_aborts_the_visitor(void **state)
{
    struct scene scene = begin(state);
    client_say(scene.visitor, REQUEST("/"));
    driver_hear_request(scene.driver, 2, "/");
    driver_say(scene.driver, FRAME_STREAM_RESPONSE_HEAD, 2, "{\"status\":200,\"headers\":[]}");
    client_hear_answer(scene.visitor, 200, NULL);
    driver_add(scene.driver, FRAME_RESET, 2, span_of("\0\7", 2));
    driver_send(scene.driver);
    client_hear_abort(scene.visitor);
    driver_quiet(scene.driver);
}

static void an_invalid_answer_resets_only_its_stream(void **state)
{
    static const struct {
        enum frame_type type;
        const char *payload;
    } invalid[] = {
        {FRAME_STREAM_RESPONSE_HEAD, "{\"status\":99,\"headers\":[]}"},
        {FRAME_STREAM_RESPONSE_HEAD, "{\"status\":200,\"headers\":[[1,2]]}"},
        {FRAME_STREAM_RESPONSE_HEAD, "{\"status\":101,\"headers\":[]}"},
        {FRAME_DATA, "before the head"},
        {FRAME_EOF, ""},
    };
    struct gateway_stage *stage = *state;
    struct scene scene = begin(state);
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        uint32_t stream = 2 + 2 * (uint32_t)i;
        client_say(scene.visitor, REQUEST("/"));
        driver_hear_request(scene.driver, stream, "/");
        driver_say(scene.driver, invalid[i].type, stream, invalid[i].payload);
        driver_hear_reset(scene.driver, stream, CODE_PROTOCOL_ERROR);
        client_hear_refusal(scene.visitor, 502);
    }
    driver_quiet(scene.driver);
    gateway_silent(stage);
}

static void an_upgrade_passes_bytes_both_ways_with_half_close(void **state)
{
    struct gateway_stage *stage = *state;
    struct scene scene = begin(state);
    client_say(scene.visitor, "GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nheld");
    const struct frame *open = driver_hear(scene.driver, FRAME_STREAM_OPEN, 2);
    assert_non_null(strstr(open->payload, "\"isUpgrade\":true"));
    assert_true(open->ends_message);
    driver_quiet(scene.driver); /* what follows is held until the 101 */
    driver_say(scene.driver, FRAME_STREAM_RESPONSE_HEAD, 2,
               "{\"status\":101,\"headers\":[[\"connection\",\"Upgrade\"],[\"upgrade\",\"x\"]]}");
    driver_hear_text(scene.driver, FRAME_DATA, 2, "held");
    client_hear_answer(scene.visitor, 101, NULL);
    driver_say(scene.driver, FRAME_DATA, 2, "to you");
    client_hear(scene.visitor, "to you");
    client_end_output(scene.visitor);
    driver_hear(scene.driver, FRAME_EOF, 2);
    driver_say(scene.driver, FRAME_DATA, 2, "and more");
    driver_say(scene.driver, FRAME_EOF, 2, "");
    client_hear(scene.visitor, "and more");
    client_hear_end(scene.visitor);
    assert_int_equal(permits_left(gateway_count(stage)), stage->permits - 2);
}

/* ---- flow control ---------------------------------------------------------------------------------------------- */

enum { WINDOW = 65536, BODY = 2 * WINDOW };

/* DATA until so many bytes were heard; none of them more. */
static void hear_data(struct driver *driver, uint32_t stream, size_t bytes)
{
    while (bytes > 0) {
        size_t length = driver_hear(driver, FRAME_DATA, stream)->length;
        assert_in_range(length, 1, bytes);
        bytes -= length;
    }
}

static void grant(struct driver *driver, uint32_t stream, uint32_t increment)
{
    uint8_t payload[4];
    frame_window_encode(increment, payload);
    driver_add(driver, FRAME_WINDOW, stream, span_of(payload, sizeof payload));
    driver_send(driver);
}

static void say_filler(struct client *client, size_t length)
{
    char *filler = calloc(1, length + 1);
    assert_non_null(filler);
    memset(filler, 'f', length);
    client_say(client, filler);
    free(filler);
}

static void no_more_is_sent_than_the_stream_and_the_session_have_credit_for(void **state)
{
    struct gateway_stage *stage = *state;
    stage->options.stream_window = WINDOW;
    stage->options.session_window = WINDOW;
    struct scene scene = begin(state);
    char head[128];
    (void)snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", BODY);
    client_say(scene.visitor, head);
    driver_hear(scene.driver, FRAME_STREAM_OPEN, 2);
    say_filler(scene.visitor, BODY);
    hear_data(scene.driver, 2, WINDOW);
    driver_quiet(scene.driver);
    grant(scene.driver, 2, 1000);
    driver_quiet(scene.driver); /* the session has none */
    grant(scene.driver, 0, 500);
    hear_data(scene.driver, 2, 500);
    driver_quiet(scene.driver);
    grant(scene.driver, 0, WINDOW);
    hear_data(scene.driver, 2, 500);
    driver_quiet(scene.driver); /* the stream has none */
    grant(scene.driver, 2, WINDOW);
    hear_data(scene.driver, 2, WINDOW - 1000);
    driver_hear(scene.driver, FRAME_EOF, 2);
    driver_say_answer(scene.driver, 2, 200, "done");
    client_hear_answer(scene.visitor, 200, "done");
}

/* The next frame of this type; only what is granted back may come before. */
static const struct frame *hear_after_windows(struct driver *driver, enum frame_type type)
{
    const struct frame *frame = NULL;
    while ((frame = driver_hear_any(driver))->type != type)
        assert_int_equal(frame->type, FRAME_WINDOW);
    return frame;
}

static void data_beyond_the_streams_window_resets_it(void **state)
{
    struct gateway_stage *stage = *state;
    static uint8_t filler[FRAME_PAYLOAD_MAX];
    stage->options.stream_window = WINDOW;
    stage->options.session_window = 16 * WINDOW;
    struct scene scene = begin(state);
    client_say(scene.visitor, REQUEST("/"));
    driver_hear_request(scene.driver, 2, "/");
    driver_add(scene.driver, FRAME_STREAM_RESPONSE_HEAD, 2, span_of_string("{\"status\":200,\"headers\":[]}"));
    driver_add(scene.driver, FRAME_DATA, 2, span_of(filler, sizeof filler)); /* in one message: none is read between */
    driver_add(scene.driver, FRAME_DATA, 2, span_of("x", 1));
    driver_send(scene.driver);
    const struct frame *frame = hear_after_windows(scene.driver, FRAME_RESET);
    assert_int_equal(frame->stream, 2);
    assert_int_equal(frame_reset_decode(span_of(frame->payload, frame->length)).code, CODE_FLOW_CONTROL);
    gateway_silent(stage); /* the session lives */
}

static void data_beyond_the_sessions_window_ends_the_session(void **state)
{
    struct gateway_stage *stage = *state;
    static uint8_t filler[FRAME_PAYLOAD_MAX];
    stage->options.stream_window = 16 * WINDOW;
    stage->options.session_window = WINDOW;
    struct scene scene = begin(state);
    client_say(scene.visitor, REQUEST("/"));
    driver_hear_request(scene.driver, 2, "/");
    driver_add(scene.driver, FRAME_STREAM_RESPONSE_HEAD, 2, span_of_string("{\"status\":200,\"headers\":[]}"));
    driver_add(scene.driver, FRAME_DATA, 2, span_of(filler, sizeof filler));
    driver_add(scene.driver, FRAME_DATA, 2, span_of("x", 1));
    driver_send(scene.driver);
    assert_true(gateway_hear(stage, MESSAGE_connection_closed)->connection_closed.kit_ended);
    assert_non_null(strstr(hear_after_windows(scene.driver, FRAME_GOAWAY)->payload, "\"code\":3,"));
    driver_hear_close(scene.driver, 1002, "more DATA than the session's window");
}

static void what_the_visitor_has_read_is_granted_back(void **state)
{
    struct gateway_stage *stage = *state;
    static uint8_t filler[FRAME_PAYLOAD_MAX];
    stage->options.stream_window = WINDOW;
    stage->options.session_window = WINDOW;
    struct scene scene = begin(state);
    client_say(scene.visitor, REQUEST("/"));
    driver_hear_request(scene.driver, 2, "/");
    driver_say(scene.driver, FRAME_STREAM_RESPONSE_HEAD, 2,
               "{\"status\":200,\"headers\":[[\"content-length\",\"131072\"]]}");
    for (int window = 0; window < 2; window++) {
        driver_add(scene.driver, FRAME_DATA, 2, span_of(filler, sizeof filler));
        driver_send(scene.driver);
        uint32_t granted[2] = {0, 0};
        while (window == 0 && (granted[0] < WINDOW || granted[1] < WINDOW)) {
            const struct frame *frame = driver_hear_any(scene.driver);
            assert_int_equal(frame->type, FRAME_WINDOW);
            granted[frame->stream != 0] += frame_window_decode((const uint8_t *)frame->payload);
        }
        assert_true(granted[0] <= WINDOW && granted[1] <= WINDOW);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_stage_set_up, gateway_stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_request_becomes_stream_open_and_eof_in_one_message),
        TEST(a_body_at_hand_goes_along),
        TEST(a_body_that_comes_later_follows),
        TEST(stream_ids_start_at_2_and_rise_by_2),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(a_visitor_that_leaves_resets_its_stream),
        TEST(streams_beyond_the_sessions_limit_get_503),
        TEST(an_answer_without_length_is_chunked),
        TEST(a_reset_before_the_head_is_502),
        TEST(a_reset_after_the_head_aborts_the_visitor),
        TEST(an_invalid_answer_resets_only_its_stream),
        TEST(an_upgrade_passes_bytes_both_ways_with_half_close),
        TEST(no_more_is_sent_than_the_stream_and_the_session_have_credit_for),
        TEST(data_beyond_the_streams_window_resets_it),
        TEST(data_beyond_the_sessions_window_ends_the_session),
        TEST(what_the_visitor_has_read_is_granted_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
