/* What a local connection tells its owner, and when (driver/local_connection.h). */
#include "local_connection.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { BIG = 4194304 /* more than a socket takes at once */ };

struct fixture {
    struct loop *loop;
    struct local_connection *connection;
    int peer;
    bool takes_input; /* drains what is reported */
    bool pauses;      /* or pauses at once */
    unsigned inputs;
    size_t consumed;
    unsigned flushes;
    unsigned ends;
    enum local_end end;
    size_t input_at_end;
};

static void on_input(void *owner)
{
    struct fixture *fixture = owner;
    struct evbuffer *input = local_connection_input(fixture->connection);
    fixture->inputs++;
    if (fixture->takes_input)
        evbuffer_drain(input, evbuffer_get_length(input));
    if (fixture->pauses)
        local_connection_pause_reading(fixture->connection);
}

static void on_consumed(void *owner, size_t bytes)
{
    struct fixture *fixture = owner;
    fixture->consumed += bytes;
}

static void on_flushed(void *owner)
{
    struct fixture *fixture = owner;
    fixture->flushes++;
}

static void on_ended(void *owner, enum local_end end)
{
    struct fixture *fixture = owner;
    fixture->ends++;
    fixture->end = end;
    fixture->input_at_end = evbuffer_get_length(local_connection_input(fixture->connection));
}

static const struct local_connection_events EVENTS = {
    .on_input = on_input, .on_consumed = on_consumed, .on_flushed = on_flushed, .on_ended = on_ended};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    int fds[2];
    assert_non_null(fixture);
    *state = fixture;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    fixture->loop = loop_new();
    fixture->connection = local_connection_new(fixture->loop, fds[0]);
    fixture->peer = fds[1];
    local_connection_own(fixture->connection, &EVENTS, fixture);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    local_connection_destroy(&fixture->connection, false);
    loop_destroy(&fixture->loop);
    if (fixture->peer >= 0)
        close(fixture->peer);
    free(fixture);
    return 0;
}

/* Everything that is due, and no waiting. */
static void run(struct fixture *fixture)
{
    for (int i = 0; i < 8; i++)
        event_base_loop(loop_base(fixture->loop), EVLOOP_NONBLOCK);
}

static void say(struct fixture *fixture, const char *text)
{
    assert_int_equal(write(fixture->peer, text, strlen(text)), strlen(text));
}

static size_t hear_all(struct fixture *fixture)
{
    static char sink[65536];
    size_t total = 0;
    for (ssize_t got = 1; got > 0;) {
        got = read(fixture->peer, sink, sizeof sink);
        total += got > 0 ? (size_t)got : 0;
        run(fixture);
    }
    return total;
}

static struct evbuffer *filler(size_t length)
{
    struct evbuffer *data = evbuffer_new();
    uint8_t *bytes = calloc(1, length);
    assert_int_equal(evbuffer_add(data, bytes, length), 0);
    free(bytes);
    return data;
}

static void input_is_reported(void **state)
{
    struct fixture *fixture = *state;
    run(fixture);
    assert_int_equal(fixture->inputs, 0);
    say(fixture, "a");
    run(fixture);
    assert_int_equal(fixture->inputs, 1);
    assert_int_equal(evbuffer_get_length(local_connection_input(fixture->connection)), 1);
}

static void nothing_is_reported_while_paused(void **state)
{
    struct fixture *fixture = *state;
    local_connection_pause_reading(fixture->connection);
    say(fixture, "a");
    run(fixture);
    assert_int_equal(fixture->inputs, 0);
    local_connection_resume_reading(fixture->connection);
    run(fixture);
    assert_true(fixture->inputs > 0);
}

static void after_a_pause_there_is_a_report_without_input_too(void **state)
{
    struct fixture *fixture = *state;
    local_connection_pause_reading(fixture->connection);
    local_connection_resume_reading(fixture->connection);
    run(fixture);
    assert_int_equal(fixture->inputs, 1);
}

static void a_pause_after_a_resume_holds(void **state)
{
    struct fixture *fixture = *state;
    fixture->pauses = true;
    say(fixture, "a");
    run(fixture);
    assert_int_equal(fixture->inputs, 1);
    local_connection_resume_reading(fixture->connection);
    local_connection_pause_reading(fixture->connection);
    run(fixture);
    assert_int_equal(fixture->inputs, 1);
    local_connection_resume_reading(fixture->connection);
    say(fixture, "b"); /* the socket and the resume both have something to say: one report, then paused */
    run(fixture);
    assert_int_equal(fixture->inputs, 2);
}

static void the_end_comes_behind_the_input(void **state)
{
    struct fixture *fixture = *state;
    fixture->takes_input = true;
    say(fixture, "last words");
    shutdown(fixture->peer, SHUT_WR);
    run(fixture);
    assert_int_equal(fixture->ends, 1);
    assert_int_equal(fixture->end, LOCAL_ENDED);
    assert_int_equal(fixture->input_at_end, 0);
}

static void the_end_waits_while_paused(void **state)
{
    struct fixture *fixture = *state;
    fixture->pauses = true;
    say(fixture, "last words");
    shutdown(fixture->peer, SHUT_WR);
    run(fixture);
    assert_int_equal(fixture->ends, 0);
    fixture->pauses = false;
    fixture->takes_input = true;
    local_connection_resume_reading(fixture->connection);
    run(fixture);
    assert_int_equal(fixture->ends, 1);
    assert_int_equal(fixture->input_at_end, 0);
}

static void data_counts_as_consumed_when_it_has_left(void **state)
{
    struct fixture *fixture = *state;
    struct evbuffer *data = filler(BIG);
    evbuffer_add(local_connection_output(fixture->connection), "head", 4);
    local_connection_write(fixture->connection, data, BIG, false);
    assert_int_equal(evbuffer_get_length(data), 0);
    assert_int_equal(fixture->consumed, 0);
    run(fixture);
    size_t waits = evbuffer_get_length(local_connection_output(fixture->connection));
    assert_true(waits > 0);
    assert_true(fixture->consumed > 0);
    assert_true(fixture->consumed <= BIG - waits);
    assert_int_equal(fixture->flushes, 0);
    assert_int_equal(hear_all(fixture), BIG + 4);
    assert_int_equal(fixture->consumed, BIG);
    assert_int_equal(fixture->flushes, 1);
    evbuffer_free(data);
}

static void chunks_count_only_their_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct evbuffer *data = filler(100);
    local_connection_write(fixture->connection, data, 100, true);
    assert_int_equal(hear_all(fixture), 0); /* has not been written yet, the loop ran only then */
    assert_int_equal(hear_all(fixture), 100 + 6);
    assert_int_equal(fixture->consumed, 100);
    evbuffer_free(data);
}

static void half_close_comes_behind_what_waits(void **state)
{
    struct fixture *fixture = *state;
    struct evbuffer *data = filler(BIG);
    local_connection_write(fixture->connection, data, BIG, false);
    local_connection_end_writing(fixture->connection);
    run(fixture);
    assert_int_equal(hear_all(fixture), BIG);
    char byte;
    assert_int_equal(read(fixture->peer, &byte, 1), 0);
    say(fixture, "the other way still works");
    run(fixture);
    assert_int_equal(fixture->inputs, 1);
    evbuffer_free(data);
}

static void after_a_failed_write_data_counts_as_consumed(void **state)
{
    struct fixture *fixture = *state;
    struct evbuffer *data = filler(200);
    local_connection_pause_reading(fixture->connection);
    close(fixture->peer);
    fixture->peer = -1;
    local_connection_write(fixture->connection, data, 100, false);
    run(fixture);
    assert_int_equal(fixture->ends, 1);
    assert_int_equal(fixture->end, LOCAL_WRITE_FAILED);
    assert_int_equal(fixture->consumed, 100);
    local_connection_write(fixture->connection, data, 100, false);
    assert_int_equal(fixture->consumed, 200);
    assert_true(local_connection_is_flushed(fixture->connection));
    assert_false(local_connection_is_quiet(fixture->connection));
    evbuffer_free(data);
}

static void a_service_that_takes_nothing_is_given_up_when_that_was_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct evbuffer *data = filler(BIG);
    local_connection_write(fixture->connection, data, BIG, false);
    run(fixture);
    assert_int_equal(fixture->ends, 0);
    local_connection_write_within(fixture->connection, 1);
    while (fixture->ends == 0)
        event_base_loop(loop_base(fixture->loop), EVLOOP_ONCE);
    assert_int_equal(fixture->end, LOCAL_WRITE_FAILED);
    assert_int_equal(fixture->consumed, BIG);
    assert_true(local_connection_is_flushed(fixture->connection));
    evbuffer_free(data);
}

static void staleness_is_seen_before_the_loop_tells(void **state)
{
    struct fixture *fixture = *state;
    assert_false(local_connection_is_stale(fixture->connection));
    say(fixture, "x");
    assert_true(local_connection_is_stale(fixture->connection));
    fixture->takes_input = true;
    run(fixture);
    assert_false(local_connection_is_stale(fixture->connection));
    shutdown(fixture->peer, SHUT_WR);
    assert_true(local_connection_is_stale(fixture->connection));
}

#define CONNECTION_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONNECTION_TEST(input_is_reported),
        CONNECTION_TEST(nothing_is_reported_while_paused),
        CONNECTION_TEST(after_a_pause_there_is_a_report_without_input_too),
        CONNECTION_TEST(a_pause_after_a_resume_holds),
        CONNECTION_TEST(the_end_comes_behind_the_input),
        CONNECTION_TEST(the_end_waits_while_paused),
        CONNECTION_TEST(data_counts_as_consumed_when_it_has_left),
        CONNECTION_TEST(chunks_count_only_their_bytes),
        CONNECTION_TEST(half_close_comes_behind_what_waits),
        CONNECTION_TEST(after_a_failed_write_data_counts_as_consumed),
        CONNECTION_TEST(a_service_that_takes_nothing_is_given_up_when_that_was_asked_for),
        CONNECTION_TEST(staleness_is_seen_before_the_loop_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
