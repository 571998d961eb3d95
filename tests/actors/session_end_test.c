/* The session-manager: how sessions end: the driver leaves, is silent or idle, the admin kills, the daemon drains
 * (protocol sections 7 and 8). */
#include "session_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "session_manager.h"

enum { PING_MS = 20000, PONG_TIMEOUT_MS = 60000, IDLE_MS = 300000, SLACK_MS = PING_MS / 4 };

/* ---- the driver leaves ----------------------------------------------------------------------------------------- */

static void a_session_ends_with_its_connection(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_connection_closed(stage, 1);
    hear_release_session(stage, session, false);
    assert_int_equal(count_listed(stage), 0);
    say_session_released(stage, session);
    stage_silent(stage);
    say_connection_closed(stage, 1); /* one that nobody knows */
    stage_silent(stage);
}

/* ---- liveness ---------------------------------------------------------------------------------------------------- */

struct signs {
    uint64_t silence_ms;
    uint32_t active_streams;
    uint64_t streams_opened;
};

/* The gateway's answer to a probe. */
static void say_probed(struct stage *stage, uint64_t connection, struct signs signs)
{
    stage_say(stage, MESSAGE_OF(connection_probed, .connection = {connection}, .silence_ms = signs.silence_ms,
                                .active_streams = signs.active_streams, .streams_opened = signs.streams_opened));
}

static void hear_probe(struct stage *stage, uint64_t connection)
{
    const struct message *probe = stage_hear(stage, MESSAGE_probe_connection);
    assert_int_equal(probe->probe_connection.connection.value, connection);
}

static void hear_pong_timeout(struct stage *stage, uint64_t connection)
{
    hear_end_session(stage, &(const struct message_end_session){.connection = {connection},
                                                                .goaway_code = 10,
                                                                .goaway_message = "pong timeout",
                                                                .close_code = 1001});
}

static void hear_idle_timeout(struct stage *stage, uint64_t connection)
{
    hear_end_session(stage, &(const struct message_end_session){.connection = {connection},
                                                                .goaway_code = 10,
                                                                .goaway_message = "session idle timeout",
                                                                .close_code = 1000});
}

/* Plays the gateway for `ms`: whatever probes come are answered with what `silent_since` and `streams` say. Returns
 * when the session is ended, in ms from now; UINT64_MAX: it was not. */
static uint64_t play_gateway(struct stage *stage, uint64_t ms, uint64_t silent_since_ms, struct signs streams)
{
    enum { STEP_MS = 100 };
    uint64_t start_ms = stage_now(stage);
    while (stage_now(stage) < start_ms + ms) {
        stage_advance(stage, STEP_MS);
        const struct message *message;
        while ((message = stage_next_at(stage, ACTOR_ws_gateway, 0)) != NULL) {
            if (message->type == MESSAGE_end_session)
                return stage_now(stage) - start_ms;
            assert_int_equal(message->type, MESSAGE_probe_connection);
            struct signs signs = streams;
            signs.silence_ms = silent_since_ms == 0 ? 10 : stage_now(stage) - silent_since_ms;
            say_probed(stage, message->probe_connection.connection.value, signs);
        }
    }
    return UINT64_MAX;
}

static void without_sessions_nobody_is_woken(void **state)
{
    struct play *play = *state;
    const struct log log = {.fd = 2, .level = LOG_LEVEL_WARN, .format = LOG_FORMAT_TEXT};
    struct mailbox *mailbox = mailbox_new(ACTOR_session_manager, 0, &log);
    struct mailbox *gateway = mailbox_new(ACTOR_ws_gateway, 0, &log);
    struct mailbox *registry = mailbox_new(ACTOR_binding_registry, 0, &log);
    void *self = session_manager_actor.new(&play->options, mailbox, &log);
    uint64_t now_ms = 1000000;
    assert_true(actor_turn(&session_manager_actor, self, mailbox, now_ms) == UINT64_MAX);
    mailbox_send(gateway,
                 MESSAGE_OF(open_session, .connection = {1}, .subprotocol = 1, .hello = span_of_string(HELLO_V1)));
    uint64_t wake_ms = actor_turn(&session_manager_actor, self, mailbox, now_ms);
    assert_in_range(wake_ms - now_ms, PING_MS, PING_MS + SLACK_MS); /* not before it has something to do */
    mailbox_send(gateway, MESSAGE_OF(connection_closed, .connection = {1}, .close_code = 1000));
    actor_turn(&session_manager_actor, self, mailbox, now_ms);
    assert_true(actor_turn(&session_manager_actor, self, mailbox, wake_ms) == UINT64_MAX);
    session_manager_actor.destroy(&self);
    mailbox_destroy(&registry);
    mailbox_destroy(&gateway);
    mailbox_destroy(&mailbox);
}

static void every_live_session_is_probed_once_in_a_ping_interval(void **state)
{
    struct stage *stage = play_raise(state);
    open_one(stage, 1);
    stage_advance(stage, PING_MS / 2);
    open_one(stage, 2);
    stage_advance(stage, PING_MS / 2 - 1);
    stage_silent(stage);
    stage_advance(stage, 1);
    hear_probe(stage, 1);
    stage_silent(stage);
    stage_advance(stage, PING_MS / 2);
    hear_probe(stage, 2);
    stage_silent(stage);
    stage_advance(stage, PING_MS / 2);
    hear_probe(stage, 1);
    stage_silent(stage);
}

static void a_driver_is_silent_for_the_pong_timeout_and_not_longer(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    stage_say(stage, MESSAGE_OF(bindings_counted, .session = session, .bindings = 1));
    stage_advance(stage, PING_MS);
    hear_probe(stage, 1);
    say_probed(stage, 1, (struct signs){.silence_ms = PONG_TIMEOUT_MS});
    stage_silent(stage);
    say_probed(stage, 1, (struct signs){.silence_ms = PONG_TIMEOUT_MS + 1});
    hear_pong_timeout(stage, 1);
    hear_park_session(stage, session); /* its goodbye is not waited for */
    assert_int_equal(count_listed(stage), 0);
    stage_advance(stage, 2 * PING_MS); /* it is not probed any more */
    say_probed(stage, 1, (struct signs){.silence_ms = 2 * PONG_TIMEOUT_MS});
    say_connection_lost(stage, 1);
    stage_silent(stage);
}

static void a_silent_driver_is_noticed_in_time(void **state)
{
    struct stage *stage = play_raise(state);
    open_one(stage, 1);
    stage_advance(stage, 7 * 1000); /* its last frame comes in the middle of an interval */
    uint64_t ended_ms = play_gateway(stage, 2 * PONG_TIMEOUT_MS, stage_now(stage), (struct signs){.active_streams = 1});
    assert_in_range(ended_ms, PONG_TIMEOUT_MS, PONG_TIMEOUT_MS + SLACK_MS);
}

static void drivers_that_answer_stay_whatever_the_timeouts(void **state)
{
    struct play *play = *state;
    play->options.pong_timeout = 1000; /* less than the ping interval */
    struct stage *stage = play_raise(state);
    uint64_t answered_ms[3]; /* by connection */
    for (uint64_t connection = 1; connection <= 2; connection++) {
        open_one(stage, connection);
        answered_ms[connection] = stage_now(stage);
        stage_advance(stage, 100); /* so that one is due soon after the other was swept */
    }
    for (int i = 0; i < 1000; i++) { /* they say nothing on their own, only PONG */
        const struct message *message;
        while ((message = stage_next_at(stage, ACTOR_ws_gateway, 0)) != NULL) {
            assert_int_equal(message->type, MESSAGE_probe_connection);
            uint64_t connection = message->probe_connection.connection.value;
            say_probed(stage, connection,
                       (struct signs){.silence_ms = stage_now(stage) - answered_ms[connection], .active_streams = 1});
            answered_ms[connection] = stage_now(stage);
        }
        stage_advance(stage, 50);
    }
}

static void a_session_of_no_use_is_ended_after_the_idle_timeout(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    uint64_t ended_ms = play_gateway(stage, 2 * IDLE_MS, 0, (struct signs){0});
    assert_in_range(ended_ms, IDLE_MS, IDLE_MS + SLACK_MS);
    say_connection_closed(stage, 1);
    hear_release_session(stage, session, false);
    stage_silent(stage);
}

static void the_idle_timeout_says_what_it_is(void **state)
{
    struct play *play = *state;
    play->options.idle_timeout = PING_MS;
    struct stage *stage = play_raise(state);
    open_one(stage, 1);
    stage_advance(stage, PING_MS);
    hear_probe(stage, 1);
    say_probed(stage, 1, (struct signs){0});
    hear_idle_timeout(stage, 1);
    stage_silent(stage);
}

static void streams_keep_a_session(void **state)
{
    struct stage *stage = play_raise(state);
    open_one(stage, 1);
    assert_true(play_gateway(stage, 2 * IDLE_MS, 0, (struct signs){.active_streams = 1}) == UINT64_MAX);
    uint64_t ended_ms = play_gateway(stage, 2 * IDLE_MS, 0, (struct signs){0});
    assert_in_range(ended_ms, IDLE_MS - PING_MS, IDLE_MS + SLACK_MS); /* from the last probe that saw one */
}

static void streams_between_two_probes_keep_a_session_too(void **state)
{
    struct stage *stage = play_raise(state);
    open_one(stage, 1);
    for (uint64_t opened = 1; opened < 2 * IDLE_MS / PING_MS; opened++) {
        stage_advance(stage, PING_MS);
        hear_probe(stage, 1);
        say_probed(stage, 1, (struct signs){.silence_ms = 10, .streams_opened = opened});
        stage_silent(stage);
    }
}

static void bindings_keep_a_session_until_the_last_is_gone(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    stage_say(stage, MESSAGE_OF(bindings_counted, .session = session, .bindings = 1));
    /* Half an interval after the last probe: it counts from here, not from there. */
    assert_true(play_gateway(stage, 2 * IDLE_MS + PING_MS / 2, 0, (struct signs){0}) == UINT64_MAX);
    stage_say(stage, MESSAGE_OF(bindings_counted, .session = session, .bindings = 0));
    uint64_t ended_ms = play_gateway(stage, 2 * IDLE_MS, 0, (struct signs){0});
    assert_in_range(ended_ms, IDLE_MS, IDLE_MS + SLACK_MS);
}

static void a_bind_in_flight_keeps_a_session(void **state)
{
    struct play *play = *state;
    play->options.idle_timeout = PING_MS;
    struct stage *stage = play_raise(state);
    open_one(stage, 1);
    stage_advance(stage, PING_MS - 1);
    stage_say(stage, MESSAGE_OF(bind, .connection = {1}, .port = 8000));
    stage_hear(stage, MESSAGE_claim_port);
    stage_advance(stage, 1);
    hear_probe(stage, 1);
    say_probed(stage, 1, (struct signs){0});
    stage_silent(stage);
}

static void counts_of_sessions_that_are_gone_are_nobodys(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_connection_closed(stage, 1);
    hear_release_session(stage, session, false);
    stage_say(stage, MESSAGE_OF(bindings_counted, .session = session, .bindings = 1));
    say_probed(stage, 1, (struct signs){.silence_ms = 2 * PONG_TIMEOUT_MS});
    stage_silent(stage);
}

/* ---- the admin kills -----------------------------------------------------------------------------------------------
 */

static void hear_killed(struct stage *stage, uint64_t connection, uint64_t grace_ms)
{
    hear_end_session(stage, &(const struct message_end_session){.connection = {connection},
                                                                .goaway_code = 1,
                                                                .goaway_message = "closed by admin",
                                                                .close_code = 1000,
                                                                .grace_ms = grace_ms});
}

static void a_kill_leaves_the_lists_frees_the_ports_answers_and_then_ends(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_close_session(stage, session.text, 77, 50);
    hear_release_session(stage, session, true);
    stage_silent(stage); /* neither the answer nor the end before the ports are free */
    assert_int_equal(count_listed(stage), 0);
    say_session_released(stage, session);
    hear_session_closing(stage, 77, true);
    hear_killed(stage, 1, 50);
    stage_silent(stage);
    say_connection_closed(stage, 1);
    stage_silent(stage); /* its ports are released already */
}

static void without_grace_streams_may_not_end(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_close_session(stage, session.text, 77, 0);
    hear_release_session(stage, session, false);
    say_session_released(stage, session);
    hear_session_closing(stage, 77, true);
    hear_killed(stage, 1, 0);
    stage_silent(stage);
}

static void an_unknown_session_is_not_found(void **state)
{
    struct stage *stage = play_raise(state);
    open_one(stage, 1);
    const char *const ids[] = {"", "S-", "S-00000000-0000-4000-8000-000000000000", "../../etc"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        say_close_session(stage, ids[i], 7 + i, 50);
        hear_session_closing(stage, 7 + i, false);
    }
    stage_silent(stage);
}

static void a_second_kill_does_not_find_it(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_close_session(stage, session.text, 1, 50);
    hear_release_session(stage, session, true);
    say_close_session(stage, session.text, 2, 50); /* while its ports are released */
    hear_session_closing(stage, 2, false);
    say_session_released(stage, session);
    hear_session_closing(stage, 1, true);
    hear_killed(stage, 1, 50);
    say_close_session(stage, session.text, 3, 50); /* while its streams end */
    hear_session_closing(stage, 3, false);
    say_connection_closed(stage, 1);
    say_close_session(stage, session.text, 4, 50);
    hear_session_closing(stage, 4, false);
    stage_silent(stage);
}

static void a_driver_that_leaves_while_it_is_killed_is_still_found(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_close_session(stage, session.text, 1, 50);
    hear_release_session(stage, session, true);
    say_connection_closed(stage, 1);
    stage_silent(stage); /* its ports are not free yet */
    say_close_session(stage, session.text, 2, 50);
    hear_session_closing(stage, 2, false);
    say_session_released(stage, session);
    hear_session_closing(stage, 1, true);
    stage_silent(stage); /* there is no connection to end */
}

static void a_session_whose_time_is_up_is_not_found(void **state)
{
    struct play *play = *state;
    play->options.idle_timeout = PING_MS;
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    stage_advance(stage, PING_MS);
    hear_probe(stage, 1);
    say_probed(stage, 1, (struct signs){0});
    hear_idle_timeout(stage, 1);
    say_close_session(stage, session.text, 1, 50);
    hear_session_closing(stage, 1, false);
    stage_silent(stage);
}

static void a_killed_session_has_no_timeouts(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    stage_advance(stage, PING_MS);
    hear_probe(stage, 1);
    say_close_session(stage, session.text, 1, 50);
    hear_release_session(stage, session, true);
    say_probed(stage, 1, (struct signs){.silence_ms = PONG_TIMEOUT_MS + 1});
    stage_advance(stage, 10 * PING_MS);
    stage_silent(stage);
}

/* ---- the daemon drains ----------------------------------------------------------------------------------------------
 */

static void say_drain(struct stage *stage)
{
    stage_say(stage, MESSAGE_OF(drain, .timeout_ms = 10000));
}

static void hear_shutdown(struct stage *stage, uint64_t connection)
{
    hear_end_session(stage, &(const struct message_end_session){.connection = {connection},
                                                                .goaway_code = 0,
                                                                .goaway_message = "kit is shutting down",
                                                                .close_code = 1001,
                                                                .grace_ms = 10000,
                                                                .goaway_last = true});
}

static void hear_drained(struct stage *stage, uint32_t sessions)
{
    assert_int_equal(stage_hear(stage, MESSAGE_drained)->drained.sessions_closed, sessions);
}

static void without_sessions_it_is_drained_at_once(void **state)
{
    struct stage *stage = play_raise(state);
    say_drain(stage);
    stage_hear(stage, MESSAGE_stop_accepting);
    hear_drained(stage, 0);
    stage_silent(stage);
}

static void it_is_drained_when_the_last_connection_is_closed(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id first = open_one(stage, 1), second = open_one(stage, 2);
    say_drain(stage);
    stage_hear(stage, MESSAGE_stop_accepting); /* before any session is ended */
    hear_shutdown(stage, 1);
    hear_shutdown(stage, 2);
    stage_silent(stage);
    assert_int_equal(count_listed(stage), 2); /* their streams still run */
    say_connection_closed(stage, 2);
    hear_release_session(stage, second, false);
    stage_silent(stage);
    say_connection_closed(stage, 1);
    hear_release_session(stage, first, false);
    hear_drained(stage, 2);
    stage_silent(stage);
}

static void a_second_drain_changes_nothing(void **state)
{
    struct stage *stage = play_raise(state);
    open_one(stage, 1);
    say_drain(stage);
    stage_hear(stage, MESSAGE_stop_accepting);
    hear_shutdown(stage, 1);
    say_drain(stage);
    stage_silent(stage);
    say_connection_closed(stage, 1);
    stage_hear(stage, MESSAGE_release_session);
    hear_drained(stage, 1);
    say_drain(stage);
    stage_silent(stage);
}

static void nobody_is_let_in_while_it_drains(void **state)
{
    struct stage *stage = play_raise(state);
    open_one(stage, 1);
    say_drain(stage);
    stage_hear(stage, MESSAGE_stop_accepting);
    hear_shutdown(stage, 1);
    say_hello(stage, 2, 1, HELLO_V1);
    hear_session_refused(stage, 2, 0, "kit is shutting down", 1001);
    say_connection_closed(stage, 2);
    stage_silent(stage);
}

static void a_bind_in_flight_does_not_hold_up_a_drain(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    stage_say(stage, MESSAGE_OF(bind, .connection = {1}, .port = 8000));
    stage_hear(stage, MESSAGE_claim_port);
    say_drain(stage);
    stage_hear(stage, MESSAGE_stop_accepting);
    hear_shutdown(stage, 1);
    stage_say(stage, MESSAGE_OF(bind, .connection = {1}, .port = 8001)); /* too late */
    stage_say(stage, MESSAGE_OF(bindings_counted, .session = session, .bindings = 1));
    stage_silent(stage);
    say_connection_closed(stage, 1);
    hear_release_session(stage, session, false);
    hear_drained(stage, 1);
    stage_silent(stage);
}

static void ports_can_be_given_back_while_it_drains(void **state)
{
    struct stage *stage = play_raise(state);
    open_one(stage, 1);
    say_drain(stage);
    stage_hear(stage, MESSAGE_stop_accepting);
    hear_shutdown(stage, 1);
    stage_say(stage, MESSAGE_OF(unbind, .connection = {1}, .binding = {42}));
    assert_int_equal(stage_hear(stage, MESSAGE_release_port)->release_port.binding.value, 42);
    stage_silent(stage);
}

static void a_draining_session_has_no_timeouts_and_can_be_killed(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_drain(stage);
    stage_hear(stage, MESSAGE_stop_accepting);
    hear_shutdown(stage, 1);
    stage_advance(stage, 2 * IDLE_MS);
    stage_silent(stage);
    say_close_session(stage, session.text, 1, 50);
    hear_release_session(stage, session, true);
    say_session_released(stage, session);
    hear_session_closing(stage, 1, true);
    hear_killed(stage, 1, 50);
    say_connection_closed(stage, 1);
    hear_drained(stage, 1);
    stage_silent(stage);
}

static void a_drain_waits_for_a_session_that_is_killed(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id session = open_one(stage, 1);
    say_close_session(stage, session.text, 1, 50);
    hear_release_session(stage, session, true);
    say_drain(stage);
    stage_hear(stage, MESSAGE_stop_accepting);
    stage_silent(stage);
    say_session_released(stage, session);
    hear_session_closing(stage, 1, true);
    hear_killed(stage, 1, 50);
    stage_silent(stage);
    say_connection_closed(stage, 1);
    hear_drained(stage, 1);
    stage_silent(stage);
}

static void nothing_is_kept_when_it_ends_in_the_middle(void **state)
{
    struct stage *stage = play_raise(state);
    struct session_id first = open_one(stage, 1), second = open_one(stage, 2);
    open_one(stage, 3);
    say_close_session(stage, first.text, 1, 50);
    say_close_session(stage, second.text, 2, 50);
    say_connection_closed(stage, 1); /* and the teardown's leak check looks */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, play_setup, play_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_ends_with_its_connection),
        TEST(without_sessions_nobody_is_woken),
        TEST(every_live_session_is_probed_once_in_a_ping_interval),
        TEST(a_driver_is_silent_for_the_pong_timeout_and_not_longer),
        TEST(a_silent_driver_is_noticed_in_time),
        TEST(drivers_that_answer_stay_whatever_the_timeouts),
        TEST(a_session_of_no_use_is_ended_after_the_idle_timeout),
        TEST(the_idle_timeout_says_what_it_is),
        TEST(streams_keep_a_session),
        TEST(streams_between_two_probes_keep_a_session_too),
        TEST(bindings_keep_a_session_until_the_last_is_gone),
        TEST(a_bind_in_flight_keeps_a_session),
        TEST(counts_of_sessions_that_are_gone_are_nobodys),
        TEST(a_kill_leaves_the_lists_frees_the_ports_answers_and_then_ends),
        TEST(without_grace_streams_may_not_end),
        TEST(an_unknown_session_is_not_found),
        TEST(a_second_kill_does_not_find_it),
        TEST(a_driver_that_leaves_while_it_is_killed_is_still_found),
        TEST(a_session_whose_time_is_up_is_not_found),
        TEST(a_killed_session_has_no_timeouts),
        TEST(without_sessions_it_is_drained_at_once),
        TEST(it_is_drained_when_the_last_connection_is_closed),
        TEST(a_second_drain_changes_nothing),
        TEST(nobody_is_let_in_while_it_drains),
        TEST(a_bind_in_flight_does_not_hold_up_a_drain),
        TEST(ports_can_be_given_back_while_it_drains),
        TEST(a_draining_session_has_no_timeouts_and_can_be_killed),
        TEST(a_drain_waits_for_a_session_that_is_killed),
        TEST(nothing_is_kept_when_it_ends_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
