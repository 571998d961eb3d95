/* Tables (driver/admin/table.h) and the text of others in them (shown_text.h). */
#include "admin/table.h"

#include "terminal/shown_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct table_column COLUMNS[] = {
    {.title = "SESSION", .fit = TABLE_ID},
    {.title = "STREAMS", .fit = TABLE_WHOLE, .is_right = true},
    {.title = "PORTS", .fit = TABLE_CUT},
};

enum { COLUMN_COUNT = sizeof COLUMNS / sizeof *COLUMNS };

static struct table table_of(const char *const *cells, size_t count)
{
    struct table table;
    table_init(&table, COLUMNS, COLUMN_COUNT);
    for (size_t i = 0; i < count; i++)
        table_add(&table, span_of_string(cells[i]));
    return table;
}

static void looks(const char *const *cells, size_t count, struct table_look look, const char *expected)
{
    struct table table = table_of(cells, count);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    table_print(&table, &look, out);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
    table_done(&table);
}

#define LOOKS(cells, ...) looks(cells, sizeof(cells) / sizeof *(cells), __VA_ARGS__)

static const char *const TWO[] = {"S-0123456789abcdef", "7", "8080 9090 10101", "S-fedcba9876543210", "1024", "80"};

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    LOOKS(TWO, (struct table_look){0},
          "SESSION             STREAMS  PORTS\n"
          "S-0123456789abcdef        7  8080 9090 10101\n"
          "S-fedcba9876543210     1024  80\n");
}

static void a_table_that_just_fits_is_left_alone(void **state)
{
    (void)state;
    LOOKS(TWO, (struct table_look){.width = 44},
          "SESSION             STREAMS  PORTS\n"
          "S-0123456789abcdef        7  8080 9090 10101\n"
          "S-fedcba9876543210     1024  80\n");
}

static void a_narrow_terminal_shortens_ids_first_then_what_may_be_cut(void **state)
{
    (void)state;
    LOOKS(TWO, (struct table_look){.width = 43},
          "SESSION            STREAMS  PORTS\n"
          "S-0123456789abcde        7  8080 9090 10101\n"
          "S-fedcba987654321     1024  80\n");
    LOOKS(TWO, (struct table_look){.width = 33},
          "SESSION     STREAMS  PORTS\n"
          "S-01234567        7  8080 9090...\n"
          "S-fedcba98     1024  80\n");
}

static void no_line_is_ever_wider_than_the_terminal(void **state)
{
    (void)state;
    for (size_t width = 1; width < 50; width++) {
        struct table table = table_of(TWO, sizeof TWO / sizeof *TWO);
        struct table_look look = {.width = width};
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        assert_non_null(out);
        table_print(&table, &look, out);
        fclose(out);
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
            assert_true(strlen(line) <= width);
        free(text);
        table_done(&table);
    }
}

static void what_does_not_fit_below_is_counted_in_the_last_line(void **state)
{
    (void)state;
    static const char *const FOUR[] = {"a", "1", "-", "b", "2", "-", "c", "3", "-", "d", "4", "-"};
    LOOKS(FOUR, (struct table_look){.rows_max = 5},
          "SESSION  STREAMS  PORTS\na              1  -\nb              2  -\nc              3  -\nd              4  "
          "-\n");
    LOOKS(FOUR, (struct table_look){.rows_max = 4},
          "SESSION  STREAMS  PORTS\na              1  -\nb              2  -\n... and 2 more\n");
    LOOKS(FOUR, (struct table_look){.rows_max = 2}, "SESSION  STREAMS  PORTS\n... and 4 more\n");
    LOOKS(FOUR, (struct table_look){.rows_max = 1}, "... and 4 more\n");
    LOOKS(FOUR, (struct table_look){.rows_max = 1, .width = 7}, "... and\n");
}

static void bold_titles_are_as_wide_as_others(void **state)
{
    (void)state;
    static const char *const ONE[] = {"a", "1", "-"};
    LOOKS(ONE, (struct table_look){.is_bold = true}, "\033[1mSESSION  STREAMS  PORTS\033[0m\na              1  -\n");
}

static void a_table_without_rows_has_its_titles(void **state)
{
    (void)state;
    looks(NULL, 0, (struct table_look){0}, "SESSION  STREAMS  PORTS\n");
    looks(NULL, 0, (struct table_look){.rows_max = 1}, "SESSION  STREAMS  PORTS\n");
}

static void numbers_may_be_formatted_into_cells(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, COLUMNS, COLUMN_COUNT);
    table_addf(&table, "%d/%d", 1, 2);
    assert_int_equal(table_row_count(&table), 0);
    table_addf(&table, "%s", "x\033");
    table_addf(&table, "%u", 3U);
    assert_int_equal(table_row_count(&table), 1);
    assert_string_equal(table.cells[0], "1/2");
    assert_string_equal(table.cells[1], "x\\x1b");
    table_done(&table);
    table_done(&table);
}

/* ---- text of others ---- */

static void shows(const char *bytes, size_t length, const char *expected)
{
    char *shown = shown_text_new(span_of(bytes, length));
    assert_string_equal(shown, expected);
    free(shown);
}

static void what_a_terminal_might_obey_is_escaped(void **state)
{
    (void)state;
    shows("", 0, "");
    shows("plain ~ text", 12, "plain ~ text");
    shows("a\033[2Jb", 6, "a\\x1b[2Jb");
    shows("\r\n\t\177", 4, "\\x0d\\x0a\\x09\\x7f");
    shows("a\0b", 3, "a\\x00b");
    shows("\xc2\x9b\xff", 3, "\\xc2\\x9b\\xff");
    shows("c:\\x41", 6, "c:\\\\x41");
}

static void escaped_text_tells_its_bytes_unmistakably(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = first + 1; second < 256; second++) {
            char a = (char)first, b = (char)second;
            char *shown_a = shown_text_new(span_of(&a, 1)), *shown_b = shown_text_new(span_of(&b, 1));
            assert_string_not_equal(shown_a, shown_b);
            free(shown_a);
            free(shown_b);
        }
}

static void harmless_text_has_no_control_characters(void **state)
{
    (void)state;
    static const char *const HARMLESS[] = {"", "a b\n\tc\n", "\xc3\xa4", "\xc2\xa0", "\xe2\x82\xac"};
    static const char *const HARMFUL[] = {"\033", "a\rb", "\177", "\xc2\x9b", "\xc2\x80", "\xff", "\xc2", "\001"};
    for (size_t i = 0; i < sizeof HARMLESS / sizeof *HARMLESS; i++)
        assert_true(shown_text_is_harmless(span_of_string(HARMLESS[i])));
    for (size_t i = 0; i < sizeof HARMFUL / sizeof *HARMFUL; i++)
        assert_false(shown_text_is_harmless(span_of_string(HARMFUL[i])));
    assert_false(shown_text_is_harmless(span_of("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(a_table_that_just_fits_is_left_alone),
        cmocka_unit_test(a_narrow_terminal_shortens_ids_first_then_what_may_be_cut),
        cmocka_unit_test(no_line_is_ever_wider_than_the_terminal),
        cmocka_unit_test(what_does_not_fit_below_is_counted_in_the_last_line),
        cmocka_unit_test(bold_titles_are_as_wide_as_others),
        cmocka_unit_test(a_table_without_rows_has_its_titles),
        cmocka_unit_test(numbers_may_be_formatted_into_cells),
        cmocka_unit_test(what_a_terminal_might_obey_is_escaped),
        cmocka_unit_test(escaped_text_tells_its_bytes_unmistakably),
        cmocka_unit_test(harmless_text_has_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
