/* A way out for text whose reader may have stopped (driver/report/outlet.h). */
#include "report/outlet.h"

#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char filler[OUTLET_WAITING_MAX];

static void expect_read(int fd, const char *text)
{
    char bytes[256] = "";
    assert_int_equal(read(fd, bytes, strlen(text)), (ssize_t)strlen(text));
    assert_string_equal(bytes, text);
}

/* Reads until the writer's end is closed; returns how many bytes there were. */
static size_t read_all(int fd)
{
    static char bytes[65536];
    size_t total = 0;
    for (ssize_t length; (length = read(fd, bytes, sizeof bytes)) > 0;)
        total += (size_t)length;
    return total;
}

static void text_leaves_at_once(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct outlet *outlet = outlet_new(ends[1]);
    assert_true(outlet_add(outlet, "hello", 5));
    assert_true(outlet_is_empty(outlet));
    expect_read(ends[0], "hello");
    outlet_destroy(&outlet);
    close(ends[0]);
    close(ends[1]);
}

static void the_descriptor_of_others_is_not_changed(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct outlet *outlet = outlet_new(ends[1]);
    assert_true(outlet_add(outlet, "x", 1));
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    outlet_destroy(&outlet);
    assert_int_equal(write(ends[1], "y", 1), 1); /* it is still open */
    expect_read(ends[0], "xy");
    close(ends[0]);
    close(ends[1]);
}

static void set_true(void *owner)
{
    *(bool *)owner = true;
}

/* A pipe and a socket hold a little each; what is beyond waits, up to the limit. */
static void expect_nobody_waits(int reader, int writer)
{
    struct loop *loop = loop_new();
    bool is_empty = false;
    struct outlet *outlet = outlet_new(writer);
    assert_non_null(loop);
    outlet_attach(outlet, loop, set_true, &is_empty);
    assert_true(outlet_add(outlet, filler, sizeof filler - 1));
    assert_false(outlet_is_empty(outlet));
    size_t taken = sizeof filler - 1;
    while (outlet_add(outlet, filler, 1000))
        taken += 1000;
    assert_true(taken < 3 * sizeof filler);
    size_t seen = 0;
    static char bytes[65536];
    while (!is_empty) {
        ssize_t length = read(reader, bytes, sizeof bytes);
        assert_true(length > 0);
        seen += (size_t)length;
        assert_true(event_base_loop(loop_base(loop), EVLOOP_NONBLOCK) >= 0);
    }
    assert_true(outlet_is_empty(outlet));
    outlet_detach(outlet);
    outlet_destroy(&outlet);
    loop_destroy(&loop);
    close(writer);
    assert_int_equal(seen + read_all(reader), taken);
    close(reader);
}

static void a_full_pipe_is_not_waited_for(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    expect_nobody_waits(ends[0], ends[1]);
}

static void a_full_socket_is_not_waited_for(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    expect_nobody_waits(ends[0], ends[1]);
}

static void a_reader_who_is_gone_is_not_written_to(void **state)
{
    (void)state;
    int ends[2];
    struct loop *loop = loop_new(); /* which ignores SIGPIPE */
    assert_int_equal(pipe(ends), 0);
    struct outlet *outlet = outlet_new(ends[1]);
    close(ends[0]);
    assert_false(outlet_add(outlet, "x", 1));
    assert_false(outlet_add(outlet, "x", 1));
    assert_true(outlet_is_empty(outlet));
    outlet_destroy(&outlet);
    loop_destroy(&loop);
    close(ends[1]);
}

static void a_file_is_written_where_it_ends(void **state)
{
    (void)state;
    char path[] = "/tmp/outlet-XXXXXX", bytes[8] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "ab", 2), 2);
    struct outlet *outlet = outlet_new(fd);
    assert_true(outlet_add(outlet, "cd", 2));
    outlet_destroy(&outlet);
    assert_int_equal(pread(fd, bytes, sizeof bytes, 0), 4);
    assert_string_equal(bytes, "abcd");
    close(fd);
    unlink(path);
}

static void at_the_end_what_waits_is_waited_for_a_while(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct outlet *outlet = outlet_new(ends[1]);
    assert_true(outlet_add(outlet, filler, 100000));
    outlet_flush(outlet, 1);
    assert_false(outlet_is_empty(outlet));
    outlet_clear(outlet);
    assert_true(outlet_is_empty(outlet));
    outlet_destroy(&outlet);
    close(ends[1]);
    assert_true(read_all(ends[0]) < 100000);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_leaves_at_once),
        cmocka_unit_test(the_descriptor_of_others_is_not_changed),
        cmocka_unit_test(a_full_pipe_is_not_waited_for),
        cmocka_unit_test(a_full_socket_is_not_waited_for),
        cmocka_unit_test(a_reader_who_is_gone_is_not_written_to),
        cmocka_unit_test(a_file_is_written_where_it_ends),
        cmocka_unit_test(at_the_end_what_waits_is_waited_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
