/* Samples of the metrics as Prometheus' text format writes them. Pure. */
#ifndef HOODY_DRIVER_METRICS_TEXT_H
#define HOODY_DRIVER_METRICS_TEXT_H

#include "span.h"

#include <jansson.h>
#include <stdio.h>

struct metrics_sample {
    struct span name;   /* all borrowed from the text */
    struct span labels; /* as written between the braces; empty: there are none */
    double value;       /* may be NAN or infinite */
};

/* The next sample of `p_text`, which is taken off it with all before it; a line that is none is passed over. false:
 * there are no more. */
bool metrics_text_next(struct span *p_text, struct metrics_sample *ret_sample);

/* A line for each sample: {"name", "labels": {name: value...}, "value"}, the value null where it is no finite number.
 * false: labels of one are malformed; `out` has those before it. */
bool metrics_text_print_json(struct span text, FILE *out);

/* As JSON tells numbers: whole ones without a fraction, what is none or not finite as null. A new reference. */
json_t *metrics_number_json(double number);

#endif
