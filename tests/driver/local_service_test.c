/* The connections kept for reuse, and the Host that the service is sent (driver/local_service.h). */
#include "local_service.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PEERS = LOCAL_IDLE_MAX + 2 };

struct fixture {
    struct loop *loop;
    struct local_service service;
    struct endpoint endpoint;
    int peers[PEERS]; /* the service's ends, in the order of give() */
    size_t count;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    *state = fixture;
    fixture->loop = loop_new();
    fixture->endpoint = (struct endpoint){.name = "a.test:3000", .where = {.host = "a.test", .port = 3000}};
    local_service_init(&fixture->service, fixture->loop, &fixture->endpoint, HOST_REWRITE, NULL);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    local_service_done(&fixture->service);
    loop_destroy(&fixture->loop);
    for (size_t i = 0; i < fixture->count; i++)
        close(fixture->peers[i]);
    free(fixture);
    return 0;
}

/* A connection whose exchange is complete; returns it as an identity only. */
static const struct local_connection *give(struct fixture *fixture, unsigned seconds)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct local_connection *connection = local_connection_new(fixture->loop, fds[0]);
    const struct local_connection *given = connection;
    fixture->peers[fixture->count++] = fds[1];
    local_service_give(&fixture->service, &connection, seconds);
    assert_null(connection);
    return given;
}

static void expect_taken(struct fixture *fixture, const struct local_connection *expected)
{
    struct local_connection *connection = local_service_take(&fixture->service);
    assert_ptr_equal(connection, expected);
    if (connection != NULL)
        assert_true(connection->is_reused);
    local_connection_destroy(&connection, false);
}

static void run_what_is_due(struct fixture *fixture)
{
    for (int i = 0; i < 8; i++)
        event_base_loop(loop_base(fixture->loop), EVLOOP_NONBLOCK);
}

static bool is_closed(const struct fixture *fixture, size_t peer)
{
    char byte;
    ssize_t got = recv(fixture->peers[peer], &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno == ECONNRESET); /* what it said was not read */
}

static void the_most_recently_used_is_taken_first(void **state)
{
    struct fixture *fixture = *state;
    const struct local_connection *first = give(fixture, LOCAL_PATIENCE_UNSAID);
    const struct local_connection *second = give(fixture, LOCAL_PATIENCE_UNSAID);
    expect_taken(fixture, second);
    expect_taken(fixture, first);
    expect_taken(fixture, NULL);
}

static void beyond_the_limit_the_longest_idle_one_is_closed(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < LOCAL_IDLE_MAX + 1; i++)
        give(fixture, LOCAL_PATIENCE_UNSAID);
    assert_int_equal(fixture->service.idle_count, LOCAL_IDLE_MAX);
    run_what_is_due(fixture);
    assert_true(is_closed(fixture, 0));
    for (size_t i = 1; i < LOCAL_IDLE_MAX + 1; i++)
        assert_false(is_closed(fixture, i));
}

static void all_may_be_dropped_and_others_kept_later(void **state)
{
    struct fixture *fixture = *state;
    give(fixture, LOCAL_PATIENCE_UNSAID);
    give(fixture, LOCAL_PATIENCE_UNSAID);
    local_service_drop_idle(&fixture->service);
    expect_taken(fixture, NULL);
    run_what_is_due(fixture);
    assert_true(is_closed(fixture, 0) && is_closed(fixture, 1));
    expect_taken(fixture, give(fixture, LOCAL_PATIENCE_UNSAID));
}

static void one_that_was_closed_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    const struct local_connection *first = give(fixture, LOCAL_PATIENCE_UNSAID);
    give(fixture, LOCAL_PATIENCE_UNSAID);
    assert_int_equal(shutdown(fixture->peers[1], SHUT_WR), 0);
    expect_taken(fixture, first); /* the loop has not told yet */
}

static void one_that_has_bytes_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    give(fixture, LOCAL_PATIENCE_UNSAID);
    assert_int_equal(write(fixture->peers[0], "x", 1), 1);
    expect_taken(fixture, NULL);
    run_what_is_due(fixture);
    assert_true(is_closed(fixture, 0));
}

static void one_that_speaks_or_ends_is_closed_at_once(void **state)
{
    struct fixture *fixture = *state;
    give(fixture, LOCAL_PATIENCE_UNSAID);
    give(fixture, LOCAL_PATIENCE_UNSAID);
    give(fixture, LOCAL_PATIENCE_UNSAID);
    assert_int_equal(write(fixture->peers[0], "x", 1), 1);
    assert_int_equal(shutdown(fixture->peers[1], SHUT_WR), 0);
    run_what_is_due(fixture);
    assert_true(is_closed(fixture, 0));
    assert_true(is_closed(fixture, 1));
    assert_false(is_closed(fixture, 2));
    assert_int_equal(fixture->service.idle_count, 1);
}

static void one_is_closed_before_the_service_does(void **state)
{
    struct fixture *fixture = *state;
    give(fixture, LOCAL_PATIENCE_UNSAID);
    give(fixture, 1);
    give(fixture, 2);
    while (fixture->service.idle_count > 1)
        event_base_loop(loop_base(fixture->loop), EVLOOP_ONCE);
    run_what_is_due(fixture);
    assert_false(is_closed(fixture, 0));
    assert_true(is_closed(fixture, 1));
    assert_true(is_closed(fixture, 2));
}

static struct stream_open asked_with(const char *host)
{
    struct stream_open open = {0};
    if (host != NULL)
        assert_true(field_list_add(&open.fields, span_of_string("host"), span_of_string(host)));
    return open;
}

static void expect_host(struct fixture *fixture, enum host_policy policy, const char *visitors, const char *expected)
{
    struct stream_open open = asked_with(visitors);
    local_service_init(&fixture->service, fixture->loop, &fixture->endpoint, policy, "fixed:1");
    assert_string_equal(local_service_host(&fixture->service, &open), expected);
    stream_open_done(&open);
}

static void the_host_is_the_targets_the_visitors_or_the_one_that_was_said(void **state)
{
    struct fixture *fixture = *state;
    expect_host(fixture, HOST_REWRITE, "pub.test", "a.test:3000");
    expect_host(fixture, HOST_REWRITE, NULL, "a.test:3000");
    expect_host(fixture, HOST_PRESERVE, "pub.test", "pub.test");
    expect_host(fixture, HOST_PRESERVE, NULL, "a.test:3000");
    expect_host(fixture, HOST_FIXED, "pub.test", "fixed:1");
    fixture->endpoint.where.port = 80;
    expect_host(fixture, HOST_REWRITE, "pub.test", "a.test");
}

#define SERVICE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVICE_TEST(the_most_recently_used_is_taken_first),
        SERVICE_TEST(beyond_the_limit_the_longest_idle_one_is_closed),
        SERVICE_TEST(all_may_be_dropped_and_others_kept_later),
        SERVICE_TEST(one_that_was_closed_is_passed_over),
        SERVICE_TEST(one_that_has_bytes_is_passed_over),
        SERVICE_TEST(one_that_speaks_or_ends_is_closed_at_once),
        SERVICE_TEST(one_is_closed_before_the_service_does),
        SERVICE_TEST(the_host_is_the_targets_the_visitors_or_the_one_that_was_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
