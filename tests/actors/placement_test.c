/* Where new sessions live. */
#include "session_manager/placement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

static void one_shard_has_them_all(void **state)
{
    (void)state;
    struct placement placement;
    placement_init(&placement, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(placement_choose(&placement), 0);
        placement_enter(&placement, 0);
    }
    placement_done(&placement);
}

static void the_fewest_first_and_shard_0_last_among_equals(void **state)
{
    (void)state;
    static const uint32_t expected[] = {2, 1, 0, 2, 1, 0};
    struct placement placement;
    placement_init(&placement, 3);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(placement_choose(&placement), expected[i]);
        placement_enter(&placement, expected[i]);
    }
    placement_leave(&placement, 1);
    assert_int_equal(placement_choose(&placement), 1);
    placement_done(&placement);
}

static void those_on_their_way_count(void **state)
{
    (void)state;
    struct placement placement;
    placement_init(&placement, 2);
    placement_expect(&placement, (struct connection_id){7}, 1);
    assert_int_equal(placement_choose(&placement), 0);
    placement_settle(&placement, (struct connection_id){8}); /* another's */
    assert_int_equal(placement_choose(&placement), 0);
    placement_settle(&placement, (struct connection_id){7});
    assert_int_equal(placement_choose(&placement), 1);
    placement_settle(&placement, (struct connection_id){7}); /* once is enough */
    assert_int_equal(placement.sessions[1], 0);
    placement_expect(&placement, (struct connection_id){9}, 1);
    placement_done(&placement);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_shard_has_them_all),
        cmocka_unit_test(the_fewest_first_and_shard_0_last_among_equals),
        cmocka_unit_test(those_on_their_way_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
