#include "metrics/metric_text.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

void metric_text_family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metric_text_sample(FILE *out, const char *name, const char *suffix, const char *labels, double value)
{
    char number[METRIC_NUMBER_MAX];
    metric_text_number(value, number);
    if (labels[0] == '\0')
        fprintf(out, "%s%s %s\n", name, suffix, number);
    else
        fprintf(out, "%s%s{%s} %s\n", name, suffix, labels, number);
}

/* The fewest digits that read back as the same double. */
static void print_shortest(double value, char text[METRIC_NUMBER_MAX])
{
    enum { DIGITS_MIN = 15, DIGITS_MAX = 17 }; /* fewer never lose a short decimal; these always tell a double */
    int digits = DIGITS_MIN;
    do
        snprintf(text, METRIC_NUMBER_MAX, "%.*g", digits, value);
    while (strtod(text, NULL) != value && ++digits <= DIGITS_MAX);
}

const char *metric_text_number(double value, char text[METRIC_NUMBER_MAX])
{
    const double whole_max = 9007199254740992; /* 2^53: whole doubles up to here are exact */
    if (isnan(value))
        snprintf(text, METRIC_NUMBER_MAX, "NaN");
    else if (isinf(value))
        snprintf(text, METRIC_NUMBER_MAX, value > 0 ? "+Inf" : "-Inf");
    else if (value >= -whole_max && value <= whole_max && (double)(int64_t)value == value)
        snprintf(text, METRIC_NUMBER_MAX, "%.0f", value);
    else
        print_shortest(value, text);
    return text;
}
