/* Latencies, counted in buckets whose width is at most 1/64 of their value. */
#ifndef HOODY_BENCH_HISTOGRAM_H
#define HOODY_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS  64 /* buckets for each doubling */
#define HISTOGRAM_RANGES 40 /* doublings: to 2^40 ns, eighteen minutes; what is longer counts as that */

struct histogram {
    uint64_t count;
    uint64_t buckets[HISTOGRAM_RANGES * HISTOGRAM_STEPS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
/* The value in ns that `share` (0..1) of all are not above; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
