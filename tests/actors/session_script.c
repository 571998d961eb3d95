#include "session_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "session_manager.h"

int play_setup(void **state)
{
    struct play *play = calloc(1, sizeof *play);
    assert_non_null(play);
    assert_true(options_init(&play->options));
    *state = play;
    return 0;
}

int play_teardown(void **state)
{
    struct play *play = *state;
    stage_destroy(&play->stage);
    options_done(&play->options);
    free(play);
    return 0;
}

struct stage *play_raise(void **state)
{
    struct play *play = *state;
    play->stage = stage_new(&session_manager_actor, &play->options);
    return play->stage;
}

/* ---- the peers say ------------------------------------------------------------------------------------------- */

void say_hello(struct stage *stage, uint64_t connection, uint32_t subprotocol, const char *hello)
{
    stage_say(stage, MESSAGE_OF(open_session, .connection = {connection}, .peer = "127.0.0.1:5000",
                                .subprotocol = subprotocol, .hello = span_of_string(hello)));
}

struct session_id open_one(struct stage *stage, uint64_t connection)
{
    say_hello(stage, connection, 1, HELLO_V1);
    const struct message_session_opened *opened = &stage_hear(stage, MESSAGE_session_opened)->session_opened;
    assert_int_equal(opened->connection.value, connection);
    return opened->session;
}

void say_connection_closed(struct stage *stage, uint64_t connection)
{
    stage_say(stage, MESSAGE_OF(connection_closed, .connection = {connection}, .close_code = 1000));
}

void say_connection_lost(struct stage *stage, uint64_t connection)
{
    stage_say(stage, MESSAGE_OF(connection_closed, .connection = {connection}, .close_code = 1006));
}

void say_counted(struct stage *stage, struct session_id session, uint32_t bindings)
{
    stage_say(stage, MESSAGE_OF(bindings_counted, .session = session, .bindings = bindings));
}

void say_session_released(struct stage *stage, struct session_id session)
{
    stage_say(stage, MESSAGE_OF(session_released, .session = session));
}

void say_close_session(struct stage *stage, const char *session, uint64_t ref, uint64_t grace_ms)
{
    stage_say(stage, MESSAGE_OF(close_session, .ref = ref, .session = session, .grace_ms = grace_ms));
}

/* ---- the session-manager says -------------------------------------------------------------------------------- */

void hear_session_refused(struct stage *stage, uint64_t connection, uint32_t goaway_code, const char *goaway_message,
                          uint32_t close_code)
{
    const struct message_session_refused *refused = &stage_hear(stage, MESSAGE_session_refused)->session_refused;
    assert_int_equal(refused->connection.value, connection);
    assert_true(refused->sends_goaway);
    assert_int_equal(refused->goaway_code, goaway_code);
    if (goaway_message != NULL)
        assert_string_equal(refused->goaway_message, goaway_message);
    assert_string_not_equal(refused->goaway_message, "");
    assert_string_equal(refused->close_reason, refused->goaway_message);
    assert_int_equal(refused->close_code, close_code);
}

void hear_release_session(struct stage *stage, struct session_id session, bool streams_may_end)
{
    const struct message_release_session *release = &stage_hear(stage, MESSAGE_release_session)->release_session;
    assert_string_equal(release->session.text, session.text);
    assert_int_equal(release->streams_may_end, streams_may_end);
}

void hear_park_session(struct stage *stage, struct session_id session)
{
    const struct message_park_session *park = &stage_hear(stage, MESSAGE_park_session)->park_session;
    assert_string_equal(park->session.text, session.text);
}

void hear_end_session(struct stage *stage, const struct message_end_session *expected)
{
    const struct message_end_session *end = &stage_hear(stage, MESSAGE_end_session)->end_session;
    assert_int_equal(end->connection.value, expected->connection.value);
    assert_int_equal(end->goaway_code, expected->goaway_code);
    assert_string_equal(end->goaway_message, expected->goaway_message);
    assert_int_equal(end->close_code, expected->close_code);
    assert_int_equal(end->grace_ms, expected->grace_ms);
    assert_int_equal(end->goaway_last, expected->goaway_last);
}

void hear_session_closing(struct stage *stage, uint64_t ref, bool found)
{
    const struct message_session_closing *closing = &stage_hear(stage, MESSAGE_session_closing)->session_closing;
    assert_int_equal(closing->ref, ref);
    assert_int_equal(closing->found, found);
}

static struct message_sessions_listed list(struct stage *stage)
{
    stage_say(stage, MESSAGE_OF(list_sessions, .ref = 3));
    const struct message_sessions_listed *listed = &stage_hear(stage, MESSAGE_sessions_listed)->sessions_listed;
    assert_int_equal(listed->ref, 3);
    return *listed;
}

uint32_t count_orphaned(struct stage *stage)
{
    return list(stage).orphaned_sessions;
}

size_t count_listed(struct stage *stage)
{
    struct span rows = list(stage).sessions;
    struct message row;
    size_t count = 0;
    for (; message_rows_next(&rows, &row); count++)
        message_done(&row);
    assert_int_equal(rows.length, 0);
    return count;
}

/* ---- further connections ----------------------------------------------------------------------------------------- */

void say_join(struct stage *stage, uint64_t connection, const char *join)
{
    stage_say(stage, MESSAGE_OF(join_session, .connection = {connection}, .join = span_of_string(join)));
}

void say_join_with(struct stage *stage, uint64_t connection, struct session_id session,
                   const struct join_ticket *ticket)
{
    char nonce[sizeof ticket->nonce];
    memcpy(nonce, ticket->nonce, sizeof nonce);
    char *join = join_encode(&(const struct join){.session = session.text, .index = ticket->index, .nonce = nonce});
    assert_non_null(join);
    say_join(stage, connection, join);
    free(join);
}

void say_secondary_closed(struct stage *stage, uint64_t connection)
{
    stage_say(stage, MESSAGE_OF(secondary_closed, .connection = {connection}));
}

void hear_join_refused(struct stage *stage, uint64_t connection, const char *code)
{
    const struct message_join_refused *refused = &stage_hear(stage, MESSAGE_join_refused)->join_refused;
    assert_int_equal(refused->connection.value, connection);
    if (code == NULL) {
        assert_int_equal(refused->join_err.length, 0);
        return;
    }
    struct join_err err;
    const char *why;
    assert_int_equal(join_err_decode(refused->join_err, &err, &why), PAYLOAD_OK);
    assert_string_equal(err.code, code);
    assert_string_not_equal(err.message, "");
    join_err_done(&err);
}

void hear_joined(struct stage *stage, uint64_t connection, uint64_t primary, uint32_t index)
{
    const struct message_session_joined *joined = &stage_hear(stage, MESSAGE_session_joined)->session_joined;
    assert_int_equal(joined->connection.value, connection);
    assert_int_equal(joined->primary.value, primary);
    assert_int_equal(joined->index, index);
    uint32_t told;
    const char *why;
    assert_int_equal(join_ok_decode(joined->join_ok, &told, &why), PAYLOAD_OK);
    assert_int_equal(told, index);
}

/* ---- parking and resume ---------------------------------------------------------------------------------------- */

void say_hello_again(struct stage *stage, uint64_t connection, uint32_t subprotocol, const char *session)
{
    char hello[256];
    snprintf(hello, sizeof hello, "{\"version\":\"hoody-tunnel.v%u\",\"resume\":{\"sessionId\":\"%s\"}}", subprotocol,
             session);
    say_hello(stage, connection, subprotocol, hello);
}

void hear_resume_session(struct stage *stage, struct session_id session, uint64_t connection)
{
    const struct message_resume_session *resume = &stage_hear(stage, MESSAGE_resume_session)->resume_session;
    assert_string_equal(resume->session.text, session.text);
    assert_int_equal(resume->connection.value, connection);
}

void say_resumed(struct stage *stage, struct session_id session, uint64_t connection, uint32_t count)
{
    struct message_buffer rows = {0};
    for (uint32_t i = 1; i <= count; i++)
        assert_true(
            message_pack(MESSAGE_OF(binding_row, .binding = {i}, .session = session, .port = RESUMED_PORT + i), &rows));
    stage_say(stage, MESSAGE_OF(session_resumed, .session = session, .connection = {connection},
                                .bindings = message_buffer_span(&rows)));
    message_buffer_done(&rows);
}

struct hello_ok hear_opened(struct stage *stage, uint64_t connection)
{
    const struct message_session_opened *opened = &stage_hear(stage, MESSAGE_session_opened)->session_opened;
    assert_int_equal(opened->connection.value, connection);
    struct hello_ok ok;
    const char *why;
    assert_int_equal(hello_ok_decode(opened->hello_ok, &ok, &why), PAYLOAD_OK);
    assert_string_equal(ok.session.text, opened->session.text);
    return ok;
}

void hear_resumed(struct stage *stage, struct session_id session, uint64_t connection)
{
    struct hello_ok ok = hear_opened(stage, connection);
    assert_true(ok.resumed);
    assert_string_equal(ok.session.text, session.text);
    hello_ok_done(&ok);
}

void hear_fresh(struct stage *stage, struct session_id not_this, uint64_t connection)
{
    struct hello_ok ok = hear_opened(stage, connection);
    assert_false(ok.resumed);
    assert_string_not_equal(ok.session.text, not_this.text);
    assert_int_equal(ok.resumed_bind_count, 0);
    hello_ok_done(&ok);
}

struct session_id open_bound(struct stage *stage, uint64_t connection)
{
    struct session_id session = open_one(stage, connection);
    say_counted(stage, session, 1);
    return session;
}

struct session_id park_one(struct stage *stage, uint64_t connection)
{
    struct session_id session = open_bound(stage, connection);
    say_connection_lost(stage, connection);
    hear_park_session(stage, session);
    say_counted(stage, session, 1);
    stage_silent(stage);
    return session;
}

struct session_id resume_one(struct stage *stage, uint64_t connection)
{
    struct session_id session = park_one(stage, connection);
    say_hello_again(stage, connection + 1, 1, session.text);
    hear_resume_session(stage, session, connection + 1);
    stage_silent(stage);
    return session;
}
