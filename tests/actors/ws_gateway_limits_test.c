/* The ws-gateway alone: the fd budget (protocol section 8): who takes a permit, who is refused without one, and that
 * each comes back; the teardown of every test of the gateway looks for the last of them. */
#include "gateway_peers.h"

#include "session_payloads.h"

#define REQUEST(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void assert_available(struct gateway_stage *stage, uint64_t permits)
{
    assert_int_equal(permits_left(gateway_count(stage)), permits);
}

static void raise_with(struct gateway_stage *stage, uint64_t permits)
{
    stage->options.fd_budget = permits;
    gateway_raise(stage);
    assert_int_equal(stage->permits, permits);
}

/* ---- drivers --------------------------------------------------------------------------------------------------- */

static void a_driver_takes_a_permit_from_hello_on(void **state)
{
    struct gateway_stage *stage = *state;
    raise_with(stage, 8);
    struct driver *driver = driver_dial(stage);
    assert_available(stage, 8);
    driver_say(driver, FRAME_HELLO, 0, "{}");
    driver->connection = gateway_hear(stage, MESSAGE_open_session)->open_session.connection;
    assert_available(stage, 7);
    driver_let_in(driver);
    driver_hear(driver, FRAME_HELLO_OK, 0);
    assert_available(stage, 7);
    driver_say_close(driver, 1000);
    gateway_hear(stage, MESSAGE_connection_closed);
    driver_hear_close(driver, 1000, "");
    driver_hear_end(driver);
    assert_available(stage, 8);
}

static void a_driver_that_joins_takes_a_permit_too(void **state)
{
    struct gateway_stage *stage = *state;
    raise_with(stage, 8);
    struct driver *driver = driver_dial_as(stage, SUBPROTOCOL_V2_NAME, "");
    driver_say(driver, FRAME_JOIN, 0, "{}");
    struct connection_id connection = gateway_hear(stage, MESSAGE_join_session)->join_session.connection;
    assert_available(stage, 7);
    gateway_say(stage, MESSAGE_OF(join_refused, .connection = connection));
    driver_hear_end(driver);
    assert_available(stage, 8);
}

static void without_a_permit_a_driver_is_closed_with_1013(void **state)
{
    struct gateway_stage *stage = *state;
    raise_with(stage, 1);
    struct driver *driver = driver_enter(stage);
    for (int round = 0; round < 3; round++) {
        struct driver *refused = driver_dial(stage);
        driver_say(refused, FRAME_HELLO, 0, "{}");
        driver_hear_close(refused, 1013, "no file descriptors left");
        driver_say_close(refused, 1013);
        driver_hear_end(refused);
    }
    gateway_silent(stage); /* nobody was asked */
    assert_available(stage, 0);
    driver_quiet(driver);

    driver_hang_up(driver);
    gateway_hear(stage, MESSAGE_connection_closed);
    driver_enter(stage);
}

/* ---- listeners ------------------------------------------------------------------------------------------------- */

static void a_listener_takes_a_permit_until_it_is_closed(void **state)
{
    struct gateway_stage *stage = *state;
    raise_with(stage, 8);
    struct driver *driver = driver_enter(stage);
    struct client *visitor = driver_visited(driver, driver_bind(driver, 1), 2, "/");
    assert_available(stage, 5);
    gateway_say(stage, MESSAGE_OF(close_listener, .binding = {1}, .streams_may_end = true));
    gateway_hear(stage, MESSAGE_listener_closed);
    assert_available(stage, 6); /* the visitor keeps its own */
    driver_say_answer(driver, 2, 200, "done");
    client_hear_answer(visitor, 200, "done");
    client_hear_end(visitor);
    assert_available(stage, 7);
}

static void a_transferred_listener_keeps_its_permit(void **state)
{
    struct gateway_stage *stage = *state;
    raise_with(stage, 8);
    struct driver *owner = driver_enter(stage), *heir = driver_enter(stage);
    driver_bind(owner, 1);
    assert_available(stage, 5);
    gateway_say(stage,
                MESSAGE_OF(transfer_listener, .old_binding = {1}, .binding = {2}, .connection = heir->connection));
    driver_hear(owner, FRAME_BIND_REVOKED, 0);
    assert_available(stage, 5);
    gateway_say(stage, MESSAGE_OF(close_listener, .binding = {2}));
    gateway_hear(stage, MESSAGE_listener_closed);
    assert_available(stage, 6);
}

static void without_a_permit_no_listener_opens(void **state)
{
    struct gateway_stage *stage = *state;
    raise_with(stage, 1);
    struct driver *driver = driver_enter(stage);
    for (int round = 0; round < 3; round++) {
        gateway_say(
            stage, MESSAGE_OF(open_listener, .connection = driver->connection, .binding = {1}, .address = "127.0.0.1"));
        const struct message_listener_failed *failed = &gateway_hear(stage, MESSAGE_listener_failed)->listener_failed;
        assert_int_equal(failed->binding.value, 1);
        assert_false(failed->address_in_use);
        assert_string_equal(failed->text, "no file descriptors left in the budget");
    }
    assert_available(stage, 0);
}

/* ---- visitors -------------------------------------------------------------------------------------------------- */

static void without_a_permit_a_visitor_gets_503(void **state)
{
    struct gateway_stage *stage = *state;
    raise_with(stage, 3);
    struct driver *driver = driver_enter(stage);
    uint16_t port = driver_bind(driver, 1);
    struct client *served = driver_visited(driver, port, 2, "/");
    assert_available(stage, 0);
    for (int round = 0; round < 3; round++) {
        struct client *refused = client_dial(stage, port);
        client_say(refused, REQUEST("/refused"));
        const char *head = client_hear_answer(refused, 503, "no file descriptors left");
        assert_non_null(strstr(head, "\r\nRetry-After: 1\r\n"));
        assert_non_null(strstr(head, "\r\nConnection: close\r\n"));
        client_hear_end(refused);
    }
    assert_available(stage, 0);
    driver_quiet(driver);
    driver_say_answer(driver, 2, 200, "done");
    client_hear_answer(served, 200, "done");
    assert_available(stage, 0); /* keep-alive */
    client_hang_up(served);
    gateway_await_permits(stage, 1);
    driver_visited(driver, port, 4, "/next");
}

static void every_way_to_lose_a_visitor_gives_its_permit_back(void **state)
{
    struct gateway_stage *stage = *state;
    raise_with(stage, 3);
    struct driver *driver = driver_enter(stage);
    uint16_t port = driver_bind(driver, 1);

    client_hang_up(driver_visited(driver, port, 2, "/leaves"));
    driver_hear_reset(driver, 2, CODE_CANCEL);
    assert_available(stage, 1);

    client_abort(driver_visited(driver, port, 4, "/resets"));
    driver_hear_reset(driver, 4, CODE_CANCEL);
    assert_available(stage, 1);

    struct client *aborted = driver_visited(driver, port, 6, "/aborted");
    driver_say(driver, FRAME_STREAM_RESPONSE_HEAD, 6, "{\"status\":200,\"headers\":[[\"content-length\",\"9\"]]}");
    client_hear_answer(aborted, 200, NULL);
    driver_say(driver, FRAME_EOF, 6, "");
    client_hear_abort(aborted);
    driver_hear_reset(driver, 6, CODE_PROTOCOL_ERROR);
    assert_available(stage, 1);

    struct client *broken = client_dial(stage, port);
    client_say(broken, "nonsense\r\n\r\n");
    client_hear_refusal(broken, 400);
    client_hear_end(broken);
    assert_available(stage, 1);

    struct client *last = client_dial(stage, port);
    client_say(last, "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    driver_hear_request(driver, 8, "/last");
    driver_say_answer(driver, 8, 200, "done");
    client_hear_answer(last, 200, "done");
    client_hear_end(last);
    assert_available(stage, 1);

    struct client *evicted = driver_visited(driver, port, 10, "/evicted");
    driver_hang_up(driver);
    gateway_hear(stage, MESSAGE_connection_closed);
    client_hear_refusal(evicted, 502);
    assert_available(stage, 1);
    gateway_say(stage, MESSAGE_OF(close_listener, .binding = {1}));
    gateway_hear(stage, MESSAGE_listener_closed);
    client_hear_end(evicted);
    assert_available(stage, 3);
}

/* ---- the reserve ----------------------------------------------------------------------------------------------- */

static void the_admin_api_answers_when_the_budget_is_gone(void **state)
{
    struct gateway_stage *stage = *state;
    raise_with(stage, 1);
    driver_enter(stage);
    assert_available(stage, 0);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, REQUEST("/api/v1/tunnel/health"));
    gateway_say(stage,
                MESSAGE_OF(api_answered, .connection = gateway_hear(stage, MESSAGE_api_request)->api_request.connection,
                           .status = 200, .content_type = "text/plain", .body = span_of_string("fine")));
    client_hear_answer(caller, 200, "fine");
    assert_available(stage, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_stage_set_up, gateway_stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_driver_takes_a_permit_from_hello_on),         TEST(a_driver_that_joins_takes_a_permit_too),
        TEST(without_a_permit_a_driver_is_closed_with_1013), TEST(a_listener_takes_a_permit_until_it_is_closed),
        TEST(a_transferred_listener_keeps_its_permit),       TEST(without_a_permit_no_listener_opens),
        TEST(without_a_permit_a_visitor_gets_503),           TEST(every_way_to_lose_a_visitor_gives_its_permit_back),
        TEST(the_admin_api_answers_when_the_budget_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
