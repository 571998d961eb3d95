/* How the gateway's sockets end: by a FIN only where it says so, whatever the system refuses. */
#include "ws_gateway/tcp_socket.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { CLEAN_END, RESET };

struct fixture {
    struct event_base *loop;
    struct bufferevent *socket;
    int peer;
};

/* The linker puts this one in its place. */
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t length);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length);

static bool lingering_fails;

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    if (lingering_fails && level == SOL_SOCKET && name == SO_LINGER) {
        errno = ENOBUFS;
        return -1;
    }
    return __real_setsockopt(fd, level, name, value, length);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    fixture->peer = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fixture->peer, (struct sockaddr *)&address, length), 0);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fd >= 0);
    close(listener);
    fixture->loop = event_base_new();
    fixture->socket = tcp_socket_new(fixture->loop, fd);
    assert_non_null(fixture->socket);
    lingering_fails = false;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tcp_socket_close(&fixture->socket);
    event_base_loop(fixture->loop, EVLOOP_NONBLOCK);
    event_base_free(fixture->loop);
    close(fixture->peer);
    free(fixture);
    return 0;
}

/* What the peer sees, once it is there; libevent frees a socket when its loop comes around to it. */
static int end_of(struct fixture *fixture)
{
    char byte;
    event_base_loop(fixture->loop, EVLOOP_NONBLOCK);
    ssize_t length = recv(fixture->peer, &byte, sizeof byte, 0);
    if (length < 0)
        assert_int_equal(errno, ECONNRESET);
    assert_true(length <= 0);
    return length == 0 ? CLEAN_END : RESET;
}

static void a_closed_socket_ends_with_a_fin(void **state)
{
    struct fixture *fixture = *state;
    tcp_socket_close(&fixture->socket);
    assert_int_equal(end_of(fixture), CLEAN_END);
}

static void an_aborted_socket_is_reset(void **state)
{
    struct fixture *fixture = *state;
    tcp_socket_abort(&fixture->socket);
    assert_null(fixture->socket);
    assert_int_equal(end_of(fixture), RESET);
}

static void it_is_reset_even_where_it_can_not_be_told_to_linger(void **state)
{
    struct fixture *fixture = *state;
    lingering_fails = true;
    tcp_socket_abort(&fixture->socket);
    assert_null(fixture->socket);
    assert_int_equal(end_of(fixture), RESET);
}

static void nothing_is_aborted_twice(void **state)
{
    struct fixture *fixture = *state;
    tcp_socket_abort(&fixture->socket);
    tcp_socket_abort(&fixture->socket);
    assert_int_equal(end_of(fixture), RESET);
}

static void what_needs_a_fin_is_reset_without_one(void **state)
{
    struct fixture *fixture = *state;
    tcp_socket_need_fin(fixture->socket);
    tcp_socket_close(&fixture->socket);
    assert_int_equal(end_of(fixture), RESET);
}

static void what_needs_a_fin_ends_with_it(void **state)
{
    struct fixture *fixture = *state;
    tcp_socket_need_fin(fixture->socket);
    tcp_socket_end_output(fixture->socket);
    tcp_socket_close(&fixture->socket);
    assert_int_equal(end_of(fixture), CLEAN_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_closed_socket_ends_with_a_fin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_aborted_socket_is_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_reset_even_where_it_can_not_be_told_to_linger, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_aborted_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_needs_a_fin_is_reset_without_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_needs_a_fin_ends_with_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
