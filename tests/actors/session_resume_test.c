/* The session-manager: resume: of a parked session, of one that looks alive, and what crosses it (protocol sections 3
 * and 7). */
#include "session_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "samples.h"

enum { PING_MS = 20000, PONG_TIMEOUT_MS = 60000, GRACE_MS = 60000 };

static double metric_of(struct stage *stage, enum metric metric, const char *labels)
{
    stage_say(stage, MESSAGE_OF(report_metrics, .ref = 5));
    return sample_value(stage_hear(stage, MESSAGE_metrics_reported)->metrics_reported.samples, metric, labels);
}

/* ---- resume of a parked session ---------------------------------------------------------------------------------- */

static void resume_gives_the_bindings_back_with_ids_and_ports(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = resume_one(stage, 1);
    struct message_buffer rows = {0};
    assert_true(message_pack(MESSAGE_OF(binding_row, .binding = {7}, .session = session, .kind = BIND_KIND_HTTP,
                                        .mode = BIND_MODE_EXPOSE, .port = 3000),
                             &rows));
    assert_true(message_pack(MESSAGE_OF(binding_row, .binding = {9}, .session = session, .kind = BIND_KIND_TCP,
                                        .mode = BIND_MODE_PULL, .port = 5432),
                             &rows));
    stage_say(stage, MESSAGE_OF(session_resumed, .session = session, .connection = {2},
                                .bindings = message_buffer_span(&rows)));
    message_buffer_done(&rows);
    struct hello_ok ok = hear_opened(stage, 2);
    assert_true(ok.resumed);
    assert_string_equal(ok.session.text, session.text);
    assert_int_equal(ok.resumed_bind_count, 2);
    assert_int_equal(ok.resumed_binds[0].bind, 7);
    assert_false(ok.resumed_binds[0].is_pull);
    assert_int_equal(ok.resumed_binds[0].container_port, 3000);
    assert_int_equal(ok.resumed_binds[1].bind, 9);
    assert_true(ok.resumed_binds[1].is_pull);
    assert_int_equal(ok.resumed_binds[1].container_port, 5432);
    hello_ok_done(&ok);
    stage_silent(stage);
}

static void a_resumed_session_is_as_alive_as_any(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = resume_one(stage, 1);
    say_resumed(stage, session, 2, 1);
    hear_resumed(stage, session, 2);
    stage_say(stage, MESSAGE_OF(bind, .connection = {2}, .port = 8000));
    assert_int_equal(stage_hear(stage, MESSAGE_claim_port)->claim_port.connection.value, 2);
    stage_advance(stage, PING_MS);
    assert_int_equal(stage_hear(stage, MESSAGE_probe_connection)->probe_connection.connection.value, 2);
    stage_advance(stage, 2 * GRACE_MS); /* its grace is over, and concerns nobody */
    while (stage_next_at(stage, ACTOR_ws_gateway, 0) != NULL)
        ;
    stage_silent(stage);
    say_connection_lost(stage, 2); /* and it can be lost again */
    hear_park_session(stage, session);
    stage_silent(stage);
}

static void a_resume_may_change_v1_to_v2_and_back(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = park_one(stage, 1);
    for (uint64_t connection = 2; connection <= 3; connection++) {
        uint32_t subprotocol = connection == 2 ? 2 : 1;
        say_hello_again(stage, connection, subprotocol, session.text);
        hear_resume_session(stage, session, connection);
        say_resumed(stage, session, connection, 1);
        struct hello_ok ok = hear_opened(stage, connection);
        assert_true(ok.resumed);
        assert_int_equal(ok.subprotocol, subprotocol);
        hello_ok_done(&ok);
        stage_say(stage, MESSAGE_OF(list_sessions, .ref = 1));
        struct span rows = stage_hear(stage, MESSAGE_sessions_listed)->sessions_listed.sessions;
        struct message row;
        assert_true(message_rows_next(&rows, &row));
        assert_int_equal(row.session_row.subprotocol, subprotocol);
        message_done(&row);
        say_connection_lost(stage, connection);
        hear_park_session(stage, session);
    }
}

static void a_resume_is_let_in_whatever_max_sessions_says(void **state)
{
    struct play *play = *state;
    play->options.max_sessions = 1;
    struct stage *stage = play_raise(state);
    struct session_id session = park_one(stage, 1);
    open_one(stage, 2);
    say_hello(stage, 3, 1, HELLO_V1);
    hear_session_refused(stage, 3, 14, "tunnel session limit reached", 1013);
    say_hello_again(stage, 4, 1, session.text);
    hear_resume_session(stage, session, 4);
    say_resumed(stage, session, 4, 1);
    hear_resumed(stage, session, 4);
    assert_int_equal(count_listed(stage), 2);
    say_hello_again(stage, 5, 1, "S-00000000-0000-4000-8000-000000000000"); /* unknown: a fresh one, which is not */
    hear_session_refused(stage, 5, 14, "tunnel session limit reached", 1013);
    stage_silent(stage);
}

static void while_the_registry_is_asked_another_resume_is_told_to_come_later(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = resume_one(stage, 1);
    say_hello_again(stage, 3, 1, session.text);
    const struct message_session_refused *refused = &stage_hear(stage, MESSAGE_session_refused)->session_refused;
    assert_int_equal(refused->connection.value, 3);
    assert_false(refused->sends_goaway);
    assert_int_equal(refused->close_code, 1013);
    stage_silent(stage);
    say_resumed(stage, session, 2, 1);
    hear_resumed(stage, session, 2);
    say_connection_closed(stage, 3);
    stage_silent(stage);
    assert_true(metric_of(stage, METRIC_sessions_refused_total, "reason=\"resume_in_progress\"") == 1);
}

static void a_resumed_session_whose_last_binding_was_just_taken_still_resumes(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = resume_one(stage, 1);
    say_session_released(stage, session); /* it crossed resume_session */
    stage_silent(stage);
    say_resumed(stage, session, 2, 0);
    hear_resumed(stage, session, 2);
    stage_silent(stage);
}

/* ---- resume of a session that looks alive ------------------------------------------------------------------------ */

static void hear_old_ended(struct stage *stage, uint64_t connection)
{
    hear_end_session(stage,
                     &(const struct message_end_session){.connection = {connection},
                                                         .goaway_code = 4,
                                                         .goaway_message = "session resumed on another connection",
                                                         .close_code = 1000});
}

static void the_new_connection_wins_at_once(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_bound(stage, 1);
    say_hello_again(stage, 2, 1, session.text);
    hear_old_ended(stage, 1);
    hear_resume_session(stage, session, 2);
    stage_silent(stage);
    say_resumed(stage, session, 2, 1); /* the old one has not said goodbye, and never will */
    hear_resumed(stage, session, 2);
    stage_silent(stage);
    assert_int_equal(count_listed(stage), 1);
}

static void the_old_connection_is_nobodys_from_then_on(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_bound(stage, 1);
    say_hello_again(stage, 2, 1, session.text);
    hear_old_ended(stage, 1);
    hear_resume_session(stage, session, 2);
    say_resumed(stage, session, 2, 1);
    hear_resumed(stage, session, 2);
    stage_say(stage, MESSAGE_OF(bind, .connection = {1}, .port = 8000));
    stage_say(stage, MESSAGE_OF(unbind, .connection = {1}, .binding = {1}));
    stage_say(stage, MESSAGE_OF(connection_probed, .connection = {1}, .silence_ms = 10 * PONG_TIMEOUT_MS));
    stage_say(stage, MESSAGE_OF(connection_closed, .connection = {1}, .close_code = 1006));
    stage_say(stage, MESSAGE_OF(connection_closed, .connection = {1}, .close_code = 1000, .kit_ended = true));
    stage_silent(stage);
    assert_int_equal(count_listed(stage), 1);
    stage_say(stage, MESSAGE_OF(unbind, .connection = {2}, .binding = {1}));
    stage_hear(stage, MESSAGE_release_port);
}

static void resumes_can_follow_each_other(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_bound(stage, 1);
    for (uint64_t connection = 2; connection < 10; connection++) {
        say_hello_again(stage, connection, 1, session.text);
        hear_old_ended(stage, connection - 1);
        hear_resume_session(stage, session, connection);
        say_resumed(stage, session, connection, 1);
        hear_resumed(stage, session, connection);
    }
    stage_silent(stage);
}

/* ---- the new connection dies while it resumes ---------------------------------------------------------------------
 */

static void a_connection_that_dies_while_resuming_parks_again(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = resume_one(stage, 1);
    stage_advance(stage, GRACE_MS / 2);
    say_connection_lost(stage, 2);
    hear_park_session(stage, session);
    say_resumed(stage, session, 2, 1); /* crossed it: nobody is there to be let in */
    say_counted(stage, session, 1);
    stage_silent(stage);
    assert_int_equal(count_orphaned(stage), 1);
    stage_advance(stage, GRACE_MS - 1); /* the grace is a new one */
    stage_silent(stage);
    say_hello_again(stage, 3, 1, session.text);
    hear_resume_session(stage, session, 3);
    say_resumed(stage, session, 3, 1);
    hear_resumed(stage, session, 3);
    stage_silent(stage);
}

static void an_answer_to_a_dead_connection_lets_nobody_in(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = resume_one(stage, 1);
    say_connection_lost(stage, 2);
    hear_park_session(stage, session);
    say_hello_again(stage, 3, 1, session.text);
    hear_resume_session(stage, session, 3);
    say_resumed(stage, session, 2, 1); /* of the first try */
    stage_silent(stage);
    say_resumed(stage, session, 3, 1);
    hear_resumed(stage, session, 3);
    stage_silent(stage);
}

static void without_grace_a_connection_that_dies_while_resuming_releases(void **state)
{
    struct play *play = *state;
    play->options.takeover_grace = 0;
    struct stage *stage = play_raise(state);
    struct session_id session = open_bound(stage, 1);
    say_hello_again(stage, 2, 1, session.text);
    hear_old_ended(stage, 1);
    hear_resume_session(stage, session, 2);
    say_connection_lost(stage, 2);
    hear_release_session(stage, session, false);
    say_resumed(stage, session, 2, 1);
    stage_silent(stage);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, play_setup, play_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(resume_gives_the_bindings_back_with_ids_and_ports),
        TEST(a_resumed_session_is_as_alive_as_any),
        TEST(a_resume_may_change_v1_to_v2_and_back),
        TEST(a_resume_is_let_in_whatever_max_sessions_says),
        TEST(while_the_registry_is_asked_another_resume_is_told_to_come_later),
        TEST(a_resumed_session_whose_last_binding_was_just_taken_still_resumes),
        TEST(the_new_connection_wins_at_once),
        TEST(the_old_connection_is_nobodys_from_then_on),
        TEST(resumes_can_follow_each_other),
        TEST(a_connection_that_dies_while_resuming_parks_again),
        TEST(an_answer_to_a_dead_connection_lets_nobody_in),
        TEST(without_grace_a_connection_that_dies_while_resuming_releases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
