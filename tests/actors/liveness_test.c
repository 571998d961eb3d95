/* Pure: time is an input. What the session-manager makes of it: session_end_test.c. */
#include "session_manager/liveness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { INTERVAL_MS = 20000, TIMEOUT_MS = 60000, FREEZE_MS = 10 * TIMEOUT_MS, BEGIN_MS = 1000000 };

static const struct liveness_limits limits = {
    .ping_interval_ms = INTERVAL_MS,
    .pong_timeout_ms = TIMEOUT_MS,
    .idle_timeout_ms = UINT32_MAX,
};

/* A session with a port, probed at `now_ms` and heard from last at `heard_ms`. */
static enum liveness_verdict probe(struct liveness *liveness, uint64_t heard_ms, uint64_t now_ms)
{
    liveness_probe(liveness, &limits, now_ms);
    const struct liveness_signs signs = {.silence_ms = now_ms - heard_ms, .bindings = 1};
    return liveness_judge(liveness, &limits, &signs, now_ms);
}

/* Probes whenever one is due; returns when it was found silent. */
static uint64_t probe_until_silent(struct liveness *liveness, uint64_t heard_ms)
{
    for (int i = 0; i < 10; i++) {
        uint64_t due_ms = liveness->probe_at_ms;
        if (probe(liveness, heard_ms, due_ms) == LIVENESS_PONG_TIMEOUT)
            return due_ms;
    }
    fail_msg("it is never found silent");
    return 0;
}

static void silence_is_found_when_it_is_longer_than_the_timeout(void **state)
{
    (void)state;
    for (uint64_t heard_ms = BEGIN_MS; heard_ms <= BEGIN_MS + INTERVAL_MS; heard_ms += INTERVAL_MS / 4) {
        struct liveness liveness;
        liveness_begin(&liveness, &limits, BEGIN_MS);
        assert_int_equal(probe_until_silent(&liveness, heard_ms), heard_ms + TIMEOUT_MS + 1);
    }
}

/* A paused container: nobody asked, so nobody was silent. */
static void a_freeze_of_ours_is_not_the_drivers_silence(void **state)
{
    (void)state;
    struct liveness liveness;
    liveness_begin(&liveness, &limits, BEGIN_MS);
    uint64_t heard_ms = BEGIN_MS, now_ms = BEGIN_MS;
    for (int i = 0; i < 5; i++) {
        now_ms = liveness.probe_at_ms + FREEZE_MS;
        assert_int_equal(probe(&liveness, heard_ms, now_ms), LIVENESS_GOOD);
        heard_ms = now_ms + 10; /* it answers at once, when it is asked */
    }
}

/* It came between a probe and the gateway's answer, again and again. */
static void nor_is_one_that_delays_an_answer(void **state)
{
    (void)state;
    struct liveness liveness;
    liveness_begin(&liveness, &limits, BEGIN_MS);
    for (int i = 0; i < 5; i++) {
        uint64_t asked_ms = liveness.probe_at_ms, thawed_ms = asked_ms + FREEZE_MS;
        liveness_probe(&liveness, &limits, asked_ms);
        const struct liveness_signs signs = {.silence_ms = thawed_ms - BEGIN_MS, .bindings = 1};
        assert_int_equal(liveness_judge(&liveness, &limits, &signs, thawed_ms), LIVENESS_GOOD);
    }
}

static void after_a_freeze_silence_is_found_as_ever(void **state)
{
    (void)state;
    struct liveness liveness;
    liveness_begin(&liveness, &limits, BEGIN_MS);
    uint64_t thawed_ms = liveness.probe_at_ms + FREEZE_MS;
    assert_int_equal(probe(&liveness, BEGIN_MS, thawed_ms), LIVENESS_GOOD);
    struct liveness answered = liveness;
    assert_int_equal(probe_until_silent(&liveness, BEGIN_MS), BEGIN_MS + FREEZE_MS + TIMEOUT_MS + 1);
    assert_int_equal(probe_until_silent(&answered, thawed_ms + 10), thawed_ms + 10 + TIMEOUT_MS + 1);
}

/* Probes that are due at about the same time are said together: their small delays are no freeze. */
static void small_delays_forgive_nothing(void **state)
{
    (void)state;
    struct liveness liveness;
    liveness_begin(&liveness, &limits, BEGIN_MS);
    uint64_t now_ms = BEGIN_MS;
    while (now_ms <= BEGIN_MS + TIMEOUT_MS) {
        now_ms = liveness.probe_at_ms + INTERVAL_MS / 4;
        enum liveness_verdict expected = now_ms > BEGIN_MS + TIMEOUT_MS ? LIVENESS_PONG_TIMEOUT : LIVENESS_GOOD;
        assert_int_equal(probe(&liveness, BEGIN_MS, now_ms), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_found_when_it_is_longer_than_the_timeout),
        cmocka_unit_test(a_freeze_of_ours_is_not_the_drivers_silence),
        cmocka_unit_test(nor_is_one_that_delays_an_answer),
        cmocka_unit_test(after_a_freeze_silence_is_found_as_ever),
        cmocka_unit_test(small_delays_forgive_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
