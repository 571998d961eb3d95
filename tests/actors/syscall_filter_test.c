/* What the filter lets through, in child processes of the test's own: what a daemon does goes on, what an intruder
 * would do fails or ends the process. */
#include "syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants these before it. */
#include <cmocka.h>

enum { WENT_WELL = 0, WENT_WRONG = 1, NO_FILTER = 2 };

/* The wait status of a child that does this behind the filter. */
static int status_behind_filter(int (*deed)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(syscall_filter_apply() != 0 ? NO_FILTER : deed());
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void expect_exit(int (*deed)(void), int expected)
{
    int status = status_behind_filter(deed);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected);
}

static void expect_death(int (*deed)(void))
{
    int status = status_behind_filter(deed);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* ---- what a daemon does ---- */

static void *nothing(void *arg)
{
    return arg;
}

static int start_thread(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0 ? WENT_WELL
                                                                                                : WENT_WRONG;
}

static int open_sockets(void)
{
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (socket(families[i], SOCK_DGRAM, 0) < 0 && errno != EAFNOSUPPORT)
            return WENT_WRONG;
    return WENT_WELL;
}

static int read_file(void)
{
    char byte;
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 1 && close(fd) == 0 ? WENT_WELL : WENT_WRONG;
}

static void a_daemon_can_do_its_work(void **state)
{
    (void)state;
    expect_exit(start_thread, WENT_WELL);
    expect_exit(open_sockets, WENT_WELL);
    expect_exit(read_file, WENT_WELL);
}

/* ---- what fails ---- */

/* As a call that does not exist. */
static int is_refused(long result)
{
    return result == -1 && errno == ENOSYS ? WENT_WELL : WENT_WRONG;
}

static int open_netlink(void)
{
    return is_refused(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
}

static int create_file(void)
{
    return is_refused(open("/tmp/syscall_filter_test", O_WRONLY | O_CREAT, 0600));
}

static int truncate_file(void)
{
    return is_refused(open("/dev/null", O_WRONLY | O_TRUNC));
}

static int map_executable(void)
{
    return is_refused((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static int make_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED ? is_refused(mprotect(page, 4096, PROT_READ | PROT_EXEC)) : WENT_WRONG;
}

/* fork(3) of the C library is this. */
static int make_process(void)
{
    return is_refused(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static int kill_another(void)
{
    return is_refused(kill(getppid(), 0));
}

static void what_it_never_needs_fails(void **state)
{
    (void)state;
    expect_exit(open_netlink, WENT_WELL);
    expect_exit(create_file, WENT_WELL);
    expect_exit(truncate_file, WENT_WELL);
    expect_exit(map_executable, WENT_WELL);
    expect_exit(make_executable, WENT_WELL);
    expect_exit(make_process, WENT_WELL);
    expect_exit(kill_another, WENT_WELL);
}

/* ---- what ends the process ---- */

static int start_program(void)
{
    char name[] = "true";
    char *const arguments[] = {name, NULL};
    return execv("/bin/true", arguments);
}

static int trace(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int become_another(void)
{
    return (int)syscall(SYS_setuid, getuid());
}

static void what_only_an_intruder_does_is_the_end(void **state)
{
    (void)state;
    expect_death(start_program);
    expect_death(trace);
    expect_death(become_another);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemon_can_do_its_work),
        cmocka_unit_test(what_it_never_needs_fails),
        cmocka_unit_test(what_only_an_intruder_does_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
