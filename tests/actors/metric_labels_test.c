/* Labels: what is added is valid, what is valid is what could have been added. */
#include "metric_labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void labels_are_added_one_after_the_other(void **state)
{
    (void)state;
    char labels[64] = "";
    assert_true(metric_labels_add(labels, sizeof labels, "kind", "http"));
    assert_string_equal(labels, "kind=\"http\"");
    assert_true(metric_labels_add(labels, sizeof labels, "mode", ""));
    assert_string_equal(labels, "kind=\"http\",mode=\"\"");
    assert_true(metric_labels_are_valid(labels));
}

static void values_are_escaped(void **state)
{
    (void)state;
    char labels[64] = "";
    assert_true(metric_labels_add(labels, sizeof labels, "a", "\"\\\n{},= \xc3\xa9"));
    assert_string_equal(labels, "a=\"\\\"\\\\\\n{},= \xc3\xa9\"");
    assert_true(metric_labels_are_valid(labels));
}

/* At every size that is too small, and at the first that is not. */
static void labels_that_do_not_fit_change_nothing(void **state)
{
    (void)state;
    const char *whole = "a=\"1\",b=\"x\\\"y\"";
    for (size_t capacity = strlen("a=\"1\"") + 1; capacity <= strlen(whole) + 1; capacity++) {
        char labels[32] = "a=\"1\"";
        bool fits = metric_labels_add(labels, capacity, "b", "x\"y");
        assert_int_equal(fits, capacity == strlen(whole) + 1);
        assert_string_equal(labels, fits ? whole : "a=\"1\"");
    }
}

static void only_well_formed_labels_are_valid(void **state)
{
    (void)state;
    const char *const valid[] = {"", "a=\"\"", "_a1=\"1\",B=\"2\"", "a=\"\\\\\"", "a=\",b=\"", "a=\"}\""};
    for (size_t i = 0; i < COUNT(valid); i++)
        if (!metric_labels_are_valid(valid[i]))
            fail_msg("not valid: %s", valid[i]);
    const char *const invalid[] = {
        "a",         "a=",         "a=1",        "a=\"",         "a=\"1",         "a=\"1\\\"",
        "=\"1\"",    "1a=\"1\"",   "a-b=\"1\"",  "a=\"1\",",     ",a=\"1\"",      "a=\"1\"b=\"2\"",
        "a=\"\\t\"", "a=\"x\ny\"", " a=\"1\"",   "a=\"1\" ",     "a =\"1\"",      "a=\"1\", b=\"2\"",
        "a='1'",     "a=\"\xff\"", "a=\"1\"} 5", "a=\"1\"\nx 1", "\xc3\xa9=\"1\""};
    for (size_t i = 0; i < COUNT(invalid); i++)
        if (metric_labels_are_valid(invalid[i]))
            fail_msg("valid: %s", invalid[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_added_one_after_the_other),
        cmocka_unit_test(values_are_escaped),
        cmocka_unit_test(labels_that_do_not_fit_change_nothing),
        cmocka_unit_test(only_well_formed_labels_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
