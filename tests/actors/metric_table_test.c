/* The table of a scrape and its text. */
#include "metrics/metric_table.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "exposition.h"
#include "histogram.h"
#include "message.h"
#include "metrics/metric_text.h"

#define FIXED                                                                                                          \
    "# HELP hoody_tunnel_sessions_active Live sessions.\n"                                                             \
    "# TYPE hoody_tunnel_sessions_active gauge\n"                                                                      \
    "hoody_tunnel_sessions_active %s\n"                                                                                \
    "# HELP hoody_tunnel_bindings_active Bindings of live sessions, by kind and mode.\n"                               \
    "# TYPE hoody_tunnel_bindings_active gauge\n"                                                                      \
    "hoody_tunnel_bindings_active{kind=\"http\",mode=\"expose\"} %s\n"                                                 \
    "hoody_tunnel_bindings_active{kind=\"tcp\",mode=\"pull\"} %s\n"                                                    \
    "# HELP hoody_tunnel_fd_permits_available File descriptors left in the budget of visitors, drivers and "           \
    "listeners.\n"                                                                                                     \
    "# TYPE hoody_tunnel_fd_permits_available gauge\n"                                                                 \
    "hoody_tunnel_fd_permits_available %s\n"

static struct metric_table *table;
static char *text;
static size_t length;

static int set_up(void **state)
{
    (void)state;
    table = metric_table_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    metric_table_destroy(&table);
    metric_table_destroy(&table); /* a second call is fine */
    free(text);
    text = NULL;
    return 0;
}

static struct span written(void)
{
    free(text);
    text = NULL;
    FILE *out = open_memstream(&text, &length);
    metric_table_write(table, out);
    assert_int_equal(fclose(out), 0);
    return span_of(text, length);
}

static void an_empty_table_holds_the_fixed_series_as_not_a_number(void **state)
{
    (void)state;
    char expected[2048];
    snprintf(expected, sizeof expected, FIXED, "NaN", "NaN", "NaN", "NaN");
    exposition_check(written());
    assert_string_equal(text, expected);
}

static void fixed_series_say_what_was_reported_zero_too(void **state)
{
    (void)state;
    char expected[2048];
    assert_true(metric_table_add(table, METRIC_sessions_active, "", 0));
    assert_true(metric_table_add(table, METRIC_bindings_active, "kind=\"tcp\",mode=\"pull\"", 2));
    assert_true(metric_table_add(table, METRIC_fd_permits_available, "", 1000));
    assert_true(metric_table_add(table, METRIC_fd_permits_available, "", 24));
    snprintf(expected, sizeof expected, FIXED, "0", "NaN", "2", "1024");
    exposition_check(written());
    assert_string_equal(text, expected);
}

static void the_families_of_fixed_series_have_no_others(void **state)
{
    (void)state;
    assert_false(metric_table_add(table, METRIC_bindings_active, "", 1));
    assert_false(metric_table_add(table, METRIC_bindings_active, "kind=\"http\",mode=\"pull\"", 1));
    assert_false(metric_table_add(table, METRIC_bindings_active, "mode=\"expose\",kind=\"http\"", 1));
    assert_false(metric_table_add(table, METRIC_sessions_active, "shard=\"0\"", 1));
    assert_int_equal(exposition_count(written(), "hoody_tunnel_"), 4);
}

static void samples_of_the_same_series_are_summed(void **state)
{
    (void)state;
    assert_true(metric_table_add(table, METRIC_stream_bytes_total, "direction=\"in\"", 9007199254740000));
    assert_true(metric_table_add(table, METRIC_stream_bytes_total, "direction=\"out\"", 5));
    assert_true(metric_table_add(table, METRIC_stream_bytes_total, "direction=\"in\"", 991));
    exposition_check(written());
    exposition_expect(span_of(text, length), "hoody_tunnel_stream_bytes_total{direction=\"in\"}", "9007199254740991");
    exposition_expect(span_of(text, length), "hoody_tunnel_stream_bytes_total{direction=\"out\"}", "5");
}

static void families_stand_in_the_order_of_the_catalogue(void **state)
{
    (void)state;
    const enum metric backwards[] = {METRIC_mailbox_lost_total, METRIC_streams_active, METRIC_build_info};
    for (size_t i = 0; i < 3; i++)
        assert_true(metric_table_add(table, backwards[i], "", 1));
    written();
    const char *build = strstr(text, "# HELP hoody_tunnel_build_info "),
               *sessions = strstr(text, "# HELP hoody_tunnel_sessions_active "),
               *streams = strstr(text, "# HELP hoody_tunnel_streams_active "),
               *lost = strstr(text, "# HELP hoody_tunnel_mailbox_lost_total ");
    assert_true(build != NULL && build < sessions && sessions < streams && streams < lost);
}

static void every_family_of_the_catalogue_is_well_formed(void **state)
{
    (void)state;
    for (size_t metric = 0; metric < METRIC_COUNT; metric++)
        if (!metric_table_add(table, (enum metric)metric, "", 1))
            metric_table_add_part(table, (enum metric)metric, METRIC_PART_count, "", 1);
    exposition_check(written());
    assert_int_equal(exposition_count(span_of(text, length), "# TYPE hoody_tunnel_"), METRIC_COUNT);
}

static void a_histogram_is_written_in_its_parts(void **state)
{
    (void)state;
    struct histogram histogram = {0};
    struct metric_report report = {0};
    static const uint64_t observed_ms[] = {0, 1, 2, 5, 6, 999, 300000, 300001};
    for (size_t i = 0; i < sizeof observed_ms / sizeof *observed_ms; i++)
        histogram_observe(&histogram, observed_ms[i]);
    histogram_report(&histogram, METRIC_request_duration_seconds, &report);
    assert_int_equal(metric_table_add_rows(table, message_buffer_span(&report.samples)), 0);
    message_buffer_done(&report.samples);

    struct span page = written();
    exposition_check(page);
    exposition_expect(page, "hoody_tunnel_request_duration_seconds_bucket{le=\"0.001\"}", "2");
    exposition_expect(page, "hoody_tunnel_request_duration_seconds_bucket{le=\"0.005\"}", "4");
    exposition_expect(page, "hoody_tunnel_request_duration_seconds_bucket{le=\"0.01\"}", "5");
    exposition_expect(page, "hoody_tunnel_request_duration_seconds_bucket{le=\"1\"}", "6");
    exposition_expect(page, "hoody_tunnel_request_duration_seconds_bucket{le=\"60\"}", "6");
    exposition_expect(page, "hoody_tunnel_request_duration_seconds_bucket{le=\"300\"}", "7");
    exposition_expect(page, "hoody_tunnel_request_duration_seconds_bucket{le=\"+Inf\"}", "8");
    exposition_expect(page, "hoody_tunnel_request_duration_seconds_count", "8");
    exposition_expect(page, "hoody_tunnel_request_duration_seconds_sum", "601.014");
}

static void parts_are_for_histograms_and_values_for_the_others(void **state)
{
    (void)state;
    assert_false(metric_table_add(table, METRIC_request_duration_seconds, "", 1));
    assert_false(metric_table_add_part(table, METRIC_streams_active, METRIC_PART_sum, "", 1));
}

static void rows_that_are_no_samples_are_refused_and_the_others_kept(void **state)
{
    (void)state;
    struct message_buffer rows = {0};
    const struct message *const samples[] = {
        MESSAGE_OF(metric_row, .metric = METRIC_streams_active, .value = 1),
        MESSAGE_OF(metric_row, .metric = METRIC_COUNT, .value = 1),
        MESSAGE_OF(metric_row, .metric = METRIC_streams_active, .labels = "no label", .value = 1),
        MESSAGE_OF(metric_row, .metric = METRIC_streams_active, .labels = "a=\"\"} 1\nfoo 2", .value = 1),
        MESSAGE_OF(stream_count_row, .session = {"S-00000000-0000-4000-8000-000000000001"}, .active_streams = 1),
        MESSAGE_OF(metric_row, .metric = METRIC_streams_active, .value = 2),
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        assert_true(message_pack(samples[i], &rows));
    assert_int_equal(metric_table_add_rows(table, message_buffer_span(&rows)), 4);
    exposition_check(written());
    exposition_expect(span_of(text, length), "hoody_tunnel_streams_active", "3");

    /* Cut short, the last row is refused as well. */
    rows.length--;
    assert_int_equal(metric_table_add_rows(table, message_buffer_span(&rows)), 5);
    exposition_expect(written(), "hoody_tunnel_streams_active", "4");
    message_buffer_done(&rows);
}

static void numbers_are_printed_without_loss(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1, "1"},
        {-1, "-1"},
        {1e6, "1000000"},
        {123456789012345, "123456789012345"},
        {9007199254740991, "9007199254740991"},
        {9007199254740992, "9007199254740992"},
        {0.1, "0.1"},
        {0.5, "0.5"},
        {1.0 / 3, "0.3333333333333333"},
        {2.5e-7, "2.5e-07"},
        {1e300, "1e+300"},
        {18446744073709551616.0, "1.8446744073709552e+19"},
        {(double)INFINITY, "+Inf"},
        {-(double)INFINITY, "-Inf"},
        {(double)NAN, "NaN"},
        {0.1 + 0.2, "0.30000000000000004"},
    };
    char number[METRIC_NUMBER_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(metric_text_number(cases[i].value, number), cases[i].text);
    const double extremes[] = {DBL_MAX, -DBL_MAX, DBL_MIN, DBL_TRUE_MIN, -DBL_EPSILON, 1.7e308 / 3};
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++)
        assert_true(strtod(metric_text_number(extremes[i], number), NULL) == extremes[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_table_holds_the_fixed_series_as_not_a_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fixed_series_say_what_was_reported_zero_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_families_of_fixed_series_have_no_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(samples_of_the_same_series_are_summed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(families_stand_in_the_order_of_the_catalogue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_family_of_the_catalogue_is_well_formed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_histogram_is_written_in_its_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_are_for_histograms_and_values_for_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_that_are_no_samples_are_refused_and_the_others_kept, set_up, tear_down),
        cmocka_unit_test(numbers_are_printed_without_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
