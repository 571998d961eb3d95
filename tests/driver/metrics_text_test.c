/* Samples of the metrics, and these as lines of JSON (driver/admin/metrics_text.h). */
#include "admin/metrics_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void print(const char *text, bool is_understood, const char *expected)
{
    char *told = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&told, &length);
    assert_non_null(out);
    assert_true(metrics_text_print_json(span_of_string(text), out) == is_understood);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(told, expected);
    free(told);
}

static void each_sample_is_a_line(void **state)
{
    (void)state;
    print("# HELP a_total What {it} says 1\n# TYPE a_total counter\n"
          "a_total{way=\"in\",mode=\"x\"} 12\n\na_total{way=\"out\",} 0.5 1700000000\nb 1e+03\nlast -7",
          true,
          "{\"name\":\"a_total\",\"labels\":{\"way\":\"in\",\"mode\":\"x\"},\"value\":12}\n"
          "{\"name\":\"a_total\",\"labels\":{\"way\":\"out\"},\"value\":0.5}\n"
          "{\"name\":\"b\",\"labels\":{},\"value\":1000}\n"
          "{\"name\":\"last\",\"labels\":{},\"value\":-7}\n");
    print("", true, "");
}

static void what_is_no_finite_number_is_null(void **state)
{
    (void)state;
    print("a NaN\nb +Inf\nc{le=\"+Inf\"} 3\nd 1e300\n", true,
          "{\"name\":\"a\",\"labels\":{},\"value\":null}\n"
          "{\"name\":\"b\",\"labels\":{},\"value\":null}\n"
          "{\"name\":\"c\",\"labels\":{\"le\":\"+Inf\"},\"value\":3}\n"
          "{\"name\":\"d\",\"labels\":{},\"value\":1e300}\n");
}

static void labels_may_hold_anything(void **state)
{
    (void)state;
    print("a{b=\"x\\\"y\\\\z\\nw, }={\",c=\"\"} 1\n", true,
          "{\"name\":\"a\",\"labels\":{\"b\":\"x\\\"y\\\\z\\nw, }={\",\"c\":\"\"},\"value\":1}\n");
}

static void broken_labels_are_not_understood(void **state)
{
    (void)state;
    static const char *const BROKEN[] = {
        "a{b} 1",        "a{=\"x\"} 1",     "a{b=x} 1",        "a{b=\"x} 1",     "a{b=\"x\\\"} 1",
        "a{b=\"x\"c} 1", "a{b=\"\xff\"} 1", "a{\xff=\"x\"} 1", "a{b=\"x\",,} 1", "a\xff 1",
    };
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++)
        print(BROKEN[i], false, "");
}

static void a_line_that_is_no_sample_is_passed_over(void **state)
{
    (void)state;
    print("a\na x\n{b=\"c\"} 1\n#a 1\na{b=\"c\" 1\n \na 1", true, "{\"name\":\"a\",\"labels\":{},\"value\":1}\n");
}

static void a_text_may_be_cut_anywhere(void **state)
{
    (void)state;
    static const char TEXT[] = "# TYPE a counter\na{b=\"c\\\\\",d=\"e}\"} 12.5 17\nlast 1\n";
    char *told = NULL;
    size_t bytes = 0;
    for (size_t length = 0; length < sizeof TEXT; length++) {
        uint8_t *part = malloc(length + 1); /* exactly as long: what is read beyond it is an error */
        assert_non_null(part);
        memcpy(part, TEXT, length);
        FILE *out = open_memstream(&told, &bytes);
        (void)metrics_text_print_json(span_of(part, length), out);
        fclose(out);
        free(told);
        free(part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sample_is_a_line),
        cmocka_unit_test(what_is_no_finite_number_is_null),
        cmocka_unit_test(labels_may_hold_anything),
        cmocka_unit_test(broken_labels_are_not_understood),
        cmocka_unit_test(a_line_that_is_no_sample_is_passed_over),
        cmocka_unit_test(a_text_may_be_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
