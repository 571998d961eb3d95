/* What was meant by a word that nobody knows (net/nearest_word.h). */
#include "nearest_word.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *nearest(const char *typed)
{
    static const char *const WORDS[] = {"up", "top", "list", "close", "expose", "exit-on-loss"};
    struct nearest_word nearest = nearest_word_to(span_of_string(typed));
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        nearest_word_look_at(&nearest, WORDS[i]);
    return nearest.word;
}

static void one_letter_may_be_missing_too_many_or_another(void **state)
{
    (void)state;
    assert_string_equal(nearest("lis"), "list");
    assert_string_equal(nearest("lisst"), "list");
    assert_string_equal(nearest("lost"), "list");
    assert_string_equal(nearest("tops"), "top");
}

static void two_neighbours_swapped_are_one_slip(void **state)
{
    (void)state;
    assert_string_equal(nearest("pu"), "up");
    assert_string_equal(nearest("otp"), "top");
    assert_string_equal(nearest("ilst"), "list");
    assert_string_equal(nearest("expsoe"), "expose");
}

static void a_longer_word_may_have_more_slips(void **state)
{
    (void)state;
    assert_string_equal(nearest("exposure"), "expose");
    assert_string_equal(nearest("exti-onlss"), "exit-on-loss");
    assert_null(nearest("lus-"));
    assert_null(nearest("tip-")); /* two of four letters are another word */
}

static void the_nearest_wins_and_of_equals_the_first(void **state)
{
    (void)state;
    assert_string_equal(nearest("tup"), "up"); /* "top" is as near */
    assert_string_equal(nearest("clist"), "list");
    assert_string_equal(nearest("expose"), "expose");
}

static void what_has_nothing_in_common_is_not_meant(void **state)
{
    (void)state;
    assert_null(nearest(""));
    assert_null(nearest("x"));
    assert_null(nearest("fly"));
    assert_null(nearest("no-such-command"));
    assert_null(nearest("exit-on-loss-exit-on-loss-exit-on-loss-exit-on-loss"));
    struct nearest_word nearest = nearest_word_to(span_of_string("list"));
    nearest_word_look_at(&nearest, "a-word-that-is-longer-than-any-that-a-list-may-have");
    assert_null(nearest.word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_letter_may_be_missing_too_many_or_another),
        cmocka_unit_test(two_neighbours_swapped_are_one_slip),
        cmocka_unit_test(a_longer_word_may_have_more_slips),
        cmocka_unit_test(the_nearest_wins_and_of_equals_the_first),
        cmocka_unit_test(what_has_nothing_in_common_is_not_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
