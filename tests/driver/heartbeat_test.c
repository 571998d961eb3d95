/* When a silent peer is given up, and when we have slept ourselves (driver/heartbeat.h). */
#include "heartbeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 10000 };

static void without_a_question_one_is_asked(void **state)
{
    (void)state;
    assert_int_equal(heartbeat_step(0, -1, TIMEOUT_MS), HEARTBEAT_ASK);
    assert_int_equal(heartbeat_step(INT64_C(1) << 40, -1, TIMEOUT_MS), HEARTBEAT_ASK);
}

static void an_answer_that_is_due_is_judged(void **state)
{
    (void)state;
    assert_int_equal(heartbeat_step(TIMEOUT_MS, 0, TIMEOUT_MS), HEARTBEAT_JUDGE);
    assert_int_equal(heartbeat_step(TIMEOUT_MS + HEARTBEAT_SLACK_MS, 0, TIMEOUT_MS), HEARTBEAT_JUDGE);
}

static void after_a_sleep_the_question_is_asked_again(void **state)
{
    (void)state;
    assert_int_equal(heartbeat_step(TIMEOUT_MS + HEARTBEAT_SLACK_MS + 1, 0, TIMEOUT_MS), HEARTBEAT_ASK);
    assert_int_equal(heartbeat_step(8 * 3600 * INT64_C(1000), 5, TIMEOUT_MS), HEARTBEAT_ASK);
}

struct listener {
    struct loop *loop;
    unsigned asked;
    unsigned due;
};

static void on_ask(void *owner)
{
    struct listener *listener = owner;
    listener->asked++;
}

static void on_due(void *owner)
{
    struct listener *listener = owner;
    assert_true(++listener->due <= listener->asked);
    if (listener->due == 3)
        loop_stop(listener->loop);
}

static void questions_and_deadlines_take_turns(void **state)
{
    (void)state;
    static const struct heartbeat_events EVENTS = {.on_ask = on_ask, .on_due = on_due};
    struct listener listener = {.loop = loop_new()};
    struct heartbeat *heartbeat =
        heartbeat_new(listener.loop, (struct heartbeat_times){.interval_ms = 1, .timeout_ms = 1}, &EVENTS, &listener);
    loop_run(listener.loop);
    assert_true(listener.asked >= 3); /* a slow machine may ask again */
    heartbeat_destroy(&heartbeat);
    loop_destroy(&listener.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_question_one_is_asked),
        cmocka_unit_test(an_answer_that_is_due_is_judged),
        cmocka_unit_test(after_a_sleep_the_question_is_asked_again),
        cmocka_unit_test(questions_and_deadlines_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
