/* The ws-gateway alone: the base listener's other side, the admin API's requests, and what it tells of itself (protocol
 * section 8). */
#include "gateway_peers.h"

#include "samples.h"

#define API "/api/v1/tunnel"

static void answer(struct gateway_stage *stage, struct connection_id connection, uint32_t status, const char *body)
{
    gateway_say(stage, MESSAGE_OF(api_answered, .connection = connection, .status = status,
                                  .content_type = "application/json", .body = span_of_string(body)));
}

static struct connection_id hear_request(struct gateway_stage *stage, const char *method, const char *target)
{
    const struct message_api_request *request = &gateway_hear(stage, MESSAGE_api_request)->api_request;
    assert_string_equal(request->method, method);
    assert_string_equal(request->target, target);
    return request->connection;
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

static void a_request_is_passed_on_with_all_its_fields(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, "DELETE " API "/sessions/S-1?grace_ms=5 HTTP/1.1\r\nHost: kit.example:7080\r\n"
                       "Origin: https://a.example\r\nUser-Agent: curl/8\r\n\r\n");
    const struct message_api_request *request = &gateway_hear(stage, MESSAGE_api_request)->api_request;
    assert_int_equal(request->shard, 0);
    assert_true(request->connection.value > 0);
    assert_string_equal(request->method, "DELETE");
    assert_string_equal(request->target, API "/sessions/S-1?grace_ms=5");
    assert_string_equal(request->host, "kit.example:7080");
    assert_true(request->has_origin);
    assert_string_equal(request->origin, "https://a.example");
    assert_string_equal(request->peer_ip, "127.0.0.1");
    assert_string_equal(request->user_agent, "curl/8");
    gateway_silent(stage);
}

static void what_a_request_leaves_out_is_empty(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, "GET /anything HTTP/1.0\r\n\r\n");
    const struct message_api_request *request = &gateway_hear(stage, MESSAGE_api_request)->api_request;
    assert_string_equal(request->target, "/anything");
    assert_string_equal(request->host, "");
    assert_false(request->has_origin);
    assert_string_equal(request->origin, "");
    assert_string_equal(request->user_agent, "");
    answer(stage, request->connection, 404, "{}");
    assert_non_null(strstr(client_hear_answer(caller, 404, "{}"), "\r\nConnection: close\r\n"));
    client_hear_end(caller);
}

static void an_empty_origin_is_an_origin(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    client_say(client_dial(stage, stage->port), "GET / HTTP/1.1\r\nHost: a\r\nOrigin:\r\n\r\n");
    const struct message_api_request *request = &gateway_hear(stage, MESSAGE_api_request)->api_request;
    assert_true(request->has_origin);
    assert_string_equal(request->origin, "");
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static void an_answer_has_its_status_type_and_body(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    answer(stage, hear_request(stage, "GET", "/a"), 202, "{\"a\":1}");
    const char *head = client_hear_answer(caller, 202, "{\"a\":1}");
    assert_non_null(strstr(head, "\r\nContent-Type: application/json\r\n"));
    assert_null(strstr(head, "\r\nAllow:"));
    assert_null(strstr(head, "\r\nConnection: close"));
}

static void a_connection_carries_one_request_after_the_other(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    struct connection_id connection = hear_request(stage, "GET", "/1");
    gateway_silent(stage); /* one at a time */
    answer(stage, connection, 200, "first");
    assert_int_equal(hear_request(stage, "GET", "/2").value, connection.value);
    answer(stage, connection, 200, "second");
    client_hear_answer(caller, 200, "first");
    client_hear_answer(caller, 200, "second");
    client_say(caller, "POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345");
    hear_request(stage, "POST", "/3");
    answer(stage, connection, 405, "third");
    assert_non_null(strstr(client_hear_answer(caller, 405, "third"), "\r\nConnection: close\r\n"));
    client_hear_end(caller);
}

static void an_answer_to_head_has_no_body(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    answer(stage, hear_request(stage, "HEAD", "/a"), 200, "{\"a\":1}");
    answer(stage, hear_request(stage, "GET", "/b"), 200, "b");
    assert_non_null(strstr(client_hear_answer(caller, 200, NULL), "\r\nContent-Length: 7\r\n"));
    client_hear_answer(caller, 200, "b"); /* and this comes next */
}

static void allow_is_told_when_there_is_one(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, "OPTIONS /a HTTP/1.1\r\nHost: a\r\n\r\n");
    gateway_say(stage, MESSAGE_OF(api_answered, .connection = hear_request(stage, "OPTIONS", "/a"), .status = 204,
                                  .allow = "GET, HEAD, OPTIONS"));
    const char *head = client_hear_answer(caller, 204, NULL);
    assert_non_null(strstr(head, "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    assert_null(strcasestr(head, "content-length"));
    client_say(caller, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    answer(stage, hear_request(stage, "GET", "/b"), 200, "b");
    client_hear_answer(caller, 200, "b");
}

static void a_caller_that_half_closes_gets_its_answer(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    client_end_output(caller);
    answer(stage, hear_request(stage, "GET", "/a"), 200, "a");
    client_hear_answer(caller, 200, "a");
    client_hear_end(caller);
}

static void an_answer_for_a_caller_that_is_gone_is_dropped(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    struct connection_id connection = hear_request(stage, "GET", "/a");
    client_abort(caller);
    struct driver *driver = driver_enter(stage);
    driver_quiet(driver); /* the gateway has seen the reset */
    answer(stage, connection, 200, "a");
    gateway_silent(stage);
    driver_quiet(driver);
}

static void an_answer_is_waited_for_beyond_the_head_timeout(void **state)
{
    struct gateway_stage *stage = *state;
    stage->options.head_timeout = 1000;
    gateway_raise(stage);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    struct connection_id connection = hear_request(stage, "GET", "/a");
    struct client *slow = client_dial(stage, stage->port); /* its time is up later than the caller's would be */
    client_say(slow, "GET /slow HTTP/1.1\r\n");
    client_hear_refusal(slow, 408);
    answer(stage, connection, 200, "a");
    client_hear_answer(caller, 200, "a");
}

static void a_broken_request_is_refused_without_asking(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct client *caller = client_dial(stage, stage->port);
    client_say(caller, "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    client_hear_refusal(caller, 400);
    gateway_silent(stage);
}

/* ---- what the gateway tells of itself -------------------------------------------------------------------------- */

static void streams_are_counted_by_session(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *idle = driver_enter(stage), *busy = driver_enter(stage);
    driver_knock(stage); /* has no session yet */
    uint16_t port = driver_bind(busy, 1);
    driver_visited(busy, port, 2, "/1");
    driver_visited(busy, port, 4, "/2");
    const struct message_streams_counted *counted = gateway_count(stage);
    assert_int_equal(counted->shard, 0);
    assert_int_equal(permits_left(counted), stage->permits - 6); /* three drivers, a listener, two visitors */

    struct span rows = counted->sessions;
    struct message row = {0};
    uint32_t streams[2] = {99, 99};
    unsigned sessions = 0;
    for (; message_rows_next(&rows, &row); message_done(&row), sessions++) {
        assert_int_equal(row.type, MESSAGE_stream_count_row);
        struct session_id idle_session = driver_session(idle), busy_session = driver_session(busy);
        if (session_id_equals(&row.stream_count_row.session, &idle_session))
            streams[0] = row.stream_count_row.active_streams;
        if (session_id_equals(&row.stream_count_row.session, &busy_session))
            streams[1] = row.stream_count_row.active_streams;
    }
    assert_int_equal(rows.length, 0);
    assert_int_equal(sessions, 2);
    assert_int_equal(streams[0], 0);
    assert_int_equal(streams[1], 2);
}

static struct span report(struct gateway_stage *stage, uint64_t ref)
{
    gateway_say(stage, MESSAGE_OF(report_metrics, .ref = ref));
    const struct message_metrics_reported *reported = &gateway_hear(stage, MESSAGE_metrics_reported)->metrics_reported;
    assert_int_equal(reported->ref, ref);
    assert_int_equal(reported->actor, ACTOR_ws_gateway);
    assert_int_equal(reported->shard, 0);
    return reported->samples;
}

static void assert_sample(struct span samples, enum metric metric, const char *labels, double value)
{
    assert_true(sample_value(samples, metric, labels) == value);
}

static void metrics_are_reported(void **state)
{
    struct gateway_stage *stage = *state;
    gateway_raise(stage);
    struct driver *driver = driver_enter(stage);
    uint16_t port = driver_bind(driver, 1);
    struct client *answered = driver_visited(driver, port, 2, "/1");
    driver_say_answer(driver, 2, 404, "seven b");
    client_hear_answer(answered, 404, "seven b");
    struct client *refused = driver_visited(driver, port, 4, "/2");
    driver_add(driver, FRAME_RESET, 4, span_of("\0\6no", 4));
    driver_send(driver);
    client_hear_refusal(refused, 502);
    driver_visited(driver, port, 6, "/3");

    struct span samples = report(stage, 77);
    assert_sample(samples, METRIC_fd_permits_available, "", (double)stage->permits - 5);
    assert_sample(samples, METRIC_streams_active, "", 1);
    assert_sample(samples, METRIC_streams_opened_total, "", 3);
    assert_sample(samples, METRIC_stream_bytes_total, "direction=\"to_visitor\",mode=\"expose\"", 7);
    assert_sample(samples, METRIC_stream_bytes_total, "direction=\"to_driver\",mode=\"expose\"", 0);
    assert_sample(samples, METRIC_streams_reset_total, "code=\"refused stream\",by=\"driver\"", 1);
    assert_sample(samples, METRIC_http_answers_total, "class=\"4xx\"", 1);
    assert_sample(samples, METRIC_http_answers_total, "class=\"5xx\"", 1);
    assert_sample(samples, METRIC_http_answers_total, "class=\"2xx\"", 0);
    assert_true(sample_value(samples, METRIC_mailbox_messages_total, "actor=\"ws-gateway\"") > 0);

    driver_say(driver, FRAME_HELLO, 0, "{}");
    driver_hear(driver, FRAME_GOAWAY, 0);
    gateway_hear(stage, MESSAGE_connection_closed);
    samples = report(stage, 78);
    assert_sample(samples, METRIC_protocol_errors_total, "code=\"protocol error\"", 1);
    assert_sample(samples, METRIC_streams_active, "", 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_stage_set_up, gateway_stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_passed_on_with_all_its_fields),
        TEST(what_a_request_leaves_out_is_empty),
        TEST(an_empty_origin_is_an_origin),
        TEST(an_answer_has_its_status_type_and_body),
        TEST(a_connection_carries_one_request_after_the_other),
        TEST(an_answer_to_head_has_no_body),
        TEST(allow_is_told_when_there_is_one),
        TEST(a_caller_that_half_closes_gets_its_answer),
        TEST(an_answer_for_a_caller_that_is_gone_is_dropped),
        TEST(an_answer_is_waited_for_beyond_the_head_timeout),
        TEST(a_broken_request_is_refused_without_asking),
        TEST(streams_are_counted_by_session),
        TEST(metrics_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
