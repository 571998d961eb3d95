/* The ws-gateway in two shards, and what they hand over to each other: drivers that come in on shard 0, ports that are
 * taken over with the visitors who stay, and their parts of the fd budget. */
#include "gateway_peers.h"

#include <unistd.h>

#include "session_payloads.h"
#include "tunnel_handshake.h"

static struct gateway_stage *raise_two(void **state)
{
    struct gateway_stage *stage = *state;
    stage->options.shards = 2;
    gateway_raise(stage);
    return stage;
}

/* ---- drivers ----------------------------------------------------------------------------------------------------- */

/* It has asked on shard 0, and is sent to shard 1, where it asks again. */
static void send_over(struct driver *driver)
{
    struct gateway_stage *stage = driver->socket->stage;
    gateway_say(stage, MESSAGE_OF(move_connection, .connection = driver->connection, .to_shard = 1));
    const struct message_open_session *open = &gateway_hear(stage, MESSAGE_open_session)->open_session;
    assert_int_equal(open->shard, 1);
    assert_int_equal(open->connection.value, driver->connection.value);
    driver->shard = 1;
}

static struct driver *enter_on_shard_1(struct gateway_stage *stage)
{
    struct driver *driver = driver_knock(stage);
    send_over(driver);
    driver_let_in(driver);
    driver_hear_text(driver, FRAME_HELLO_OK, 0, "{\"sessionId\":\"a\"}");
    return driver;
}

static void it_asks_again_for_what_it_asked(void **state)
{
    struct gateway_stage *stage = raise_two(state);
    struct driver *driver = driver_dial_as(stage, SUBPROTOCOL_V1_NAME, "Authorization: Bearer secret\r\n");
    driver_say(driver, FRAME_HELLO, 0, "{\"version\":\"hoody-tunnel.v1\",\"x\":1}");
    const struct message_open_session *first = &gateway_hear(stage, MESSAGE_open_session)->open_session;
    assert_int_equal(first->shard, 0);
    gateway_say(stage, MESSAGE_OF(move_connection, .connection = first->connection, .to_shard = 1));
    const struct message_open_session *again = &gateway_hear(stage, MESSAGE_open_session)->open_session;
    assert_int_equal(again->shard, 1);
    assert_int_equal(again->connection.value, first->connection.value);
    assert_int_equal(again->subprotocol, first->subprotocol);
    assert_string_equal(again->peer, first->peer);
    assert_string_equal(again->bearer, "secret");
    assert_int_equal(again->hello.length, first->hello.length);
    assert_memory_equal(again->hello.data, first->hello.data, first->hello.length);
    driver->connection = first->connection;
    gateway_silent(stage);
}

static void what_it_said_before_is_heard_there(void **state)
{
    struct gateway_stage *stage = raise_two(state);
    struct driver *driver = driver_dial(stage);
    driver_add(driver, FRAME_HELLO, 0, span_of_string("{\"version\":\"hoody-tunnel.v1\"}"));
    frame_batch_seal(&driver->batch); /* two messages in one write */
    driver_say(driver, FRAME_UNBIND, 0, "{\"bindId\":5}");
    driver->connection = gateway_hear(stage, MESSAGE_open_session)->open_session.connection;
    send_over(driver);
    driver_let_in(driver);
    driver_hear_text(driver, FRAME_HELLO_OK, 0, "{\"sessionId\":\"a\"}");
    const struct message_unbind *unbind = &gateway_hear(stage, MESSAGE_unbind)->unbind;
    assert_int_equal(unbind->shard, 1);
    assert_int_equal(unbind->connection.value, driver->connection.value);
    assert_int_equal(unbind->binding.value, 5);
    driver_quiet(driver);
}

static void one_that_left_meanwhile_is_reported_from_there(void **state)
{
    struct gateway_stage *stage = raise_two(state);
    struct driver *driver = driver_knock(stage);
    client_end_output(driver->socket);
    send_over(driver);
    driver_let_in(driver);
    const struct message_connection_closed *closed = &gateway_hear(stage, MESSAGE_connection_closed)->connection_closed;
    assert_int_equal(closed->shard, 1);
    assert_int_equal(closed->connection.value, driver->connection.value);
    gateway_silent(stage);
}

static void a_move_of_one_that_is_gone_is_nothing(void **state)
{
    struct gateway_stage *stage = raise_two(state);
    gateway_say(stage, MESSAGE_OF(move_connection, .connection = {77}, .to_shard = 1));
    struct driver *live = driver_enter(stage);
    gateway_say(stage, MESSAGE_OF(move_connection, .connection = live->connection, .to_shard = 1));
    driver_quiet(live);
    gateway_silent(stage);
}

static void a_secondary_joins_where_its_primary_is(void **state)
{
    struct gateway_stage *stage = raise_two(state);
    struct driver *primary = enter_on_shard_1(stage);
    struct driver *driver = driver_dial_as(stage, SUBPROTOCOL_V2_NAME, "");
    driver_say(driver, FRAME_JOIN, 0, "{}");
    driver->connection = gateway_hear(stage, MESSAGE_join_session)->join_session.connection;
    gateway_say(stage, MESSAGE_OF(move_connection, .connection = driver->connection, .to_shard = 1));
    const struct message_join_session *again = &gateway_hear(stage, MESSAGE_join_session)->join_session;
    assert_int_equal(again->shard, 1);
    assert_int_equal(again->connection.value, driver->connection.value);
    gateway_say(stage,
                MESSAGE_OF(session_joined, .shard = 1, .connection = driver->connection, .primary = primary->connection,
                           .index = 1, .nonce = "a", .join_ok = span_of_string("{\"index\":1}")));
    driver_hear_text(driver, FRAME_JOIN_OK, 0, "{\"index\":1}");
    driver_quiet(driver);
    driver_quiet(primary);
}

/* ---- ports ------------------------------------------------------------------------------------------------------- */

static const char half_a_request[] = "GET /second HTTP/1.1\r\nHo", the_other_half[] = "st: a\r\n\r\n";

static void say_transfer(struct driver *from, struct driver *to, uint32_t old, uint32_t binding)
{
    gateway_say(from->socket->stage,
                MESSAGE_OF(transfer_listener, .shard = from->shard, .to_shard = to->shard, .old_binding = {old},
                           .binding = {binding}, .connection = to->connection, .reason = "gone"));
}

static void hear_arrived(struct driver *to, uint32_t binding, uint16_t port)
{
    const struct message_listener_opened *opened =
        &gateway_hear(to->socket->stage, MESSAGE_listener_opened)->listener_opened;
    assert_int_equal(opened->shard, to->shard);
    assert_int_equal(opened->binding.value, binding);
    assert_int_equal(opened->port, port);
}

static void say_bound(struct driver *to, uint32_t binding, uint16_t port)
{
    gateway_say(to->socket->stage, MESSAGE_OF(bound, .shard = to->shard, .connection = to->connection, .client_ref = 1,
                                              .binding = {binding}, .port = port));
    driver_hear(to, FRAME_BIND_OK, 0);
}

static void serve(struct driver *driver, uint32_t stream, const char *target, struct client *visitor)
{
    driver_hear_request(driver, stream, target);
    driver_say_answer(driver, stream, 200, target);
    client_hear_answer(visitor, 200, target);
}

static void a_port_goes_over_with_its_idle_visitors(void **state)
{
    struct gateway_stage *stage = raise_two(state);
    struct driver *old = driver_enter(stage), *new = enter_on_shard_1(stage);
    uint16_t port = driver_bind(old, 1);
    struct client *visitor = client_dial(stage, port), *late = NULL;
    client_say(visitor, "GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
    serve(old, 2, "/first", visitor);
    client_say(visitor, half_a_request);
    driver_quiet(old);
    say_transfer(old, new, 1, 2);
    driver_hear_text(old, FRAME_BIND_REVOKED, 0, "{\"bindId\":1,\"reason\":\"gone\"}");
    hear_arrived(new, 2, port);
    client_say(visitor, the_other_half);
    late = client_dial(stage, port); /* it has never stopped listening */
    client_say(late, "GET /third HTTP/1.1\r\nHost: a\r\n\r\n");
    driver_quiet(new); /* nobody is served before BIND_OK */
    say_bound(new, 2, port);
    serve(new, 2, "/second", visitor);
    serve(new, 4, "/third", late);
    driver_quiet(old);
    gateway_await_permits(stage, stage->permits - 5);
}

static void lost_requests_get_502_and_their_visitors_stay(void **state)
{
    struct gateway_stage *stage = raise_two(state);
    struct driver *old = enter_on_shard_1(stage), *new = driver_enter(stage);
    uint16_t port = driver_bind(old, 1);
    struct client *asked = driver_visited(old, port, 2, "/lost");
    struct client *answered = driver_visited(old, port, 4, "/torn");
    driver_say(old, FRAME_STREAM_RESPONSE_HEAD, 4, "{\"status\":200,\"headers\":[],\"final\":true}");
    client_hear_answer(answered, 200, NULL);
    client_say(asked, "GET /second HTTP/1.1\r\nHost: a\r\n\r\n"); /* pipelined */
    driver_quiet(old);
    say_transfer(old, new, 1, 2);
    driver_hear_reset(old, 2, CODE_BIND_TAKEOVER);
    driver_hear_reset(old, 4, CODE_BIND_TAKEOVER);
    driver_hear(old, FRAME_BIND_REVOKED, 0);
    hear_arrived(new, 2, port);
    client_hear_refusal(asked, 502);
    client_hear_abort(answered);
    say_bound(new, 2, port);
    serve(new, 2, "/second", asked);
}

static void a_body_that_is_not_over_ends_its_visitor(void **state)
{
    struct gateway_stage *stage = raise_two(state);
    struct driver *old = driver_enter(stage), *new = enter_on_shard_1(stage);
    uint16_t port = driver_bind(old, 1);
    struct client *visitor = client_dial(stage, port);
    client_say(visitor, "POST /lost HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    driver_hear(old, FRAME_STREAM_OPEN, 2);
    driver_hear(old, FRAME_DATA, 2);
    say_transfer(old, new, 1, 2);
    driver_hear_reset(old, 2, CODE_BIND_TAKEOVER);
    hear_arrived(new, 2, port);
    client_hear_refusal(visitor, 502);
    client_hear_end(visitor);
    say_bound(new, 2, port);
    client_hang_up(visitor);
    gateway_await_permits(stage, stage->permits - 3);
}

static void a_port_goes_on_and_back(void **state)
{
    struct gateway_stage *stage = raise_two(state);
    struct driver *first = driver_enter(stage), *second = enter_on_shard_1(stage);
    uint16_t port = driver_bind(first, 1);
    struct client *visitor = driver_visited(first, port, 2, "/1");
    driver_say_answer(first, 2, 200, "/1");
    client_hear_answer(visitor, 200, "/1");
    for (uint32_t binding = 1; binding < 7; binding += 2) {
        say_transfer(first, second, binding, binding + 1);
        driver_hear(first, FRAME_BIND_REVOKED, 0);
        hear_arrived(second, binding + 1, port);
        say_transfer(second, first, binding + 1, binding + 2); /* before anybody was served */
        driver_hear(second, FRAME_BIND_REVOKED, 0);
        hear_arrived(first, binding + 2, port);
    }
    say_bound(first, 7, port);
    client_say(visitor, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    serve(first, 4, "/2", visitor);
}

static void one_that_is_closed_where_it_arrives_takes_its_visitors_along(void **state)
{
    struct gateway_stage *stage = raise_two(state);
    struct driver *old = driver_enter(stage), *new = enter_on_shard_1(stage);
    uint16_t port = driver_bind(old, 1);
    struct client *visitor = driver_visited(old, port, 2, "/1");
    driver_say_answer(old, 2, 200, "/1");
    client_hear_answer(visitor, 200, "/1");
    say_transfer(old, new, 1, 2);
    hear_arrived(new, 2, port);
    gateway_say(stage, MESSAGE_OF(close_listener, .shard = 1, .binding = {2}));
    gateway_hear(stage, MESSAGE_listener_closed);
    client_hear_end(visitor);
    assert_port_refuses(port);
}

static void a_port_that_is_not_there_is_told(void **state)
{
    struct gateway_stage *stage = raise_two(state);
    gateway_say(stage,
                MESSAGE_OF(transfer_listener, .to_shard = 1, .old_binding = {1}, .binding = {2}, .connection = {9}));
    const struct message_listener_failed *failed = &gateway_hear(stage, MESSAGE_listener_failed)->listener_failed;
    assert_int_equal(failed->binding.value, 2);
    gateway_silent(stage);
}

/* ---- the fd budget ----------------------------------------------------------------------------------------------- */

enum { SMALL_BUDGET = 9 };

static void one_shard_may_use_all_of_it(void **state)
{
    struct gateway_stage *stage = *state;
    struct client *visitors[SMALL_BUDGET];
    stage->options.fd_budget = SMALL_BUDGET;
    raise_two(state);
    struct driver *driver = enter_on_shard_1(stage);
    uint16_t port = driver_bind(driver, 1);
    uint32_t count = SMALL_BUDGET - 2; /* the driver's and the listener's */
    for (uint32_t i = 0; i < count; i++)
        visitors[i] = driver_visited(driver, port, 2 * i + 2, "/");
    gateway_await_permits(stage, 0);
    struct client *refused = client_dial(stage, port);
    client_hear_refusal(refused, 503);
    client_hang_up(visitors[0]);
    driver_hear_reset(driver, 2, CODE_CANCEL);
    driver_visited(driver, port, 2 * count + 2, "/");
    gateway_await_permits(stage, 0);
}

static void what_lies_idle_at_one_is_another_s(void **state)
{
    struct gateway_stage *stage = *state;
    stage->options.fd_budget = SMALL_BUDGET;
    raise_two(state);
    struct driver *there = enter_on_shard_1(stage), *here = driver_enter(stage);
    uint16_t port = driver_bind(there, 1), port_here = driver_bind(here, 2);
    struct client *first = driver_visited(there, port, 2, "/"), *second = driver_visited(there, port, 4, "/");
    client_hang_up(first);
    driver_hear_reset(there, 2, CODE_CANCEL);
    client_hang_up(second);
    driver_hear_reset(there, 4, CODE_CANCEL);
    for (uint32_t i = 0; i < SMALL_BUDGET - 4; i++)
        driver_visited(here, port_here, 2 * i + 2, "/");
    gateway_await_permits(stage, 0);
    client_hear_refusal(client_dial(stage, port), 503);
    client_hear_refusal(client_dial(stage, port_here), 503);
    struct driver *third = driver_dial(stage);
    driver_say(third, FRAME_HELLO, 0, "{\"version\":\"hoody-tunnel.v1\"}");
    driver_hear_close(third, 1013, "no file descriptors left");
    gateway_say(stage, MESSAGE_OF(open_listener, .shard = 1, .connection = there->connection, .binding = {3},
                                  .mode = BIND_MODE_EXPOSE, .address = "127.0.0.1", .port = 0));
    assert_int_equal(gateway_hear(stage, MESSAGE_listener_failed)->listener_failed.shard, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_stage_set_up, gateway_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_asks_again_for_what_it_asked),
        TEST(what_it_said_before_is_heard_there),
        TEST(one_that_left_meanwhile_is_reported_from_there),
        TEST(a_move_of_one_that_is_gone_is_nothing),
        TEST(a_secondary_joins_where_its_primary_is),
        TEST(a_port_goes_over_with_its_idle_visitors),
        TEST(lost_requests_get_502_and_their_visitors_stay),
        TEST(a_body_that_is_not_over_ends_its_visitor),
        TEST(a_port_goes_on_and_back),
        TEST(one_that_is_closed_where_it_arrives_takes_its_visitors_along),
        TEST(a_port_that_is_not_there_is_told),
        TEST(one_shard_may_use_all_of_it),
        TEST(what_lies_idle_at_one_is_another_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
