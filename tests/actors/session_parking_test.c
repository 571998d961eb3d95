/* The session-manager: parking: what parks and what is released, what others see of it, and how it ends (protocol
 * section 7). How it is resumed: session_resume_test.c. */
#include "session_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "samples.h"
#include "session_manager/expired_sessions.h"

enum { PING_MS = 20000, PONG_TIMEOUT_MS = 60000, GRACE_MS = 60000 };

static double metric_of(struct stage *stage, enum metric metric, const char *labels)
{
    stage_say(stage, MESSAGE_OF(report_metrics, .ref = 5));
    return sample_value(stage_hear(stage, MESSAGE_metrics_reported)->metrics_reported.samples, metric, labels);
}

/* ---- what parks, what is released -------------------------------------------------------------------------------- */

static void a_connection_that_ends_without_1000_parks(void **state)
{
    struct stage *stage = play_raise(state);
    const uint32_t codes[] = {1006, 1001, 1002, 1011, 3000, 4999, 999};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct session_id session = open_bound(stage, 1 + i);
        stage_say(stage, MESSAGE_OF(connection_closed, .connection = {1 + i}, .close_code = codes[i]));
        hear_park_session(stage, session);
        stage_silent(stage);
    }
}

static void a_clean_close_releases(void **state)
{
    struct stage *stage = play_raise(state);
    const uint32_t codes[] = {1000, 1005}; /* 1005: a close frame without code */
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct session_id session = open_bound(stage, 1 + i);
        stage_say(stage, MESSAGE_OF(connection_closed, .connection = {1 + i}, .close_code = codes[i]));
        hear_release_session(stage, session, false);
        stage_silent(stage);
    }
}

static void a_drivers_goaway_releases_whatever_its_close_code(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_bound(stage, 1);
    stage_say(stage, MESSAGE_OF(connection_closed, .connection = {1}, .close_code = 1006, .driver_goaway = true));
    hear_release_session(stage, session, false);
    stage_silent(stage);
}

static void a_drivers_error_releases(void **state)
{
    struct stage *stage = play_raise(state);
    const uint32_t codes[] = {1002, 1007, 1009};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct session_id session = open_bound(stage, 1 + i);
        stage_say(stage,
                  MESSAGE_OF(connection_closed, .connection = {1 + i}, .close_code = codes[i], .kit_ended = true));
        hear_release_session(stage, session, false);
        stage_silent(stage);
    }
}

static void what_the_kit_ends_for_its_own_want_parks(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_bound(stage, 1);
    stage_say(stage, MESSAGE_OF(connection_closed, .connection = {1}, .close_code = 1013, .kit_ended = true));
    hear_park_session(stage, session);
    stage_silent(stage);
}

/* Probed, and silent for too long. */
static void time_out(struct stage *stage, uint64_t connection)
{
    stage_advance(stage, PING_MS);
    stage_hear(stage, MESSAGE_probe_connection);
    stage_say(stage, MESSAGE_OF(connection_probed, .connection = {connection}, .silence_ms = PONG_TIMEOUT_MS + 1));
    hear_end_session(stage, &(const struct message_end_session){.connection = {connection},
                                                                .goaway_code = 10,
                                                                .goaway_message = "pong timeout",
                                                                .close_code = 1001});
}

static void a_pong_timeout_parks_and_waits_for_no_goodbye(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_bound(stage, 1);
    time_out(stage, 1);
    hear_park_session(stage, session);
    say_counted(stage, session, 1);
    assert_int_equal(count_orphaned(stage), 1);
    stage_say(stage, MESSAGE_OF(connection_closed, .connection = {1}, .close_code = 1001, .kit_ended = true));
    stage_silent(stage); /* about nothing */
    assert_int_equal(count_orphaned(stage), 1);
    say_hello_again(stage, 2, 1, session.text);
    hear_resume_session(stage, session, 2);
}

static void without_grace_ports_are_released_at_once(void **state)
{
    struct play *play = *state;
    play->options.takeover_grace = 0;
    struct stage *stage = play_raise(state);
    struct session_id dropped = open_bound(stage, 1), silent = open_bound(stage, 2);
    say_connection_lost(stage, 1);
    hear_release_session(stage, dropped, false);
    time_out(stage, 2);
    hear_release_session(stage, silent, false);
    assert_int_equal(count_listed(stage), 0);
    assert_int_equal(count_orphaned(stage), 0);
    say_hello_again(stage, 3, 1, dropped.text);
    hear_fresh(stage, dropped, 3);
    stage_silent(stage);
}

static void a_session_without_bindings_is_never_parked(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_connection_lost(stage, 1);
    hear_park_session(stage, session); /* the registry knows better: a bind may be on its way */
    assert_int_equal(count_orphaned(stage), 0);
    say_session_released(stage, session);
    say_hello_again(stage, 2, 1, session.text);
    hear_fresh(stage, session, 2);
    stage_silent(stage);
    assert_true(metric_of(stage, METRIC_sessions_parked_total, "") == 0);
}

static void a_bind_in_flight_is_parked_when_it_is_bound(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    stage_say(stage, MESSAGE_OF(bind, .connection = {1}, .port = 8000));
    stage_hear(stage, MESSAGE_claim_port);
    say_connection_lost(stage, 1);
    hear_park_session(stage, session);
    say_counted(stage, session, 0); /* said before park_session was heard */
    assert_int_equal(count_orphaned(stage), 0);
    say_counted(stage, session, 1);
    assert_int_equal(count_orphaned(stage), 1);
    stage_silent(stage);
}

static void a_parked_session_that_loses_its_last_binding_ends(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = park_one(stage, 1);
    say_counted(stage, session, 0); /* taken over */
    say_session_released(stage, session);
    assert_int_equal(count_orphaned(stage), 0);
    stage_advance(stage, 2 * GRACE_MS);
    stage_silent(stage);
    say_hello_again(stage, 2, 1, session.text);
    hear_fresh(stage, session, 2);
    stage_silent(stage);
}

/* ---- what others see --------------------------------------------------------------------------------------------- */

static void parked_sessions_are_in_no_list_but_counted(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id parked = park_one(stage, 1);
    open_one(stage, 2);
    assert_int_equal(count_listed(stage), 1);
    assert_int_equal(count_orphaned(stage), 1);
    assert_true(metric_of(stage, METRIC_sessions_active, "") == 1);
    assert_true(metric_of(stage, METRIC_sessions_orphaned, "") == 1);
    assert_true(metric_of(stage, METRIC_sessions_parked_total, "") == 1);
    assert_true(metric_of(stage, METRIC_sessions_resumed_total, "") == 0);
    say_hello_again(stage, 3, 1, parked.text);
    hear_resume_session(stage, parked, 3);
    say_resumed(stage, parked, 3, 1);
    hear_resumed(stage, parked, 3);
    assert_int_equal(count_listed(stage), 2);
    assert_int_equal(count_orphaned(stage), 0);
    assert_true(metric_of(stage, METRIC_sessions_orphaned, "") == 0);
    assert_true(metric_of(stage, METRIC_sessions_opened_total, "") == 2);
    assert_true(metric_of(stage, METRIC_sessions_resumed_total, "") == 1);
    stage_silent(stage);
}

static void a_parked_session_is_neither_probed_nor_idle(void **state)
{
    struct play *play = *state;
    play->options.takeover_grace = 3600 * 1000;
    struct stage *stage = play_raise(state);
    park_one(stage, 1);
    stage_advance(stage, 1800 * 1000);
    stage_silent(stage);
}

/* ---- the grace runs out -------------------------------------------------------------------------------------------
 */

static void when_the_grace_runs_out_ports_are_released(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = park_one(stage, 1);
    stage_advance(stage, GRACE_MS - 1);
    stage_silent(stage);
    stage_advance(stage, 1);
    hear_release_session(stage, session, false);
    assert_int_equal(count_orphaned(stage), 0);
    say_session_released(stage, session);
    stage_silent(stage);
    assert_true(metric_of(stage, METRIC_sessions_expired_total, "reason=\"grace\"") == 1);
    assert_true(metric_of(stage, METRIC_sessions_expired_total, "reason=\"limit\"") == 0);
}

static void each_session_has_its_own_grace(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id first = open_bound(stage, 1), second = open_bound(stage, 2);
    say_connection_lost(stage, 2);
    hear_park_session(stage, second);
    stage_advance(stage, 1000);
    say_connection_lost(stage, 1);
    hear_park_session(stage, first);
    say_counted(stage, first, 1); /* the answers come the other way round */
    say_counted(stage, second, 1);
    stage_advance(stage, GRACE_MS - 1000);
    hear_release_session(stage, second, false);
    stage_silent(stage);
    stage_advance(stage, 1000);
    hear_release_session(stage, first, false);
    stage_silent(stage);
}

static void resume_of_an_expired_session_is_told_so(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = park_one(stage, 1);
    stage_advance(stage, GRACE_MS);
    hear_release_session(stage, session, false);
    for (uint64_t connection = 2; connection < 4; connection++) {
        say_hello_again(stage, connection, 1, session.text);
        hear_session_refused(stage, connection, 4, "resume grace expired", 1008);
    }
    say_hello(stage, 4, 1, HELLO_V1); /* without resume */
    hear_fresh(stage, session, 4);
    stage_silent(stage);
    assert_true(metric_of(stage, METRIC_sessions_refused_total, "reason=\"resume_expired\"") == 2);
}

static void an_expired_id_is_remembered_for_ten_minutes(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = park_one(stage, 1);
    stage_advance(stage, GRACE_MS);
    hear_release_session(stage, session, false);
    stage_advance(stage, 10 * 60 * 1000 - 1);
    say_hello_again(stage, 2, 1, session.text);
    hear_session_refused(stage, 2, 4, "resume grace expired", 1008);
    stage_advance(stage, 1);
    say_hello_again(stage, 3, 1, session.text);
    hear_fresh(stage, session, 3);
    stage_silent(stage);
}

static void of_expired_ids_the_last_4096_are_remembered(void **state)
{
    (void)state;
    struct expired_sessions *expired = calloc(1, sizeof *expired);
    assert_non_null(expired);
    struct session_id id;
    for (unsigned i = 0; i <= EXPIRED_SESSIONS_MAX; i++) {
        snprintf(id.text, sizeof id.text, "S-00000000-0000-4000-8000-%012x", i);
        expired_sessions_add(expired, &id, 1000 + i);
    }
    assert_false(expired_sessions_has(expired, "S-00000000-0000-4000-8000-000000000000", 6000));
    assert_true(expired_sessions_has(expired, "S-00000000-0000-4000-8000-000000000001", 6000));
    assert_true(expired_sessions_has(expired, "S-00000000-0000-4000-8000-000000001000", 6000));
    assert_false(expired_sessions_has(expired, "S-00000000-0000-4000-8000-000000001001", 6000));
    assert_false(expired_sessions_has(expired, "", 6000));
    free(expired);
    expired = calloc(1, sizeof *expired);
    assert_non_null(expired);
    assert_false(expired_sessions_has(expired, "", 0)); /* an empty place is nobody's id */
    free(expired);
}

static void expiry_at_the_moment_of_a_resume_goes_one_way_or_the_other(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id early = park_one(stage, 1);
    stage_advance(stage, GRACE_MS - 1);
    say_hello_again(stage, 2, 1, early.text);
    hear_resume_session(stage, early, 2);
    stage_advance(stage, 1000); /* the registry takes its time: the grace no longer runs */
    stage_silent(stage);
    say_resumed(stage, early, 2, 1);
    hear_resumed(stage, early, 2);
    stage_silent(stage);
}

/* ---- how many may be parked ---------------------------------------------------------------------------------------
 */

static void beyond_max_sessions_parked_the_longest_parked_is_released(void **state)
{
    struct play *play = *state;
    play->options.max_sessions = 2;
    struct stage *stage = play_raise(state);
    struct session_id first = park_one(stage, 1), second = park_one(stage, 2);
    struct session_id third = open_bound(stage, 3);
    say_connection_lost(stage, 3);
    hear_park_session(stage, third);
    stage_silent(stage); /* perhaps there is nothing to park */
    say_counted(stage, third, 1);
    hear_release_session(stage, first, false);
    stage_silent(stage);
    assert_int_equal(count_orphaned(stage), 2);
    assert_true(metric_of(stage, METRIC_sessions_expired_total, "reason=\"limit\"") == 1);
    say_hello_again(stage, 4, 1, first.text); /* its grace did not run out: it is only unknown */
    hear_fresh(stage, first, 4);
    say_hello_again(stage, 5, 1, second.text);
    hear_resume_session(stage, second, 5);
    stage_silent(stage);
}

static void parked_sessions_do_not_count_against_max_sessions(void **state)
{
    struct play *play = *state;
    play->options.max_sessions = 1;
    struct stage *stage = play_raise(state);
    park_one(stage, 1);
    open_one(stage, 2);
    stage_silent(stage);
}

/* ---- the admin kills ------------------------------------------------------------------------------------------------
 */

static void a_parked_session_is_killed_at_once(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = park_one(stage, 1);
    say_close_session(stage, session.text, 77, 5000);
    hear_release_session(stage, session, false);
    assert_int_equal(count_orphaned(stage), 0);
    stage_silent(stage); /* the answer says that the ports are free */
    say_close_session(stage, session.text, 78, 5000);
    hear_session_closing(stage, 78, false);
    say_session_released(stage, session);
    hear_session_closing(stage, 77, true);
    stage_silent(stage);
    stage_advance(stage, GRACE_MS);
    stage_silent(stage);
    say_hello_again(stage, 2, 1, session.text); /* killed is not expired */
    hear_fresh(stage, session, 2);
}

static void a_resume_of_a_parked_session_that_is_being_killed_is_a_fresh_one(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = park_one(stage, 1);
    say_close_session(stage, session.text, 77, 0);
    hear_release_session(stage, session, false);
    say_hello_again(stage, 2, 1, session.text);
    hear_fresh(stage, session, 2);
    say_session_released(stage, session);
    hear_session_closing(stage, 77, true);
    stage_silent(stage);
}

static void a_kill_while_resuming_sends_the_new_connection_away(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = resume_one(stage, 1);
    say_close_session(stage, session.text, 77, 50);
    hear_session_refused(stage, 2, 1, "closed by admin", 1000);
    hear_release_session(stage, session, false);
    assert_int_equal(count_listed(stage), 0);
    say_resumed(stage, session, 2, 1); /* crossed release_session */
    stage_silent(stage);
    say_connection_lost(stage, 2); /* crossed session_refused */
    stage_silent(stage);
    say_session_released(stage, session);
    hear_session_closing(stage, 77, true);
    stage_silent(stage);
    assert_true(metric_of(stage, METRIC_sessions_refused_total, "reason=\"killed\"") == 1);
}

static void a_session_of_which_it_is_not_known_yet_can_be_killed(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_bound(stage, 1);
    say_connection_lost(stage, 1);
    hear_park_session(stage, session);
    say_close_session(stage, session.text, 77, 50);
    hear_release_session(stage, session, false);
    say_counted(stage, session, 1); /* to park_session */
    stage_silent(stage);
    say_session_released(stage, session);
    hear_session_closing(stage, 77, true);
    stage_silent(stage);
}

/* ---- the daemon drains
 * ----------------------------------------------------------------------------------------------- */

static void a_drain_releases_parked_sessions_at_once(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id parked = park_one(stage, 1), parking = open_bound(stage, 2);
    say_connection_lost(stage, 2);
    hear_park_session(stage, parking);
    stage_say(stage, MESSAGE_OF(drain, .timeout_ms = 10000));
    stage_hear(stage, MESSAGE_stop_accepting);
    hear_release_session(stage, parked, false);
    hear_release_session(stage, parking, false);
    assert_int_equal(stage_hear(stage, MESSAGE_drained)->drained.sessions_closed, 0);
    say_counted(stage, parking, 1);
    say_session_released(stage, parked);
    say_session_released(stage, parking);
    stage_silent(stage);
    say_hello_again(stage, 3, 1, parked.text);
    hear_session_refused(stage, 3, 0, "kit is shutting down", 1001);
}

static void a_drain_sends_those_away_who_are_resuming(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = resume_one(stage, 1);
    stage_say(stage, MESSAGE_OF(drain, .timeout_ms = 10000));
    stage_hear(stage, MESSAGE_stop_accepting);
    hear_session_refused(stage, 2, 0, "kit is shutting down", 1001);
    hear_release_session(stage, session, false);
    stage_hear(stage, MESSAGE_drained);
    say_resumed(stage, session, 2, 1);
    stage_silent(stage);
}

static void nothing_parks_while_it_drains(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_bound(stage, 1);
    stage_say(stage, MESSAGE_OF(drain, .timeout_ms = 10000));
    stage_hear(stage, MESSAGE_stop_accepting);
    stage_hear(stage, MESSAGE_end_session);
    say_connection_lost(stage, 1);
    hear_release_session(stage, session, false);
    stage_hear(stage, MESSAGE_drained);
    stage_silent(stage);
}

static void nothing_is_kept_when_it_ends_in_the_middle(void **state)
{
    struct stage *stage = play_raise(state);
    resume_one(stage, 1);
    park_one(stage, 3);
    struct session_id parking = open_bound(stage, 4);
    say_connection_lost(stage, 4);
    hear_park_session(stage, parking); /* and the teardown's leak check looks */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, play_setup, play_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_that_ends_without_1000_parks),
        TEST(a_clean_close_releases),
        TEST(a_drivers_goaway_releases_whatever_its_close_code),
        TEST(a_drivers_error_releases),
        TEST(what_the_kit_ends_for_its_own_want_parks),
        TEST(a_pong_timeout_parks_and_waits_for_no_goodbye),
        TEST(without_grace_ports_are_released_at_once),
        TEST(a_session_without_bindings_is_never_parked),
        TEST(a_bind_in_flight_is_parked_when_it_is_bound),
        TEST(a_parked_session_that_loses_its_last_binding_ends),
        TEST(parked_sessions_are_in_no_list_but_counted),
        TEST(a_parked_session_is_neither_probed_nor_idle),
        TEST(when_the_grace_runs_out_ports_are_released),
        TEST(each_session_has_its_own_grace),
        TEST(resume_of_an_expired_session_is_told_so),
        TEST(an_expired_id_is_remembered_for_ten_minutes),
        TEST(of_expired_ids_the_last_4096_are_remembered),
        TEST(expiry_at_the_moment_of_a_resume_goes_one_way_or_the_other),
        TEST(beyond_max_sessions_parked_the_longest_parked_is_released),
        TEST(parked_sessions_do_not_count_against_max_sessions),
        TEST(a_parked_session_is_killed_at_once),
        TEST(a_resume_of_a_parked_session_that_is_being_killed_is_a_fresh_one),
        TEST(a_kill_while_resuming_sends_the_new_connection_away),
        TEST(a_session_of_which_it_is_not_known_yet_can_be_killed),
        TEST(a_drain_releases_parked_sessions_at_once),
        TEST(a_drain_sends_those_away_who_are_resuming),
        TEST(nothing_parks_while_it_drains),
        TEST(nothing_is_kept_when_it_ends_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
