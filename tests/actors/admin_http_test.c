/* The calls of the admin API, as admin-http answers them; its peers are played by the test. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "api_script.h"
#include "metric_ids.h"

/* ---- GET ------------------------------------------------------------------------------------------------------ */

static void health_is_answered_at_once_with_exactly_these_keys(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "GET", BASE "/health");
    const struct message_api_answered *answered = api_hear(stage, 200);
    stage_silent(stage);
    assert_string_equal(answered->content_type, "application/json");
    json_t *json = json_loadb((const char *)answered->body.data, answered->body.length, JSON_REJECT_DUPLICATES, NULL);
    const char *status, *service, *built, *started, *ip, *user_agent;
    json_int_t rss, fds, pid;
    /* "!": no other keys. */
    assert_int_equal(json_unpack(json, "{s:s, s:s, s:s, s:s, s:{s:I, s:n !}, s:I, s:I, s:s, s:s !}", "status", &status,
                                 "service", &service, "built", &built, "started", &started, "memory", "rss", &rss,
                                 "heap", "fds", &fds, "pid", &pid, "ip", &ip, "userAgent", &user_agent),
                     0);
    assert_string_equal(status, "ok");
    assert_string_equal(service, "hoody-tunnel");
    assert_string_equal(ip, "127.0.0.1");
    assert_string_equal(user_agent, "curl/7.88.1");
    assert_int_equal(pid, getpid());
    assert_true(rss > 64 * 1024 && fds >= 3);

    struct stat executable;
    struct tm utc;
    char mtime[32];
    assert_int_equal(stat("/proc/self/exe", &executable), 0);
    assert_true(strftime(mtime, sizeof mtime, "%Y-%m-%dT%H:%M:%S.", gmtime_r(&executable.st_mtim.tv_sec, &utc)) > 0);
    assert_memory_equal(built, mtime, strlen(mtime));
    assert_int_equal(strlen(built), strlen("2000-02-29T00:00:00.999Z"));
    assert_int_equal(strlen(started), strlen(built));
    assert_true(strcmp(started, "2023-") > 0 && started[strlen(started) - 1] == 'Z');
    json_decref(json);
}

static void the_description_is_answered_at_once_and_names_its_version(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "GET", BASE "/openapi.json");
    const struct message_api_answered *answered = api_hear(stage, 200);
    stage_silent(stage);
    assert_string_equal(answered->content_type, "application/json");
    json_t *json = json_loadb((const char *)answered->body.data, answered->body.length, JSON_REJECT_DUPLICATES, NULL);
    const char *openapi, *title, *version;
    assert_int_equal(
        json_unpack(json, "{s:s, s:{s:s, s:s}}", "openapi", &openapi, "info", "title", &title, "version", &version), 0);
    assert_string_equal(openapi, "3.1.0");
    assert_string_equal(title, "hoody-tunnel");
    assert_true(version[0] >= '0' && version[0] <= '9'); /* filled in */
    json_decref(json);
}

static void tunnels_waits_for_all_three_actors(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "GET", BASE "/tunnels");
    uint64_t ref = api_hear_list_sessions(stage);
    assert_int_equal(api_hear_list_bindings(stage), ref);
    assert_int_equal(api_hear_count_streams(stage), ref);
    stage_silent(stage);
    api_say_streams(stage, ref, 0);
    api_say_sessions(stage, ref);
    stage_silent(stage);
    api_say_bindings(stage, ref);
    api_hear_json(stage, 200, TUNNELS);
    stage_silent(stage);
    stage_advance(stage, 10 * CALL_TIMEOUT_MS);
    stage_silent(stage); /* answered once */
}

static void sessions_waits_for_all_three_actors(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "GET", BASE "/sessions?x=1&grace_ms=nonsense");
    uint64_t ref = api_hear_list_sessions(stage);
    assert_int_equal(api_hear_list_bindings(stage), ref);
    assert_int_equal(api_hear_count_streams(stage), ref);
    api_say_bindings(stage, ref);
    api_say_sessions(stage, ref);
    stage_silent(stage);
    api_say_streams(stage, ref, 0);
    api_hear_json(stage, 200, SESSIONS);
    stage_silent(stage);
}

static void bindings_asks_the_registry_only(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "GET", BASE "/bindings");
    uint64_t ref = api_hear_list_bindings(stage);
    stage_silent(stage);
    api_say_bindings(stage, ref);
    api_hear_json(stage, 200, BINDINGS);
    stage_silent(stage);
}

static void metrics_are_the_text_that_metrics_renders(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "GET", BASE "/metrics");
    uint64_t ref = stage_hear(stage, MESSAGE_render_metrics)->render_metrics.ref;
    stage_silent(stage);
    stage_say(stage, MESSAGE_OF(metrics_rendered, .ref = ref, .text = span_of_string("foo 1\n")));
    const struct message_api_answered *answered = api_hear(stage, 200);
    assert_string_equal(answered->content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_true(span_equals(answered->body, "foo 1\n"));
    stage_silent(stage);
}

static void head_is_as_get(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "HEAD", BASE "/bindings");
    api_say_bindings(stage, api_hear_list_bindings(stage));
    api_hear_json(stage, 200, BINDINGS);
    api_request(stage, "HEAD", BASE "/health");
    api_hear(stage, 200);
    stage_silent(stage);
}

static void calls_at_the_same_time_do_not_mix(void **state)
{
    struct stage *stage = *state;
    api_request_on(stage, 1, "GET", BASE "/bindings");
    api_request_on(stage, 2, "GET", BASE "/sessions");
    uint64_t first = api_hear_list_bindings(stage), second = api_hear_list_bindings(stage);
    assert_int_not_equal(first, second);
    assert_int_equal(api_hear_list_sessions(stage), second);
    assert_int_equal(api_hear_count_streams(stage), second);
    api_say_bindings(stage, second);
    stage_silent(stage);
    api_say_bindings(stage, first);
    assert_int_equal(api_hear(stage, 200)->connection.value, 1);
    api_say_sessions(stage, second);
    api_say_streams(stage, second, 0);
    assert_int_equal(api_hear(stage, 200)->connection.value, 2);
    stage_silent(stage);
}

/* ---- DELETE --------------------------------------------------------------------------------------------------- */

static void delete_is_202_when_the_session_is_out_of_every_list(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "DELETE", BASE "/sessions/" ID_1);
    uint64_t ref = api_hear_close(stage, 50);
    stage_silent(stage);
    stage_say(stage, MESSAGE_OF(session_closing, .ref = ref, .found = true));
    api_hear_json(stage, 202, "{\"sessionId\":\"" ID_1 "\",\"status\":\"closing\"}");
    stage_silent(stage);
}

static void delete_passes_the_grace_on(void **state)
{
    struct stage *stage = *state;
    static const char *const targets[] = {BASE "/sessions/" ID_1 "?grace_ms=0",
                                          BASE "/sessions/" ID_1 "?a=b&grace_ms=5000&c"};
    static const uint64_t graces[] = {0, 5000};
    for (size_t i = 0; i < 2; i++) {
        api_request(stage, "DELETE", targets[i]);
        stage_say(stage, MESSAGE_OF(session_closing, .ref = api_hear_close(stage, graces[i]), .found = true));
        api_hear(stage, 202);
    }
    stage_silent(stage);
}

static void delete_of_an_unknown_session_is_404(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "DELETE", BASE "/sessions/" ID_1);
    stage_say(stage, MESSAGE_OF(session_closing, .ref = api_hear_close(stage, 50), .found = false));
    api_hear_error(stage, 404);
    /* What is no session id at all need not be asked for. */
    api_request(stage, "DELETE", BASE "/sessions/x");
    api_hear_error(stage, 404);
    api_request(stage, "DELETE", BASE "/sessions/" ID_1 "0");
    api_hear_error(stage, 404);
    api_request(stage, "DELETE", BASE "/sessions/%53-00000000-0000-4000-8000-000000000001");
    api_hear_error(stage, 404);
    api_request(stage, "DELETE", BASE "/sessions/");
    api_hear_error(stage, 404);
    stage_silent(stage);
}

static void delete_with_a_bad_grace_is_400_and_closes_nothing(void **state)
{
    struct stage *stage = *state;
    static const char *const queries[] = {"grace_ms=5001", "grace_ms=", "grace_ms=-1", "grace_ms=1&grace_ms=1",
                                          "grace_ms=abc"};
    char target[256];
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        snprintf(target, sizeof target, BASE "/sessions/" ID_1 "?%s", queries[i]);
        api_request(stage, "DELETE", target);
        api_hear_error(stage, 400);
    }
    stage_silent(stage);
}

/* ---- methods and paths ---------------------------------------------------------------------------------------- */

static void a_wrong_method_is_405_with_allow(void **state)
{
    struct stage *stage = *state;
    static const struct {
        const char *method, *path, *allow;
    } cases[] = {
        {"POST", BASE "/health", "GET, HEAD, OPTIONS"},      {"DELETE", BASE "/sessions", "GET, HEAD, OPTIONS"},
        {"PUT", BASE "/metrics?x", "GET, HEAD, OPTIONS"},    {"GET", BASE "/sessions/" ID_1, "DELETE, OPTIONS"},
        {"HEAD", BASE "/sessions/" ID_1, "DELETE, OPTIONS"}, {"POST", BASE "/sessions/nobody", "DELETE, OPTIONS"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        api_request(stage, cases[i].method, cases[i].path);
        const struct message_api_answered *answered = api_hear(stage, 405);
        api_check_error(answered);
        assert_string_equal(answered->allow, cases[i].allow);
    }
    stage_silent(stage);
}

static void options_is_204_with_allow_and_no_body(void **state)
{
    struct stage *stage = *state;
    static const char *const paths[] = {BASE "/health", BASE "/sessions/" ID_1};
    static const char *const allow[] = {"GET, HEAD, OPTIONS", "DELETE, OPTIONS"};
    for (size_t i = 0; i < 2; i++) {
        api_request(stage, "OPTIONS", paths[i]);
        const struct message_api_answered *answered = api_hear(stage, 204);
        assert_string_equal(answered->allow, allow[i]);
        assert_string_equal(answered->content_type, "");
        assert_int_equal(answered->body.length, 0);
    }
    stage_silent(stage);
}

static void an_unknown_path_is_404_whatever_the_method(void **state)
{
    struct stage *stage = *state;
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "POST", "DELETE"};
    static const char *const paths[] = {"/", "*", "", BASE, BASE "/nothing", "/favicon.ico", BASE "/health/"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        for (size_t j = 0; j < sizeof paths / sizeof *paths; j++) {
            api_request(stage, methods[i], paths[j]);
            api_hear_error(stage, 404);
        }
    }
    stage_silent(stage);
}

/* ---- metrics -------------------------------------------------------------------------------------------------- */

static void it_reports_its_answers_by_class(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "GET", BASE "/health");
    api_hear(stage, 200);
    api_request(stage, "OPTIONS", BASE "/health");
    api_hear(stage, 204);
    api_request(stage, "GET", "/");
    api_hear(stage, 404);
    stage_say(stage, MESSAGE_OF(report_metrics, .ref = 9));
    const struct message_metrics_reported *reported = &stage_hear(stage, MESSAGE_metrics_reported)->metrics_reported;
    assert_int_equal(reported->ref, 9);
    assert_int_equal(reported->actor, ACTOR_admin_http);
    assert_int_equal(reported->shard, 0);
    static const struct {
        enum metric metric;
        const char *labels;
        double value;
    } expected[] = {
        {METRIC_api_answers_total, "class=\"2xx\"", 2},
        {METRIC_api_answers_total, "class=\"3xx\"", 0},
        {METRIC_api_answers_total, "class=\"4xx\"", 1},
        {METRIC_api_answers_total, "class=\"5xx\"", 0},
        {METRIC_mailbox_messages_total, "actor=\"admin-http\"", 4},
        {METRIC_mailbox_refused_total, "actor=\"admin-http\"", 0},
        {METRIC_mailbox_lost_total, "actor=\"admin-http\"", 0},
    };
    struct span rows = reported->samples;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct message row = {0};
        assert_true(message_rows_next(&rows, &row));
        assert_int_equal(row.type, MESSAGE_metric_row);
        assert_int_equal(row.metric_row.metric, expected[i].metric);
        assert_string_equal(row.metric_row.labels, expected[i].labels);
        assert_true(row.metric_row.value == expected[i].value);
        message_done(&row);
    }
    assert_int_equal(rows.length, 0);
    stage_silent(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(health_is_answered_at_once_with_exactly_these_keys),
        STAGED(the_description_is_answered_at_once_and_names_its_version),
        STAGED(tunnels_waits_for_all_three_actors),
        STAGED(sessions_waits_for_all_three_actors),
        STAGED(bindings_asks_the_registry_only),
        STAGED(metrics_are_the_text_that_metrics_renders),
        STAGED(head_is_as_get),
        STAGED(calls_at_the_same_time_do_not_mix),
        STAGED(delete_is_202_when_the_session_is_out_of_every_list),
        STAGED(delete_passes_the_grace_on),
        STAGED(delete_of_an_unknown_session_is_404),
        STAGED(delete_with_a_bad_grace_is_400_and_closes_nothing),
        STAGED(a_wrong_method_is_405_with_allow),
        STAGED(options_is_204_with_allow_and_no_body),
        STAGED(an_unknown_path_is_404_whatever_the_method),
        STAGED(it_reports_its_answers_by_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
