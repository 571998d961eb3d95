/* What the kernel says of this process, against what the test knows of it. */
#include "process_facts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants these before it. */
#include <cmocka.h>

static void open_descriptors_are_counted_one_by_one(void **state)
{
    (void)state;
    uint64_t before = 0, with_one_more = 0, after = 0;
    assert_true(process_open_fds_read(&before));
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(process_open_fds_read(&with_one_more));
    close(fd);
    assert_true(process_open_fds_read(&after));
    assert_int_equal(with_one_more, before + 1);
    assert_int_equal(after, before);
}

static void the_limit_of_descriptors_is_the_soft_one(void **state)
{
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit lower = {.rlim_cur = limit.rlim_cur - 1, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
    uint64_t count = 0;
    assert_true(process_max_fds_read(&count));
    assert_int_equal(count, lower.rlim_cur);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void memory_grows_with_what_is_mapped_and_touched(void **state)
{
    (void)state;
    const size_t bytes = 32 * 1024 * 1024;
    struct process_memory before, mapped, touched;
    assert_true(process_memory_read(&before));
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_true(process_memory_read(&mapped));
    memset(map, 1, bytes);
    assert_true(process_memory_read(&touched));
    munmap(map, bytes);
    assert_true(mapped.virtual_bytes >= before.virtual_bytes + bytes);
    assert_true(touched.resident_bytes >= before.resident_bytes + bytes / 2); /* the kernel counts in batches */
    assert_true(touched.resident_bytes <= touched.virtual_bytes);
}

static int64_t milliseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Each look costs some, so it goes on for as long as we look. */
static void processor_time_goes_on(void **state)
{
    (void)state;
    struct timespec first, last;
    assert_true(process_cpu_time_read(&first));
    do
        assert_true(process_cpu_time_read(&last));
    while (milliseconds(last) == milliseconds(first));
    assert_true(milliseconds(last) > milliseconds(first));
}

/* The executable was written before it was started, and it was started before now. */
static void the_process_began_after_its_executable_was_written_and_before_now(void **state)
{
    (void)state;
    const int64_t slack_ms = 1000; /* clock ticks, and clocks that are slewed */
    struct timespec built, started, now;
    struct stat executable;
    assert_true(process_executable_time_read(&built));
    assert_int_equal(stat("/proc/self/exe", &executable), 0);
    assert_int_equal(milliseconds(built), milliseconds(executable.st_mtim));
    assert_true(process_start_time_read(&started));
    clock_gettime(CLOCK_REALTIME, &now);
    assert_true(milliseconds(built) <= milliseconds(started) + slack_ms);
    assert_true(milliseconds(started) <= milliseconds(now) + slack_ms);
    assert_true(started.tv_nsec >= 0 && started.tv_nsec < 1000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_descriptors_are_counted_one_by_one),
        cmocka_unit_test(the_limit_of_descriptors_is_the_soft_one),
        cmocka_unit_test(memory_grows_with_what_is_mapped_and_touched),
        cmocka_unit_test(processor_time_goes_on),
        cmocka_unit_test(the_process_began_after_its_executable_was_written_and_before_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
