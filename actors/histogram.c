#include "histogram.h"

#include <stdio.h>

/* From a local service's answer to the longest wait that a flag's default allows. */
static const struct {
    uint64_t ms;
    const char *seconds;
} bounds[HISTOGRAM_BOUNDS] = {
    {1, "0.001"}, {5, "0.005"},  {10, "0.01"},  {25, "0.025"}, {50, "0.05"},
    {100, "0.1"}, {250, "0.25"}, {500, "0.5"},  {1000, "1"},   {2500, "2.5"},
    {5000, "5"},  {10000, "10"}, {30000, "30"}, {60000, "60"}, {300000, "300"},
};

void histogram_observe(struct histogram *histogram, uint64_t ms)
{
    histogram->count++;
    histogram->sum_ms += ms;
    for (int i = 0; i < HISTOGRAM_BOUNDS; i++)
        if (ms <= bounds[i].ms) {
            histogram->within[i]++;
            return;
        }
}

void histogram_report(const struct histogram *histogram, enum metric metric, struct metric_report *report)
{
    char labels[32];
    uint64_t cumulative = 0;
    for (int i = 0; i < HISTOGRAM_BOUNDS; i++) {
        cumulative += histogram->within[i];
        (void)snprintf(labels, sizeof labels, "le=\"%s\"", bounds[i].seconds);
        metric_report_add_part(report, metric, METRIC_PART_bucket, labels, (double)cumulative);
    }
    metric_report_add_part(report, metric, METRIC_PART_bucket, "le=\"+Inf\"", (double)histogram->count);
    metric_report_add_part(report, metric, METRIC_PART_sum, "", (double)histogram->sum_ms / 1000);
    metric_report_add_part(report, metric, METRIC_PART_count, "", (double)histogram->count);
}
