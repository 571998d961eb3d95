/* The metric families of actors/metrics.def as numbers: what metric_row carries. */
#ifndef HOODY_ACTORS_METRIC_IDS_H
#define HOODY_ACTORS_METRIC_IDS_H

enum metric {
#define METRIC(name, type, help) METRIC_##name,
#include "metrics.def"
#undef METRIC
    METRIC_COUNT,
};

#endif
