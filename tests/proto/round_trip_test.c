/* The shortest round trip of late, by pings that are seldom sent. */
#include "round_trip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A ping at now_ms, whose pong takes took_ms. */
static void measure(struct round_trip *trip, uint64_t now_ms, uint64_t took_ms)
{
    uint8_t token[ROUND_TRIP_TOKEN_BYTES];
    assert_true(round_trip_want(trip, now_ms));
    assert_true(trip->is_owed);
    round_trip_ask(trip, now_ms, token);
    assert_false(trip->is_owed);
    round_trip_hear(trip, token, sizeof token, now_ms + took_ms);
}

static void nothing_is_known_before_the_first_pong(void **state)
{
    (void)state;
    struct round_trip trip = {0};
    assert_int_equal(round_trip_ms(&trip), 0);
    assert_true(round_trip_want(&trip, 5));
    assert_int_equal(round_trip_ms(&trip), 0);
}

static void the_shortest_counts(void **state)
{
    (void)state;
    struct round_trip trip = {0};
    measure(&trip, 10, 120);
    assert_int_equal(round_trip_ms(&trip), 120);
    measure(&trip, 1010, 100);
    assert_int_equal(round_trip_ms(&trip), 100);
    measure(&trip, 2010, 300);
    assert_int_equal(round_trip_ms(&trip), 100);
}

static void an_old_one_gives_way(void **state)
{
    (void)state;
    struct round_trip trip = {0};
    measure(&trip, 0, 10);
    measure(&trip, ROUND_TRIP_MEMORY_MS - 301, 300);
    assert_int_equal(round_trip_ms(&trip), 10);
    measure(&trip, ROUND_TRIP_MEMORY_MS + 1000, 200);
    assert_int_equal(round_trip_ms(&trip), 200);
}

static void pings_are_one_a_second_and_one_at_a_time(void **state)
{
    (void)state;
    struct round_trip trip = {0};
    uint8_t token[ROUND_TRIP_TOKEN_BYTES];
    assert_true(round_trip_want(&trip, 0));
    assert_false(round_trip_want(&trip, 0)); /* owed */
    round_trip_ask(&trip, 0, token);
    assert_false(round_trip_want(&trip, 5000)); /* not answered */
    round_trip_hear(&trip, token, sizeof token, 5000);
    assert_true(round_trip_want(&trip, 5000));
    round_trip_ask(&trip, 5000, token);
    round_trip_hear(&trip, token, sizeof token, 5001);
    assert_false(round_trip_want(&trip, 5000 + ROUND_TRIP_INTERVAL_MS - 1));
    assert_true(round_trip_want(&trip, 5000 + ROUND_TRIP_INTERVAL_MS));
}

static void pongs_that_nobody_asked_for_say_nothing(void **state)
{
    (void)state;
    struct round_trip trip = {0};
    uint8_t token[ROUND_TRIP_TOKEN_BYTES], other[8] = {0};
    round_trip_hear(&trip, other, ROUND_TRIP_TOKEN_BYTES, 1);
    assert_int_equal(round_trip_ms(&trip), 0);
    assert_true(round_trip_want(&trip, 100));
    round_trip_ask(&trip, 100, token);
    round_trip_hear(&trip, other, ROUND_TRIP_TOKEN_BYTES, 150);
    round_trip_hear(&trip, other, sizeof other, 150);
    round_trip_hear(&trip, token, ROUND_TRIP_TOKEN_BYTES - 1, 150);
    assert_int_equal(round_trip_ms(&trip), 0);
    round_trip_hear(&trip, token, sizeof token, 160);
    round_trip_hear(&trip, token, sizeof token, 101); /* once more */
    assert_int_equal(round_trip_ms(&trip), 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_the_first_pong),
        cmocka_unit_test(the_shortest_counts),
        cmocka_unit_test(an_old_one_gives_way),
        cmocka_unit_test(pings_are_one_a_second_and_one_at_a_time),
        cmocka_unit_test(pongs_that_nobody_asked_for_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
