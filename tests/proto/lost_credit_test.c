/* Session credit of lost connections (lost_credit.h): each is settled once, by its name. */
#include "lost_credit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct connection_lost word(const char *nonce, uint64_t data_bytes)
{
    struct connection_lost said = {.data_bytes = data_bytes};
    (void)snprintf(said.nonce, sizeof said.nonce, "%s", nonce);
    return said;
}

static void the_difference_was_lost_and_is_settled_once(void **state)
{
    (void)state;
    struct lost_credit lost = {0};
    uint64_t bytes = 0;
    lost_credit_note(&lost, "one", 30);
    lost_credit_note(&lost, "two", 0);
    struct connection_lost said = word("one", 100);
    assert_int_equal(lost_credit_settle(&lost, &said, &bytes), LOST_CREDIT_FOUND);
    assert_int_equal(bytes, 70);
    assert_int_equal(lost_credit_settle(&lost, &said, &bytes), LOST_CREDIT_UNKNOWN);
    said = word("two", 0);
    assert_int_equal(lost_credit_settle(&lost, &said, &bytes), LOST_CREDIT_FOUND);
    assert_int_equal(bytes, 0);
}

static void strangers_are_unknown(void **state)
{
    (void)state;
    struct lost_credit lost = {0};
    uint64_t bytes = 7;
    struct connection_lost said = word("", 100);
    assert_int_equal(lost_credit_settle(&lost, &said, &bytes), LOST_CREDIT_UNKNOWN);
    said = word("nobody", 100);
    assert_int_equal(lost_credit_settle(&lost, &said, &bytes), LOST_CREDIT_UNKNOWN);
    assert_int_equal(bytes, 7);
}

static void less_than_came_is_absurd(void **state)
{
    (void)state;
    struct lost_credit lost = {0};
    uint64_t bytes = 7;
    lost_credit_note(&lost, "one", 30);
    struct connection_lost said = word("one", 29);
    assert_int_equal(lost_credit_settle(&lost, &said, &bytes), LOST_CREDIT_ABSURD);
    assert_int_equal(bytes, 7);
}

static void the_oldest_is_forgotten_beyond_the_limit(void **state)
{
    (void)state;
    struct lost_credit lost = {0};
    uint64_t bytes = 0;
    char nonce[16];
    for (int i = 0; i <= LOST_CONNECTIONS_MAX; i++) {
        (void)snprintf(nonce, sizeof nonce, "%d", i);
        lost_credit_note(&lost, nonce, 0);
    }
    struct connection_lost said = word("0", 1);
    assert_int_equal(lost_credit_settle(&lost, &said, &bytes), LOST_CREDIT_UNKNOWN);
    said = word("1", 1);
    assert_int_equal(lost_credit_settle(&lost, &said, &bytes), LOST_CREDIT_FOUND);
}

static void a_name_of_full_length_is_kept_whole(void **state)
{
    (void)state;
    struct lost_credit lost = {0};
    uint64_t bytes = 0;
    const char *longest = "0123456789012345678901234567890123456789012345678901234567890123";
    lost_credit_note(&lost, longest, 1);
    struct connection_lost said = word(longest, 3);
    assert_int_equal(lost_credit_settle(&lost, &said, &bytes), LOST_CREDIT_FOUND);
    assert_int_equal(bytes, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_difference_was_lost_and_is_settled_once),
        cmocka_unit_test(strangers_are_unknown),
        cmocka_unit_test(less_than_came_is_absurd),
        cmocka_unit_test(the_oldest_is_forgotten_beyond_the_limit),
        cmocka_unit_test(a_name_of_full_length_is_kept_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
