/* The ws-gateway alone: from the upgrade to the session-manager's decision (protocol sections 3 and 4). */
#include "gateway_peers.h"

#include "session_payloads.h"

#define HELLO_JSON "{\"version\":\"hoody-tunnel.v1\"}"
#define JOIN_JSON  "{\"sessionId\":\"S-1\",\"index\":1,\"nonce\":\"n\"}"

enum { NOBODY = 999999 /* a connection id that was never given */ };

static void assert_span(struct span span, const char *text)
{
    if (!span_equals(span, text))
        fail_msg("\"%.*s\" should be \"%s\"", (int)span.length, (const char *)span.data, text);
}

/* ---- HELLO ----------------------------------------------------------------------------------------------------- */

static void a_hello_becomes_open_session(void **state)
{
    struct gateway_stage *stage = *state;
    char peer[64];
    gateway_raise(stage);
    struct driver *driver = driver_dial_as(stage, SUBPROTOCOL_V2_NAME, "Authorization: Bearer s3cret\r\n");
    driver_say(driver, FRAME_HELLO, 0, "{\"not\":\"looked into\"}");
    const struct message_open_session *open = &gateway_hear(stage, MESSAGE_open_session)->open_session;
    assert_int_equal(open->shard, 0);
    assert_true(open->connection.value > 0);
    driver->connection = open->connection;
    (void)snprintf(peer, sizeof peer, "127.0.0.1:%u", driver->socket->local_port);
    assert_string_equal(open->peer, peer);
    assert_int_equal(open->subprotocol, SUBPROTOCOL_V2);
    assert_string_equal(open->bearer, "s3cret");
    assert_span(open->hello, "{\"not\":\"looked into\"}");
    gateway_silent(stage);
}

static void without_authorization_the_bearer_is_empty(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_dial(stage);
    driver_say(driver, FRAME_HELLO, 0, HELLO_JSON);
    const struct message_open_session *open = &gateway_hear(stage, MESSAGE_open_session)->open_session;
    driver->connection = open->connection;
    assert_string_equal(open->bearer, "");
    assert_int_equal(open->subprotocol, SUBPROTOCOL_V1);
}

static void connections_have_ids_of_their_own(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *first = driver_knock(stage), *second = driver_knock(stage);
    assert_false(connection_id_equals(first->connection, second->connection));
    driver_let_in(second); /* in any order */
    driver_let_in(first);
    driver_hear(second, FRAME_HELLO_OK, 0);
    driver_hear(first, FRAME_HELLO_OK, 0);
}

/* HELLO, and one more frame in a message of its own, in one write. */
static struct driver *knock_and_say(struct gateway_stage *stage, enum frame_type type, const char *payload)
{
    struct driver *driver = driver_dial(stage);
    driver_add(driver, FRAME_HELLO, 0, span_of_string(HELLO_JSON));
    frame_batch_seal(&driver->batch);
    driver_say(driver, type, 0, payload);
    driver->connection = gateway_hear(stage, MESSAGE_open_session)->open_session.connection;
    return driver;
}

static void hello_ok_is_alone_in_its_message(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = knock_and_say(stage, FRAME_PING, "12345678"); /* what follows is ready in the same turn */
    driver_let_in(driver);
    const struct frame *hello_ok = driver_hear(driver, FRAME_HELLO_OK, 0);
    assert_true(hello_ok->begins_message && hello_ok->ends_message);
    driver_hear_text(driver, FRAME_PONG, 0, "12345678");
}

static void what_follows_hello_waits_for_the_session(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = knock_and_say(stage, FRAME_UNBIND, "{\"bindId\":5}");
    gateway_silent(stage);
    driver_let_in(driver);
    assert_int_equal(gateway_hear(stage, MESSAGE_unbind)->unbind.binding.value, 5);
    driver_hear(driver, FRAME_HELLO_OK, 0);
}

static void a_driver_that_left_before_the_decision_is_reported(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_knock(stage);
    struct connection_id connection = driver->connection;
    client_end_output(driver->socket);
    driver_let_in(driver);
    const struct message_connection_closed *closed = &gateway_hear(stage, MESSAGE_connection_closed)->connection_closed;
    assert_int_equal(closed->connection.value, connection.value);
    assert_int_equal(closed->close_code, WEBSOCKET_CLOSE_ABNORMAL);
    assert_false(closed->kit_ended);
    gateway_silent(stage);
}

/* ---- refusals -------------------------------------------------------------------------------------------------- */

static void a_refusal_says_goaway_and_closes(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_knock(stage);
    gateway_say(stage, MESSAGE_OF(session_refused, .connection = driver->connection, .sends_goaway = true,
                                  .goaway_code = CODE_RESOURCE_EXHAUSTED, .goaway_message = "no room",
                                  .close_code = WEBSOCKET_CLOSE_TRY_LATER, .close_reason = "later"));
    driver_hear_goaway(driver, CODE_RESOURCE_EXHAUSTED, "no room");
    driver_hear_close(driver, WEBSOCKET_CLOSE_TRY_LATER, "later");
    driver_say_close(driver, WEBSOCKET_CLOSE_TRY_LATER);
    driver_hear_end(driver);
    gateway_silent(stage); /* whoever refused it knows that it is gone */
}

static void a_refusal_without_goaway_only_closes(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_knock(stage);
    gateway_say(stage,
                MESSAGE_OF(session_refused, .connection = driver->connection, .close_code = WEBSOCKET_CLOSE_TRY_LATER));
    driver_hear_close(driver, WEBSOCKET_CLOSE_TRY_LATER, "");
    driver_hang_up(driver);
    gateway_await_permits(stage, stage->permits);
    gateway_silent(stage);
}

static void a_refusal_with_code_0_closes_the_socket_with_no_code(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_knock(stage);
    gateway_say(stage, MESSAGE_OF(session_refused, .connection = driver->connection, .close_reason = "HELLO is none"));
    driver_hear_end(driver);
    gateway_silent(stage);
}

static void a_refused_driver_that_does_not_answer_the_close_is_dropped(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_knock(stage);
    gateway_say(stage, MESSAGE_OF(session_refused, .connection = driver->connection, .close_code = 1013));
    driver_hear_close(driver, 1013, "");
    driver_hear_end(driver);
}

/* ---- JOIN ------------------------------------------------------------------------------------------------------ */

static struct driver *knock_to_join(struct gateway_stage *stage)
{
    struct driver *driver = driver_dial_as(stage, SUBPROTOCOL_V2_NAME, "");
    driver_say(driver, FRAME_JOIN, 0, JOIN_JSON);
    const struct message_join_session *join = &gateway_hear(stage, MESSAGE_join_session)->join_session;
    assert_int_equal(join->shard, 0);
    assert_span(join->join, JOIN_JSON);
    driver->connection = join->connection;
    return driver;
}

static void a_refused_join_gets_join_err_and_close_1000(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = knock_to_join(stage);
    gateway_say(stage,
                MESSAGE_OF(join_refused, .connection = driver->connection, .join_err = span_of_string("{\"a\":1}")));
    driver_hear_text(driver, FRAME_JOIN_ERR, 0, "{\"a\":1}");
    driver_hear_close(driver, WEBSOCKET_CLOSE_NORMAL, "");
    driver_say_close(driver, WEBSOCKET_CLOSE_NORMAL);
    driver_hear_end(driver);
    gateway_silent(stage); /* it never had a session to close */
}

static void a_join_that_does_not_parse_is_closed_with_no_code(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = knock_to_join(stage);
    gateway_say(stage, MESSAGE_OF(join_refused, .connection = driver->connection));
    driver_hear_end(driver);
    gateway_silent(stage);
}

static void a_join_on_v1_is_closed_with_no_code(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_dial(stage);
    driver_say(driver, FRAME_JOIN, 0, JOIN_JSON);
    driver_hear_end(driver);
    gateway_silent(stage);
}

/* ---- before the decision --------------------------------------------------------------------------------------- */

static void a_driver_without_hello_is_dropped_in_time(void **state)
{
    struct gateway_stage *stage = *state;
    stage->options.hello_timeout = 50;
    gateway_raise(stage);
    driver_hear_end(driver_dial(stage));
    gateway_silent(stage); /* nobody was told of it, nobody needs to know */
}

static void the_decision_is_waited_for_beyond_the_hello_timeout(void **state)
{
    struct gateway_stage *stage = *state;
    stage->options.hello_timeout = 1000;
    gateway_raise(stage);
    struct driver *patient = driver_knock(stage);
    driver_hear_end(driver_dial(stage)); /* a later one runs into its timeout */
    driver_let_in(patient);
    driver_hear(patient, FRAME_HELLO_OK, 0);
    driver_quiet(patient);
}

static void connections_beyond_the_pre_auth_cap_are_dropped(void **state)
{
    struct gateway_stage *stage = *state;
    stage->options.max_pre_auth_connections = 3;
    gateway_raise(stage);
    struct driver *silent = driver_dial(stage);
    struct driver *asking = driver_knock(stage);
    struct driver *joining = knock_to_join(stage);
    driver_hear_end(driver_dial(stage)); /* one that has got its 101 */

    driver_let_in(asking);
    driver_hear(asking, FRAME_HELLO_OK, 0);
    struct driver *next = driver_knock(stage);
    driver_hear_end(driver_dial(stage));

    gateway_say(stage, MESSAGE_OF(join_refused, .connection = joining->connection));
    driver_hear_end(joining);
    struct driver *last = driver_knock(stage);
    driver_hear_end(driver_dial(stage));

    driver_hang_up(silent); /* seen by the gateway before the next comes, or that one is dropped in its place */
    driver_let_in(next);
    driver_let_in(last);
    driver_hear(next, FRAME_HELLO_OK, 0);
    driver_hear(last, FRAME_HELLO_OK, 0);
    driver_quiet(last);
    driver_knock(stage);
    driver_knock(stage);
    driver_knock(stage);
    driver_hear_end(driver_dial(stage));
}

/* ---- connections that are gone --------------------------------------------------------------------------------- */

static void say_everything_about(struct gateway_stage *stage, uint64_t id)
{
    struct connection_id connection = {id};
    gateway_say(stage, MESSAGE_OF(session_opened, .connection = connection, .stream_window = 65536,
                                  .session_window = 65536, .max_streams = 1));
    gateway_say(stage, MESSAGE_OF(session_refused, .connection = connection, .sends_goaway = true, .close_code = 1000));
    gateway_say(stage, MESSAGE_OF(join_refused, .connection = connection));
    gateway_say(stage, MESSAGE_OF(probe_connection, .connection = connection));
    gateway_say(stage, MESSAGE_OF(end_session, .connection = connection, .close_code = 1000));
    gateway_say(stage, MESSAGE_OF(bind_refused, .connection = connection, .code = "RESERVED_PORT"));
    gateway_say(stage, MESSAGE_OF(bound, .connection = connection, .binding = {7}, .port = 1));
    gateway_say(stage, MESSAGE_OF(transfer_listener, .connection = connection, .old_binding = {7}, .binding = {8}));
    gateway_say(stage, MESSAGE_OF(unbind_refused, .connection = connection, .binding = {7}, .code = "NOT_OWNED"));
    gateway_say(stage, MESSAGE_OF(unbound, .connection = connection, .binding = {7}));
    gateway_say(stage, MESSAGE_OF(api_answered, .connection = connection, .status = 200, .content_type = "text/plain"));
}

/* To probe_connection and to end_session: whoever means a connection that is gone must learn that it is. */
static void hear_closed_twice(struct gateway_stage *stage, uint64_t id)
{
    for (int i = 0; i < 2; i++) {
        const struct message_connection_closed *closed =
            &gateway_hear(stage, MESSAGE_connection_closed)->connection_closed;
        assert_int_equal(closed->connection.value, id);
        assert_int_equal(closed->close_code, WEBSOCKET_CLOSE_ABNORMAL);
    }
}

static void messages_about_connections_that_are_gone_harm_nobody(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *bystander = driver_enter(stage);
    struct driver *gone = driver_enter(stage);
    uint64_t id = gone->connection.value;
    driver_hang_up(gone);
    assert_int_equal(gateway_hear(stage, MESSAGE_connection_closed)->connection_closed.connection.value, id);
    say_everything_about(stage, id);
    hear_closed_twice(stage, id);
    say_everything_about(stage, NOBODY);
    hear_closed_twice(stage, NOBODY);
    gateway_silent(stage);
    driver_quiet(bystander);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_stage_set_up, gateway_stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_hello_becomes_open_session),
        TEST(without_authorization_the_bearer_is_empty),
        TEST(connections_have_ids_of_their_own),
        TEST(hello_ok_is_alone_in_its_message),
        TEST(what_follows_hello_waits_for_the_session),
        TEST(a_driver_that_left_before_the_decision_is_reported),
        TEST(a_refusal_says_goaway_and_closes),
        TEST(a_refusal_without_goaway_only_closes),
        TEST(a_refusal_with_code_0_closes_the_socket_with_no_code),
        TEST(a_refused_driver_that_does_not_answer_the_close_is_dropped),
        TEST(a_refused_join_gets_join_err_and_close_1000),
        TEST(a_join_that_does_not_parse_is_closed_with_no_code),
        TEST(a_join_on_v1_is_closed_with_no_code),
        TEST(a_driver_without_hello_is_dropped_in_time),
        TEST(the_decision_is_waited_for_beyond_the_hello_timeout),
        TEST(connections_beyond_the_pre_auth_cap_are_dropped),
        TEST(messages_about_connections_that_are_gone_harm_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
