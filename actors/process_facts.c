#include "process_facts.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STAT_MAX = 2048 }; /* bytes of /proc/self/stat: 52 numbers and a name of at most 64 */

bool process_memory_read(struct process_memory *ret_memory)
{
    uint64_t virtual_pages = 0, resident_pages = 0;
    long page_bytes = sysconf(_SC_PAGESIZE);
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm == NULL)
        return false;
    bool is_read = fscanf(statm, "%" SCNu64 " %" SCNu64, &virtual_pages, &resident_pages) == 2 && page_bytes > 0;
    fclose(statm);
    if (is_read)
        *ret_memory = (struct process_memory){
            .resident_bytes = resident_pages * (uint64_t)page_bytes,
            .virtual_bytes = virtual_pages * (uint64_t)page_bytes,
        };
    return is_read;
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
    char text[STAT_MAX];
    FILE *stat = fopen("/proc/self/stat", "re");
    if (stat == NULL)
        return false;
    size_t length = fread(text, 1, sizeof text - 1, stat);
    fclose(stat);
    text[length] = '\0';
    const char *next = strrchr(text, ')');
    for (int skipped = 0; next != NULL && skipped < BLANKS_BEFORE; skipped++)
        next = strchr(next + 1, ' ');
    return next != NULL && sscanf(next, "%" SCNu64, ret_ticks) == 1;
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
