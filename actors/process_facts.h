/* What the kernel knows of this process, read afresh at each call (proc(5)). Every function answers false when the
 * kernel does not say; its out-parameter is untouched then. */
#ifndef HOODY_ACTORS_PROCESS_FACTS_H
#define HOODY_ACTORS_PROCESS_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct process_memory {
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
};
bool process_memory_read(struct process_memory *ret_memory);
/* Open descriptors, without the one that counts them. */
bool process_open_fds_read(uint64_t *ret_count);
/* The soft limit. */
bool process_max_fds_read(uint64_t *ret_count);
/* User and system time of all threads. */
bool process_cpu_time_read(struct timespec *ret_time);
/* The wall clock's time at which the process began. It moves when the clock is set: read it once. */
bool process_start_time_read(struct timespec *ret_time);
/* When the running executable was last written. */
bool process_executable_time_read(struct timespec *ret_time);

#endif
