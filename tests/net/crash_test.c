/* Who crashes says where, ends by the signal all the same, and undoes before what must not stay. */
#include "crash.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

static char *forbidden; /* a page that nobody may read */

/* A child that does `crash`, and what it wrote to standard error. Returns the signal that it ended by. */
static int play(void (*crash)(void), char ret_words[1024])
{
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        dup2(ends[1], STDERR_FILENO);
        for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++)
            signal(SIGNALS[i], SIG_DFL); /* a sanitizer's are gone */
        crash_is_told("someone");
        crash();
        _exit(EXIT_SUCCESS);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], ret_words + length, 1023 - length)) > 0;)
        length += (size_t)got;
    ret_words[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

__attribute__((no_sanitize("address"))) static void read_forbidden(void)
{
    (void)*(volatile char *)(forbidden + 7);
}

static void undo(void)
{
    ssize_t written = write(STDERR_FILENO, "undone ", 7);
    (void)written;
}

static void read_forbidden_and_undo(void)
{
    crash_call_first(undo);
    read_forbidden();
}

static void abort_and_undo(void)
{
    crash_call_first(undo);
    abort();
}

static void abort_with_nothing_to_undo(void)
{
    crash_call_first(undo);
    crash_call_first(NULL);
    abort();
}

static void be_sent_a_fault(void)
{
    if (fork() == 0) {
        kill(getppid(), SIGFPE);
        _exit(EXIT_SUCCESS);
    }
    for (;;)
        pause();
}

static void leave_who_handles_it(int number)
{
    _exit(number == SIGILL ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void handle_it_oneself(void)
{
    signal(SIGILL, leave_who_handles_it);
    crash_is_told("nobody");
    raise(SIGILL);
}

static void a_fault_is_told_with_its_place(void **state)
{
    (void)state;
    char words[1024], expected[256], *behind = NULL;
    assert_int_equal(play(read_forbidden, words), SIGSEGV);
    /* The program itself goes by the name that it was given. */
    snprintf(expected, sizeof expected, "someone: crashed: SIGSEGV at address %p in someone+0x",
             (void *)(forbidden + 7));
    assert_memory_equal(words, expected, strlen(expected));
    assert_true(strtoul(words + strlen(expected), &behind, 16) > 0);
    assert_string_equal(behind, "; unless memory had run out this is a bug: please report it with this line\n");
}

static void what_must_not_stay_is_undone_before(void **state)
{
    (void)state;
    char words[1024];
    assert_int_equal(play(read_forbidden_and_undo, words), SIGSEGV);
    assert_memory_equal(words, "undone someone: crashed: ", strlen("undone someone: crashed: "));
    assert_int_equal(play(abort_and_undo, words), SIGABRT);
    assert_string_equal(words, "undone someone: crashed: SIGABRT; unless a line above says why, memory had run out\n");
    assert_int_equal(play(abort_with_nothing_to_undo, words), SIGABRT);
    assert_memory_equal(words, "someone: ", strlen("someone: "));
}

static void a_signal_that_was_sent_is_told_as_such(void **state)
{
    (void)state;
    char words[1024];
    assert_int_equal(play(be_sent_a_fault, words), SIGFPE);
    assert_string_equal(words, "someone: crashed: SIGFPE, which another process sent\n");
}

static void whoever_handles_a_signal_goes_on_doing_so(void **state)
{
    (void)state;
    char words[1024];
    assert_int_equal(play(handle_it_oneself, words), 0);
    assert_string_equal(words, "");
}

int main(void)
{
    forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_is_told_with_its_place),
        cmocka_unit_test(what_must_not_stay_is_undone_before),
        cmocka_unit_test(a_signal_that_was_sent_is_told_as_such),
        cmocka_unit_test(whoever_handles_a_signal_goes_on_doing_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
