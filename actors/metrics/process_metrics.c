#include "metrics/process_metrics.h"

#include <math.h>

#include "metrics/metric_text.h"
#include "process_facts.h"

enum process_metric {
#define PROCESS_METRIC(name, type, help) METRIC_##name,
#include "metrics/process_metrics.def"
#undef PROCESS_METRIC
};

/* NaN: the kernel does not say. */
static double process_metric_read(enum process_metric metric, double start_seconds)
{
    struct process_memory memory;
    struct timespec time;
    uint64_t count = 0;
    switch (metric) {
    case METRIC_process_cpu_seconds_total:
        return process_cpu_time_read(&time) ? (double)time.tv_sec + (double)time.tv_nsec / 1e9 : (double)NAN;
    case METRIC_process_open_fds:
        return process_open_fds_read(&count) ? (double)count : (double)NAN;
    case METRIC_process_max_fds:
        return process_max_fds_read(&count) ? (double)count : (double)NAN;
    case METRIC_process_virtual_memory_bytes:
        return process_memory_read(&memory) ? (double)memory.virtual_bytes : (double)NAN;
    case METRIC_process_resident_memory_bytes:
        return process_memory_read(&memory) ? (double)memory.resident_bytes : (double)NAN;
    case METRIC_process_start_time_seconds:
        return start_seconds;
    }
    return NAN;
}

static void process_metric_write(enum process_metric metric, const char *name, const char *type, const char *help,
                                 double start_seconds, FILE *out)
{
    double value = process_metric_read(metric, start_seconds);
    if (isnan(value))
        return;
    metric_text_family(out, name, type, help);
    metric_text_sample(out, name, "", "", value);
}

void process_metrics_write(double start_seconds, FILE *out)
{
#define PROCESS_METRIC(name, type, help) process_metric_write(METRIC_##name, #name, #type, help, start_seconds, out);
#include "metrics/process_metrics.def"
#undef PROCESS_METRIC
}
