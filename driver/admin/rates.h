/* What goes on, from two looks at the metrics. Pure: text and time in. */
#ifndef HOODY_DRIVER_RATES_H
#define HOODY_DRIVER_RATES_H

#include "span.h"

/* The sum of the samples of a family (its whole name) whose labels hold `label`, such as `direction="to_driver"`, or of
 * all for "". NAN: there is none. */
double metrics_sum(struct span text, const char *family, const char *label);

/* One look; NAN: not told. */
struct metrics_look {
    double seconds; /* of any clock that goes on steadily */
    double started; /* the daemon, by its own clock */
    double bytes_to_visitors;
    double bytes_to_drivers;
    double requests; /* answered */
    double streams;  /* opened */
    double cpu_seconds;
    double buffered_bytes;
    double memory_bytes;
};

void metrics_look_read(struct span text, double seconds, struct metrics_look *ret_look);

/* For each second between two looks; NAN: not known, as it is when the daemon was started anew in between. */
struct metrics_rates {
    double bytes_to_visitors;
    double bytes_to_drivers;
    double requests;
    double streams;
    double cpu;
};

struct metrics_rates metrics_rates_between(const struct metrics_look *before, const struct metrics_look *after);

#endif
