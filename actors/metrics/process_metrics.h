/* The process_* families (process_metrics.def). */
#ifndef HOODY_ACTORS_PROCESS_METRICS_H
#define HOODY_ACTORS_PROCESS_METRICS_H

#include <stdio.h>

/* start_seconds: since the epoch; NaN: not known. Families whose value the kernel does not say are left out. */
void process_metrics_write(double start_seconds, FILE *out);

#endif
