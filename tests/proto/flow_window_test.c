#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_window.h"

enum { WINDOW = 1048576, HALF = WINDOW / 2 };

static void test_a_sender_takes_no_more_than_its_credit(void **state)
{
    (void)state;
    struct send_window window;
    send_window_init(&window, 100);
    assert_int_equal(send_window_take(&window, 60), 60);
    assert_int_equal(send_window_take(&window, 60), 40);
    assert_int_equal(send_window_take(&window, 60), 0);
    assert_int_equal(send_window_take(&window, 0), 0);
}

static void test_grants_add_to_the_credit(void **state)
{
    (void)state;
    struct send_window window;
    send_window_init(&window, 0);
    assert_true(send_window_grow(&window, 7));
    assert_true(send_window_grow(&window, 5));
    assert_int_equal(send_window_take(&window, 100), 12);
}

static void test_grants_may_exceed_the_initial_window_up_to_the_limit(void **state)
{
    (void)state;
    struct send_window window;
    send_window_init(&window, WINDOW);
    assert_true(send_window_grow(&window, (uint32_t)FLOW_WINDOW_MAX - WINDOW));
    assert_int_equal(window.available, FLOW_WINDOW_MAX);
    assert_int_equal(send_window_take(&window, UINT32_MAX), FLOW_WINDOW_MAX);
}

static void test_a_grant_beyond_the_limit_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct send_window window;
    send_window_init(&window, WINDOW);
    assert_false(send_window_grow(&window, (uint32_t)FLOW_WINDOW_MAX - WINDOW + 1));
    assert_false(send_window_grow(&window, UINT32_MAX));
    assert_int_equal(window.available, WINDOW);
}

static void test_a_peer_may_send_its_whole_window_and_no_byte_more(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, WINDOW, HALF);
    assert_true(receive_window_take(&window, WINDOW - 1));
    assert_false(receive_window_take(&window, 2));
    assert_true(receive_window_take(&window, 1));
    assert_false(receive_window_take(&window, 1));
    assert_int_equal(receive_window_held(&window), WINDOW);
}

static void test_data_beyond_the_window_changes_nothing(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, WINDOW, HALF);
    assert_false(receive_window_take(&window, WINDOW + 1));
    assert_int_equal(receive_window_held(&window), 0);
    assert_true(receive_window_take(&window, WINDOW));
}

static void test_empty_data_costs_nothing(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, 10, 5);
    assert_true(receive_window_take(&window, 10));
    assert_true(receive_window_take(&window, 0));
    assert_int_equal(receive_window_consume(&window, 0), 0);
    assert_int_equal(receive_window_held(&window), 10);
}

static void test_only_consumed_bytes_are_granted_back(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, WINDOW, HALF);
    assert_true(receive_window_take(&window, WINDOW));
    assert_int_equal(receive_window_consume(&window, HALF - 1), 0);
    assert_false(receive_window_take(&window, 1));
    assert_int_equal(receive_window_held(&window), HALF + 1);
}

static void test_a_grant_goes_out_when_the_threshold_waits(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, WINDOW, HALF);
    assert_true(receive_window_take(&window, WINDOW));
    assert_int_equal(receive_window_consume(&window, HALF - 1), 0);
    assert_int_equal(receive_window_consume(&window, 11), HALF + 10);
    assert_true(receive_window_take(&window, HALF + 10));
    assert_false(receive_window_take(&window, 1));
}

static void test_a_threshold_of_one_grants_every_byte_at_once(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, 10, 1);
    assert_true(receive_window_take(&window, 10));
    assert_int_equal(receive_window_consume(&window, 3), 3);
    assert_int_equal(receive_window_consume(&window, 7), 7);
    assert_int_equal(receive_window_held(&window), 0);
}

static void test_a_threshold_of_the_whole_window_grants_it_whole(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, 10, 10);
    assert_true(receive_window_take(&window, 10));
    assert_int_equal(receive_window_consume(&window, 9), 0);
    assert_int_equal(receive_window_consume(&window, 1), 10);
}

static void test_the_largest_window_works(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, (uint32_t)FLOW_WINDOW_MAX, (uint32_t)FLOW_WINDOW_MAX);
    assert_true(receive_window_take(&window, (uint32_t)FLOW_WINDOW_MAX));
    assert_false(receive_window_take(&window, UINT32_MAX));
    assert_int_equal(receive_window_consume(&window, (uint32_t)FLOW_WINDOW_MAX), FLOW_WINDOW_MAX);
}

static void test_lent_bytes_may_be_sent_on_top(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, WINDOW, HALF);
    assert_true(receive_window_take(&window, WINDOW));
    assert_true(receive_window_lend(&window, FLOW_WINDOW_UNIT));
    assert_true(receive_window_take(&window, FLOW_WINDOW_UNIT));
    assert_false(receive_window_take(&window, 1));
    assert_int_equal(receive_window_held(&window), WINDOW + FLOW_WINDOW_UNIT);
}

static void test_lending_never_passes_the_limit(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, (uint32_t)FLOW_WINDOW_MAX - 10, 1);
    assert_false(receive_window_lend(&window, 11));
    assert_true(receive_window_lend(&window, 10));
    assert_false(receive_window_lend(&window, 1));
    assert_int_equal(window.available, FLOW_WINDOW_MAX);
}

static void test_withheld_bytes_are_kept_back_from_later_grants(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, 100, 10);
    assert_true(receive_window_lend(&window, 30));
    assert_true(receive_window_take(&window, 130));
    receive_window_withhold(&window, 30);
    assert_int_equal(receive_window_consume(&window, 25), 0);
    assert_int_equal(receive_window_consume(&window, 14), 0);
    assert_int_equal(receive_window_consume(&window, 91), 100);
    assert_int_equal(window.size, 100);
    assert_int_equal(receive_window_held(&window), 0);
    assert_true(receive_window_take(&window, 100));
    assert_false(receive_window_take(&window, 1));
}

static void test_withholding_takes_what_waits_first(void **state)
{
    (void)state;
    struct receive_window window;
    receive_window_init(&window, 100, 50);
    assert_true(receive_window_lend(&window, 30));
    assert_true(receive_window_take(&window, 130));
    assert_int_equal(receive_window_consume(&window, 40), 0);
    receive_window_withhold(&window, 30);
    assert_int_equal(receive_window_held(&window), 90);
    assert_int_equal(receive_window_consume(&window, 40), 50);
    assert_int_equal(window.size, 100);
}

/* A sender and a receiver joined by any schedule of grants never disagree. */
static void test_both_ends_agree_whatever_the_schedule(void **state)
{
    (void)state;
    enum { SIZE = 4096, ROUNDS = 20000 };
    struct send_window sender;
    struct receive_window receiver;
    send_window_init(&sender, SIZE);
    receive_window_init(&receiver, SIZE, SIZE / 16);
    uint32_t random = 1;
    uint64_t sent = 0, granted = SIZE;
    for (int i = 0; i < ROUNDS; i++) {
        random = random * 1664525 + 1013904223;
        uint32_t taken = send_window_take(&sender, random >> 19);
        sent += taken;
        assert_true(receive_window_take(&receiver, taken));
        random = random * 1664525 + 1013904223;
        uint32_t held = (uint32_t)receive_window_held(&receiver);
        uint32_t increment = receive_window_consume(&receiver, random % (held + 1));
        granted += increment;
        assert_true(send_window_grow(&sender, increment));
        assert_int_equal(sender.available, receiver.available);
        assert_int_equal(sender.available, granted - sent);
    }
    assert_true(sent > (uint64_t)SIZE * 100);
}

static void test_small_windows_are_granted_back_sooner(void **state)
{
    (void)state;
    enum { UNIT = FLOW_WINDOW_UNIT };
    assert_int_equal(receive_window_threshold(16 * UNIT, 4), 4 * UNIT);
    assert_int_equal(receive_window_threshold(UNIT, 4), 1);
    for (uint32_t units = 1; units <= 16384; units++)
        for (uint32_t share = 4; share <= 16; share += 12) {
            uint32_t size = units * UNIT, threshold = receive_window_threshold(size, share);
            assert_true(threshold >= 1 && threshold <= size / share);
            assert_true(size - (threshold - 1) >= UNIT); /* a whole frame fits when the rest is granted */
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sender_takes_no_more_than_its_credit),
        cmocka_unit_test(test_grants_add_to_the_credit),
        cmocka_unit_test(test_grants_may_exceed_the_initial_window_up_to_the_limit),
        cmocka_unit_test(test_a_grant_beyond_the_limit_is_refused_and_changes_nothing),
        cmocka_unit_test(test_a_peer_may_send_its_whole_window_and_no_byte_more),
        cmocka_unit_test(test_data_beyond_the_window_changes_nothing),
        cmocka_unit_test(test_empty_data_costs_nothing),
        cmocka_unit_test(test_only_consumed_bytes_are_granted_back),
        cmocka_unit_test(test_a_grant_goes_out_when_the_threshold_waits),
        cmocka_unit_test(test_a_threshold_of_one_grants_every_byte_at_once),
        cmocka_unit_test(test_a_threshold_of_the_whole_window_grants_it_whole),
        cmocka_unit_test(test_the_largest_window_works),
        cmocka_unit_test(test_lent_bytes_may_be_sent_on_top),
        cmocka_unit_test(test_lending_never_passes_the_limit),
        cmocka_unit_test(test_withheld_bytes_are_kept_back_from_later_grants),
        cmocka_unit_test(test_withholding_takes_what_waits_first),
        cmocka_unit_test(test_small_windows_are_granted_back_sooner),
        cmocka_unit_test(test_both_ends_agree_whatever_the_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
