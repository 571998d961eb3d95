/* The ws-gateway alone: ports of drivers: asked for, opened, taken over, given back (protocol section 5). */
#include "gateway_peers.h"

#include <arpa/inet.h>
#include <event2/listener.h>
#include <stdatomic.h>
#include <unistd.h>

#include "session_payloads.h"

#define REQUEST(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

/* ---- BIND ------------------------------------------------------------------------------------------------------ */

static void a_bind_is_passed_on_with_all_its_fields(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    driver_say(driver, FRAME_BIND, 0,
               "{\"clientBindRef\":-7,\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":3000,"
               "\"label\":\"web\",\"takeover\":true,\"host\":\"127.0.0.2\",\"more\":{}}");
    const struct message_bind *bind = &gateway_hear(stage, MESSAGE_bind)->bind;
    assert_int_equal(bind->shard, 0);
    assert_int_equal(bind->connection.value, driver->connection.value);
    assert_int_equal(bind->client_ref, -7);
    assert_int_equal(bind->kind, BIND_KIND_HTTP);
    assert_int_equal(bind->mode, BIND_MODE_EXPOSE);
    assert_int_equal(bind->port, 3000);
    assert_string_equal(bind->host, "127.0.0.2");
    assert_string_equal(bind->label, "web");
    assert_true(bind->takeover);
}

static void what_a_bind_leaves_out_is_empty(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    driver_say(driver, FRAME_BIND, 0,
               "{\"clientBindRef\":1,\"kind\":\"tcp\",\"mode\":\"pull\",\"containerPort\":\"x\"}");
    const struct message_bind *bind = &gateway_hear(stage, MESSAGE_bind)->bind;
    assert_int_equal(bind->kind, BIND_KIND_TCP);
    assert_int_equal(bind->mode, BIND_MODE_PULL);
    assert_int_equal(bind->port, BIND_PORT_NOT_A_PORT);
    assert_string_equal(bind->host, "");
    assert_string_equal(bind->label, "");
    assert_false(bind->takeover);
}

static void a_bind_without_a_reference_is_a_protocol_error(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    driver_say(driver, FRAME_BIND, 0, "{\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":3000}");
    assert_true(gateway_hear(stage, MESSAGE_connection_closed)->connection_closed.kit_ended);
    assert_non_null(strstr(driver_hear(driver, FRAME_GOAWAY, 0)->payload, "\"code\":1,"));
    driver_hear_close(driver, 1002, "clientBindRef must be an integer");
}

static void a_refused_bind_gets_bind_err(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    gateway_say(stage, MESSAGE_OF(bind_refused, .connection = driver->connection, .client_ref = -7,
                                  .code = "ALREADY_BOUND", .text = "say \"takeover\""));
    driver_hear_text(driver, FRAME_BIND_ERR, 0,
                     "{\"clientBindRef\":-7,\"code\":\"ALREADY_BOUND\",\"message\":\"say \\\"takeover\\\"\"}");
}

static void a_bound_driver_gets_bind_ok(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    gateway_say(stage, MESSAGE_OF(bound, .connection = driver->connection, .client_ref = -7, .binding = {3},
                                  .port = 4000, .public_url = "https://a/4000"));
    driver_hear_text(driver, FRAME_BIND_OK, 0,
                     "{\"clientBindRef\":-7,\"bindId\":3,\"containerPort\":4000,\"publicUrl\":\"https://a/4000\"}");
    gateway_say(stage,
                MESSAGE_OF(bound, .connection = driver->connection, .client_ref = 8, .binding = {4}, .port = 4001));
    driver_hear_text(driver, FRAME_BIND_OK, 0,
                     "{\"clientBindRef\":8,\"bindId\":4,\"containerPort\":4001,\"publicUrl\":null}");
}

/* ---- listeners ------------------------------------------------------------------------------------------------- */

static void a_port_listens_from_the_start_and_serves_when_bound(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    uint16_t port = driver_open_port(driver, 1);
    struct client *visitor = client_dial(stage, port); /* is let in by the kernel, and waits */
    client_say(visitor, REQUEST("/early"));
    driver_quiet(driver);
    assert_int_equal(permits_left(gateway_count(stage)), stage->permits - 2); /* not accepted */
    gateway_say(stage,
                MESSAGE_OF(bound, .connection = driver->connection, .client_ref = 1, .binding = {1}, .port = port));
    driver_hear(driver, FRAME_BIND_OK, 0); /* before the first STREAM_OPEN */
    driver_hear_request(driver, 2, "/early");
    driver_say_answer(driver, 2, 200, "hello");
    client_hear_answer(visitor, 200, "hello");
}

/* A listener of somebody else's on 127.0.0.1. */
static int listen_elsewhere(uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static const struct message_listener_failed *fail_to_open(struct driver *driver, const char *address, uint16_t port)
{
    struct gateway_stage *stage = driver->socket->stage;
    gateway_say(stage, MESSAGE_OF(open_listener, .connection = driver->connection, .binding = {1},
                                  .mode = BIND_MODE_EXPOSE, .address = address, .port = port));
    const struct message_listener_failed *failed = &gateway_hear(stage, MESSAGE_listener_failed)->listener_failed;
    assert_int_equal(failed->shard, 0);
    assert_int_equal(failed->binding.value, 1);
    assert_true(strlen(failed->text) > 0);
    return failed;
}

static void a_port_that_somebody_else_holds_is_told(void **state)
{
    struct gateway_stage *stage = *state;
    uint16_t port = 0;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    int elsewhere = listen_elsewhere(&port);
    assert_true(fail_to_open(driver, "127.0.0.1", port)->address_in_use);
    close(elsewhere);
    assert_int_equal(permits_left(gateway_count(stage)), stage->permits - 1); /* the driver's own */
}

static void an_address_that_is_not_ours_is_told(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    assert_false(fail_to_open(driver, "192.0.2.1", 0)->address_in_use); /* TEST-NET-1 */
    assert_int_equal(permits_left(gateway_count(stage)), stage->permits - 1);
}

/* The port answers no more: a connect is refused. */
static void assert_port_is_closed(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
}

static void close_port(struct gateway_stage *stage, uint32_t binding, bool streams_may_end)
{
    gateway_say(stage, MESSAGE_OF(close_listener, .binding = {binding}, .streams_may_end = streams_may_end));
    const struct message_listener_closed *closed = &gateway_hear(stage, MESSAGE_listener_closed)->listener_closed;
    assert_int_equal(closed->shard, 0);
    assert_int_equal(closed->binding.value, binding);
}

static void closing_frees_the_port_and_ends_its_visitors(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    uint16_t port = driver_bind(driver, 1);
    struct client *asking = driver_visited(driver, port, 2, "/asking");
    struct client *half_answered = driver_visited(driver, port, 4, "/half");
    driver_say(driver, FRAME_STREAM_RESPONSE_HEAD, 4, "{\"status\":200,\"headers\":[[\"content-length\",\"9\"]]}");
    client_hear_answer(half_answered, 200, NULL);
    struct client *idle = driver_visited(driver, port, 6, "/idle");
    driver_say_answer(driver, 6, 200, "done");
    client_hear_answer(idle, 200, "done");

    close_port(stage, 1, false);
    assert_port_is_closed(port);
    driver_hear_reset(driver, 2, CODE_CANCEL);
    driver_hear_reset(driver, 4, CODE_CANCEL);
    client_hear_abort(asking);
    client_hear_abort(half_answered);
    client_hear_end(idle);
    driver_quiet(driver);
}

static void closing_may_let_running_exchanges_end(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    uint16_t port = driver_bind(driver, 1);
    struct client *asking = driver_visited(driver, port, 2, "/asking");
    struct client *idle = driver_visited(driver, port, 4, "/idle");
    driver_say_answer(driver, 4, 200, "done");
    client_hear_answer(idle, 200, "done");

    close_port(stage, 1, true);
    assert_port_is_closed(port);
    client_hear_end(idle);
    driver_quiet(driver);
    driver_say_answer(driver, 2, 200, "at last");
    client_hear_answer(asking, 200, "at last");
    client_hear_end(asking); /* keep-alive or not */
    driver_quiet(driver);
}

static void those_who_may_end_are_ended_by_a_second_close(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    struct client *asking = driver_visited(driver, driver_bind(driver, 1), 2, "/asking");
    close_port(stage, 1, true);
    close_port(stage, 1, false);
    driver_hear_reset(driver, 2, CODE_CANCEL);
    client_hear_abort(asking);
}

static void closing_what_is_not_open_is_answered_too(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    close_port(stage, 1, false);
    close_port(stage, 1, true);
    gateway_silent(stage);
}

static void a_closed_port_can_be_opened_again(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    uint16_t port = driver_bind(driver, 1);
    struct client *visitor = driver_visited(driver, port, 2, "/");
    driver_say_answer(driver, 2, 200, "done"); /* a connection in TIME_WAIT stays behind */
    client_hear_answer(visitor, 200, "done");
    close_port(stage, 1, false);
    client_hear_end(visitor);
    gateway_say(stage, MESSAGE_OF(open_listener, .connection = driver->connection, .binding = {2},
                                  .mode = BIND_MODE_EXPOSE, .address = "127.0.0.1", .port = port));
    assert_int_equal(gateway_hear(stage, MESSAGE_listener_opened)->listener_opened.port, port);
}

/* The linker puts this one in its place: the system may refuse to watch a port. */
int __real_evconnlistener_enable(struct evconnlistener *listener);
int __wrap_evconnlistener_enable(struct evconnlistener *listener);

static atomic_int refusals_left;

int __wrap_evconnlistener_enable(struct evconnlistener *listener)
{
    if (atomic_load(&refusals_left) > 0) {
        atomic_fetch_sub(&refusals_left, 1);
        return -1;
    }
    return __real_evconnlistener_enable(listener);
}

static void a_port_that_cannot_be_watched_is_tried_again(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    atomic_store(&refusals_left, 2);
    uint16_t port = driver_bind(driver, 1);
    driver_visited(driver, port, 2, "/late");
    assert_int_equal(atomic_load(&refusals_left), 0);
}

static void a_port_whose_driver_is_away_answers_503(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    uint16_t port = driver_bind(driver, 1);
    driver_hang_up(driver);
    gateway_hear(stage, MESSAGE_connection_closed);
    struct client *visitor = client_dial(stage, port);
    client_say(visitor, REQUEST("/"));
    const char *head = client_hear_answer(visitor, 503, "the tunnel's driver is away");
    assert_non_null(strstr(head, "\r\nRetry-After: 5\r\n"));
    struct driver *heir = driver_enter(stage);
    gateway_say(stage, MESSAGE_OF(adopt_listener, .binding = {1}, .connection = heir->connection));
    gateway_ping(stage);
    client_say(visitor, REQUEST("/again"));
    driver_hear_request(heir, 2, "/again");
}

static void a_port_lost_while_its_owner_resumes_is_told_after_hello_ok(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *owner = driver_enter(stage);
    uint16_t port = driver_bind(owner, 1);
    struct driver *resuming = driver_knock(stage), *heir = driver_enter(stage);
    gateway_say(stage, MESSAGE_OF(adopt_listener, .binding = {1}, .connection = resuming->connection));
    gateway_say(stage, MESSAGE_OF(transfer_listener, .old_binding = {1}, .binding = {2}, .connection = heir->connection,
                                  .reason = "taken over"));
    gateway_say(stage,
                MESSAGE_OF(bound, .connection = heir->connection, .client_ref = 9, .binding = {2}, .port = port));
    driver_hear(heir, FRAME_BIND_OK, 0);
    driver_let_in(resuming);
    assert_true(driver_hear(resuming, FRAME_HELLO_OK, 0)->ends_message);
    driver_hear_text(resuming, FRAME_BIND_REVOKED, 0, "{\"bindId\":1,\"reason\":\"taken over\"}");
    driver_quiet(owner);
}

/* ---- takeover -------------------------------------------------------------------------------------------------- */

static void take_over(struct driver *heir, uint32_t old_binding, uint32_t binding, uint16_t port)
{
    struct gateway_stage *stage = heir->socket->stage;
    gateway_say(stage, MESSAGE_OF(transfer_listener, .old_binding = {old_binding}, .binding = {binding},
                                  .connection = heir->connection, .reason = "taken over"));
    gateway_say(stage,
                MESSAGE_OF(bound, .connection = heir->connection, .client_ref = 9, .binding = {binding}, .port = port));
}

static void a_taken_port_goes_to_the_new_owner(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *owner = driver_enter(stage), *heir = driver_enter(stage);
    uint16_t port = driver_bind(owner, 1), other_port = driver_bind(owner, 3);
    struct client *other = driver_visited(owner, other_port, 2, "/other");
    struct client *asking = driver_visited(owner, port, 4, "/asking");
    struct client *half_answered = driver_visited(owner, port, 6, "/half");
    driver_say(owner, FRAME_STREAM_RESPONSE_HEAD, 6, "{\"status\":200,\"headers\":[[\"content-length\",\"9\"]]}");
    client_hear_answer(half_answered, 200, NULL);
    struct client *idle = driver_visited(owner, port, 8, "/idle");
    driver_say_answer(owner, 8, 200, "done");
    client_hear_answer(idle, 200, "done");

    take_over(heir, 1, 2, port);
    driver_hear_reset(owner, 4, CODE_BIND_TAKEOVER);
    driver_hear_reset(owner, 6, CODE_BIND_TAKEOVER);
    driver_hear_text(owner, FRAME_BIND_REVOKED, 0, "{\"bindId\":1,\"reason\":\"taken over\"}");
    client_hear_refusal(asking, 502);
    client_hear_abort(half_answered);
    driver_hear(heir, FRAME_BIND_OK, 0);

    client_say(idle, REQUEST("/idle-again")); /* keep-alive visitors stay and go to the new owner */
    driver_hear_request(heir, 2, "/idle-again");
    client_say(asking, REQUEST("/asking-again"));
    driver_hear_request(heir, 4, "/asking-again");
    driver_visited(heir, port, 6, "/new");

    driver_quiet(owner); /* it lives on with its other port */
    driver_say_answer(owner, 2, 200, "undisturbed");
    client_hear_answer(other, 200, "undisturbed");
}

static void a_port_never_closes_while_it_is_taken(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *owner = driver_enter(stage), *heir = driver_enter(stage);
    uint16_t port = driver_bind(owner, 1);
    gateway_say(stage, MESSAGE_OF(transfer_listener, .old_binding = {1}, .binding = {2}, .connection = heir->connection,
                                  .reason = ""));
    gateway_ping(stage);
    struct client *visitor = client_dial(stage, port); /* between the owners */
    client_say(visitor, REQUEST("/between"));
    driver_quiet(heir); /* BIND_OK comes before the first STREAM_OPEN */
    gateway_say(stage,
                MESSAGE_OF(bound, .connection = heir->connection, .client_ref = 9, .binding = {2}, .port = port));
    driver_hear(heir, FRAME_BIND_OK, 0);
    driver_hear_request(heir, 2, "/between");
    close_port(stage, 1, false); /* the old id means nothing any more */
    driver_say_answer(heir, 2, 200, "mine");
    client_hear_answer(visitor, 200, "mine");
}

static void pipelined_requests_of_a_taken_port_go_to_the_new_owner(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *owner = driver_enter(stage), *heir = driver_enter(stage);
    uint16_t port = driver_bind(owner, 1);
    struct client *visitor = client_dial(stage, port);
    client_say(visitor, REQUEST("/first") REQUEST("/second"));
    driver_hear_request(owner, 2, "/first");
    take_over(heir, 1, 2, port);
    driver_hear_reset(owner, 2, CODE_BIND_TAKEOVER);
    driver_hear(owner, FRAME_BIND_REVOKED, 0);
    client_hear_refusal(visitor, 502);
    driver_hear(heir, FRAME_BIND_OK, 0);
    driver_hear_request(heir, 2, "/second");
    driver_quiet(owner);
}

static void a_driver_may_take_over_its_own_port(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    uint16_t port = driver_bind(driver, 1);
    take_over(driver, 1, 2, port);
    driver_hear_text(driver, FRAME_BIND_REVOKED, 0, "{\"bindId\":1,\"reason\":\"taken over\"}");
    driver_hear(driver, FRAME_BIND_OK, 0);
    driver_visited(driver, port, 2, "/");
}

static void a_port_whose_owner_is_gone_can_be_taken(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *owner = driver_enter(stage), *heir = driver_enter(stage);
    uint16_t port = driver_bind(owner, 1);
    driver_hang_up(owner);
    gateway_hear(stage, MESSAGE_connection_closed);
    take_over(heir, 1, 2, port);
    driver_hear(heir, FRAME_BIND_OK, 0);
    driver_visited(heir, port, 2, "/");
}

/* ---- UNBIND ---------------------------------------------------------------------------------------------------- */

static void an_unbind_is_passed_on_and_answered(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    driver_bind(driver, 5);
    driver_say(driver, FRAME_UNBIND, 0, "{\"bindId\":5}");
    const struct message_unbind *unbind = &gateway_hear(stage, MESSAGE_unbind)->unbind;
    assert_int_equal(unbind->shard, 0);
    assert_int_equal(unbind->connection.value, driver->connection.value);
    assert_int_equal(unbind->binding.value, 5);
    gateway_say(stage, MESSAGE_OF(unbound, .connection = driver->connection, .binding = {5}));
    driver_hear_text(driver, FRAME_UNBIND_OK, 0, "{\"bindId\":5}");
}

static void a_refused_unbind_gets_unbind_err(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    gateway_say(stage, MESSAGE_OF(unbind_refused, .connection = driver->connection, .binding = {5}, .code = "NOT_OWNED",
                                  .text = "not yours"));
    driver_hear_text(driver, FRAME_UNBIND_ERR, 0, "{\"bindId\":5,\"code\":\"NOT_OWNED\",\"message\":\"not yours\"}");
}

static void an_unbind_of_nothing_is_a_protocol_error(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    driver_say(driver, FRAME_UNBIND, 0, "{}");
    assert_true(gateway_hear(stage, MESSAGE_connection_closed)->connection_closed.kit_ended);
    assert_non_null(strstr(driver_hear(driver, FRAME_GOAWAY, 0)->payload, "\"code\":1,"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_stage_set_up, gateway_stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_bind_is_passed_on_with_all_its_fields),
        TEST(what_a_bind_leaves_out_is_empty),
        TEST(a_bind_without_a_reference_is_a_protocol_error),
        TEST(a_port_lost_while_its_owner_resumes_is_told_after_hello_ok),
        TEST(a_refused_bind_gets_bind_err),
        TEST(a_bound_driver_gets_bind_ok),
        TEST(a_port_listens_from_the_start_and_serves_when_bound),
        TEST(a_port_that_somebody_else_holds_is_told),
        TEST(an_address_that_is_not_ours_is_told),
        TEST(closing_frees_the_port_and_ends_its_visitors),
        TEST(closing_may_let_running_exchanges_end),
        TEST(those_who_may_end_are_ended_by_a_second_close),
        TEST(closing_what_is_not_open_is_answered_too),
        TEST(a_closed_port_can_be_opened_again),
        TEST(a_port_that_cannot_be_watched_is_tried_again),
        TEST(a_port_whose_driver_is_away_answers_503),
        TEST(a_taken_port_goes_to_the_new_owner),
        TEST(a_port_never_closes_while_it_is_taken),
        TEST(pipelined_requests_of_a_taken_port_go_to_the_new_owner),
        TEST(a_driver_may_take_over_its_own_port),
        TEST(a_port_whose_owner_is_gone_can_be_taken),
        TEST(an_unbind_is_passed_on_and_answered),
        TEST(a_refused_unbind_gets_unbind_err),
        TEST(an_unbind_of_nothing_is_a_protocol_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
