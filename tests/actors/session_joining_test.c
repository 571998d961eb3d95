/* The session-manager: sessions of several connections: what is granted, tickets, who joins and leaves, and what the
 * driver is told of it (protocol section 4). */
#include "party_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "samples.h"

enum { TTL_MS = 30000 };

/* ---- what is granted --------------------------------------------------------------------------------------------- */

static uint32_t grant_of(struct stage *stage, uint64_t connection, const char *hello)
{
    struct party party = open_party(stage, connection, hello);
    assert_int_equal(party.ticket_count, party.granted - 1);
    for (uint32_t index = 1; index < party.granted; index++) {
        assert_int_equal(party.tickets[index].index, index);
        assert_int_equal(party.tickets[index].expires_ms, TTL_MS);
        assert_int_equal(strspn(party.tickets[index].nonce, "0123456789abcdef"), 64);
        for (uint32_t other = 1; other < index; other++)
            assert_string_not_equal(party.tickets[index].nonce, party.tickets[other].nonce);
    }
    return party.granted;
}

static void a_session_gets_the_lesser_of_what_it_asks_and_what_the_flag_says(void **state)
{
    static const struct {
        const char *asked;
        uint32_t flag, granted;
    } cases[] = {{"1", 16, 1}, {"2", 16, 2},           {"16", 16, 16},        {"17", 16, 16},
                 {"4", 3, 3},  {"4294967295", 16, 16}, {"99999999999", 2, 2}, {"16", 1, 1}};
    struct play *play = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char hello[200];
        snprintf(hello, sizeof hello,
                 "{\"version\":\"hoody-tunnel.v2\",\"capabilities\":[\"multi-ws\"],\"maxConnections\":%s}",
                 cases[i].asked);
        play->options.max_connections_per_session = cases[i].flag;
        stage_destroy(&play->stage);
        assert_int_equal(grant_of(play_raise(state), 1, hello), cases[i].granted);
    }
}

static void one_that_does_not_say_multi_ws_or_how_many_gets_one(void **state)
{
    struct stage *stage = play_raise(state);
    assert_int_equal(grant_of(stage, 1, "{\"version\":\"hoody-tunnel.v2\",\"maxConnections\":4}"), 1);
    assert_int_equal(grant_of(stage, 2, "{\"version\":\"hoody-tunnel.v2\",\"capabilities\":[\"multi-ws\"]}"), 1);
    assert_int_equal(
        grant_of(stage, 3, "{\"version\":\"hoody-tunnel.v2\",\"capabilities\":[\"shard-map\"],\"maxConnections\":4}"),
        1);
    assert_int_equal(grant_of(stage, 4, "{\"version\":\"hoody-tunnel.v2\"}"), 1);
}

static void v1_gets_one_connection_whatever_it_asks(void **state)
{
    struct stage *stage = play_raise(state);
    say_hello(stage, 1, 1,
              "{\"version\":\"hoody-tunnel.v1\",\"capabilities\":[\"multi-ws\",\"shard-map\"],\"maxConnections\":4}");
    struct hello_ok ok = hear_opened(stage, 1);
    assert_int_equal(ok.subprotocol, SUBPROTOCOL_V1); /* neither field is there */
    struct party party = {.session = ok.session};
    hello_ok_done(&ok);
    party_is_refused(stage, &party, 1, "BAD_TICKET");
    stage_silent(stage);
}

static void the_tickets_of_two_sessions_have_nothing_in_common(void **state)
{
    struct stage *stage = play_raise(state);
    struct party one = open_party(stage, 1, HELLO_V2), other = open_party(stage, 2, HELLO_V2);
    say_join_with(stage, 3, one.session, &other.tickets[1]);
    hear_join_refused(stage, 3, "BAD_TICKET");
    party_joins(stage, &other, 4, 2, 1);
    party_joins(stage, &one, 5, 1, 1); /* the same index of another session */
    stage_silent(stage);
}

/* ---- JOIN -------------------------------------------------------------------------------------------------------- */

static void every_seat_can_be_taken_in_any_order(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party =
        open_party(stage, 1, "{\"version\":\"hoody-tunnel.v2\",\"capabilities\":[\"multi-ws\"],\"maxConnections\":16}");
    assert_int_equal(party.granted, 16);
    for (uint32_t index = 15; index >= 1; index--)
        party_joins(stage, &party, 100 + index, 1, index);
    stage_silent(stage); /* no SHARD_MAP: it did not ask to be told */
    expect_attached(stage, 15);
}

static void on_another_shard_it_is_sent_to_that_of_its_session(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_party(stage, 1, HELLO_V2_SHARD_MAP);
    char *payload =
        join_encode(&(const struct join){.session = party.session.text, .index = 1, .nonce = party.tickets[1].nonce});
    stage_say(stage, MESSAGE_OF(join_session, .shard = 1, .connection = {2}, .join = span_of_string(payload)));
    const struct message *move = stage_hear_at(stage, ACTOR_ws_gateway, 1, MESSAGE_move_connection);
    assert_int_equal(move->move_connection.connection.value, 2);
    assert_int_equal(move->move_connection.to_shard, 0);
    stage_silent(stage); /* its ticket is good still */
    stage_say(stage, MESSAGE_OF(join_session, .shard = 0, .connection = {2}, .join = span_of_string(payload)));
    free(payload);
    assert_int_equal(stage_hear(stage, MESSAGE_session_joined)->session_joined.primary.value, 1);
    stage_hear(stage, MESSAGE_shards_changed);
    stage_silent(stage);
}

static void a_refusal_goes_to_the_shard_that_asked(void **state)
{
    struct stage *stage = play_raise(state);
    stage_say(stage, MESSAGE_OF(join_session, .shard = 1, .connection = {3}, .join = span_of_string("{}")));
    stage_hear_at(stage, ACTOR_ws_gateway, 1, MESSAGE_join_refused);
    stage_silent(stage);
}

static void a_join_that_does_not_parse_is_closed_with_no_word(void **state)
{
    struct stage *stage = play_raise(state);
    const char *const joins[] = {"", "[]", "{}", "{\"sessionId\":\"S-1\",\"index\":1}"};
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
        say_join(stage, 9, joins[i]);
        hear_join_refused(stage, 9, NULL);
    }
    stage_silent(stage);
}

static void a_join_of_an_unknown_session_is_told_so(void **state)
{
    struct stage *stage = play_raise(state);
    say_join(stage, 9, "{\"sessionId\":\"S-1\",\"index\":1,\"nonce\":\"n\"}");
    hear_join_refused(stage, 9, "UNKNOWN_SESSION");
    stage_silent(stage);
}

static void an_index_that_was_not_granted_is_a_bad_ticket(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_party(stage, 1, HELLO_V2);
    static const uint32_t indexes[] = {0, 4, 15, 16, UINT32_MAX};
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        struct join_ticket ticket = party.tickets[1];
        ticket.index = indexes[i];
        say_join_with(stage, 9, party.session, &ticket);
        hear_join_refused(stage, 9, "BAD_TICKET");
    }
    stage_silent(stage);
}

static void a_ticket_is_good_once(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_joined_party(stage);
    party_is_refused(stage, &party, 1, "INDEX_IN_USE");
    say_secondary_closed(stage, 2);
    party_is_refused(stage, &party, 1, "BAD_TICKET");
    stage_silent(stage);
}

static void a_ticket_is_good_for_as_long_as_the_flag_says(void **state)
{
    struct play *play = *state;
    play->options.join_ticket_ttl = 5000;
    struct stage *stage = play_raise(state);
    struct party party = open_party(stage, 1, HELLO_V2);
    assert_int_equal(party.tickets[1].expires_ms, 5000);
    stage_advance(stage, 4999);
    party_joins(stage, &party, 2, 1, 1);
    stage_advance(stage, 1);
    party_is_refused(stage, &party, 2, "EXPIRED_TICKET");
    party_is_refused(stage, &party, 2, "EXPIRED_TICKET"); /* it stays expired */
    stage_silent(stage);
}

static void a_failed_join_uses_up_nothing(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_party(stage, 1, HELLO_V2);
    struct join_ticket wrong = party.tickets[1];
    wrong.nonce[63] = wrong.nonce[63] == '0' ? '1' : '0';
    say_join_with(stage, 2, party.session, &wrong);
    hear_join_refused(stage, 2, "BAD_TICKET");
    wrong = party.tickets[1];
    wrong.index = 2;
    say_join_with(stage, 3, party.session, &wrong);
    hear_join_refused(stage, 3, "BAD_TICKET");
    party_joins(stage, &party, 4, 1, 1);
    party_joins(stage, &party, 5, 1, 2);
    stage_silent(stage);
}

static void a_join_is_no_bind_and_keeps_no_idle_session_alive(void **state)
{
    struct play *play = *state;
    play->options.idle_timeout = 1000;
    play->options.ping_interval = 500;
    struct stage *stage = play_raise(state);
    open_joined_party(stage);
    stage_advance(stage, 1000);
    while (stage_next_at(stage, ACTOR_ws_gateway, 0) != NULL)
        ;
    stage_say(stage, MESSAGE_OF(connection_probed, .connection = {1}));
    hear_end_session(
        stage, &(const struct message_end_session){
                   .connection = {1}, .goaway_code = 10, .goaway_message = "session idle timeout", .close_code = 1000});
}

/* ---- a secondary is gone ----------------------------------------------------------------------------------------- */

static void an_index_is_free_again_when_its_connection_is_gone(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_joined_party(stage);
    expect_attached(stage, 1);
    say_secondary_closed(stage, 2);
    expect_attached(stage, 0);
    stage_silent(stage); /* the session goes on */
    assert_int_equal(count_listed(stage), 1);
    party_asks_again(stage, &party, 1);
    party_joins(stage, &party, 3, 1, 1);
    say_secondary_closed(stage, 2); /* said twice: it is nobody any more */
    party_is_refused(stage, &party, 1, "INDEX_IN_USE");
    stage_silent(stage);
}

static void the_end_of_a_stranger_is_about_nothing(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_joined_party(stage);
    say_secondary_closed(stage, 77);
    say_secondary_closed(stage, 1); /* a primary is none */
    say_secondary_closed(stage, 0);
    stage_silent(stage);
    expect_attached(stage, 1);
    party_is_refused(stage, &party, 1, "INDEX_IN_USE");
}

static void what_a_secondary_says_of_a_session_is_not_heard(void **state)
{
    struct stage *stage = play_raise(state);
    open_joined_party(stage);
    stage_say(stage, MESSAGE_OF(bind, .connection = {2}, .port = 8000));
    stage_say(stage, MESSAGE_OF(unbind, .connection = {2}, .binding = {1}));
    stage_say(stage, MESSAGE_OF(reissue_tickets, .connection = {2}));
    say_connection_closed(stage, 2);
    stage_silent(stage);
    assert_int_equal(count_listed(stage), 1);
    expect_attached(stage, 1);
}

/* ---- REISSUE_JOIN_TICKETS ---------------------------------------------------------------------------------------- */

static void a_driver_that_asks_gets_tickets_of_all_free_indexes(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_party(stage, 1, HELLO_V2), before = party;
    party_joins(stage, &party, 2, 1, 2);
    party_asks_again(stage, &party, 1);
    assert_int_equal(party.ticket_count, 2);
    assert_string_equal(party.tickets[2].nonce, before.tickets[2].nonce); /* not among them */
    party_is_refused(stage, &before, 1, "BAD_TICKET");                    /* void: there is a fresh one */
    party_joins(stage, &party, 3, 1, 1);
    party_joins(stage, &party, 4, 1, 3);
    stage_silent(stage);
}

static void fresh_tickets_live_from_when_they_were_asked_for(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_party(stage, 1, HELLO_V2);
    stage_advance(stage, TTL_MS / 2);
    party_asks_again(stage, &party, 1);
    assert_int_equal(party.tickets[1].expires_ms, TTL_MS);
    stage_advance(stage, TTL_MS - 1);
    while (stage_next_at(stage, ACTOR_ws_gateway, 0) != NULL) /* pings */
        ;
    party_joins(stage, &party, 2, 1, 1);
    stage_advance(stage, 1);
    party_is_refused(stage, &party, 2, "EXPIRED_TICKET");
    party_asks_again(stage, &party, 1);
    party_joins(stage, &party, 3, 1, 2);
}

static void where_nothing_is_free_the_answer_is_empty(void **state)
{
    struct stage *stage = play_raise(state);
    open_one(stage, 1); /* v1 */
    expect_no_tickets(stage, 1);
    struct party party = open_party(stage, 2, HELLO_V2);
    for (uint32_t index = 1; index < party.granted; index++)
        party_joins(stage, &party, 2 + index, 2, index);
    expect_no_tickets(stage, 2);
    stage_silent(stage);
}

static void who_has_no_session_gets_no_tickets(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_party(stage, 1, HELLO_V2);
    stage_say(stage, MESSAGE_OF(reissue_tickets, .connection = {8}));
    say_close_session(stage, party.session.text, 1, 50);
    hear_release_session(stage, party.session, true);
    stage_say(stage, MESSAGE_OF(reissue_tickets, .connection = {1}));
    stage_silent(stage);
}

/* ---- SHARD_MAP --------------------------------------------------------------------------------------------------- */

static void a_driver_that_asked_for_it_is_told_of_every_change(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_party(stage, 1, HELLO_V2_SHARD_MAP);
    stage_silent(stage); /* nothing has changed yet */
    party_joins(stage, &party, 2, 1, 2);
    hear_shards(stage, 1, 5);
    party_joins(stage, &party, 3, 1, 1);
    hear_shards(stage, 1, 7);
    say_secondary_closed(stage, 2);
    hear_shards(stage, 1, 3);
    say_secondary_closed(stage, 2);
    party_is_refused(stage, &party, 1, "INDEX_IN_USE"); /* no change */
    party_asks_again(stage, &party, 1);
    say_secondary_closed(stage, 3);
    hear_shards(stage, 1, 1);
    stage_silent(stage);
}

static void of_a_session_that_ends_no_map_is_drawn(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_party(stage, 1, HELLO_V2_SHARD_MAP);
    party_joins(stage, &party, 2, 1, 1);
    hear_shards(stage, 1, 3);
    say_connection_closed(stage, 1);
    hear_release_session(stage, party.session, false);
    say_secondary_closed(stage, 2);
    stage_silent(stage);
}

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

static void joins_are_counted_and_refused_ones_by_reason(void **state)
{
    struct stage *stage = play_raise(state);
    struct party party = open_joined_party(stage);
    struct join_ticket wrong = {.index = 2, .nonce = "0"};
    party_is_refused(stage, &party, 1, "INDEX_IN_USE");
    say_join_with(stage, 3, party.session, &wrong);
    hear_join_refused(stage, 3, "BAD_TICKET");
    say_join(stage, 4, "{}");
    hear_join_refused(stage, 4, NULL);
    stage_advance(stage, TTL_MS);
    assert_int_equal(stage_hear(stage, MESSAGE_probe_connection)->probe_connection.connection.value, 1);
    party_is_refused(stage, &party, 2, "EXPIRED_TICKET");
    say_connection_closed(stage, 1);
    hear_release_session(stage, party.session, false);
    party_is_refused(stage, &party, 2, "UNKNOWN_SESSION");
    static const char *const labels[] = {"reason=\"index_in_use\"", "reason=\"bad_ticket\"", "reason=\"bad_join\"",
                                         "reason=\"expired_ticket\"", "reason=\"unknown_session\""};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        assert_true(metric_of(stage, METRIC_sessions_refused_total, labels[i]) == 1);
    assert_true(metric_of(stage, METRIC_handshakes_total, "result=\"joined\"") == 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, play_setup, play_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_gets_the_lesser_of_what_it_asks_and_what_the_flag_says),
        TEST(one_that_does_not_say_multi_ws_or_how_many_gets_one),
        TEST(v1_gets_one_connection_whatever_it_asks),
        TEST(the_tickets_of_two_sessions_have_nothing_in_common),
        TEST(every_seat_can_be_taken_in_any_order),
        TEST(on_another_shard_it_is_sent_to_that_of_its_session),
        TEST(a_refusal_goes_to_the_shard_that_asked),
        TEST(a_join_that_does_not_parse_is_closed_with_no_word),
        TEST(a_join_of_an_unknown_session_is_told_so),
        TEST(an_index_that_was_not_granted_is_a_bad_ticket),
        TEST(a_ticket_is_good_once),
        TEST(a_ticket_is_good_for_as_long_as_the_flag_says),
        TEST(a_failed_join_uses_up_nothing),
        TEST(a_join_is_no_bind_and_keeps_no_idle_session_alive),
        TEST(an_index_is_free_again_when_its_connection_is_gone),
        TEST(the_end_of_a_stranger_is_about_nothing),
        TEST(what_a_secondary_says_of_a_session_is_not_heard),
        TEST(a_driver_that_asks_gets_tickets_of_all_free_indexes),
        TEST(fresh_tickets_live_from_when_they_were_asked_for),
        TEST(where_nothing_is_free_the_answer_is_empty),
        TEST(who_has_no_session_gets_no_tickets),
        TEST(a_driver_that_asked_for_it_is_told_of_every_change),
        TEST(of_a_session_that_ends_no_map_is_drawn),
        TEST(joins_are_counted_and_refused_ones_by_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
