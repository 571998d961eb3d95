/* Bytes moved between evbuffers: all of them, in order, and never much more memory than bytes. */
#include "buffer_move.h"

#include "buffer_front.h"

#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void add_pattern(struct evbuffer *buffer, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)(i * 131 >> 3);
        assert_int_equal(evbuffer_add(buffer, &byte, 1), 0);
    }
}

static void assert_pattern(struct evbuffer *buffer, size_t from, size_t length)
{
    assert_int_equal(evbuffer_get_length(buffer), length);
    const uint8_t *bytes = evbuffer_pullup(buffer, -1);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(bytes[i], (uint8_t)((from + i) * 131 >> 3));
}

/* libevent's memory, from main() on. */
static bool is_out_of_memory;

static void *allocate(size_t size)
{
    return is_out_of_memory ? NULL : malloc(size);
}

static void *reallocate(void *old, size_t size)
{
    return is_out_of_memory ? NULL : realloc(old, size);
}

/* Does it in a process of its own that is out of memory, and must be ended by a check. */
static void assert_ends(void (*act)(struct evbuffer *from, struct evbuffer *to))
{
    struct evbuffer *from = evbuffer_new();
    struct evbuffer *to = evbuffer_new();
    int status = 0;
    for (int i = 0; i < 5; i++) { /* chains of their own */
        struct evbuffer *chain = evbuffer_new();
        add_pattern(chain, 9000);
        assert_non_null(evbuffer_pullup(chain, -1));
        assert_int_equal(evbuffer_add_buffer(from, chain), 0);
        evbuffer_free(chain);
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        is_out_of_memory = true;
        act(from, to);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    evbuffer_free(from);
    evbuffer_free(to);
}

static void move_a_piece(struct evbuffer *from, struct evbuffer *to)
{
    buffer_move(from, to, 5000);
}

static void move_a_chain_and_a_piece(struct evbuffer *from, struct evbuffer *to)
{
    buffer_move(from, to, 17900); /* more than fits behind the first */
}

static void move_a_few_bytes(struct evbuffer *from, struct evbuffer *to)
{
    buffer_move(from, to, 100);
}

static void look_at_two_chains(struct evbuffer *from, struct evbuffer *to)
{
    (void)to;
    buffer_front(from, 17900);
}

static void no_byte_is_lost_for_want_of_memory(void **state)
{
    (void)state;
    assert_ends(move_a_piece);
    assert_ends(move_a_chain_and_a_piece);
    assert_ends(move_a_few_bytes);
    assert_ends(look_at_two_chains);
}

static void the_front_is_in_one_piece(void **state)
{
    (void)state;
    struct evbuffer *buffer = evbuffer_new();
    add_pattern(buffer, 20000);
    assert_int_equal(buffer_front(buffer, 0).length, 0);
    struct span front = buffer_front(buffer, 15000);
    assert_int_equal(front.length, 15000);
    for (size_t i = 0; i < front.length; i++)
        assert_int_equal(front.data[i], (uint8_t)(i * 131 >> 3));
    assert_int_equal(evbuffer_get_length(buffer), 20000);
    evbuffer_free(buffer);
}

static void every_length_arrives_whole_and_leaves_the_rest(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 2, 4095, 4096, 4097, 9999, 20000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct evbuffer *from = evbuffer_new();
        struct evbuffer *to = evbuffer_new();
        add_pattern(from, 20000);
        buffer_move(from, to, lengths[i]);
        assert_pattern(to, 0, lengths[i]);
        assert_pattern(from, lengths[i], 20000 - lengths[i]);
        evbuffer_free(from);
        evbuffer_free(to);
    }
}

static void runs_keep_their_order_behind_one_another(void **state)
{
    (void)state;
    struct evbuffer *from = evbuffer_new();
    struct evbuffer *to = evbuffer_new();
    add_pattern(from, 50000);
    for (size_t run = 1; evbuffer_get_length(from) > 0; run = run * 3 % 7001) {
        size_t left = evbuffer_get_length(from);
        buffer_move(from, to, run < left ? run : left);
    }
    assert_pattern(to, 0, 50000);
    evbuffer_free(from);
    evbuffer_free(to);
}

/* How many separate chains hold the bytes: each has its own allocation. */
static int extents_of(struct evbuffer *buffer)
{
    return evbuffer_peek(buffer, -1, NULL, NULL, 0);
}

static void bytes_that_come_one_by_one_share_their_chains(void **state)
{
    (void)state;
    enum { BYTES = 20000 };
    struct evbuffer *to = evbuffer_new();
    for (int i = 0; i < BYTES; i++) {
        struct evbuffer *from = evbuffer_new();
        add_pattern(from, 1);
        buffer_move(from, to, 1);
        evbuffer_free(from);
    }
    assert_int_equal(evbuffer_get_length(to), BYTES);
    assert_in_range(extents_of(to), 1, BYTES / 256);
    evbuffer_free(to);
}

int main(void)
{
    event_set_mem_functions(allocate, reallocate, free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_byte_is_lost_for_want_of_memory),
        cmocka_unit_test(the_front_is_in_one_piece),
        cmocka_unit_test(every_length_arrives_whole_and_leaves_the_rest),
        cmocka_unit_test(runs_keep_their_order_behind_one_another),
        cmocka_unit_test(bytes_that_come_one_by_one_share_their_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
