/* The metrics actor, its peers played by the test. */
#include "metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "exposition.h"
#include "metric_report.h"
#include "stage.h"

enum { ROUND_MS = 1000, ROUNDS_MAX = 4, SCRAPES_MAX = 256 };

static const enum actor reporters[] = {ACTOR_ws_gateway, ACTOR_session_manager, ACTOR_binding_registry,
                                       ACTOR_admin_http};
enum { REPORTERS = sizeof reporters / sizeof *reporters };

static struct options options;

static int set_up(void **state)
{
    assert_true(options_init(&options));
    *state = stage_new(&metrics_actor, &options);
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    stage_destroy(&stage);
    options_done(&options);
    return 0;
}

/* ---- what the peers do ---------------------------------------------------------------------------------------- */

/* Every reporter heard report_metrics once, of the same round. Returns the round's ref. */
static uint64_t hear_round(struct stage *stage)
{
    uint64_t ref = stage_hear_at(stage, reporters[0], 0, MESSAGE_report_metrics)->report_metrics.ref;
    for (size_t i = 1; i < REPORTERS; i++) {
        const struct message *ask = stage_hear_at(stage, reporters[i], 0, MESSAGE_report_metrics);
        assert_int_equal(ask->report_metrics.ref, ref);
        assert_int_equal(ask->report_metrics.shard, 0);
    }
    return ref;
}

static void report_one(struct stage *stage, enum actor actor, uint64_t ref, enum metric metric, const char *labels,
                       double value)
{
    struct message_buffer rows = {0};
    assert_true(message_pack(MESSAGE_OF(metric_row, .metric = metric, .labels = labels, .value = value), &rows));
    stage_say_as(stage, actor, 0,
                 MESSAGE_OF(metrics_reported, .ref = ref, .actor = actor, .samples = message_buffer_span(&rows)));
    message_buffer_done(&rows);
}

static void report_nothing(struct stage *stage, enum actor actor, uint64_t ref)
{
    stage_say_as(stage, actor, 0, MESSAGE_OF(metrics_reported, .ref = ref, .actor = actor));
}

static void report_all(struct stage *stage, uint64_t ref, double sessions)
{
    report_nothing(stage, ACTOR_ws_gateway, ref);
    report_nothing(stage, ACTOR_binding_registry, ref);
    report_nothing(stage, ACTOR_admin_http, ref);
    report_one(stage, ACTOR_session_manager, ref, METRIC_sessions_active, "", sessions);
}

static struct span hear_rendered(struct stage *stage, uint64_t scrape)
{
    const struct message_metrics_rendered *rendered = &stage_hear(stage, MESSAGE_metrics_rendered)->metrics_rendered;
    assert_int_equal(rendered->ref, scrape);
    exposition_check(rendered->text);
    return rendered->text;
}

/* ---- tests ---------------------------------------------------------------------------------------------------- */

static void it_says_nothing_unasked(void **state)
{
    stage_advance(*state, 3600 * 1000);
    stage_silent(*state);
}

static void a_scrape_asks_every_actor_and_is_answered_when_all_have_reported(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 7));
    uint64_t ref = hear_round(stage);
    stage_silent(stage);
    report_one(stage, ACTOR_ws_gateway, ref, METRIC_fd_permits_available, "", 1000);
    report_one(stage, ACTOR_session_manager, ref, METRIC_sessions_active, "", 3);
    report_one(stage, ACTOR_admin_http, ref, METRIC_api_answers_total, "class=\"2xx\"", 12);
    stage_silent(stage);
    report_one(stage, ACTOR_binding_registry, ref, METRIC_bindings_active, "kind=\"http\",mode=\"expose\"", 2);
    struct span text = hear_rendered(stage, 7);
    exposition_expect(text, "hoody_tunnel_sessions_active", "3");
    exposition_expect(text, "hoody_tunnel_bindings_active{kind=\"http\",mode=\"expose\"}", "2");
    exposition_expect(text, "hoody_tunnel_bindings_active{kind=\"tcp\",mode=\"pull\"}", "NaN");
    exposition_expect(text, "hoody_tunnel_fd_permits_available", "1000");
    exposition_expect(text, "hoody_tunnel_api_answers_total{class=\"2xx\"}", "12");
    exposition_expect(text, "hoody_tunnel_scrape_reports_missing", "0");
    assert_int_equal(exposition_count(text, "# HELP hoody_tunnel_streams_active "), 0);
    stage_advance(stage, 10 * ROUND_MS);
    stage_silent(stage);
}

static void it_tells_the_build_and_the_process(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 1));
    report_all(stage, hear_round(stage), 0);
    struct span text = hear_rendered(stage, 1);
    assert_int_equal(exposition_count(text, "hoody_tunnel_build_info{version=\""), 1);
    assert_int_equal(exposition_count(text, "# TYPE process_"), 6);
    assert_true(strtod(exposition_value(text, "process_open_fds"), NULL) >= 3);
    assert_true(strtod(exposition_value(text, "process_max_fds"), NULL) >= 3);
    assert_true(strtod(exposition_value(text, "process_cpu_seconds_total"), NULL) > 0);
    double resident = strtod(exposition_value(text, "process_resident_memory_bytes"), NULL);
    assert_true(resident > 64 * 1024);
    assert_true(strtod(exposition_value(text, "process_virtual_memory_bytes"), NULL) >= resident);
    double start = strtod(exposition_value(text, "process_start_time_seconds"), NULL);
    assert_true(start > 1.6e9 && start <= (double)time(NULL) + 1);
    exposition_expect(text, "hoody_tunnel_mailbox_messages_total{actor=\"metrics\"}", "5");
}

static void after_a_second_it_renders_with_what_came(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 9));
    uint64_t ref = hear_round(stage);
    report_one(stage, ACTOR_ws_gateway, ref, METRIC_streams_active, "", 4);
    stage_advance(stage, ROUND_MS - 1);
    stage_silent(stage);
    stage_advance(stage, 1);
    struct span text = hear_rendered(stage, 9);
    exposition_expect(text, "hoody_tunnel_streams_active", "4");
    exposition_expect(text, "hoody_tunnel_sessions_active", "NaN");
    exposition_expect(text, "hoody_tunnel_scrape_reports_missing", "3");
    /* What comes now is about a round that is gone. */
    report_one(stage, ACTOR_session_manager, ref, METRIC_sessions_active, "", 1);
    stage_silent(stage);
}

static void reports_nobody_asked_for_and_second_reports_change_nothing(void **state)
{
    struct stage *stage = *state;
    report_one(stage, ACTOR_session_manager, 0, METRIC_sessions_active, "", 1);
    report_one(stage, ACTOR_session_manager, 77, METRIC_sessions_active, "", 1);
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 2));
    uint64_t ref = hear_round(stage);
    report_one(stage, ACTOR_session_manager, ref + 1, METRIC_sessions_active, "", 10);
    report_one(stage, ACTOR_session_manager, ref, METRIC_sessions_active, "", 5);
    report_one(stage, ACTOR_session_manager, ref, METRIC_sessions_active, "", 10);
    /* An actor that is no reporter, a shard that is not there. */
    stage_say_as(stage, ACTOR_supervisor, 0, MESSAGE_OF(metrics_reported, .ref = ref, .actor = ACTOR_supervisor));
    stage_say_as(stage, ACTOR_ws_gateway, 1,
                 MESSAGE_OF(metrics_reported, .ref = ref, .actor = ACTOR_ws_gateway, .shard = 1));
    stage_silent(stage);
    report_nothing(stage, ACTOR_ws_gateway, ref);
    report_nothing(stage, ACTOR_binding_registry, ref);
    report_nothing(stage, ACTOR_admin_http, ref);
    exposition_expect(hear_rendered(stage, 2), "hoody_tunnel_sessions_active", "5");
}

/* What an API call changed before a scrape must show in it, whoever else is scraping. */
static void a_scrape_never_joins_a_running_round(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 1));
    uint64_t first = hear_round(stage);
    report_one(stage, ACTOR_session_manager, first, METRIC_sessions_active, "", 1);
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 2));
    uint64_t second = hear_round(stage);
    assert_int_not_equal(first, second);
    report_all(stage, second, 0);
    exposition_expect(hear_rendered(stage, 2), "hoody_tunnel_sessions_active", "0");
    report_nothing(stage, ACTOR_ws_gateway, first);
    report_nothing(stage, ACTOR_binding_registry, first);
    report_nothing(stage, ACTOR_admin_http, first);
    exposition_expect(hear_rendered(stage, 1), "hoody_tunnel_sessions_active", "1");
}

static void scrapes_that_wait_share_the_next_round(void **state)
{
    struct stage *stage = *state;
    uint64_t refs[ROUNDS_MAX];
    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        stage_say(stage, MESSAGE_OF(render_metrics, .ref = i));
        refs[i] = hear_round(stage);
    }
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 100));
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 101));
    stage_silent(stage);
    report_all(stage, refs[2], 0);
    hear_rendered(stage, 2);
    uint64_t shared = hear_round(stage);
    stage_silent(stage);
    report_all(stage, shared, 6);
    exposition_expect(hear_rendered(stage, 100), "hoody_tunnel_sessions_active", "6");
    exposition_expect(hear_rendered(stage, 101), "hoody_tunnel_sessions_active", "6");
    stage_silent(stage);
}

static void when_a_round_runs_out_of_time_the_waiting_one_begins(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 0; i < ROUNDS_MAX; i++) {
        stage_say(stage, MESSAGE_OF(render_metrics, .ref = i));
        hear_round(stage);
    }
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 100));
    stage_advance(stage, ROUND_MS);
    for (uint64_t i = 0; i < ROUNDS_MAX; i++)
        hear_rendered(stage, i);
    report_all(stage, hear_round(stage), 1);
    hear_rendered(stage, 100);
    stage_silent(stage);
}

static void more_scrapes_than_may_wait_are_dropped(void **state)
{
    struct stage *stage = *state;
    for (uint64_t i = 0; i < ROUNDS_MAX; i++) {
        stage_say(stage, MESSAGE_OF(render_metrics, .ref = i));
        hear_round(stage);
    }
    for (uint64_t i = 0; i <= SCRAPES_MAX; i++)
        stage_say(stage, MESSAGE_OF(render_metrics, .ref = 1000 + i));
    stage_advance(stage, ROUND_MS);
    for (uint64_t i = 0; i < ROUNDS_MAX; i++)
        hear_rendered(stage, i);
    report_all(stage, hear_round(stage), 1);
    for (uint64_t i = 0; i < SCRAPES_MAX; i++)
        hear_rendered(stage, 1000 + i);
    stage_silent(stage);
}

static void bad_samples_spoil_nothing(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 1));
    uint64_t ref = hear_round(stage);
    report_one(stage, ACTOR_ws_gateway, ref, METRIC_streams_active, "a=\"\n", 4);
    report_one(stage, ACTOR_binding_registry, ref, METRIC_COUNT, "", 4);
    const uint8_t garbage[] = {0x93, 0xff, 0x00};
    stage_say_as(stage, ACTOR_admin_http, 0,
                 MESSAGE_OF(metrics_reported, .ref = ref, .actor = ACTOR_admin_http,
                            .samples = span_of(garbage, sizeof garbage)));
    report_one(stage, ACTOR_session_manager, ref, METRIC_sessions_active, "", 1);
    exposition_expect(hear_rendered(stage, 1), "hoody_tunnel_sessions_active", "1");
}

/* Ends in the middle of rounds: the sanitizer finds what is left behind. */
static void it_ends_with_rounds_open(void **state)
{
    struct stage *stage = *state;
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 1));
    uint64_t ref = hear_round(stage);
    report_one(stage, ACTOR_session_manager, ref, METRIC_sessions_active, "", 1);
    stage_silent(stage);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(it_says_nothing_unasked),
        STAGED(a_scrape_asks_every_actor_and_is_answered_when_all_have_reported),
        STAGED(it_tells_the_build_and_the_process),
        STAGED(after_a_second_it_renders_with_what_came),
        STAGED(reports_nobody_asked_for_and_second_reports_change_nothing),
        STAGED(a_scrape_never_joins_a_running_round),
        STAGED(scrapes_that_wait_share_the_next_round),
        STAGED(when_a_round_runs_out_of_time_the_waiting_one_begins),
        STAGED(more_scrapes_than_may_wait_are_dropped),
        STAGED(bad_samples_spoil_nothing),
        STAGED(it_ends_with_rounds_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
