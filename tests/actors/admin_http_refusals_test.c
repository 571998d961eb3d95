/* What admin-http refuses: browsers, more calls than it can hold, peers that are late or talk nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "api_script.h"

/* ---- against browsers ----------------------------------------------------------------------------------------- */

static void a_delete_with_an_origin_that_is_not_named_is_403(void **state)
{
    struct stage *stage = *state;
    static const char *const origins[] = {"null", "", "https://evil.example", "http://127.0.0.1:7080"};
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        api_request_from(stage, "DELETE", BASE "/sessions/" ID_1, "localhost", "127.0.0.1", origins[i]);
        api_hear_error(stage, 403);
        api_request_from(stage, "DELETE", BASE "/sessions/" ID_1, "localhost", "10.0.0.1", origins[i]);
        api_hear_error(stage, 403);
        api_request_from(stage, "DELETE", "/nothing", "localhost", "127.0.0.1", origins[i]);
        api_hear_error(stage, 403);
    }
    stage_silent(stage);
    api_request_from(stage, "DELETE", BASE "/sessions/" ID_1, "localhost", "127.0.0.1", "https://app.example.com");
    api_hear_close(stage, 50);
    api_request_from(stage, "GET", BASE "/health", "localhost", "127.0.0.1", "https://evil.example");
    api_hear(stage, 200);
    stage_silent(stage);
}

static void from_loopback_a_dns_name_with_a_dot_is_403_on_every_path_unless_named(void **state)
{
    struct stage *stage = *state;
    static const char *const peers[] = {"127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "", "no address"};
    static const char *const paths[] = {BASE "/health", BASE "/metrics", "/nothing", "/"};
    static const char *const methods[] = {"GET", "OPTIONS", "POST", "DELETE"};
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        for (size_t j = 0; j < sizeof paths / sizeof *paths; j++) {
            for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
                api_request_from(stage, methods[k], paths[j], "evil.example:7080", peers[i], NULL);
                api_hear_error(stage, 403);
            }
        }
    }
    stage_silent(stage);
    static const char *const hosts[] = {
        "kit.example.com", "a.tunnels.example.net:443", "localhost:7080", "kit", "192.168.0.1", "[::1]:7080", ""};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        api_request_from(stage, "GET", BASE "/health", hosts[i], "127.0.0.1", NULL);
        api_hear(stage, 200);
    }
    static const char *const others[] = {"10.0.0.1", "128.0.0.1", "2001:db8::1", "::2"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        api_request_from(stage, "GET", BASE "/health", "evil.example", others[i], NULL);
        api_hear(stage, 200);
    }
    stage_silent(stage);
}

/* RFC 9112 section 3.2.2: the authority of an absolute target counts instead of Host. */
static void an_absolute_target_names_the_host(void **state)
{
    struct stage *stage = *state;
    api_request_from(stage, "GET", "http://localhost:7080" BASE "/health?x", "evil.example", "127.0.0.1", NULL);
    api_hear(stage, 200);
    api_request_from(stage, "GET", "http://evil.example" BASE "/health", "localhost", "127.0.0.1", NULL);
    api_hear_error(stage, 403);
    stage_silent(stage);
}

/* ---- when things go wrong ------------------------------------------------------------------------------------- */

static void a_call_that_is_not_answered_in_time_is_503(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "GET", BASE "/tunnels");
    uint64_t ref = api_hear_list_sessions(stage);
    api_hear_list_bindings(stage);
    api_hear_count_streams(stage);
    api_say_sessions(stage, ref);
    api_say_bindings(stage, ref);
    stage_advance(stage, CALL_TIMEOUT_MS - 1);
    stage_silent(stage);
    stage_advance(stage, 1);
    api_hear_error(stage, 503);
    api_say_streams(stage, ref, 0); /* too late */
    stage_silent(stage);
}

static void each_call_has_its_own_deadline(void **state)
{
    struct stage *stage = *state;
    api_request_on(stage, 1, "DELETE", BASE "/sessions/" ID_1);
    api_hear_close(stage, 50);
    stage_advance(stage, CALL_TIMEOUT_MS / 2);
    api_request_on(stage, 2, "GET", BASE "/metrics");
    stage_hear(stage, MESSAGE_render_metrics);
    stage_advance(stage, CALL_TIMEOUT_MS / 2);
    assert_int_equal(api_hear(stage, 503)->connection.value, 1);
    stage_silent(stage);
    stage_advance(stage, CALL_TIMEOUT_MS / 2);
    assert_int_equal(api_hear(stage, 503)->connection.value, 2);
    stage_silent(stage);
}

static void answers_nobody_asked_for_are_dropped(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "GET", BASE "/tunnels");
    uint64_t ref = api_hear_list_sessions(stage);
    api_hear_list_bindings(stage);
    api_hear_count_streams(stage);
    /* Unknown refs, answers to other asks, a shard that was not asked. */
    api_say_sessions(stage, ref + 1);
    api_say_bindings(stage, 0);
    api_say_streams(stage, ref + 1, 0);
    api_say_streams(stage, ref, 1);
    stage_say_as(stage, ACTOR_ws_gateway, 0, MESSAGE_OF(streams_counted, .ref = ref, .shard = UINT32_MAX));
    stage_say(stage, MESSAGE_OF(session_closing, .ref = ref, .found = true));
    stage_say(stage, MESSAGE_OF(metrics_rendered, .ref = ref));
    /* The same answer twice counts once. */
    api_say_sessions(stage, ref);
    api_say_sessions(stage, ref);
    api_say_bindings(stage, ref);
    api_say_bindings(stage, ref);
    stage_silent(stage);
    api_say_streams(stage, ref, 0);
    api_hear_json(stage, 200, TUNNELS);
    api_say_streams(stage, ref, 0);
    stage_silent(stage);
}

static void rows_that_cannot_be_read_are_503(void **state)
{
    struct stage *stage = *state;
    const uint8_t garbage[] = {0x93, 0xff};
    api_request(stage, "GET", BASE "/bindings");
    stage_say(stage, MESSAGE_OF(bindings_listed, .ref = api_hear_list_bindings(stage),
                                .bindings = span_of(garbage, sizeof garbage)));
    api_hear_error(stage, 503);
    stage_silent(stage);
}

static void more_calls_than_may_wait_are_503_and_health_is_not_among_them(void **state)
{
    struct stage *stage = *state;
    uint64_t refs[CALLS_MAX];
    for (uint64_t i = 0; i < CALLS_MAX; i++) {
        api_request_on(stage, i + 1, "GET", BASE "/bindings");
        refs[i] = api_hear_list_bindings(stage);
    }
    stage_silent(stage);
    api_request(stage, "GET", BASE "/bindings");
    api_hear_error(stage, 503);
    api_request(stage, "DELETE", BASE "/sessions/" ID_1);
    api_hear_error(stage, 503);
    api_request(stage, "GET", BASE "/health");
    api_hear(stage, 200);
    stage_silent(stage);
    api_say_bindings(stage, refs[100]); /* one place is free again */
    assert_int_equal(api_hear(stage, 200)->connection.value, 101);
    api_request(stage, "GET", BASE "/bindings");
    api_say_bindings(stage, api_hear_list_bindings(stage));
    api_hear_json(stage, 200, BINDINGS);
    stage_silent(stage);
    stage_advance(stage, CALL_TIMEOUT_MS);
    for (uint64_t i = 0; i < CALLS_MAX - 1; i++)
        api_hear(stage, 503);
    stage_silent(stage);
}

/* Ends in the middle of calls: the sanitizer finds what is left behind. */
static void it_ends_with_calls_open(void **state)
{
    struct stage *stage = *state;
    api_request(stage, "GET", BASE "/tunnels");
    api_say_bindings(stage, api_hear_list_bindings(stage));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(a_delete_with_an_origin_that_is_not_named_is_403),
        STAGED(from_loopback_a_dns_name_with_a_dot_is_403_on_every_path_unless_named),
        STAGED(an_absolute_target_names_the_host),
        STAGED(a_call_that_is_not_answered_in_time_is_503),
        STAGED(each_call_has_its_own_deadline),
        STAGED(answers_nobody_asked_for_are_dropped),
        STAGED(rows_that_cannot_be_read_are_503),
        STAGED(more_calls_than_may_wait_are_503_and_health_is_not_among_them),
        STAGED(it_ends_with_calls_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
