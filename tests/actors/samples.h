/* What a metrics_reported holds. */
#ifndef HOODY_TESTS_TESTS_SAMPLES_H
#define HOODY_TESTS_TESTS_SAMPLES_H

#include "message.h"
#include "metric_ids.h"

/* The value of the one sample of this series; the test fails when there is none, or more than one. */
double sample_value(struct span samples, enum metric metric, const char *labels);

#endif
