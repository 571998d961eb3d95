/* How long the driver waits before it tries again (driver/backoff.h). */
#include "backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_first_try_is_at_once(void **state)
{
    (void)state;
    assert_int_equal(backoff_delay_ms(0, 0), 0);
    assert_int_equal(backoff_delay_ms(0, UINT32_MAX), 0);
}

static void chance_reaches_from_nothing_to_the_bound(void **state)
{
    (void)state;
    for (unsigned failures = 1; failures < 40; failures++)
        assert_int_equal(backoff_delay_ms(failures, 0), 0);
    assert_int_equal(backoff_delay_ms(1, UINT32_MAX), BACKOFF_FIRST_MS);
    assert_in_range(backoff_delay_ms(1, UINT32_MAX / 2), BACKOFF_FIRST_MS / 2 - 1, BACKOFF_FIRST_MS / 2 + 1);
}

static void the_bound_doubles_up_to_its_maximum(void **state)
{
    (void)state;
    static const uint32_t BOUNDS[] = {250, 500, 1000, 2000, 4000, 5000, 5000};
    for (unsigned i = 0; i < sizeof BOUNDS / sizeof *BOUNDS; i++)
        assert_int_equal(backoff_delay_ms(i + 1, UINT32_MAX), BOUNDS[i]);
    assert_int_equal(backoff_delay_ms(UINT32_MAX, UINT32_MAX), BACKOFF_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_try_is_at_once),
        cmocka_unit_test(chance_reaches_from_nothing_to_the_bound),
        cmocka_unit_test(the_bound_doubles_up_to_its_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
