/* A Prometheus histogram of durations: cumulative buckets, sum and count. Zero-initialised is empty. */
#ifndef HOODY_ACTORS_HISTOGRAM_H
#define HOODY_ACTORS_HISTOGRAM_H

#include <stdint.h>

#include "metric_report.h"

enum { HISTOGRAM_BOUNDS = 15 };

struct histogram {
    uint64_t within[HISTOGRAM_BOUNDS]; /* observations in this bucket alone; beyond the last bound: only in count */
    uint64_t count;
    uint64_t sum_ms;
};

void histogram_observe(struct histogram *histogram, uint64_t ms);
/* Adds the samples NAME_bucket{le}, NAME_sum and NAME_count. The family must be a histogram. */
void histogram_report(const struct histogram *histogram, enum metric metric, struct metric_report *report);

#endif
