/* The session-manager: handshakes, binds, lists (protocol sections 3, 4, 8). How sessions end: session_end_test.c. */
#include "session_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "samples.h"
#include "session_payloads.h"

/* ---- HELLO ----------------------------------------------------------------------------------------------------- */

/* The answer to this HELLO, decoded; to be given to hello_ok_done. */
static struct hello_ok open_and_decode(struct stage *stage, uint32_t subprotocol, const char *hello)
{
    say_hello(stage, 7, subprotocol, hello);
    const struct message_session_opened *opened = &stage_hear(stage, MESSAGE_session_opened)->session_opened;
    assert_int_equal(opened->connection.value, 7);
    struct hello_ok ok;
    const char *why;
    assert_int_equal(hello_ok_decode(opened->hello_ok, &ok, &why), PAYLOAD_OK);
    assert_string_equal(ok.session.text, opened->session.text);
    assert_int_equal(ok.stream_window, opened->stream_window);
    assert_int_equal(ok.session_window, opened->session_window);
    assert_int_equal(ok.max_streams, opened->max_streams);
    stage_silent(stage);
    return ok;
}

static void a_hello_opens_a_session_with_the_configured_windows(void **state)
{
    struct play *play = *state;
    play->options.stream_window = 2 * 65536;
    play->options.session_window = 3 * 65536;
    play->options.max_streams = 17;
    struct hello_ok ok = open_and_decode(play_raise(state), 1, HELLO_V1);
    assert_int_equal(ok.stream_window, 2 * 65536);
    assert_int_equal(ok.session_window, 3 * 65536);
    assert_int_equal(ok.max_streams, 17);
    assert_false(ok.resumed);
    assert_int_equal(ok.resumed_bind_count, 0);
    assert_int_equal(ok.subprotocol, SUBPROTOCOL_V1);
    hello_ok_done(&ok);
}

static void the_hellos_of_official_drivers_are_let_in(void **state)
{
    struct stage *stage = play_raise(state);
    struct hello_ok old = open_and_decode(stage, 1,
                                          "{\"version\":\"hoody-tunnel.v1\",\"capabilities\":[],"
                                          "\"auth\":{\"kind\":\"bearer\",\"token\":\"t\"},\"x\":\"\\u0000\"}");
    hello_ok_done(&old);
}

static void resume_of_an_unknown_session_opens_a_fresh_one(void **state)
{
    struct hello_ok ok = open_and_decode(
        play_raise(state), 1,
        "{\"version\":\"hoody-tunnel.v1\",\"resume\":{\"sessionId\":\"S-00000000-0000-4000-8000-000000000000\"}}");
    assert_false(ok.resumed);
    assert_string_not_equal(ok.session.text, "S-00000000-0000-4000-8000-000000000000");
    hello_ok_done(&ok);
}

static void every_session_has_an_id_of_its_own(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id first = open_one(stage, 1), second = open_one(stage, 2);
    assert_string_not_equal(first.text, second.text);
}

static void a_hello_that_cannot_be_read_is_refused(void **state)
{
    struct stage *stage = play_raise(state);
    const char *const hellos[] = {"",
                                  "{",
                                  "[]",
                                  "{}",
                                  "{\"version\":1}",
                                  "{\"version\":\"hoody-tunnel.v3\"}",
                                  "{\"version\":\"hoody-tunnel.v1\",\"version\":\"hoody-tunnel.v1\"}"};
    for (size_t i = 0; i < sizeof hellos / sizeof *hellos; i++) {
        say_hello(stage, 7, 1, hellos[i]);
        hear_session_refused(stage, 7, 1, NULL, 1002);
    }
    stage_silent(stage);
    assert_int_equal(count_listed(stage), 0);
}

static void the_version_must_be_the_negotiated_subprotocol(void **state)
{
    struct stage *stage = play_raise(state);
    say_hello(stage, 7, 2, HELLO_V1);
    hear_session_refused(stage, 7, 1, "version is not the negotiated subprotocol", 1002);
    say_hello(stage, 8, 1, HELLO_V2);
    hear_session_refused(stage, 8, 1, "version is not the negotiated subprotocol", 1002);
    stage_silent(stage);
}

static void no_more_sessions_than_max_sessions_are_let_in(void **state)
{
    struct play *play = *state;
    play->options.max_sessions = 2;
    struct stage *stage = play_raise(state);
    struct session_id first = open_one(stage, 1);
    open_one(stage, 2);
    say_hello(stage, 3, 1, HELLO_V1);
    hear_session_refused(stage, 3, 14, "tunnel session limit reached", 1013);
    say_connection_closed(stage, 3); /* of the one that was refused */
    stage_silent(stage);
    say_connection_closed(stage, 1);
    hear_release_session(stage, first, false);
    open_one(stage, 4);
    stage_silent(stage);
}

static void a_killed_session_makes_room_at_once(void **state)
{
    struct play *play = *state;
    play->options.max_sessions = 1;
    struct stage *stage = play_raise(state);
    struct session_id first = open_one(stage, 1);
    say_close_session(stage, first.text, 1, 0);
    hear_release_session(stage, first, false);
    open_one(stage, 2);
    stage_silent(stage);
}

/* ---- bind and unbind --------------------------------------------------------------------------------------------- */

static void say_bind(struct stage *stage, uint64_t connection)
{
    stage_say(stage, MESSAGE_OF(bind, .connection = {connection}, .client_ref = -5, .kind = BIND_KIND_TCP,
                                .mode = BIND_MODE_PULL, .port = 8000, .host = "::1", .label = "web", .takeover = true));
}

static void say_unbind(struct stage *stage, uint64_t connection)
{
    stage_say(stage, MESSAGE_OF(unbind, .connection = {connection}, .binding = {42}));
}

static void a_bind_of_a_live_session_is_passed_on_as_it_is(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_bind(stage, 1);
    const struct message_claim_port *claim = &stage_hear(stage, MESSAGE_claim_port)->claim_port;
    assert_int_equal(claim->connection.value, 1);
    assert_string_equal(claim->session.text, session.text);
    assert_int_equal(claim->client_ref, -5);
    assert_int_equal(claim->kind, BIND_KIND_TCP);
    assert_int_equal(claim->mode, BIND_MODE_PULL);
    assert_int_equal(claim->port, 8000);
    assert_string_equal(claim->host, "::1");
    assert_string_equal(claim->label, "web");
    assert_true(claim->takeover);
    stage_silent(stage);
}

static void an_unbind_of_a_live_session_is_passed_on(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_unbind(stage, 1);
    const struct message_release_port *release = &stage_hear(stage, MESSAGE_release_port)->release_port;
    assert_int_equal(release->connection.value, 1);
    assert_string_equal(release->session.text, session.text);
    assert_int_equal(release->binding.value, 42);
    stage_silent(stage);
}

static void what_comes_from_no_session_is_dropped(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_bind(stage, 2);
    say_unbind(stage, 2);
    say_connection_closed(stage, 1);
    hear_release_session(stage, session, false);
    say_bind(stage, 1);
    say_unbind(stage, 1);
    stage_silent(stage);
}

static void nothing_follows_the_release_of_a_killed_session(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_bind(stage, 1);
    stage_hear(stage, MESSAGE_claim_port);
    say_close_session(stage, session.text, 1, 50);
    hear_release_session(stage, session, true);
    say_bind(stage, 1); /* on their way when it was killed */
    say_unbind(stage, 1);
    stage_say(stage, MESSAGE_OF(bindings_counted, .session = session, .bindings = 1));
    stage_silent(stage);
    say_session_released(stage, session);
    hear_session_closing(stage, 1, true);
    stage_hear(stage, MESSAGE_end_session);
    say_bind(stage, 1);
    say_unbind(stage, 1);
    say_connection_closed(stage, 1);
    stage_silent(stage);
}

/* ---- what admin and metrics see -----------------------------------------------------------------------------------
 */

static void live_sessions_are_listed_in_the_order_of_their_opening(void **state)
{
    struct play *play = *state;
    play->options.max_streams = 17;
    struct stage *stage = play_raise(state);
    struct session_id ids[3];
    for (uint64_t i = 0; i < 3; i++)
        ids[i] = open_one(stage, 1 + i);
    say_hello(stage, 8, 2, HELLO_V2);
    stage_hear(stage, MESSAGE_session_opened);
    stage_say(stage, MESSAGE_OF(list_sessions, .ref = 12));
    const struct message_sessions_listed *listed = &stage_hear(stage, MESSAGE_sessions_listed)->sessions_listed;
    assert_int_equal(listed->ref, 12);
    assert_int_equal(listed->orphaned_sessions, 0);
    struct span rows = listed->sessions;
    for (uint64_t i = 0; i < 4; i++) {
        struct message row;
        assert_true(message_rows_next(&rows, &row));
        assert_int_equal(row.type, MESSAGE_session_row);
        if (i < 3)
            assert_string_equal(row.session_row.session.text, ids[i].text);
        assert_string_equal(row.session_row.peer, "127.0.0.1:5000");
        assert_int_equal(row.session_row.subprotocol, i < 3 ? 1 : 2);
        assert_int_equal(row.session_row.connections_granted, i < 3 ? 1 : 4);
        assert_int_equal(row.session_row.max_streams, 17);
        message_done(&row);
    }
    assert_int_equal(rows.length, 0);
}

static void a_closed_session_leaves_the_list_at_once(void **state)
{
    struct stage *stage = play_raise(state);
    open_one(stage, 1);
    open_one(stage, 2);
    assert_int_equal(count_listed(stage), 2);
    say_connection_closed(stage, 1); /* the registry has not answered yet */
    assert_int_equal(count_listed(stage), 1);
}

static struct span report(struct stage *stage)
{
    stage_say(stage, MESSAGE_OF(report_metrics, .ref = 5));
    const struct message_metrics_reported *reported = &stage_hear(stage, MESSAGE_metrics_reported)->metrics_reported;
    assert_int_equal(reported->ref, 5);
    assert_int_equal(reported->actor, ACTOR_session_manager);
    return reported->samples;
}

static void metrics_count_sessions_and_refusals_by_reason(void **state)
{
    struct play *play = *state;
    play->options.max_sessions = 2;
    struct stage *stage = play_raise(state);
    struct session_id first = open_one(stage, 1);
    open_one(stage, 2);
    say_hello(stage, 3, 1, HELLO_V1);
    say_hello(stage, 4, 1, "{}");
    say_hello(stage, 5, 1, "{}");
    say_join(stage, 9, "{}");
    struct span samples = report(stage);
    assert_true(sample_value(samples, METRIC_sessions_active, "") == 2);
    assert_true(sample_value(samples, METRIC_sessions_opened_total, "") == 2);
    assert_true(sample_value(samples, METRIC_sessions_refused_total, "reason=\"session_limit\"") == 1);
    assert_true(sample_value(samples, METRIC_sessions_refused_total, "reason=\"bad_hello\"") == 2);
    assert_true(sample_value(samples, METRIC_sessions_refused_total, "reason=\"bad_join\"") == 1);
    assert_true(sample_value(samples, METRIC_sessions_refused_total, "reason=\"draining\"") == 0);
    assert_true(sample_value(samples, METRIC_handshakes_total, "result=\"opened\"") == 2);
    assert_true(sample_value(samples, METRIC_handshakes_total, "result=\"resumed\"") == 0);
    assert_true(sample_value(samples, METRIC_handshakes_total, "result=\"joined\"") == 0);
    assert_true(sample_value(samples, METRIC_handshakes_total, "result=\"refused\"") == 4);
    assert_true(sample_value(samples, METRIC_mailbox_messages_total, "actor=\"session-manager\"") == 7);
    say_close_session(stage, first.text, 1, 0);
    samples = report(stage);
    assert_true(sample_value(samples, METRIC_sessions_active, "") == 1);
    assert_true(sample_value(samples, METRIC_sessions_opened_total, "") == 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, play_setup, play_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hello_opens_a_session_with_the_configured_windows),
        TEST(the_hellos_of_official_drivers_are_let_in),
        TEST(resume_of_an_unknown_session_opens_a_fresh_one),
        TEST(every_session_has_an_id_of_its_own),
        TEST(a_hello_that_cannot_be_read_is_refused),
        TEST(the_version_must_be_the_negotiated_subprotocol),
        TEST(no_more_sessions_than_max_sessions_are_let_in),
        TEST(a_killed_session_makes_room_at_once),
        TEST(a_bind_of_a_live_session_is_passed_on_as_it_is),
        TEST(an_unbind_of_a_live_session_is_passed_on),
        TEST(what_comes_from_no_session_is_dropped),
        TEST(nothing_follows_the_release_of_a_killed_session),
        TEST(live_sessions_are_listed_in_the_order_of_their_opening),
        TEST(a_closed_session_leaves_the_list_at_once),
        TEST(metrics_count_sessions_and_refusals_by_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
