#include "histogram.h"

/* Below 64 a bucket is a value; above, each doubling is cut into 64 equal parts. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns < HISTOGRAM_STEPS)
        return (unsigned)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - 6;
    unsigned bucket = (shift + 1) * HISTOGRAM_STEPS + (unsigned)((ns >> shift) - HISTOGRAM_STEPS);
    unsigned last = HISTOGRAM_RANGES * HISTOGRAM_STEPS - 1;
    return bucket < last ? bucket : last;
}

static uint64_t top_of(unsigned bucket)
{
    if (bucket < HISTOGRAM_STEPS)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_STEPS - 1;
    return (((uint64_t)(bucket % HISTOGRAM_STEPS) + HISTOGRAM_STEPS + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->count++;
    histogram->buckets[bucket_of(ns)]++;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)((double)histogram->count * share);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_RANGES * HISTOGRAM_STEPS; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && seen >= wanted)
            return top_of(i);
    }
    return 0;
}
