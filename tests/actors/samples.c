#include "samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

double sample_value(struct span samples, enum metric metric, const char *labels)
{
    double value = 0;
    int found = 0;
    struct message row;
    while (message_rows_next(&samples, &row)) {
        assert_int_equal(row.type, MESSAGE_metric_row);
        if (row.metric_row.metric == (uint32_t)metric && strcmp(row.metric_row.labels, labels) == 0) {
            value = row.metric_row.value;
            found++;
        }
        message_done(&row);
    }
    assert_int_equal(samples.length, 0);
    if (found != 1)
        fail_msg("%d samples of metric %u with labels {%s}", found, (unsigned)metric, labels);
    return value;
}
