/* Text of others on a terminal: what is escaped, how wide it is, where it is cut (driver/terminal). */
#include "terminal/screen_line.h"

#include "terminal/shown_text.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char *line_text;
static size_t line_length;

static struct screen_line begin(const struct screen_look *look)
{
    FILE *out = open_memstream(&line_text, &line_length);
    assert_non_null(out);
    return screen_line_begin(look, out);
}

static void expect(struct screen_line *line, const char *text)
{
    assert_int_equal(fclose(line->out), 0);
    assert_string_equal(line_text, text);
    free(line_text);
}

static void expect_unit(const char *text, size_t length, bool is_utf8, const char *shown, size_t columns, size_t left)
{
    struct span rest = span_of(text, length);
    struct shown_unit unit = shown_text_next(&rest, is_utf8);
    assert_string_equal(unit.text, shown);
    assert_int_equal(unit.columns, columns);
    assert_int_equal(rest.length, left);
}

static void what_is_printable_is_shown_and_all_else_escaped(void **state)
{
    (void)state;
    expect_unit("ab", 2, true, "a", 1, 1);
    expect_unit("\\b", 2, true, "\\\\", 2, 1);
    expect_unit("\033[2J", 4, true, "\\x1b", 4, 3);
    expect_unit("\0b", 2, true, "\\x00", 4, 1);
    expect_unit("\x7F", 1, true, "\\x7f", 4, 0);
    expect_unit("\u00E9x", 3, true, "\u00E9", 1, 1);
    expect_unit("\u732Bx", 4, true, "\u732B", 2, 1);
    expect_unit("\u732Bx", 4, false, "\\xe7", 4, 3);
    expect_unit("\U0001F431", 4, true, "\U0001F431", 2, 0);
    expect_unit("\u0301", 2, true, "\u0301", 0, 0); /* combines */
}

static void what_misleads_is_escaped_too(void **state)
{
    (void)state;
    expect_unit("\u202E", 3, true, "\\xe2", 4, 2); /* right to left */
    expect_unit("\u200B", 3, true, "\\xe2", 4, 2); /* no width */
    expect_unit("\uFEFF", 3, true, "\\xef", 4, 2);
    expect_unit("\xC2\x9B", 2, true, "\\xc2", 4, 1); /* a control sequence of 8 bits */
}

static void what_is_no_utf8_is_escaped_byte_by_byte(void **state)
{
    (void)state;
    expect_unit("\xFF", 1, true, "\\xff", 4, 0);
    expect_unit("\xE7\x8C", 2, true, "\\xe7", 4, 1);     /* cut short */
    expect_unit("\xC0\xAF", 2, true, "\\xc0", 4, 1);     /* overlong */
    expect_unit("\xED\xA0\x80", 3, true, "\\xed", 4, 2); /* a surrogate */
    assert_int_equal(shown_text_columns(span_of("a\xFF\u732B", 5), true), 7);
}

static void text_is_cut_where_its_place_ends(void **state)
{
    (void)state;
    const struct screen_look utf8 = {.columns = 20, .is_utf8 = true}, ascii = {.columns = 20};
    struct screen_line line = begin(&utf8);
    screen_line_put(&line, INK_PLAIN, span_of_string("abcdef"), 4);
    expect(&line, "abc\u2026");
    line = begin(&ascii);
    screen_line_put(&line, INK_PLAIN, span_of_string("abcdef"), 4);
    expect(&line, "a...");
    line = begin(&ascii);
    screen_line_put(&line, INK_PLAIN, span_of_string("abcdef"), 2);
    expect(&line, "ab");
    line = begin(&utf8);
    screen_line_put(&line, INK_PLAIN, span_of_string("\u732B\u732B\u732B"), 4); /* no half of a wide one */
    assert_int_equal(line.used, 3);
    expect(&line, "\u732B\u2026");
    line = begin(&utf8);
    screen_line_put(&line, INK_PLAIN, span_of_string("abcd"), 4);
    expect(&line, "abcd");
}

static void columns_are_filled_with_blanks_that_something_follows(void **state)
{
    (void)state;
    const struct screen_look look = {.columns = 12};
    struct screen_line line = begin(&look);
    screen_line_text(&line, INK_PLAIN, "ab");
    screen_line_to(&line, 4);
    screen_line_right(&line, INK_PLAIN, "7", 3);
    screen_line_to(&line, 3); /* is behind us */
    screen_line_text(&line, INK_PLAIN, "x");
    screen_line_to(&line, 11);
    expect(&line, "ab    7x");
}

static void nothing_goes_beyond_the_line(void **state)
{
    (void)state;
    const struct screen_look look = {.columns = 5};
    struct screen_line line = begin(&look);
    screen_line_to(&line, 3);
    screen_line_text(&line, INK_PLAIN, "abc");
    screen_line_text(&line, INK_PLAIN, "def");
    assert_int_equal(screen_line_room(&line), 0);
    expect(&line, "   ab");
}

static void inks_are_escape_sequences_only_where_they_are_wanted(void **state)
{
    (void)state;
    const struct screen_look adorned = {.columns = 20, .is_adorned = true}, plain = {.columns = 20};
    struct screen_line line = begin(&adorned);
    screen_line_to(&line, 1);
    screen_line_text(&line, INK_GREEN, "a");
    screen_line_text(&line, INK_PLAIN, "b");
    assert_int_equal(line.used, 3);
    expect(&line, " \033[32ma\033[0mb");
    line = begin(&plain);
    screen_line_text(&line, INK_GREEN, "a");
    expect(&line, "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printable_is_shown_and_all_else_escaped),
        cmocka_unit_test(what_misleads_is_escaped_too),
        cmocka_unit_test(what_is_no_utf8_is_escaped_byte_by_byte),
        cmocka_unit_test(text_is_cut_where_its_place_ends),
        cmocka_unit_test(columns_are_filled_with_blanks_that_something_follows),
        cmocka_unit_test(nothing_goes_beyond_the_line),
        cmocka_unit_test(inks_are_escape_sequences_only_where_they_are_wanted),
    };
    return setlocale(LC_CTYPE, "C.UTF-8") != NULL ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
