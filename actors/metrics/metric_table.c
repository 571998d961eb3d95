#include "metrics/metric_table.h"

#include <czmq.h>
#include <math.h>
#include <sys/queue.h>

#include "check.h"
#include "message.h"
#include "metric_labels.h"
#include "metrics/metric_text.h"

struct family {
    const char *name;
    const char *type;
    const char *help;
};

static const struct family families[METRIC_COUNT] = {
#define METRIC(name, type, help) [METRIC_##name] = {"hoody_tunnel_" #name, #type, help},
#include "metrics.def"
#undef METRIC
};

/* Protocol section 8: "metrics fixed by the protocol". */
static const struct {
    enum metric metric;
    const char *labels;
} fixed_series[] = {
    {METRIC_sessions_active, ""},
    {METRIC_bindings_active, "kind=\"http\",mode=\"expose\""},
    {METRIC_bindings_active, "kind=\"tcp\",mode=\"pull\""},
    {METRIC_fd_permits_available, ""},
};

static const char *const part_suffixes[METRIC_PART_COUNT] = {
    [METRIC_PART_value] = "",
    [METRIC_PART_bucket] = "_bucket",
    [METRIC_PART_sum] = "_sum",
    [METRIC_PART_count] = "_count",
};

struct series {
    enum metric_part part;
    char *labels;
    double value;
    bool is_reported; /* false: fixed, and nobody reported it yet */
    TAILQ_ENTRY(series) next;
};
TAILQ_HEAD(series_list, series);

struct metric_table {
    struct series_list families[METRIC_COUNT];
};

static struct series *series_new(struct metric_table *table, enum metric metric, const char *labels)
{
    struct series *series = zmalloc(sizeof *series);
    series->labels = strdup(labels);
    check(series->labels != NULL);
    TAILQ_INSERT_TAIL(&table->families[metric], series, next);
    return series;
}

struct metric_table *metric_table_new(void)
{
    struct metric_table *table = zmalloc(sizeof *table);
    for (size_t metric = 0; metric < METRIC_COUNT; metric++)
        TAILQ_INIT(&table->families[metric]);
    for (size_t i = 0; i < sizeof fixed_series / sizeof *fixed_series; i++)
        series_new(table, fixed_series[i].metric, fixed_series[i].labels)->value = NAN;
    return table;
}

void metric_table_destroy(struct metric_table **p_table)
{
    struct metric_table *table = *p_table;
    if (table == NULL)
        return;
    for (size_t metric = 0; metric < METRIC_COUNT; metric++) {
        struct series *series;
        while ((series = TAILQ_FIRST(&table->families[metric])) != NULL) {
            TAILQ_REMOVE(&table->families[metric], series, next);
            free(series->labels);
            free(series);
        }
    }
    free(table);
    *p_table = NULL;
}

static bool is_fixed(enum metric metric)
{
    for (size_t i = 0; i < sizeof fixed_series / sizeof *fixed_series; i++)
        if (fixed_series[i].metric == metric)
            return true;
    return false;
}

bool metric_table_add(struct metric_table *table, enum metric metric, const char *labels, double value)
{
    return metric_table_add_part(table, metric, METRIC_PART_value, labels, value);
}

bool metric_table_add_part(struct metric_table *table, enum metric metric, enum metric_part part, const char *labels,
                           double value)
{
    struct series *series;
    check(metric < METRIC_COUNT && part < METRIC_PART_COUNT);
    if ((part != METRIC_PART_value) != streq(families[metric].type, "histogram"))
        return false;
    TAILQ_FOREACH(series, &table->families[metric], next)
    if (series->part == part && strcmp(series->labels, labels) == 0)
        break;
    if (series == NULL) {
        if (is_fixed(metric) || !metric_labels_are_valid(labels))
            return false;
        series = series_new(table, metric, labels);
        series->part = part;
    }
    series->value = series->is_reported ? series->value + value : value;
    series->is_reported = true;
    return true;
}

size_t metric_table_add_rows(struct metric_table *table, struct span rows)
{
    size_t refused = 0;
    struct message row = {0};
    while (message_rows_next(&rows, &row)) {
        const struct message_metric_row *sample = &row.metric_row;
        if (row.type != MESSAGE_metric_row || sample->metric >= METRIC_COUNT || sample->part >= METRIC_PART_COUNT ||
            !metric_table_add_part(table, (enum metric)sample->metric, (enum metric_part)sample->part, sample->labels,
                                   sample->value))
            refused++;
        message_done(&row);
    }
    return rows.length > 0 ? refused + 1 : refused;
}

void metric_table_write(const struct metric_table *table, FILE *out)
{
    for (size_t metric = 0; metric < METRIC_COUNT; metric++) {
        const struct family *family = &families[metric];
        if (TAILQ_EMPTY(&table->families[metric]))
            continue;
        metric_text_family(out, family->name, family->type, family->help);
        const struct series *series;
        TAILQ_FOREACH(series, &table->families[metric], next)
        metric_text_sample(out, family->name, part_suffixes[series->part], series->labels, series->value);
    }
}
