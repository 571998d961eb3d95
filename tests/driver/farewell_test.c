/* What the daemon's goodbyes mean for the next try (protocol sections 3 and 7; driver/farewell.h). */
#include "farewell.h"

#include "tunnel_frame.h"
#include "websocket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum phase { GREETING, RESUMING, LIVE };

static enum session_end meaning(enum phase phase, int code, uint16_t close_code)
{
    const struct farewell farewell = {
        .was_live = phase == LIVE,
        .was_resuming = phase == RESUMING,
        .has_goaway = code >= 0,
        .goaway_code = code >= 0 ? (uint32_t)code : 0,
        .close_code = close_code,
    };
    return farewell_meaning(&farewell);
}

static void a_kit_that_shuts_down_will_be_back(void **state)
{
    (void)state;
    for (int phase = GREETING; phase <= LIVE; phase++)
        assert_int_equal(meaning((enum phase)phase, CODE_NO_ERROR, 1001), SESSION_FAILED);
}

static void a_session_whose_grace_is_over_is_opened_anew(void **state)
{
    (void)state;
    assert_int_equal(meaning(RESUMING, CODE_STREAM_CLOSED, 1008), SESSION_EXPIRED);
    assert_int_equal(meaning(RESUMING, CODE_STREAM_CLOSED, WEBSOCKET_CLOSE_ABNORMAL), SESSION_EXPIRED);
    assert_int_equal(meaning(RESUMING, -1, 1008), SESSION_EXPIRED);
    assert_int_equal(meaning(GREETING, CODE_STREAM_CLOSED, 1008), SESSION_FAILED);
}

static void a_session_that_others_resumed_is_not_stolen_back(void **state)
{
    (void)state;
    assert_int_equal(meaning(LIVE, CODE_STREAM_CLOSED, 1000), SESSION_FORBIDDEN);
    assert_int_equal(meaning(LIVE, CODE_STREAM_CLOSED, WEBSOCKET_CLOSE_ABNORMAL), SESSION_FORBIDDEN);
}

static void an_admin_who_closes_means_it(void **state)
{
    (void)state;
    assert_int_equal(meaning(LIVE, CODE_PROTOCOL_ERROR, 1000), SESSION_FORBIDDEN);
    assert_int_equal(meaning(LIVE, CODE_PROTOCOL_ERROR, 1002), SESSION_FAILED);
}

static void who_is_not_let_in_does_not_knock_again(void **state)
{
    (void)state;
    for (int phase = GREETING; phase <= LIVE; phase++) {
        assert_int_equal(meaning((enum phase)phase, CODE_AUTH_ERROR, 3000), SESSION_FORBIDDEN);
        assert_int_equal(meaning((enum phase)phase, -1, 3000), SESSION_FORBIDDEN);
        assert_int_equal(meaning((enum phase)phase, CODE_VERSION_MISMATCH, 1002), SESSION_FORBIDDEN);
    }
    assert_int_equal(meaning(GREETING, CODE_PROTOCOL_ERROR, 1002), SESSION_FORBIDDEN);
}

static void a_kit_that_is_full_is_asked_later(void **state)
{
    (void)state;
    assert_int_equal(meaning(GREETING, CODE_RESOURCE_EXHAUSTED, 1013), SESSION_FAILED);
    assert_int_equal(meaning(RESUMING, -1, 1013), SESSION_FAILED);
    assert_int_equal(meaning(GREETING, -1, WEBSOCKET_CLOSE_NO_CODE), SESSION_FAILED);
}

static void silence_is_a_loss(void **state)
{
    (void)state;
    for (int phase = GREETING; phase <= LIVE; phase++)
        assert_int_equal(meaning((enum phase)phase, -1, WEBSOCKET_CLOSE_ABNORMAL), SESSION_LOST);
    assert_int_equal(meaning(LIVE, CODE_IDLE_TIMEOUT, 1001), SESSION_FAILED);
}

static void codes_of_the_future_are_tried_again(void **state)
{
    (void)state;
    assert_int_equal(meaning(LIVE, 4711, 1000), SESSION_FAILED);
    assert_int_equal(meaning(LIVE, -1, 4711), SESSION_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kit_that_shuts_down_will_be_back),
        cmocka_unit_test(a_session_whose_grace_is_over_is_opened_anew),
        cmocka_unit_test(a_session_that_others_resumed_is_not_stolen_back),
        cmocka_unit_test(an_admin_who_closes_means_it),
        cmocka_unit_test(who_is_not_let_in_does_not_knock_again),
        cmocka_unit_test(a_kit_that_is_full_is_asked_later),
        cmocka_unit_test(silence_is_a_loss),
        cmocka_unit_test(codes_of_the_future_are_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
