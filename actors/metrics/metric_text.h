/* The Prometheus text exposition format 0.0.4. */
#ifndef HOODY_ACTORS_METRIC_TEXT_H
#define HOODY_ACTORS_METRIC_TEXT_H

#include <stdio.h>

/* HELP and TYPE. `help` is one line without backslashes. */
void metric_text_family(FILE *out, const char *name, const char *type, const char *help);
/* suffix: "_bucket"..., "": none; labels: as in metric_row, "": none. */
void metric_text_sample(FILE *out, const char *name, const char *suffix, const char *labels, double value);

/* Reads back as the same double; whole numbers look whole. Not a number is NaN, infinities +Inf and -Inf. Returns text.
 */
enum { METRIC_NUMBER_MAX = 32 };
const char *metric_text_number(double value, char text[METRIC_NUMBER_MAX]);

#endif
