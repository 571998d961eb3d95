/* The ws-gateway alone: the life of a driver's connection, and what is told of its end (protocol sections 2 and 7). */
#include "gateway_peers.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <fcntl.h>

#include "session_payloads.h"
#include "ws_gateway.h"

enum { LONG_MS = 600000 /* a grace that no test waits for */, SHORT_MS = 50 };

static void hear_closed(struct driver *driver, uint32_t close_code, bool driver_goaway, bool kit_ended)
{
    const struct message_connection_closed *closed =
        &gateway_hear(driver->socket->stage, MESSAGE_connection_closed)->connection_closed;
    assert_int_equal(closed->shard, 0);
    assert_int_equal(closed->connection.value, driver->connection.value);
    assert_int_equal(closed->close_code, close_code);
    assert_int_equal(closed->driver_goaway, driver_goaway);
    assert_int_equal(closed->kit_ended, kit_ended);
}

/* ---- probe_connection ------------------------------------------------------------------------------------------ */

static const struct message_connection_probed *probe(struct driver *driver)
{
    struct gateway_stage *stage = driver->socket->stage;
    gateway_say(stage, MESSAGE_OF(probe_connection, .connection = driver->connection));
    assert_int_equal(driver_hear(driver, FRAME_PING, 0)->length, 8);
    const struct message_connection_probed *probed = &gateway_hear(stage, MESSAGE_connection_probed)->connection_probed;
    assert_int_equal(probed->shard, 0);
    assert_int_equal(probed->connection.value, driver->connection.value);
    return probed;
}

static void a_probe_pings_the_driver_and_tells_its_streams(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    const struct message_connection_probed *probed = probe(driver);
    assert_int_equal(probed->active_streams, 0);
    assert_int_equal(probed->streams_opened, 0);

    uint16_t port = driver_bind(driver, 1);
    struct client *first = driver_visited(driver, port, 2, "/1");
    driver_visited(driver, port, 4, "/2");
    driver_say_answer(driver, 2, 200, "done");
    client_hear_answer(first, 200, "done");
    probed = probe(driver);
    assert_int_equal(probed->active_streams, 1);
    assert_int_equal(probed->streams_opened, 2);
}

static void silence_ends_with_any_frame(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    while (probe(driver)->silence_ms < SHORT_MS)
        ;
    uint64_t said_ms = monotonic_ms();
    driver_quiet(driver);
    uint64_t silence_ms = probe(driver)->silence_ms;
    assert_true(silence_ms <= monotonic_ms() - said_ms);
}

/* ---- end_session ----------------------------------------------------------------------------------------------- */

static void end(struct driver *driver, uint64_t grace_ms, bool goaway_last)
{
    gateway_say(driver->socket->stage,
                MESSAGE_OF(end_session, .connection = driver->connection, .goaway_code = CODE_IDLE_TIMEOUT,
                           .goaway_message = "time to go", .close_code = 1001, .grace_ms = grace_ms,
                           .goaway_last = goaway_last));
}

static void hear_goodbye(struct driver *driver)
{
    driver_hear_goaway(driver, CODE_IDLE_TIMEOUT, "time to go");
    driver_hear_close(driver, 1001, "time to go");
    hear_closed(driver, 1001, false, true);
    driver_say_close(driver, 1001);
    driver_hear_end(driver);
    gateway_silent(driver->socket->stage); /* told once */
}

static void a_session_is_ended_with_goaway_and_close(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    for (int goaway_last = 0; goaway_last <= 1; goaway_last++) {
        struct driver *driver = driver_enter(stage);
        end(driver, 0, goaway_last);
        hear_goodbye(driver);
        driver_hang_up(driver);
    }
}

static void without_streams_the_grace_is_not_waited_for(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    for (int goaway_last = 0; goaway_last <= 1; goaway_last++) {
        struct driver *driver = driver_enter(stage);
        end(driver, LONG_MS, goaway_last);
        hear_goodbye(driver);
    }
}

static void an_ended_driver_that_does_not_answer_the_close_is_dropped(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    end(driver, 0, false);
    driver_hear_goaway(driver, CODE_IDLE_TIMEOUT, "time to go");
    driver_hear_close(driver, 1001, "time to go");
    driver_hear_end(driver);
}

static void a_running_stream_may_end_within_the_grace(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    struct client *visitor = driver_visited(driver, driver_bind(driver, 1), 2, "/");
    end(driver, LONG_MS, false);
    driver_hear_goaway(driver, CODE_IDLE_TIMEOUT, "time to go");
    driver_quiet(driver);
    driver_say_answer(driver, 2, 200, "just in time");
    client_hear_answer(visitor, 200, "just in time");
    driver_hear_close(driver, 1001, "time to go");
    hear_closed(driver, 1001, false, true);
}

static void goaway_comes_last_when_asked(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    struct client *visitor = driver_visited(driver, driver_bind(driver, 1), 2, "/");
    end(driver, LONG_MS, true);
    driver_quiet(driver); /* nothing but the running stream goes on */
    driver_say_answer(driver, 2, 200, "just in time");
    client_hear_answer(visitor, 200, "just in time");
    hear_goodbye(driver);
}

static void in_the_grace_no_stream_begins(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    uint16_t port = driver_bind(driver, 1);
    driver_visited(driver, port, 2, "/");
    end(driver, LONG_MS, true);
    struct client *late = client_dial(stage, port);
    client_say(late, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
    const char *head = client_hear_answer(late, 503, "the tunnel is closing");
    assert_non_null(strstr(head, "\r\nRetry-After: 5\r\n"));
    client_hear_end(late);
    driver_quiet(driver);
}

static void when_the_grace_is_over_streams_are_lost(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    for (int goaway_last = 0; goaway_last <= 1; goaway_last++) {
        struct driver *driver = driver_enter(stage);
        uint16_t port = driver_bind(driver, 1 + (uint32_t)goaway_last);
        struct client *unanswered = driver_visited(driver, port, 2, "/unanswered");
        struct client *half_answered = driver_visited(driver, port, 4, "/half");
        driver_say(driver, FRAME_STREAM_RESPONSE_HEAD, 4, "{\"status\":200,\"headers\":[[\"content-length\",\"9\"]]}");
        client_hear_answer(half_answered, 200, NULL);
        end(driver, SHORT_MS, goaway_last);
        hear_goodbye(driver);
        client_hear_refusal(unanswered, 502);
        client_hear_abort(half_answered);
    }
}

static void a_kill_overtakes_a_drain(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    struct client *visitor = driver_visited(driver, driver_bind(driver, 1), 2, "/");
    gateway_say(stage,
                MESSAGE_OF(end_session, .connection = driver->connection, .goaway_code = CODE_NO_ERROR,
                           .goaway_message = "draining", .close_code = 1000, .grace_ms = LONG_MS, .goaway_last = true));
    driver_quiet(driver);
    end(driver, 0, false);
    hear_goodbye(driver);
    client_hear_refusal(visitor, 502);
}

/* ---- connection_closed ----------------------------------------------------------------------------------------- */

static void a_drop_is_told_as_1006(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    struct client *visitor = driver_visited(driver, driver_bind(driver, 1), 2, "/");
    client_end_output(driver->socket);
    hear_closed(driver, 1006, false, false);
    client_hear_refusal(visitor, 502);
    gateway_silent(stage);
}

static void a_close_frame_is_told_with_its_code_and_echoed(void **state)
{
    static const uint16_t codes[] = {1000, 1001, 4000, WEBSOCKET_CLOSE_NO_CODE};
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct driver *driver = driver_enter(stage);
        driver_say_close(driver, codes[i]);
        hear_closed(driver, codes[i], false, false);
        driver_hear_close(driver, codes[i], "");
        driver_hear_end(driver);
        gateway_silent(stage);
    }
}

static void a_goaway_is_told_and_the_close_is_1000(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    struct client *visitor = driver_visited(driver, driver_bind(driver, 1), 2, "/");
    driver_say(driver, FRAME_GOAWAY, 0, "whatever its payload");
    hear_closed(driver, 1000, true, false);
    client_hear_refusal(visitor, 502);
    driver_hear_close(driver, 1000, "the driver said GOAWAY");
    driver_say_close(driver, 1000);
    driver_hear_end(driver);
    gateway_silent(stage);
}

static void a_protocol_error_ends_the_session_and_no_other(void **state)
{
    static const struct {
        enum frame_type type;
        uint32_t stream;
        const char *payload, *why;
    } errors[] = {
        {FRAME_HELLO, 0, "{}", "a second HELLO"},
        {FRAME_JOIN, 0, "{}", "JOIN on a connection that has joined"},
        {FRAME_WINDOW, 0, "\0\0\0\0", "WINDOW with an increment of 0"},
        {FRAME_STREAM_RESPONSE_HEAD, 2, "[]", "STREAM_RESPONSE_HEAD is no JSON object"},
    };
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *bystander = driver_enter(stage);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct driver *driver = driver_enter(stage);
        size_t length = errors[i].type == FRAME_WINDOW ? 4 : strlen(errors[i].payload);
        driver_add(driver, errors[i].type, errors[i].stream, span_of(errors[i].payload, length));
        driver_send(driver);
        hear_closed(driver, 1002, false, true);
        driver_hear_goaway(driver, CODE_PROTOCOL_ERROR, errors[i].why);
        driver_hear_close(driver, 1002, errors[i].why);
        driver_hear_end(driver); /* the peer was at fault: its close frame is not waited for */
    }
    driver_quiet(bystander);
    gateway_silent(stage);
}

static void a_frame_size_error_says_goaway_5(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    driver_say(driver, FRAME_PING, 0, "seven by");
    driver_hear_text(driver, FRAME_PONG, 0, "seven by");
    driver_say(driver, FRAME_PING, 0, "seven b");
    hear_closed(driver, 1002, false, true);
    const struct frame *frame = driver_hear(driver, FRAME_GOAWAY, 0);
    assert_non_null(strstr(frame->payload, "\"code\":5"));
}

static void a_message_over_the_limit_is_closed_with_1009(void **state)
{
    /* FIN and binary, masked, 64 bit length of 262,145: refused by its header. */
    static const uint8_t header[] = {0x82, 0xFF, 0, 0, 0, 0, 0, 4, 0, 1, 1, 2, 3, 4};
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    driver_say_bytes(driver, span_of(header, sizeof header));
    hear_closed(driver, 1009, false, true);
    assert_non_null(strstr(driver_hear(driver, FRAME_GOAWAY, 0)->payload, "\"code\":5"));
}

static void a_text_message_is_told_as_the_kits_end(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    websocket_write_control(WEBSOCKET_CLIENT, WEBSOCKET_PING, span_of_string("p"), driver->out);
    struct evbuffer *text = evbuffer_new();
    evbuffer_add(text, "hello", 5);
    websocket_write(WEBSOCKET_CLIENT, WEBSOCKET_TEXT, text, driver->out);
    evbuffer_free(text);
    driver_say_bytes(driver, span_of(evbuffer_pullup(driver->out, -1), evbuffer_get_length(driver->out)));
    hear_closed(driver, 1002, false, true);
}

/* ---- the end of it all ----------------------------------------------------------------------------------------- */

static void stop_accepting_lets_no_driver_and_no_visitor_in(void **state)
{
    char text[UPGRADE_MAX];
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    uint16_t port = driver_bind(driver, 1);
    uint16_t late_port = driver_open_port(driver, 2);
    struct client *running = driver_visited(driver, port, 2, "/running");
    gateway_say(stage, MESSAGE_OF(stop_accepting, .shard = 0));
    gateway_say(stage, MESSAGE_OF(bound, .connection = driver->connection, .binding = {2}, .port = late_port));
    driver_hear(driver, FRAME_BIND_OK, 0);

    struct client *late_driver = client_dial(stage, stage->port);
    client_say(late_driver, driver_upgrade(text, SUBPROTOCOL_V1_NAME, ""));
    assert_non_null(
        strstr(client_hear_answer(late_driver, 503, "the kit is shutting down\n"), "\r\nRetry-After: 5\r\n"));
    assert_port_refuses(port);
    assert_port_refuses(late_port);
    driver_quiet(driver);

    driver_say_answer(driver, 2, 200, "done");
    client_hear_answer(running, 200, "done");
    gateway_silent(stage);
}

static void at_the_end_live_drivers_get_a_goodbye(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *idle = driver_enter(stage), *busy = driver_enter(stage);
    struct driver *undecided = driver_knock(stage), *silent = driver_dial(stage);
    uint16_t port = driver_bind(busy, 1);
    struct client *visitor = driver_visited(busy, port, 2, "/");
    struct client *keep_alive = client_dial(stage, port);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, "GET /api/v1/tunnel/health HTTP/1.1\r\nHost: a\r\n\r\n");
    gateway_hear(stage, MESSAGE_api_request);
    driver_quiet(busy);

    gateway_terminate(stage);
    driver_hear_goaway(idle, CODE_NO_ERROR, "kit is shutting down");
    driver_hear_close(idle, 1001, "kit is shutting down");
    driver_say_close(idle, 1001);
    driver_hear_end(idle);
    driver_hear_reset(busy, 2, CODE_CANCEL);
    driver_hear_goaway(busy, CODE_NO_ERROR, "kit is shutting down");
    driver_hear_close(busy, 1001, "kit is shutting down");
    client_hear_abort(visitor);
    client_hear_end(keep_alive);
    client_hear_end(caller);
    driver_hear_end(undecided);
    driver_hear_end(silent);
    gateway_await_end(stage); /* `busy` answers nothing and stops nothing */
}

static void a_base_port_that_is_taken_stops_the_start(void **state)
{
    struct gateway_stage *stage = *state;
    struct log nowhere = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_LEVEL_ERROR};
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    assert_true(nowhere.fd >= 0 && taken >= 0);
    assert_int_equal(bind(taken, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(taken, 1), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&address, &length), 0);
    stage->options.listen.port = ntohs(address.sin_port);
    struct actor_start start = {.options = &stage->options, .log = &nowhere};
    zactor_t *gateway = zactor_new(ws_gateway_actor, &start);
    zmq_pollitem_t pipe = {.socket = zsock_resolve(gateway), .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&pipe, 1, PATIENCE_MS), 1);
    zactor_destroy(&gateway);
    close(taken);
    close(nowhere.fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_stage_set_up, gateway_stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_probe_pings_the_driver_and_tells_its_streams),
        TEST(silence_ends_with_any_frame),
        TEST(a_session_is_ended_with_goaway_and_close),
        TEST(without_streams_the_grace_is_not_waited_for),
        TEST(an_ended_driver_that_does_not_answer_the_close_is_dropped),
        TEST(a_running_stream_may_end_within_the_grace),
        TEST(goaway_comes_last_when_asked),
        TEST(in_the_grace_no_stream_begins),
        TEST(when_the_grace_is_over_streams_are_lost),
        TEST(a_kill_overtakes_a_drain),
        TEST(a_drop_is_told_as_1006),
        TEST(a_close_frame_is_told_with_its_code_and_echoed),
        TEST(a_goaway_is_told_and_the_close_is_1000),
        TEST(a_protocol_error_ends_the_session_and_no_other),
        TEST(a_frame_size_error_says_goaway_5),
        TEST(a_message_over_the_limit_is_closed_with_1009),
        TEST(a_text_message_is_told_as_the_kits_end),
        TEST(stop_accepting_lets_no_driver_and_no_visitor_in),
        TEST(at_the_end_live_drivers_get_a_goodbye),
        TEST(a_base_port_that_is_taken_stops_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
