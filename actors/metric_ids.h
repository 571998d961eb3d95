/* The metric families of actors/metrics.def as numbers: what metric_row carries. */
#ifndef HOODY_ACTORS_METRIC_IDS_H
#define HOODY_ACTORS_METRIC_IDS_H

enum metric {
#define METRIC(name, type, help) METRIC_##name,
#include "metrics.def"
#undef METRIC
    METRIC_COUNT,
};

/* What a sample is of its family: its value, or a part of a histogram. */
enum metric_part {
    METRIC_PART_value,
    METRIC_PART_bucket,
    METRIC_PART_sum,
    METRIC_PART_count,
    METRIC_PART_COUNT,
};

#endif
