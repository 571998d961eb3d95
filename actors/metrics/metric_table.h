/* The series of one scrape: samples go in as the actors report them, the text comes out in the catalogue's order.
 *
 * Samples of the same series (same family, same labels byte for byte) are summed. A family without samples is left out,
 * but for the series that the protocol fixes (section 8): those are always there, NaN while nobody reported them -
 * absent they would look like another program, and 0 would be a guess - and they are the only ones of their families.
 */
#ifndef HOODY_ACTORS_METRIC_TABLE_H
#define HOODY_ACTORS_METRIC_TABLE_H

#include <stdio.h>

#include "metric_ids.h"
#include "span.h"

struct metric_table;

struct metric_table *metric_table_new(void);
void metric_table_destroy(struct metric_table **p_table);

/* false: the labels are no labels, or not those that the protocol fixes for this family: not added. */
bool metric_table_add(struct metric_table *table, enum metric metric, const char *labels, double value);
/* Parts are for histograms and values for the others: false when they do not fit. */
bool metric_table_add_part(struct metric_table *table, enum metric metric, enum metric_part part, const char *labels,
                           double value);
/* A rows field of metric_row. Returns how many samples were refused; rows that do not parse count as one. */
size_t metric_table_add_rows(struct metric_table *table, struct span rows);

void metric_table_write(const struct metric_table *table, FILE *out);

#endif
