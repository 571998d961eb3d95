/* Labels of a series as text: `kind="http",mode="expose"` (Prometheus exposition format 0.0.4). Pure. */
#ifndef HOODY_ACTORS_METRIC_LABELS_H
#define HOODY_ACTORS_METRIC_LABELS_H

#include <stdbool.h>
#include <stddef.h>

/* Appends one label to the NUL-terminated `labels`; the value may be any text: it is escaped. false: no room, `labels`
 * is as before. */
bool metric_labels_add(char *labels, size_t capacity, const char *name, const char *value);

/* true: "" or labels as metric_labels_add writes them. */
bool metric_labels_are_valid(const char *labels);

#endif
