/* A session that outlives its connections (protocol sections 3 and 7; driver/persistent_session.h). */
#include "tunnel_stage.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>

#define ID            "\"sessionId\":\"S-11111111-2222-4333-8444-555555555555\""
#define WINDOWS       "\"streamWindow\":131072,\"sessionWindow\":262144,\"maxStreams\":8"
#define OK_FRESH      "{" ID ",\"resumed\":false,\"resumedBinds\":[]," WINDOWS "}"
#define OK_RESUMED    "{" ID ",\"resumed\":true,\"resumedBinds\":[%s]," WINDOWS "}"
#define BIND_8080     "{\"bindId\":1,\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":8080}"
#define BIND_OF(port) "{\"clientBindRef\":1,\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":" #port "}"

static void drop(struct stage *stage)
{
    stage_drop_kit(stage, true);
}

/* The next connection comes, and says HELLO, with a wish to resume or without. */
static void hello_again(struct stage *stage, size_t number, bool wants_resume)
{
    stage_on(stage, number);
    const struct heard *hello = stage_hear(stage, FRAME_HELLO, 0);
    assert_int_equal(strstr(hello->payload, "\"resume\":{" ID "}") != NULL, wants_resume);
}

static void say_resumed(struct stage *stage, const char *binds)
{
    char json[1024];
    snprintf(json, sizeof json, OK_RESUMED, binds);
    stage_say(stage, FRAME_HELLO_OK, 0, json);
}

static void say_goodbye(struct stage *stage, int code, uint16_t close_code)
{
    char json[128];
    snprintf(json, sizeof json, "{\"code\":%d,\"message\":\"why\",\"retryAfterMs\":0}", code);
    stage_say(stage, FRAME_GOAWAY, 0, json);
    stage_send(stage);
    stage_say_close(stage, close_code);
}

static void bind_ok(struct stage *stage, unsigned id, unsigned port)
{
    char json[128];
    snprintf(json, sizeof json, "{\"clientBindRef\":1,\"bindId\":%u,\"containerPort\":%u,\"publicUrl\":null}", id,
             port);
    stage_say(stage, FRAME_BIND_OK, 0, json);
    stage_hear_nothing(stage);
    assert_int_equal(stage->bound_port, port);
}

static void the_end_is(struct stage *stage, enum session_end end, const char *text)
{
    while (!stage->is_over)
        stage_run_once(stage);
    if (stage->end != end || strstr(stage->end_text, text) == NULL)
        fail_msg("the end is %d '%s', not %d '%s'", (int)stage->end, stage->end_text, (int)end, text);
}

/* A request gets through to the service, on its connection `number`. */
static void it_serves(struct stage *stage, unsigned bind, size_t number)
{
    char json[512];
    snprintf(json, sizeof json,
             "{\"kind\":\"http\",\"method\":\"GET\",\"target\":\"/\",\"headers\":[],\"isUpgrade\":false,\"bindId\":%u,"
             "\"containerPort\":8080,\"peerAddr\":\"a:1\"}",
             bind);
    stage_say(stage, FRAME_STREAM_OPEN, 2, json);
    stage_say(stage, FRAME_EOF, 2, "");
    stage_send(stage);
    stage_service_hear(stage, number, "GET / HTTP/1.1\r\nHost: service\r\n\r\n");
}

/* ---- resumed ---- */

static void a_lost_connection_is_resumed_with_its_ports(void **state)
{
    struct stage *stage = *state;
    it_serves(stage, 1, 0);
    drop(stage);
    stage_service_hear_reset(stage, 0);
    hello_again(stage, 1, true);
    assert_int_equal(stage->interruptions, 1);
    say_resumed(stage, BIND_8080);
    stage_hear_nothing(stage);
    assert_true(stage->is_resumed);
    assert_int_equal(stage->kept, 1);
    assert_int_equal(stage->bound, 1);
    it_serves(stage, 1, 1);
}

static void it_may_be_lost_again_and_again(void **state)
{
    struct stage *stage = *state;
    for (size_t i = 1; i <= 20; i++) {
        drop(stage);
        hello_again(stage, i, true);
        assert_int_equal(stage_failures(), i - 1); /* it never stood for long */
        say_resumed(stage, BIND_8080);
        stage_hear_nothing(stage);
        assert_int_equal(stage->kept, i);
    }
}

static void an_answer_that_is_cut_anywhere_is_asked_for_again(void **state)
{
    struct stage *stage = *state;
    enum { ANSWER_BYTES = 155 };
    stage->cut_upgrades = ANSWER_BYTES;
    drop(stage);
    while (stage->interruptions <= ANSWER_BYTES)
        stage_run_once(stage);
    hello_again(stage, ANSWER_BYTES + 1, true);
    say_resumed(stage, BIND_8080);
    stage_hear_nothing(stage);
    assert_int_equal(stage->kept, 1);
}

static void a_loss_between_hello_and_its_answer_changes_nothing(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    hello_again(stage, 1, true);
    drop(stage);
    hello_again(stage, 2, true);
    say_resumed(stage, BIND_8080);
    stage_hear_nothing(stage);
    assert_int_equal(stage->kept, 1);
}

static void a_binding_whose_answer_was_lost_is_given_back_and_asked_for_again(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    hello_again(stage, 1, true);
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    stage_hear_text(stage, FRAME_BIND, 0, BIND_OF(8080)); /* bound there, but the answer never comes */
    drop(stage);
    hello_again(stage, 2, true);
    say_resumed(stage, "{\"bindId\":9,\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":8080}");
    stage_hear_text(stage, FRAME_UNBIND, 0, "{\"bindId\":9}");
    stage_hear(stage, FRAME_BIND, 0);
}

/* ---- opened anew ---- */

static void a_daemon_that_knows_nothing_gives_the_same_port(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    hello_again(stage, 1, true);
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    stage_hear_text(stage, FRAME_BIND, 0, BIND_OF(8080));
    assert_false(stage->is_resumed);
    bind_ok(stage, 2, 8080);
    assert_int_equal(stage->bound, 2);
    it_serves(stage, 2, 0);
}

static void a_random_port_is_asked_for_by_its_number(void **state)
{
    a_daemon_that_knows_nothing_gives_the_same_port(state);
}

static void a_random_port_that_is_gone_becomes_another(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    hello_again(stage, 1, true);
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    stage_hear_text(stage, FRAME_BIND, 0, BIND_OF(8080));
    stage_say(stage, FRAME_BIND_ERR, 0, "{\"clientBindRef\":1,\"code\":\"ALREADY_BOUND\",\"message\":\"taken\"}");
    stage_hear_text(stage, FRAME_BIND, 0, BIND_OF(0));
    bind_ok(stage, 2, 8099);
}

static void a_port_that_is_held_by_others_is_tried_again(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    hello_again(stage, 1, true);
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    stage_hear(stage, FRAME_BIND, 0);
    stage_say(stage, FRAME_BIND_ERR, 0, "{\"clientBindRef\":1,\"code\":\"ALREADY_BOUND\",\"message\":\"taken\"}");
    for (unsigned times = 1; times <= 3; times++) {
        stage_hear_text(stage, FRAME_BIND, 0, BIND_OF(8080));
        assert_int_equal(stage->refused, times);
        assert_int_equal(stage_failures(), times - 1);
        assert_non_null(strstr(stage->refusal_told, "taken (ALREADY_BOUND)"));
        stage_say(stage, FRAME_BIND_ERR, 0, "{\"clientBindRef\":1,\"code\":\"ALREADY_BOUND\",\"message\":\"taken\"}");
    }
    stage_hear(stage, FRAME_BIND, 0);
    bind_ok(stage, 3, 8080);
    assert_int_equal(stage->interruptions, 1);
}

static void a_port_that_is_not_allowed_any_more_is_the_end(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    hello_again(stage, 1, true);
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    stage_hear(stage, FRAME_BIND, 0);
    stage_say(stage, FRAME_BIND_ERR, 0, "{\"clientBindRef\":1,\"code\":\"RESERVED_PORT\",\"message\":\"no\"}");
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_FORBIDDEN, "no (RESERVED_PORT)");
}

static void beyond_the_grace_a_new_session_begins_at_once(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    hello_again(stage, 1, true);
    say_goodbye(stage, CODE_STREAM_CLOSED, WEBSOCKET_CLOSE_POLICY);
    hello_again(stage, 2, false);
    assert_int_equal(stage->delay_ms, 0);
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    stage_hear_text(stage, FRAME_BIND, 0, BIND_OF(8080));
    bind_ok(stage, 2, 8080);
}

/* ---- taken over ---- */

static void a_port_taken_over_meanwhile_is_the_end(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    hello_again(stage, 1, true);
    say_resumed(stage, "");
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_FORBIDDEN, "port 8080 was taken over while the connection was lost");
}

static void for_a_random_port_another_one_will_do(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    hello_again(stage, 1, true);
    say_resumed(stage, "");
    stage_hear_text(stage, FRAME_BIND, 0, BIND_OF(0));
    bind_ok(stage, 2, 8099);
}

static void a_session_that_others_resumed_is_left_to_them(void **state)
{
    struct stage *stage = *state;
    say_goodbye(stage, CODE_STREAM_CLOSED, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_FORBIDDEN, "the daemon ended the session: why");
    assert_int_equal(stage->interruptions, 0);
}

/* ---- goodbyes and refusals ---- */

static void a_kit_that_shuts_down_or_is_full_is_tried_again(void **state)
{
    static const struct {
        int code;
        uint16_t close_code;
    } GOODBYES[] = {{CODE_NO_ERROR, 1001}, {CODE_RESOURCE_EXHAUSTED, 1013}, {CODE_IDLE_TIMEOUT, 1001}};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof GOODBYES / sizeof *GOODBYES; i++) {
        say_goodbye(stage, GOODBYES[i].code, GOODBYES[i].close_code);
        hello_again(stage, i + 1, true);
        say_resumed(stage, BIND_8080);
        stage_hear_nothing(stage);
    }
    assert_int_equal(stage->kept, 3);
}

static void an_admin_who_closes_the_session_ends_it(void **state)
{
    struct stage *stage = *state;
    say_goodbye(stage, CODE_PROTOCOL_ERROR, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_FORBIDDEN, "the daemon ended the session: why");
}

static void a_token_that_is_refused_ends_it(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    hello_again(stage, 1, true);
    say_goodbye(stage, CODE_AUTH_ERROR, WEBSOCKET_CLOSE_AUTH);
    the_end_is(stage, SESSION_FORBIDDEN, "the daemon ended the session: why (see --token-file)");
}

static void the_daemon_says_when_to_come_again(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_GOAWAY, 0, "{\"code\":14,\"message\":\"full\",\"lastStreamId\":0,\"retryAfterMs\":7}");
    stage_send(stage);
    stage_say_close(stage, WEBSOCKET_CLOSE_TRY_LATER);
    hello_again(stage, 1, true);
    assert_int_equal(stage->delay_ms, 7);
}

static void nobody_is_sent_away_for_longer_than_five_minutes(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_GOAWAY, 0, "{\"code\":14,\"message\":\"full\",\"retryAfterMs\":4000000000}");
    stage_send(stage);
    stage_say_close(stage, WEBSOCKET_CLOSE_TRY_LATER);
    while (stage->interruptions == 0)
        stage_run_once(stage);
    assert_int_equal(stage->delay_ms, PERSISTENT_RETRY_AFTER_MAX_MS);
}

static void an_edge_that_is_busy_is_asked_again(void **state)
{
    struct stage *stage = *state;
    stage->refused_upgrades = 2;
    drop(stage);
    hello_again(stage, 3, true);
    assert_int_equal(stage->interruptions, 3);
    assert_int_equal(stage_failures(), 2);
}

static void an_edge_that_forbids_it_is_the_end(void **state)
{
    struct stage *stage = *state;
    stage->refused_upgrades = 1;
    stage->refusal = "403 Forbidden";
    drop(stage);
    the_end_is(stage, SESSION_FORBIDDEN, "HTTP 403 Forbidden");
}

/* ---- the first connection, and the last ---- */

static void the_first_connection_is_tried_again_when_asked_for(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    hello_again(stage, 1, false);
    say_goodbye(stage, CODE_RESOURCE_EXHAUSTED, WEBSOCKET_CLOSE_TRY_LATER);
    hello_again(stage, 2, false);
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    stage_hear(stage, FRAME_BIND, 0);
    bind_ok(stage, 1, 8080);
}

static void a_port_refused_at_first_is_the_end_even_so(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    stage_hear(stage, FRAME_BIND, 0);
    stage_say(stage, FRAME_BIND_ERR, 0, "{\"clientBindRef\":1,\"code\":\"ALREADY_BOUND\",\"message\":\"taken\"}");
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_FORBIDDEN, "taken (ALREADY_BOUND)");
}

static void a_loss_is_the_end_when_asked_for(void **state)
{
    struct stage *stage = *state;
    drop(stage);
    the_end_is(stage, SESSION_LOST, "lost");
    assert_int_equal(stage->interruptions, 0);
}

static void closing_while_it_is_away_ends_at_once(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_GOAWAY, 0, "{\"code\":0,\"message\":\"later\",\"retryAfterMs\":300000}");
    stage_send(stage);
    stage_say_close(stage, WEBSOCKET_CLOSE_GOING_AWAY);
    while (stage->interruptions == 0)
        stage_run_once(stage);
    persistent_session_close(stage->persistent);
    the_end_is(stage, SESSION_CLOSED, "closed");
}

static void a_connection_lost_while_closing_is_not_tried_again(void **state)
{
    struct stage *stage = *state;
    persistent_session_close(stage->persistent);
    stage_hear(stage, FRAME_UNBIND, 0);
    drop(stage);
    the_end_is(stage, SESSION_CLOSED, "");
}

static void closed_while_the_daemon_says_goodbye_it_has_ended_as_asked(void **state)
{
    struct stage *stage = *state;
    it_serves(stage, 1, 0);
    stage_say(stage, FRAME_GOAWAY, 0, "{\"code\":0,\"message\":\"later\",\"retryAfterMs\":0}");
    stage_send(stage);
    stage_service_hear_reset(stage, 0);
    persistent_session_close(stage->persistent);
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_CLOSED, "closed");
    assert_int_equal(stage->interruptions, 0);
}

static void closed_when_it_was_over_for_good_it_says_why(void **state)
{
    struct stage *stage = *state;
    it_serves(stage, 1, 0);
    stage_say(stage, FRAME_BIND_REVOKED, 0, "{\"bindId\":1,\"reason\":\"taken\"}");
    stage_send(stage);
    stage_service_hear_reset(stage, 0);
    persistent_session_close(stage->persistent);
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_FORBIDDEN, "taken");
}

static void a_second_close_says_goodbye_and_waits_for_nobody(void **state)
{
    struct stage *stage = *state;
    persistent_session_close(stage->persistent);
    stage_hear(stage, FRAME_UNBIND, 0);
    persistent_session_close(stage->persistent);
    the_end_is(stage, SESSION_CLOSED, "closed");
    while (stage->kit->close_code == 0)
        stage_run_once(stage);
    assert_int_equal(stage->kit->close_code, WEBSOCKET_CLOSE_NORMAL);
}

static void no_daemon_is_waited_for_too_long(void **state)
{
    struct stage *stage = *state;
    persistent_session_close(stage->persistent);
    the_end_is(stage, SESSION_CLOSED, "closed");
    while (!stage->kit->has_ended)
        stage_run_once(stage);
    assert_int_equal(stage->kit->close_code, 0); /* it waited for UNBIND_OK still */
}

/* ---- several bindings ---- */

#define REFUSED(ref, code) "{\"clientBindRef\":" #ref ",\"code\":\"" code "\",\"message\":\"no\"}"
#define BIND_8099          "{\"bindId\":2,\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":8099}"
#define BIND_5432          "{\"bindId\":3,\"kind\":\"tcp\",\"mode\":\"pull\",\"containerPort\":5432}"
#define ASK_8080           BIND_OF(8080)
#define ASK_ANY(port)      "{\"clientBindRef\":2,\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":" #port "}"
#define ASK_5432                                                                                                       \
    "{\"clientBindRef\":3,\"kind\":\"tcp\",\"mode\":\"pull\",\"containerPort\":5432,\"host\":\"127.0.0.1\"}"

static void say_bound(struct stage *stage, unsigned ref, unsigned id, unsigned port)
{
    char json[128];
    snprintf(json, sizeof json, "{\"clientBindRef\":%u,\"bindId\":%u,\"containerPort\":%u,\"publicUrl\":null}", ref, id,
             port);
    stage_say(stage, FRAME_BIND_OK, 0, json);
}

/* Of two exposes, one for any port, the second waits for the answer to the first: their visitors could be mixed up. */
static void all_are_bound(struct stage *stage)
{
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    stage_hear_text(stage, FRAME_BIND, 0, ASK_8080);
    stage_hear_text(stage, FRAME_BIND, 0, ASK_5432);
    stage_hear_nothing(stage);
    say_bound(stage, 1, 1, 8080);
    stage_hear_text(stage, FRAME_BIND, 0, ASK_ANY(0));
    say_bound(stage, 3, 3, 5432);
    say_bound(stage, 2, 2, 8099);
    stage_hear_nothing(stage);
    assert_int_equal(stage->bound, 3);
}

static void all_bindings_are_kept_by_a_resume(void **state)
{
    struct stage *stage = *state;
    all_are_bound(stage);
    drop(stage);
    hello_again(stage, 1, true);
    say_resumed(stage, BIND_5432 "," BIND_8080 "," BIND_8099);
    stage_hear_nothing(stage);
    assert_int_equal(stage->kept, 3);
    it_serves(stage, 1, 0);
}

static void a_new_session_asks_for_the_same_ports(void **state)
{
    struct stage *stage = *state;
    all_are_bound(stage);
    drop(stage);
    hello_again(stage, 1, true);
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    stage_hear_text(stage, FRAME_BIND, 0, ASK_8080);
    stage_hear_text(stage, FRAME_BIND, 0, ASK_ANY(8099)); /* by its number: no need to wait */
    stage_hear_text(stage, FRAME_BIND, 0, ASK_5432);
    say_bound(stage, 1, 7, 8080);
    say_bound(stage, 2, 8, 8099);
    say_bound(stage, 3, 9, 5432);
    stage_hear_nothing(stage);
    assert_int_equal(stage->bound, 6);
}

static void one_that_is_taken_away_takes_no_other_along(void **state)
{
    struct stage *stage = *state;
    all_are_bound(stage);
    stage_say(stage, FRAME_BIND_REVOKED, 0, "{\"bindId\":2,\"reason\":\"taken over\"}");
    stage_hear_nothing(stage);
    assert_int_equal(stage->given_up, 1);
    assert_string_equal(stage->refusal_told, "port 8099 was taken away: taken over");
    it_serves(stage, 1, 0);
    drop(stage);
    hello_again(stage, 1, true);
    say_resumed(stage, BIND_8080 "," BIND_5432);
    stage_hear_nothing(stage); /* it is not asked for again */
    assert_int_equal(stage->kept, 2);
}

static void the_last_one_that_is_taken_away_ends_it(void **state)
{
    struct stage *stage = *state;
    all_are_bound(stage);
    stage_say(stage, FRAME_BIND_REVOKED, 0, "{\"bindId\":1,\"reason\":\"first\"}");
    stage_say(stage, FRAME_BIND_REVOKED, 0, "{\"bindId\":2,\"reason\":\"second\"}");
    stage_say(stage, FRAME_BIND_REVOKED, 0, "{\"bindId\":3,\"reason\":\"third\"}");
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_FORBIDDEN, "port 5432 was taken away: third");
    assert_int_equal(stage->given_up, 3);
}

static void one_that_was_taken_over_meanwhile_takes_no_other_along(void **state)
{
    struct stage *stage = *state;
    all_are_bound(stage);
    drop(stage);
    hello_again(stage, 1, true);
    say_resumed(stage, BIND_8099 "," BIND_5432);
    stage_hear_nothing(stage);
    assert_int_equal(stage->kept, 2);
    assert_int_equal(stage->given_up, 1);
    assert_string_equal(stage->refusal_told, "port 8080 was taken over while the connection was lost");
    it_serves(stage, 2, 0);
}

static void one_whose_port_is_held_is_waited_for_while_the_others_serve(void **state)
{
    struct stage *stage = *state;
    all_are_bound(stage);
    drop(stage);
    hello_again(stage, 1, true);
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    for (size_t i = 0; i < 3; i++)
        stage_hear(stage, FRAME_BIND, 0);
    say_bound(stage, 2, 2, 8099);
    say_bound(stage, 3, 3, 5432);
    stage_say(stage, FRAME_BIND_ERR, 0, REFUSED(1, "ALREADY_BOUND"));
    stage_hear_text(stage, FRAME_BIND, 0, ASK_8080);
    assert_int_equal(stage->refused, 1);
    it_serves(stage, 2, 0);
    say_bound(stage, 1, 4, 8080);
    stage_hear_nothing(stage);
    assert_int_equal(stage->bound, 6);
}

static void one_that_is_refused_for_good_takes_no_other_along(void **state)
{
    struct stage *stage = *state;
    all_are_bound(stage);
    drop(stage);
    hello_again(stage, 1, true);
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    for (size_t i = 0; i < 3; i++)
        stage_hear(stage, FRAME_BIND, 0);
    stage_say(stage, FRAME_BIND_ERR, 0, REFUSED(1, "RESERVED_PORT"));
    say_bound(stage, 2, 2, 8099);
    say_bound(stage, 3, 3, 5432);
    stage_hear_nothing(stage);
    assert_int_equal(stage->given_up, 1);
    assert_int_equal(stage->bound, 5);
}

/* Perhaps the daemon holds no more than so many now: that passes. */
static void a_random_port_that_can_not_be_had_now_is_waited_for(void **state)
{
    struct stage *stage = *state;
    all_are_bound(stage);
    drop(stage);
    hello_again(stage, 1, true);
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    for (size_t i = 0; i < 3; i++)
        stage_hear(stage, FRAME_BIND, 0);
    say_bound(stage, 1, 1, 8080);
    say_bound(stage, 3, 3, 5432);
    stage_say(stage, FRAME_BIND_ERR, 0, REFUSED(2, "BIND_CAP_EXCEEDED"));
    stage_hear_text(stage, FRAME_BIND, 0, ASK_ANY(0));
    stage_say(stage, FRAME_BIND_ERR, 0, REFUSED(2, "BIND_CAP_EXCEEDED"));
    stage_hear_text(stage, FRAME_BIND, 0, ASK_ANY(0));
    assert_int_equal(stage->refused, 1);
    say_bound(stage, 2, 2, 8077);
    stage_hear_nothing(stage);
    assert_int_equal(stage->bound_port, 8077);
}

/* What to do then is its owner's decision. */
static void one_that_is_refused_at_first_is_given_up(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, FRAME_HELLO_OK, 0, OK_FRESH);
    stage_hear(stage, FRAME_BIND, 0);
    stage_hear(stage, FRAME_BIND, 0);
    stage_say(stage, FRAME_BIND_ERR, 0, REFUSED(1, "ALREADY_BOUND"));
    stage_hear_text(stage, FRAME_BIND, 0, ASK_ANY(0));
    assert_int_equal(stage->given_up, 1);
    say_bound(stage, 3, 3, 5432);
    stage_hear_nothing(stage);
    persistent_session_close(stage->persistent);
    stage_hear_text(stage, FRAME_UNBIND, 0, "{\"bindId\":3}");
    say_bound(stage, 2, 2, 8099); /* crosses the UNBIND: nobody is told */
    stage_say(stage, FRAME_UNBIND_OK, 0, "{\"bindId\":3}");
    stage_hear_close(stage, WEBSOCKET_CLOSE_NORMAL);
    the_end_is(stage, SESSION_CLOSED, "closed");
    assert_int_equal(stage->bound, 1);
}

int main(void)
{
#define FIXED(test) cmocka_unit_test_setup_teardown(test, stage_set_up_persistent, stage_tear_down)
#define ANY(test)   cmocka_unit_test_setup_teardown(test, stage_set_up_persistent_any, stage_tear_down)
#define EARLY(test) cmocka_unit_test_setup_teardown(test, stage_set_up_patient, stage_tear_down)
#define CROWD(test) cmocka_unit_test_setup_teardown(test, stage_set_up_crowd, stage_tear_down)
#define HASTY(test) cmocka_unit_test_setup_teardown(test, stage_set_up_impatient, stage_tear_down)
    const struct CMUnitTest tests[] = {
        FIXED(a_lost_connection_is_resumed_with_its_ports),
        ANY(it_may_be_lost_again_and_again),
        FIXED(an_answer_that_is_cut_anywhere_is_asked_for_again),
        FIXED(a_loss_between_hello_and_its_answer_changes_nothing),
        FIXED(a_binding_whose_answer_was_lost_is_given_back_and_asked_for_again),
        FIXED(a_daemon_that_knows_nothing_gives_the_same_port),
        ANY(a_random_port_is_asked_for_by_its_number),
        ANY(a_random_port_that_is_gone_becomes_another),
        FIXED(a_port_that_is_held_by_others_is_tried_again),
        FIXED(a_port_that_is_not_allowed_any_more_is_the_end),
        FIXED(beyond_the_grace_a_new_session_begins_at_once),
        FIXED(a_port_taken_over_meanwhile_is_the_end),
        ANY(for_a_random_port_another_one_will_do),
        FIXED(a_session_that_others_resumed_is_left_to_them),
        FIXED(a_kit_that_shuts_down_or_is_full_is_tried_again),
        FIXED(an_admin_who_closes_the_session_ends_it),
        FIXED(a_token_that_is_refused_ends_it),
        FIXED(the_daemon_says_when_to_come_again),
        FIXED(nobody_is_sent_away_for_longer_than_five_minutes),
        FIXED(an_edge_that_is_busy_is_asked_again),
        FIXED(an_edge_that_forbids_it_is_the_end),
        EARLY(the_first_connection_is_tried_again_when_asked_for),
        EARLY(a_port_refused_at_first_is_the_end_even_so),
        HASTY(a_loss_is_the_end_when_asked_for),
        FIXED(closing_while_it_is_away_ends_at_once),
        FIXED(a_connection_lost_while_closing_is_not_tried_again),
        FIXED(closed_while_the_daemon_says_goodbye_it_has_ended_as_asked),
        FIXED(closed_when_it_was_over_for_good_it_says_why),
        FIXED(a_second_close_says_goodbye_and_waits_for_nobody),
        HASTY(no_daemon_is_waited_for_too_long),
        CROWD(all_bindings_are_kept_by_a_resume),
        CROWD(a_new_session_asks_for_the_same_ports),
        CROWD(one_that_is_taken_away_takes_no_other_along),
        CROWD(the_last_one_that_is_taken_away_ends_it),
        CROWD(one_that_was_taken_over_meanwhile_takes_no_other_along),
        CROWD(one_whose_port_is_held_is_waited_for_while_the_others_serve),
        CROWD(one_that_is_refused_for_good_takes_no_other_along),
        CROWD(a_random_port_that_can_not_be_had_now_is_waited_for),
        CROWD(one_that_is_refused_at_first_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
