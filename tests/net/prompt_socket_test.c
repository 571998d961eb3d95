/* A prompt socket is read as the bytes come, and written when the turn ends, libevent only takes over what the kernel
 * does not, and whoever is told of writes is told as libevent does it. */
#include "prompt_socket.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MORE_THAN_FITS = 8388608 };

struct fixture {
    struct event_base *base;
    struct write_queue queue;
    struct bufferevent *socket;
    struct prompt_socket prompt;
    int peer;
    unsigned wakes;
    unsigned writes; /* write callbacks */
    bool writes_again;
    unsigned reads; /* read callbacks */
    short told;     /* events */
    int error;      /* of the last one */
    unsigned takings;
    size_t left; /* behind the last one */
};

static void on_wake(void *owner)
{
    struct fixture *fixture = owner;
    fixture->wakes++;
}

static struct evbuffer *output_of(struct fixture *fixture)
{
    return bufferevent_get_output(fixture->socket);
}

static void on_written(struct bufferevent *socket, void *arg)
{
    (void)socket;
    struct fixture *fixture = arg;
    fixture->writes++;
    if (fixture->writes_again)
        evbuffer_add(output_of(fixture), "again", 5);
}

static void on_event(struct bufferevent *socket, short what, void *arg)
{
    (void)socket;
    struct fixture *fixture = arg;
    fixture->told |= what;
    fixture->error = EVUTIL_SOCKET_ERROR();
}

static void on_read(struct bufferevent *socket, void *arg)
{
    (void)socket;
    struct fixture *fixture = arg;
    fixture->reads++;
}

/* The linker puts this one in its place: the system may refuse to watch a socket. */
int __real_bufferevent_enable(struct bufferevent *socket, short what);
int __wrap_bufferevent_enable(struct bufferevent *socket, short what);

static bool watching_fails;

int __wrap_bufferevent_enable(struct bufferevent *socket, short what)
{
    return watching_fails ? -1 : __real_bufferevent_enable(socket, what);
}

static void on_taken(void *owner, size_t left)
{
    struct fixture *fixture = owner;
    fixture->takings++;
    fixture->left = left;
}

static void make_unix_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
}

static void make_tcp_pair(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *name = (struct sockaddr *)&address;
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, name, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, name, &length), 0);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair[0], name, length), 0);
    pair[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(pair[1] >= 0);
    assert_int_equal(evutil_make_socket_nonblocking(pair[0]), 0);
    close(listener);
}

static int set_up_with(void **state, void (*make_pair)(int pair[2]))
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    watching_fails = false;
    int pair[2];
    signal(SIGPIPE, SIG_IGN);
    make_pair(pair);
    fixture->base = event_base_new();
    fixture->socket = bufferevent_socket_new(fixture->base, pair[0], BEV_OPT_CLOSE_ON_FREE);
    fixture->peer = pair[1];
    bufferevent_setcb(fixture->socket, on_read, on_written, on_event, fixture);
    write_queue_init(&fixture->queue, on_wake, fixture);
    assert_true(prompt_socket_begin(&fixture->prompt, &fixture->queue, fixture->socket, on_taken));
    *state = fixture;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, make_unix_pair);
}

static int set_up_tcp(void **state)
{
    return set_up_with(state, make_tcp_pair);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    prompt_socket_end(&fixture->prompt);
    bufferevent_free(fixture->socket);
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    event_base_free(fixture->base);
    close(fixture->peer);
    free(fixture);
    return 0;
}

/* Whether libevent waits for the socket to be writable. */
static bool is_armed(const struct fixture *fixture)
{
    return bufferevent_get_enabled(fixture->socket) & EV_WRITE;
}

static size_t read_peer(struct fixture *fixture)
{
    static char bytes[1048576];
    size_t total = 0;
    for (ssize_t length; (length = read(fixture->peer, bytes, sizeof bytes)) > 0;)
        total += (size_t)length;
    return total;
}

static void add_much(struct fixture *fixture)
{
    char *bytes = calloc(1, MORE_THAN_FITS);
    assert_int_equal(evbuffer_add(output_of(fixture), bytes, MORE_THAN_FITS), 0);
    free(bytes);
}

static void what_a_turn_adds_is_written_at_its_end(void **state)
{
    struct fixture *fixture = *state;
    evbuffer_add(output_of(fixture), "one", 3);
    evbuffer_add(output_of(fixture), "two", 3);
    assert_int_equal(fixture->wakes, 1);
    assert_int_equal(read_peer(fixture), 0);
    write_queue_run(&fixture->queue);
    assert_int_equal(read_peer(fixture), 6);
    assert_int_equal(fixture->writes, 1);
    assert_false(is_armed(fixture));
    assert_true(write_queue_is_empty(&fixture->queue));
    assert_int_equal(event_base_loop(fixture->base, EVLOOP_NONBLOCK), 1); /* there is no event to wait for */
}

static void libevent_gets_what_the_kernel_does_not_take_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    add_much(fixture);
    write_queue_run(&fixture->queue);
    assert_true(is_armed(fixture));
    assert_int_equal(fixture->writes, 0); /* its output is longer than the watermark */
    size_t arrived = read_peer(fixture);
    while (arrived < MORE_THAN_FITS) {
        event_base_loop(fixture->base, EVLOOP_ONCE);
        arrived += read_peer(fixture);
    }
    assert_int_equal(arrived, MORE_THAN_FITS);
    assert_int_equal(fixture->writes, 1);
    assert_false(is_armed(fixture));
    evbuffer_add(output_of(fixture), "prompt again", 12);
    write_queue_run(&fixture->queue);
    assert_int_equal(read_peer(fixture), 12);
}

/* libevent has begun: what is added meanwhile must not overtake, nor be written twice. */
static void nothing_is_due_while_libevent_writes(void **state)
{
    struct fixture *fixture = *state;
    add_much(fixture);
    write_queue_run(&fixture->queue);
    evbuffer_add(output_of(fixture), "more", 4);
    assert_true(write_queue_is_empty(&fixture->queue));
}

static void what_is_added_while_the_queue_runs_waits_for_the_next_run(void **state)
{
    struct fixture *fixture = *state;
    fixture->writes_again = true;
    evbuffer_add(output_of(fixture), "first", 5);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->writes, 1);
    assert_int_equal(read_peer(fixture), 5);
    assert_false(write_queue_is_empty(&fixture->queue));
    fixture->writes_again = false;
    write_queue_run(&fixture->queue);
    assert_int_equal(read_peer(fixture), 5);
}

static void the_watermark_says_when_writes_are_told(void **state)
{
    struct fixture *fixture = *state;
    bufferevent_setwatermark(fixture->socket, EV_WRITE, MORE_THAN_FITS, 0);
    add_much(fixture);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->writes, 1);
}

static void a_failed_write_is_told_with_its_error(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->peer);
    fixture->peer = -1;
    evbuffer_add(output_of(fixture), "lost", 4);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->told, BEV_EVENT_WRITING | BEV_EVENT_ERROR);
    assert_int_equal(fixture->error, EPIPE);
    assert_int_equal(fixture->writes, 0);
    assert_false(is_armed(fixture));
}

static void reset_by_peer(struct fixture *fixture)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fixture->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fixture->peer);
    fixture->peer = -1;
}

/* Whoever is told EPIPE takes it for an end that came before. */
static void a_write_that_meets_a_reset_says_so(void **state)
{
    struct fixture *fixture = *state;
    reset_by_peer(fixture);
    evbuffer_add(output_of(fixture), "lost", 4);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->told, BEV_EVENT_WRITING | BEV_EVENT_ERROR);
    assert_int_equal(fixture->error, ECONNRESET);
    evbuffer_add(output_of(fixture), "and more", 8); /* whatever its owner does */
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->error, ECONNRESET);
}

/* The kernel would call what follows a clean end. */
static void a_reset_that_a_write_has_met_is_no_clean_end(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(write(fixture->peer, "torn", 4), 4);
    reset_by_peer(fixture);
    prompt_socket_read(&fixture->prompt, true);
    evbuffer_add(output_of(fixture), "lost", 4);
    prompt_socket_write(&fixture->prompt); /* in the turn in which the rest is read */
    event_base_loop(fixture->base, EVLOOP_ONCE);
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    assert_int_equal(fixture->reads, 1);
    assert_int_equal(fixture->told, BEV_EVENT_READING | BEV_EVENT_ERROR);
    assert_int_equal(fixture->error, ECONNRESET);
}

static void a_reset_behind_a_clean_end_takes_nothing_from_it(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(write(fixture->peer, "last", 4), 4);
    shutdown(fixture->peer, SHUT_WR);
    reset_by_peer(fixture);
    prompt_socket_read(&fixture->prompt, true);
    evbuffer_add(output_of(fixture), "lost", 4);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->told, BEV_EVENT_WRITING | BEV_EVENT_ERROR);
    assert_int_equal(fixture->error, EPIPE);
    fixture->told = 0;
    event_base_loop(fixture->base, EVLOOP_ONCE);
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    assert_int_equal(fixture->reads, 1);
    assert_int_equal(fixture->told, BEV_EVENT_READING | BEV_EVENT_EOF);
}

static void whoever_cannot_be_waited_for_is_told_at_once(void **state)
{
    struct fixture *fixture = *state;
    watching_fails = true;
    add_much(fixture);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->told, BEV_EVENT_WRITING | BEV_EVENT_ERROR);
    assert_int_equal(fixture->writes, 0);
    assert_true(write_queue_is_empty(&fixture->queue));
}

static void whoever_listens_to_nothing_is_told_nothing(void **state)
{
    struct fixture *fixture = *state;
    watching_fails = true;
    bufferevent_setcb(fixture->socket, NULL, NULL, NULL, NULL);
    add_much(fixture);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->told, 0);
    assert_true(write_queue_is_empty(&fixture->queue));
}

/* What the kernel takes whole needs no waiting. */
static void what_goes_out_at_once_is_not_waited_for(void **state)
{
    struct fixture *fixture = *state;
    watching_fails = true;
    evbuffer_add(output_of(fixture), "all", 3);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->told, 0);
    assert_int_equal(fixture->writes, 1);
    assert_int_equal(read_peer(fixture), 3);
}

static void a_socket_that_has_ended_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    evbuffer_add(output_of(fixture), "due", 3);
    prompt_socket_end(&fixture->prompt);
    assert_true(write_queue_is_empty(&fixture->queue));
    evbuffer_add(output_of(fixture), "and later", 9);
    write_queue_run(&fixture->queue);
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    assert_int_equal(read_peer(fixture), 0);
    prompt_socket_end(&fixture->prompt);
}

/* The sockets of one queue, each of which ends the other when it is written: wherever in the queue that one is. */
static struct prompt_socket *victim;

static void on_written_ends_other(struct bufferevent *socket, void *arg)
{
    (void)socket;
    struct fixture *fixture = arg;
    fixture->writes++;
    prompt_socket_end(victim);
}

static void a_socket_may_end_while_the_queue_runs(void **state)
{
    struct fixture *fixture = *state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct bufferevent *other = bufferevent_socket_new(fixture->base, pair[0], BEV_OPT_CLOSE_ON_FREE);
    struct prompt_socket prompt;
    assert_true(prompt_socket_begin(&prompt, &fixture->queue, other, NULL));
    victim = &prompt;
    bufferevent_setcb(fixture->socket, NULL, on_written_ends_other, NULL, fixture);
    evbuffer_add(output_of(fixture), "first", 5);
    evbuffer_add(bufferevent_get_output(other), "never", 5);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->writes, 1);
    assert_int_equal(evbuffer_get_length(bufferevent_get_output(other)), 5);
    assert_true(write_queue_is_empty(&fixture->queue));
    evbuffer_add(output_of(fixture), "second", 6);
    write_queue_run(&fixture->queue);
    assert_int_equal(read_peer(fixture), 11);
    bufferevent_free(other);
    close(pair[1]);
}

static void what_is_taken_is_told_with_what_is_left(void **state)
{
    struct fixture *fixture = *state;
    evbuffer_add(output_of(fixture), "all of it", 9);
    assert_int_equal(fixture->takings, 0);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->takings, 1);
    assert_int_equal(fixture->left, 0);
    add_much(fixture);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->takings, 2);
    size_t left = evbuffer_get_length(output_of(fixture));
    assert_int_equal(fixture->left, left);
    assert_true(left > 0);
    read_peer(fixture);
    event_base_loop(fixture->base, EVLOOP_ONCE); /* libevent's write is told, too */
    assert_int_equal(fixture->left, evbuffer_get_length(output_of(fixture)));
    assert_true(fixture->left < left);
    prompt_socket_end(&fixture->prompt);
    evbuffer_unfreeze(output_of(fixture), 1);
    assert_int_equal(evbuffer_drain(output_of(fixture), 1), 0);
    assert_int_equal(fixture->left, evbuffer_get_length(output_of(fixture)) + 1); /* nobody asks any more */
}

/* As a socket comes from elsewhere: something is on its way out already. */
static void what_waited_before_goes_its_way(void **state)
{
    struct fixture *fixture = *state;
    prompt_socket_end(&fixture->prompt);
    bufferevent_enable(fixture->socket, EV_WRITE);
    evbuffer_add(output_of(fixture), "before", 6);
    assert_true(prompt_socket_begin(&fixture->prompt, &fixture->queue, fixture->socket, on_taken));
    evbuffer_add(output_of(fixture), "behind", 6);
    assert_true(write_queue_is_empty(&fixture->queue));
    event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_int_equal(read_peer(fixture), 12);
    assert_false(is_armed(fixture));
}

/* Whoever judges how much waits sees what the kernel has not taken; callbacks still come at the end of the turn. */
static void what_is_due_can_be_written_at_once(void **state)
{
    struct fixture *fixture = *state;
    evbuffer_add(output_of(fixture), "now", 3);
    prompt_socket_write(&fixture->prompt);
    assert_int_equal(read_peer(fixture), 3);
    assert_int_equal(evbuffer_get_length(output_of(fixture)), 0);
    assert_int_equal(fixture->writes, 0);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->writes, 1);
    prompt_socket_write(&fixture->prompt);
    write_queue_run(&fixture->queue);
    assert_int_equal(fixture->writes, 1);
    assert_false(is_armed(fixture));
}

/* ---- reading ---- */

static struct evbuffer *input_of(struct fixture *fixture)
{
    return bufferevent_get_input(fixture->socket);
}

static void it_reads_what_has_come_and_only_while_it_shall(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(write(fixture->peer, "early", 5), 5);
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    assert_int_equal(fixture->reads, 0);
    assert_true(prompt_socket_read(&fixture->prompt, true));
    event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_int_equal(fixture->reads, 1);
    assert_int_equal(evbuffer_get_length(input_of(fixture)), 5);
    assert_true(prompt_socket_read(&fixture->prompt, false));
    assert_int_equal(write(fixture->peer, "late", 4), 4);
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    assert_int_equal(fixture->reads, 1);
}

static void an_end_is_told_once_behind_the_input(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(write(fixture->peer, "last", 4), 4);
    shutdown(fixture->peer, SHUT_WR);
    prompt_socket_read(&fixture->prompt, true);
    event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_int_equal(fixture->reads, 1);
    assert_int_equal(fixture->told, 0);
    event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_int_equal(fixture->told, BEV_EVENT_READING | BEV_EVENT_EOF);
    fixture->told = 0;
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    assert_int_equal(fixture->told, 0);
    assert_int_equal(evbuffer_get_length(input_of(fixture)), 4);
}

static void a_reset_is_told_with_its_error(void **state)
{
    struct fixture *fixture = *state;
    evbuffer_add(output_of(fixture), "unread", 6);
    write_queue_run(&fixture->queue);
    close(fixture->peer); /* a pair's end with bytes in it that nobody has read is a reset */
    fixture->peer = -1;
    prompt_socket_read(&fixture->prompt, true);
    event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_int_equal(fixture->told, BEV_EVENT_READING | BEV_EVENT_ERROR);
    assert_int_equal(fixture->error, ECONNRESET);
}

static void silence_is_told_when_it_was_asked_for(void **state)
{
    struct fixture *fixture = *state;
    prompt_socket_read(&fixture->prompt, true);
    prompt_socket_wait(&fixture->prompt, 1);
    prompt_socket_wait(&fixture->prompt, 0);
    assert_int_equal(event_pending(&fixture->socket->ev_read, EV_TIMEOUT, NULL), 0);
    prompt_socket_wait(&fixture->prompt, 1);
    event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_int_equal(fixture->told, BEV_EVENT_READING | BEV_EVENT_TIMEOUT);
    assert_int_equal(write(fixture->peer, "late", 4), 4);
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    assert_int_equal(fixture->reads, 0); /* it does not read any more */
}

static void reading_goes_on_when_writing_has_stopped(void **state)
{
    struct fixture *fixture = *state;
    prompt_socket_read(&fixture->prompt, true);
    prompt_socket_stop_writing(&fixture->prompt);
    evbuffer_add(output_of(fixture), "never", 5);
    assert_true(write_queue_is_empty(&fixture->queue));
    assert_int_equal(write(fixture->peer, "still", 5), 5);
    event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_int_equal(fixture->reads, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_turn_adds_is_written_at_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(libevent_gets_what_the_kernel_does_not_take_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_due_while_libevent_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_added_while_the_queue_runs_waits_for_the_next_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_watermark_says_when_writes_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_write_is_told_with_its_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_that_meets_a_reset_says_so, set_up_tcp, tear_down),
        cmocka_unit_test_setup_teardown(a_reset_that_a_write_has_met_is_no_clean_end, set_up_tcp, tear_down),
        cmocka_unit_test_setup_teardown(a_reset_behind_a_clean_end_takes_nothing_from_it, set_up_tcp, tear_down),
        cmocka_unit_test_setup_teardown(whoever_cannot_be_waited_for_is_told_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_listens_to_nothing_is_told_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_goes_out_at_once_is_not_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_socket_that_has_ended_is_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_socket_may_end_while_the_queue_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_waited_before_goes_its_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_due_can_be_written_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_taken_is_told_with_what_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_reads_what_has_come_and_only_while_it_shall, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end_is_told_once_behind_the_input, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reset_is_told_with_its_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silence_is_told_when_it_was_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reading_goes_on_when_writing_has_stopped, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
