/* The session-manager, and which shard of the gateway a session lives on. */
#include "session_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

static struct stage *raise_two(void **state)
{
    ((struct play *)*state)->options.shards = 2;
    return play_raise(state);
}

static void say_hello_on(struct stage *stage, uint32_t shard, uint64_t connection, const char *hello)
{
    stage_say(stage, MESSAGE_OF(open_session, .shard = shard, .connection = {connection}, .peer = "127.0.0.1:5000",
                                .subprotocol = 1, .hello = span_of_string(hello)));
}

static void say_again_on(struct stage *stage, uint32_t shard, uint64_t connection, struct session_id session)
{
    char hello[128];
    (void)snprintf(hello, sizeof hello, "{\"version\":\"hoody-tunnel.v1\",\"resume\":{\"sessionId\":\"%s\"}}",
                   session.text);
    say_hello_on(stage, shard, connection, hello);
}

static void hear_move(struct stage *stage, uint64_t connection, uint32_t to_shard)
{
    const struct message_move_connection *move = &stage_hear(stage, MESSAGE_move_connection)->move_connection;
    assert_int_equal(move->connection.value, connection);
    assert_int_equal(move->to_shard, to_shard);
    stage_silent(stage);
}

static struct session_id hear_opened_on(struct stage *stage, uint32_t shard, uint64_t connection)
{
    const struct message *opened = stage_hear_at(stage, ACTOR_ws_gateway, shard, MESSAGE_session_opened);
    assert_int_equal(opened->session_opened.connection.value, connection);
    return opened->session_opened.session;
}

/* A session of that connection, which came in on shard 0, on shard 1. */
static struct session_id open_elsewhere(struct stage *stage, uint64_t connection)
{
    say_hello_on(stage, 0, connection, HELLO_V1);
    hear_move(stage, connection, 1);
    say_hello_on(stage, 1, connection, HELLO_V1);
    return hear_opened_on(stage, 1, connection);
}

static void new_sessions_take_turns(void **state)
{
    struct stage *stage = raise_two(state);
    open_elsewhere(stage, 1);
    open_one(stage, 2); /* on shard 0, without ado */
    open_elsewhere(stage, 3);
    open_one(stage, 4);
    stage_silent(stage);
}

static void those_on_their_way_are_counted(void **state)
{
    struct stage *stage = raise_two(state);
    say_hello_on(stage, 0, 1, HELLO_V1);
    hear_move(stage, 1, 1);
    open_one(stage, 2);
    say_hello_on(stage, 0, 3, HELLO_V1);
    hear_move(stage, 3, 1);
    say_connection_lost(stage, 1); /* on the way */
    say_connection_lost(stage, 3);
    stage_silent(stage);
    say_hello_on(stage, 0, 4, HELLO_V1);
    hear_move(stage, 4, 1);
}

static void refused_where_it_came_to_it_counts_no_more(void **state)
{
    ((struct play *)*state)->options.max_sessions = 1;
    struct stage *stage = raise_two(state);
    say_hello_on(stage, 0, 1, HELLO_V1);
    hear_move(stage, 1, 1);
    struct session_id faster = open_one(stage, 2);
    say_hello_on(stage, 1, 1, HELLO_V1);
    stage_hear_at(stage, ACTOR_ws_gateway, 1, MESSAGE_session_refused);
    say_connection_closed(stage, 2);
    hear_release_session(stage, faster, false);
    say_hello_on(stage, 0, 3, HELLO_V1);
    hear_move(stage, 3, 1);
}

static void what_is_refused_is_refused_where_it_is(void **state)
{
    struct stage *stage = raise_two(state);
    say_hello_on(stage, 0, 1, "{}");
    stage_hear_at(stage, ACTOR_ws_gateway, 0, MESSAGE_session_refused);
    stage_silent(stage);
}

static void a_resume_goes_to_the_shard_of_its_session(void **state)
{
    struct stage *stage = raise_two(state);
    struct session_id session = open_elsewhere(stage, 1);
    say_again_on(stage, 0, 2, session);
    hear_move(stage, 2, 1); /* and the old connection is as it was */
    say_again_on(stage, 1, 2, session);
    const struct message *end = stage_hear_at(stage, ACTOR_ws_gateway, 1, MESSAGE_end_session);
    assert_int_equal(end->end_session.connection.value, 1);
    const struct message *resume = stage_hear(stage, MESSAGE_resume_session);
    assert_int_equal(resume->resume_session.shard, 1);
    assert_int_equal(resume->resume_session.connection.value, 2);
    stage_silent(stage);
}

static void a_session_that_ends_while_its_resume_moves_is_begun_afresh_there(void **state)
{
    struct stage *stage = raise_two(state);
    struct session_id session = open_elsewhere(stage, 1);
    say_again_on(stage, 0, 2, session);
    hear_move(stage, 2, 1);
    stage_say(stage, MESSAGE_OF(connection_closed, .shard = 1, .connection = {1}, .close_code = 1000));
    hear_release_session(stage, session, false);
    say_again_on(stage, 1, 2, session);
    assert_string_not_equal(hear_opened_on(stage, 1, 2).text, session.text);
    stage_silent(stage);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, play_setup, play_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(new_sessions_take_turns),
        TEST(those_on_their_way_are_counted),
        TEST(refused_where_it_came_to_it_counts_no_more),
        TEST(what_is_refused_is_refused_where_it_is),
        TEST(a_resume_goes_to_the_shard_of_its_session),
        TEST(a_session_that_ends_while_its_resume_moves_is_begun_afresh_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
