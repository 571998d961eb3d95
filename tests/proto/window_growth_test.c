/* Windows that grow, on a simulated link: a rate, a delay, a sender that sends whatever it may, and a reader that
 * consumes what has come. Time is a number. */
#include "window_growth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { KIB = 1024, MIB = 1048576, TRIP_MAX_MS = 400 };

struct link {
    struct receive_window window;
    struct window_growth growth;
    struct window_budget budget;
    uint64_t now_ms;
    uint32_t trip_ms;                  /* a grant and the bytes sent for it take so long together */
    uint64_t rate;                     /* bytes a millisecond that the link carries, */
    uint64_t reads;                    /* and that the reader consumes */
    uint64_t credit;                   /* of the sender */
    uint64_t grants[TRIP_MAX_MS];      /* on their way to the sender, by the time they arrive */
    uint64_t waiting;                  /* received, not consumed */
    uint64_t consumed, most_held, sum; /* ever; at one time; of grants beyond the first window */
};

static void link_init(struct link *link, uint32_t base, uint32_t max, uint32_t trip_ms, uint64_t rate)
{
    *link = (struct link){.trip_ms = trip_ms, .rate = rate, .reads = UINT64_MAX, .credit = base};
    link->budget.limit = UINT64_MAX;
    receive_window_init(&link->window, base, base / 4);
    window_growth_init(&link->growth, base, max);
}

static void pass_millisecond(struct link *link)
{
    uint64_t *grant = &link->grants[link->now_ms % link->trip_ms];
    link->credit += *grant;
    *grant = 0;
    uint64_t sent = link->credit < link->rate ? link->credit : link->rate;
    link->credit -= sent;
    assert_true(receive_window_take(&link->window, (uint32_t)sent));
    link->waiting += sent;
    if (link->waiting > link->most_held)
        link->most_held = link->waiting;
    uint64_t consumed = link->waiting < link->reads ? link->waiting : link->reads;
    link->waiting -= consumed;
    link->consumed += consumed;
    if (consumed > 0) {
        uint32_t back = receive_window_consume(&link->window, (uint32_t)consumed);
        uint32_t more =
            window_growth_consumed(&link->growth, &link->window, &link->budget, consumed, link->now_ms, link->trip_ms);
        link->sum += more;
        *grant += back + more; /* arrives a round trip from now */
    }
    assert_true(link->growth.reach >= link->growth.base && link->growth.reach <= link->growth.max);
    link->now_ms++;
}

static void pass(struct link *link, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++)
        pass_millisecond(link);
}

/* Of what the link could carry meanwhile. */
static unsigned percent_used(struct link *link, uint64_t ms)
{
    uint64_t before = link->consumed;
    pass(link, ms);
    return (unsigned)((link->consumed - before) * 100 / (link->rate * ms));
}

static void a_long_link_is_filled_within_a_second(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, MIB, 64 * MIB, 100, 25000); /* 200 Mbit/s: 2.5 MB under way */
    pass(&link, 1000);
    assert_true(percent_used(&link, 1000) >= 97);
    assert_in_range(link.growth.reach, 2500000, 2 * 2500000 + MIB);
}

static void a_very_fast_one_takes_a_little_longer(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, MIB, 64 * MIB, 100, 125000); /* 1 Gbit/s: 12.5 MB */
    pass(&link, 2000);
    assert_true(percent_used(&link, 1000) >= 97);
    assert_in_range(link.growth.reach, 12500000, 2 * 12500000 + MIB);
}

static void without_growth_it_is_a_window_a_round_trip(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, MIB, MIB, 100, 25000);
    pass(&link, 1000);
    assert_true(percent_used(&link, 1000) <= 45);
    assert_int_equal(link.sum, 0);
}

static void a_short_link_needs_none(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, MIB, 64 * MIB, 4, 100000);
    pass(&link, 3000);
    assert_int_equal(link.growth.reach, MIB);
    assert_true(percent_used(&link, 1000) >= 97);
}

static void a_slow_link_needs_none(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, MIB, 64 * MIB, 300, 1000);
    pass(&link, 5000);
    assert_int_equal(link.growth.reach, MIB);
}

static void a_slow_reader_is_granted_no_more(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, MIB, 64 * MIB, 100, 100000);
    link.reads = 4000; /* 400 KB a round trip */
    pass(&link, 5000);
    assert_int_equal(link.growth.reach, MIB);
    assert_true(link.most_held <= MIB);
}

static void who_stops_reading_is_granted_nothing(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, MIB, 64 * MIB, 100, 25000);
    pass(&link, 2000);
    uint64_t reach = link.growth.reach, sum = link.sum;
    link.reads = 0;
    pass(&link, 5000);
    assert_int_equal(link.growth.reach, reach);
    assert_int_equal(link.sum, sum);
    assert_true(link.waiting <= reach);
    assert_int_equal(receive_window_held(&link.window), link.waiting);
}

static void the_limit_is_kept(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, MIB, 2 * MIB, 200, 100000);
    pass(&link, 5000);
    assert_int_equal(link.growth.reach, 2 * MIB);
    assert_int_equal(link.budget.used, MIB);
}

static void the_budget_is_kept_and_given_back(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, MIB, 64 * MIB, 200, 100000);
    link.budget = (struct window_budget){.limit = 10 * MIB, .used = 7 * MIB};
    pass(&link, 5000);
    assert_int_equal(link.growth.reach, 4 * MIB);
    assert_int_equal(link.budget.used, 10 * MIB);
    window_growth_end(&link.growth, &link.budget);
    window_growth_end(&link.growth, &link.budget);
    assert_int_equal(link.budget.used, 7 * MIB);
}

static void what_is_not_used_any_more_is_kept_back(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, MIB, 64 * MIB, 100, 100000);
    pass(&link, 3000);
    assert_true(link.growth.reach > 10 * MIB);
    link.rate = 3000;
    pass(&link, 20000);
    assert_int_equal(link.growth.reach, MIB);
    assert_int_equal(link.budget.used, 0);
    pass(&link, 10000);
    assert_int_equal(link.window.withheld, 0);
    assert_int_equal(link.window.size, MIB); /* what the sender may have, and what waits to be granted, together */
    link.rate = 100000;
    pass(&link, 3000);
    assert_true(link.growth.reach > 10 * MIB); /* and again */
}

static void without_a_round_trip_nothing_grows(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, MIB, 64 * MIB, 100, 25000);
    assert_true(receive_window_take(&link.window, MIB));
    assert_int_equal(receive_window_consume(&link.window, MIB), MIB);
    for (uint64_t now_ms = 0; now_ms < 1000; now_ms++)
        assert_int_equal(window_growth_consumed(&link.growth, &link.window, &link.budget, 64 * KIB, now_ms, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_link_is_filled_within_a_second),
        cmocka_unit_test(a_very_fast_one_takes_a_little_longer),
        cmocka_unit_test(without_growth_it_is_a_window_a_round_trip),
        cmocka_unit_test(a_short_link_needs_none),
        cmocka_unit_test(a_slow_link_needs_none),
        cmocka_unit_test(a_slow_reader_is_granted_no_more),
        cmocka_unit_test(who_stops_reading_is_granted_nothing),
        cmocka_unit_test(the_limit_is_kept),
        cmocka_unit_test(the_budget_is_kept_and_given_back),
        cmocka_unit_test(what_is_not_used_any_more_is_kept_back),
        cmocka_unit_test(without_a_round_trip_nothing_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
