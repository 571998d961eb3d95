#include "process_facts.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROC_FILE_MAX = 2048 }; /* bytes; the longest is stat: 52 numbers and a name of at most 64 */

/* false: it cannot be read. NUL-terminated. */
static bool proc_file_read(const char *path, char ret_text[PROC_FILE_MAX])
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t length = fread(ret_text, 1, PROC_FILE_MAX - 1, file);
    fclose(file);
    ret_text[length] = '\0';
    return length > 0;
}

/* A number and what follows it. NULL: there is none. */
static const char *number_read(const char *text, uint64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (end == text || errno != 0)
        return NULL;
    *ret_number = number;
    return end;
}

bool process_memory_read(struct process_memory *ret_memory)
{
    char text[PROC_FILE_MAX];
    uint64_t virtual_pages = 0, resident_pages = 0;
    long page_bytes = sysconf(_SC_PAGESIZE);
    if (!proc_file_read("/proc/self/statm", text) || page_bytes <= 0)
        return false;
    const char *rest = number_read(text, &virtual_pages);
    if (rest == NULL || number_read(rest, &resident_pages) == NULL)
        return false;
    *ret_memory = (struct process_memory){
        .resident_bytes = resident_pages * (uint64_t)page_bytes,
        .virtual_bytes = virtual_pages * (uint64_t)page_bytes,
    };
    return true;
}

bool process_open_fds_read(uint64_t *ret_count)
{
    DIR *fds = opendir("/proc/self/fd");
    if (fds == NULL)
        return false;
    uint64_t count = 0;
    for (const struct dirent *entry; (entry = readdir(fds)) != NULL;)
        if (entry->d_name[0] != '.')
            count++;
    closedir(fds);
    *ret_count = count - 1;
    return true;
}

bool process_max_fds_read(uint64_t *ret_count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return false;
    *ret_count = limit.rlim_cur;
    return true;
}

bool process_cpu_time_read(struct timespec *ret_time)
{
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, ret_time) == 0;
}

/* Clock ticks since boot: field 22. The name before it may hold blanks and brackets. */
static bool start_ticks_read(uint64_t *ret_ticks)
{
    enum { BLANKS_BEFORE = 20 };
    char text[PROC_FILE_MAX];
    if (!proc_file_read("/proc/self/stat", text))
        return false;
    const char *next = strrchr(text, ')');
    for (int skipped = 0; next != NULL && skipped < BLANKS_BEFORE; skipped++)
        next = strchr(next + 1, ' ');
    return next != NULL && number_read(next, ret_ticks) != NULL;
}

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

bool process_start_time_read(struct timespec *ret_time)
{
    struct timespec now, since_boot;
    uint64_t ticks = 0;
    long ticks_per_second = sysconf(_SC_CLK_TCK);
    if (!start_ticks_read(&ticks) || ticks_per_second <= 0 || clock_gettime(CLOCK_REALTIME, &now) < 0 ||
        clock_gettime(CLOCK_BOOTTIME, &since_boot) < 0)
        return false;
    int64_t start = (int64_t)ticks * (1000000000 / ticks_per_second);
    int64_t started = nanoseconds(now) - nanoseconds(since_boot) + start;
    *ret_time = (struct timespec){.tv_sec = started / 1000000000, .tv_nsec = started % 1000000000};
    return true;
}

bool process_executable_time_read(struct timespec *ret_time)
{
    struct stat executable;
    if (stat("/proc/self/exe", &executable) < 0)
        return false;
    *ret_time = executable.st_mtim;
    return true;
}
