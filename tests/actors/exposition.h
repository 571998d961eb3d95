/* Reads the Prometheus text format 0.0.4 as strictly as a scraper may, and independently of the code that writes it. */
#ifndef HOODY_TESTS_TESTS_EXPOSITION_H
#define HOODY_TESTS_TESTS_EXPOSITION_H

#include "span.h"

/* Fails the test unless every line is well-formed, every family has HELP, TYPE and then at least one sample of its own,
 * and no family and no series comes twice. */
void exposition_check(struct span text);

/* The value of a series, as written; NULL: not there. `series`: `name` or `name{labels}`. Valid until the next call. */
const char *exposition_value(struct span text, const char *series);
/* Fails the test unless the series is there and reads so. */
void exposition_expect(struct span text, const char *series, const char *value);
/* How many lines begin so. */
size_t exposition_count(struct span text, const char *prefix);

#endif
