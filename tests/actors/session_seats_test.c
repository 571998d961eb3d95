/* The session-manager: what becomes of the seats of further connections in each state of a session (protocol sections 4
 * and 7). */
#include "party_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

enum { PONG_TIMEOUT_MS = 60000 };

static void parked_and_resumed_seats_and_tickets_are_void(void **state)
{
    struct stage *stage = play_raise(state);
    struct party old = open_joined_party(stage);
    say_counted(stage, old.session, 1);
    say_connection_lost(stage, 1);
    hear_park_session(stage, old.session);
    party_is_refused(stage, &old, 2, "UNKNOWN_SESSION"); /* PARKING */
    say_counted(stage, old.session, 1);
    party_is_refused(stage, &old, 2, "UNKNOWN_SESSION"); /* PARKED */
    expect_attached(stage, 0);
    char hello[200];
    snprintf(hello, sizeof hello,
             "{\"version\":\"hoody-tunnel.v2\",\"capabilities\":[\"multi-ws\"],\"maxConnections\":3,"
             "\"resume\":{\"sessionId\":\"%s\"}}",
             old.session.text);
    say_hello(stage, 10, 2, hello);
    hear_resume_session(stage, old.session, 10);
    party_is_refused(stage, &old, 2, "UNKNOWN_SESSION"); /* RESUMING */
    say_resumed(stage, old.session, 10, 1);
    struct party fresh = hear_party(stage, 10);
    assert_int_equal(fresh.granted, 3); /* as asked for this time */
    assert_int_equal(fresh.ticket_count, 2);
    party_is_refused(stage, &old, 2, "BAD_TICKET");
    party_is_refused(stage, &old, 3, "BAD_TICKET");
    party_joins(stage, &fresh, 11, 10, 1); /* where 2 was */
    say_secondary_closed(stage, 2);        /* late, and about nothing */
    party_is_refused(stage, &fresh, 1, "INDEX_IN_USE");
    stage_silent(stage);
}

static void a_resume_of_a_session_that_looks_alive_voids_them_too(void **state)
{
    struct stage *stage = play_raise(state);
    struct party old = open_joined_party(stage);
    say_hello_again(stage, 10, 2, old.session.text);
    hear_end_session(stage,
                     &(const struct message_end_session){.connection = {1},
                                                         .goaway_code = 4,
                                                         .goaway_message = "session resumed on another connection",
                                                         .close_code = 1000});
    hear_resume_session(stage, old.session, 10);
    expect_attached(stage, 0);
    party_is_refused(stage, &old, 2, "UNKNOWN_SESSION");
    say_secondary_closed(stage, 2);
    say_connection_closed(stage, 1);
    say_resumed(stage, old.session, 10, 0);
    struct party fresh = hear_party(stage, 10);
    assert_int_equal(fresh.granted, 1); /* it did not ask for more */
    party_is_refused(stage, &old, 2, "BAD_TICKET");
    stage_silent(stage);
}

static void a_resume_from_v2_to_v1_and_back_grants_anew(void **state)
{
    struct stage *stage = play_raise(state);
    struct party old = open_joined_party(stage);
    say_counted(stage, old.session, 1);
    say_connection_lost(stage, 1);
    hear_park_session(stage, old.session);
    say_hello_again(stage, 10, 1, old.session.text);
    hear_resume_session(stage, old.session, 10);
    say_resumed(stage, old.session, 10, 1);
    hear_resumed(stage, old.session, 10);
    party_is_refused(stage, &old, 2, "BAD_TICKET");
    expect_no_tickets(stage, 10);
    say_connection_lost(stage, 10);
    hear_park_session(stage, old.session);
    char hello[200];
    snprintf(hello, sizeof hello,
             "{\"version\":\"hoody-tunnel.v2\",\"capabilities\":[\"multi-ws\"],\"maxConnections\":2,"
             "\"resume\":{\"sessionId\":\"%s\"}}",
             old.session.text);
    say_hello(stage, 20, 2, hello);
    hear_resume_session(stage, old.session, 20);
    say_resumed(stage, old.session, 20, 1);
    struct party fresh = hear_party(stage, 20);
    party_joins(stage, &fresh, 21, 20, 1);
    stage_silent(stage);
}

static void a_killed_session_is_joined_by_nobody(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_joined_party(stage);
    say_close_session(stage, party.session.text, 1, 50);
    hear_release_session(stage, party.session, true);
    party_is_refused(stage, &party, 2, "UNKNOWN_SESSION"); /* RELEASING */
    say_session_released(stage, party.session);
    hear_session_closing(stage, 1, true);
    hear_end_session(stage, &(const struct message_end_session){.connection = {1},
                                                                .goaway_code = 1,
                                                                .goaway_message = "closed by admin",
                                                                .close_code = 1000,
                                                                .grace_ms = 50});
    party_is_refused(stage, &party, 2, "UNKNOWN_SESSION"); /* ENDING */
    expect_attached(stage, 1);                             /* its streams may end */
    say_secondary_closed(stage, 2);
    expect_attached(stage, 0);
    stage_say(stage, MESSAGE_OF(connection_closed, .connection = {1}, .close_code = 1000, .kit_ended = true));
    party_is_refused(stage, &party, 2, "UNKNOWN_SESSION");
    stage_silent(stage);
}

static void a_session_killed_as_its_driver_leaves_forgets_its_seats(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_joined_party(stage);
    say_close_session(stage, party.session.text, 1, 0);
    hear_release_session(stage, party.session, false);
    say_connection_lost(stage, 1);
    expect_attached(stage, 0);
    party_is_refused(stage, &party, 2, "UNKNOWN_SESSION"); /* LOST */
    say_secondary_closed(stage, 2);
    say_session_released(stage, party.session);
    hear_session_closing(stage, 1, true);
    stage_silent(stage);
}

static void a_draining_session_is_joined_by_nobody(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_party(stage, 1, HELLO_V2_SHARD_MAP);
    party_joins(stage, &party, 2, 1, 1);
    hear_shards(stage, 1, 3);
    stage_say(stage, MESSAGE_OF(drain, .timeout_ms = 1000));
    stage_hear(stage, MESSAGE_stop_accepting);
    hear_end_session(stage, &(const struct message_end_session){.connection = {1},
                                                                .goaway_message = "kit is shutting down",
                                                                .close_code = 1001,
                                                                .grace_ms = 1000,
                                                                .goaway_last = true});
    party_is_refused(stage, &party, 2, "UNKNOWN_SESSION");
    expect_attached(stage, 1); /* its streams may end */
    stage_say(stage, MESSAGE_OF(reissue_tickets, .connection = {1}));
    say_secondary_closed(stage, 2);
    stage_silent(stage); /* a drain waits for primaries; they are told no more */
    stage_say(stage, MESSAGE_OF(connection_closed, .connection = {1}, .close_code = 1001, .kit_ended = true));
    hear_release_session(stage, party.session, false);
    assert_int_equal(stage_hear(stage, MESSAGE_drained)->drained.sessions_closed, 1);
    stage_silent(stage);
}

static void a_timed_out_session_forgets_its_seats(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_joined_party(stage);
    say_counted(stage, party.session, 1);
    stage_say(stage, MESSAGE_OF(connection_probed, .connection = {1}, .silence_ms = PONG_TIMEOUT_MS + 1));
    hear_end_session(stage,
                     &(const struct message_end_session){
                         .connection = {1}, .goaway_code = 10, .goaway_message = "pong timeout", .close_code = 1001});
    hear_park_session(stage, party.session);
    expect_attached(stage, 0);
    say_secondary_closed(stage, 2);
    stage_silent(stage);
}

static void a_session_that_is_gone_has_no_seats(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_joined_party(stage);
    party_joins(stage, &party, 3, 1, 3);
    expect_attached(stage, 2);
    say_connection_closed(stage, 1);
    hear_release_session(stage, party.session, false);
    expect_attached(stage, 0);
    party_is_refused(stage, &party, 2, "UNKNOWN_SESSION");
    say_secondary_closed(stage, 3);
    say_secondary_closed(stage, 2);
    stage_silent(stage);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, play_setup, play_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parked_and_resumed_seats_and_tickets_are_void),
        TEST(a_resume_of_a_session_that_looks_alive_voids_them_too),
        TEST(a_resume_from_v2_to_v1_and_back_grants_anew),
        TEST(a_killed_session_is_joined_by_nobody),
        TEST(a_session_killed_as_its_driver_leaves_forgets_its_seats),
        TEST(a_draining_session_is_joined_by_nobody),
        TEST(a_timed_out_session_forgets_its_seats),
        TEST(a_session_that_is_gone_has_no_seats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
