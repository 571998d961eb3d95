/* The binding-registry: binds, unbinds, releases, lists (protocol section 5). Takeover and races:
 * binding_takeover_test.c. */
#include "binding_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "binding_registry.h"
#include "samples.h"

/* ---- binding --------------------------------------------------------------------------------------------------- */

static void a_claim_is_bound_when_its_listener_is_open(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    const struct message_open_listener *open = &stage_hear(stage, MESSAGE_open_listener)->open_listener;
    assert_string_equal(open->address, "0.0.0.0");
    assert_int_equal(open->port, 8000);
    stage_silent(stage);
    say_opened(stage, open->binding, 8000);
    const struct message_bound *bound = &stage_hear(stage, MESSAGE_bound)->bound;
    assert_int_equal(bound->connection.value, alice.connection.value);
    assert_int_equal(bound->client_ref, CLIENT_REF);
    assert_int_equal(bound->binding.value, open->binding.value);
    assert_int_equal(bound->port, 8000);
    assert_string_equal(bound->public_url, "");
    hear_counted(stage, alice, 1);
    stage_silent(stage);
}

static void expose_listens_on_the_expose_address(void **state)
{
    struct scene *scene = *state;
    free(scene->options.expose_address);
    assert_non_null(scene->options.expose_address = strdup("0::0:1"));
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    assert_string_equal(stage_hear(stage, MESSAGE_open_listener)->open_listener.address, "::1");
}

static void the_public_url_is_made_of_the_pattern(void **state)
{
    struct scene *scene = *state;
    free(scene->options.public_url_pattern);
    assert_non_null(scene->options.public_url_pattern = strdup("https://{label}.example.com:{port}/{bindId}"));
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000, .label = "my web");
    struct bind_id binding = hear_open(stage, alice, 8000);
    say_opened(stage, binding, 8000);
    char expected[128];
    snprintf(expected, sizeof expected, "https://my%%20web.example.com:8000/%u", binding.value);
    assert_string_equal(stage_hear(stage, MESSAGE_bound)->bound.public_url, expected);
}

static void bind_ids_are_never_reused(void **state)
{
    struct stage *stage = scene_raise(state);
    uint32_t last = 0;
    for (int i = 0; i < 100; i++) {
        struct bind_id binding = bind_port(stage, alice, 8000, 0);
        assert_true(binding.value > last);
        last = binding.value;
        say_unbind(stage, alice, binding);
        hear_close(stage, binding, false);
        hear_counted(stage, alice, 0);
        say_closed(stage, binding);
        hear_unbound(stage, alice, binding);
    }
    stage_silent(stage);
}

/* ---- refusals ------------------------------------------------------------------------------------------------------
 */

static void what_the_port_policy_refuses_is_refused_with_its_code(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = BIND_PORT_NOT_A_PORT);
    hear_refused(stage, alice, "RESERVED_PORT");
    CLAIM(stage, alice, .port = 7080); /* --listen's default */
    hear_refused(stage, alice, "RESERVED_PORT");
    CLAIM(stage, alice, .port = 443);
    hear_refused(stage, alice, "PRIVILEGED_PORT");
    stage_say(stage,
              MESSAGE_OF(claim_port, .connection = alice.connection, .session = alice.session, .client_ref = CLIENT_REF,
                         .kind = BIND_KIND_HTTP, .mode = BIND_MODE_PULL, .port = 8000));
    hear_refused(stage, alice, "INVALID_KIND");
    stage_silent(stage);
}

static void privileged_ports_need_the_flag(void **state)
{
    struct scene *scene = *state;
    scene->options.allow_privileged_expose = true;
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 443);
    hear_open(stage, alice, 443);
}

static void a_pull_listens_where_it_says(void **state)
{
    struct stage *stage = scene_raise(state);
    stage_say(stage,
              MESSAGE_OF(claim_port, .connection = alice.connection, .session = alice.session, .client_ref = CLIENT_REF,
                         .kind = BIND_KIND_TCP, .mode = BIND_MODE_PULL, .port = 8000, .host = "127.0.0.2"));
    const struct message_open_listener *open = &stage_hear(stage, MESSAGE_open_listener)->open_listener;
    assert_int_equal(open->mode, BIND_MODE_PULL);
    assert_int_equal(open->port, 8000);
    assert_string_equal(open->address, "127.0.0.2");
    stage_silent(stage);
}

static void a_port_that_is_bound_is_refused_and_takeover_is_advised(void **state)
{
    struct stage *stage = scene_raise(state);
    bind_port(stage, alice, 8000, 0);
    CLAIM(stage, bob, .port = 8000);
    const char *text = hear_refused(stage, bob, "ALREADY_BOUND");
    assert_non_null(strstr(text, "another session"));
    assert_non_null(strstr(text, "use another port"));
    assert_non_null(strstr(text, "takeover"));
    assert_null(strstr(text, alice.session.text)); /* it is a credential */
    CLAIM(stage, alice, .port = 8000);
    assert_non_null(strstr(hear_refused(stage, alice, "ALREADY_BOUND"), "this session"));
    stage_silent(stage);
}

static void a_port_that_is_being_opened_is_refused(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    hear_open(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000);
    hear_refused(stage, bob, "ALREADY_BOUND");
    stage_silent(stage);
}

static void a_session_holds_no_more_ports_than_the_cap(void **state)
{
    struct scene *scene = *state;
    scene->options.max_binds_per_session = 2;
    struct stage *stage = scene_raise(state);
    struct bind_id first = bind_port(stage, alice, 8001, 0);
    CLAIM(stage, alice, .port = 8002); /* an opening one counts */
    struct bind_id second = hear_open(stage, alice, 8002);
    CLAIM(stage, alice, .port = 8003);
    assert_non_null(strstr(hear_refused(stage, alice, "BIND_CAP_EXCEEDED"), "2"));
    CLAIM(stage, bob, .port = 8003); /* each session has its own */
    hear_open(stage, bob, 8003);
    say_failed(stage, second, true); /* a failed one does not count */
    hear_refused(stage, alice, "PORT_IN_USE");
    CLAIM(stage, alice, .port = 8004);
    hear_open(stage, alice, 8004);
    say_unbind(stage, alice, first); /* nor does one that is given back */
    hear_close(stage, first, false);
    hear_counted(stage, alice, 0);
    CLAIM(stage, alice, .port = 8005);
    hear_open(stage, alice, 8005);
    stage_silent(stage);
}

static void already_bound_is_checked_before_the_cap_and_the_cap_before_the_system(void **state)
{
    struct scene *scene = *state;
    scene->options.max_binds_per_session = 1;
    struct stage *stage = scene_raise(state);
    bind_port(stage, alice, 8001, 0);
    CLAIM(stage, alice, .port = 8001);
    hear_refused(stage, alice, "ALREADY_BOUND");
    CLAIM(stage, alice, .port = 8002);
    hear_refused(stage, alice, "BIND_CAP_EXCEEDED"); /* the gateway was not asked */
    stage_silent(stage);
}

static void a_port_that_somebody_else_holds_is_in_use(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    say_failed(stage, hear_open(stage, alice, 8000), true);
    assert_non_null(strstr(hear_refused(stage, alice, "PORT_IN_USE"), "8000"));
    stage_silent(stage);
    bind_port(stage, alice, 8000, 0); /* and may be asked for again */
    stage_silent(stage);
}

static void a_listener_that_fails_otherwise_is_internal_with_the_systems_reason(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    say_failed(stage, hear_open(stage, alice, 8000), false);
    assert_non_null(strstr(hear_refused(stage, alice, "INTERNAL"), "the system's reason"));
    stage_silent(stage);
}

/* ---- random ports --------------------------------------------------------------------------------------------------
 */

static struct message_open_listener hear_random_open(struct stage *stage)
{
    struct message_open_listener open = stage_hear(stage, MESSAGE_open_listener)->open_listener;
    assert_in_range(open.port, 20000, 65534);
    return open;
}

static void port_0_is_a_random_one_of_20000_to_65534(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 0);
    struct message_open_listener open = hear_random_open(stage);
    say_opened(stage, open.binding, open.port);
    hear_bound(stage, alice, open.binding, open.port);
    hear_counted(stage, alice, 1);
    CLAIM(stage, bob, .port = open.port);
    hear_refused(stage, bob, "ALREADY_BOUND");
    stage_silent(stage);
}

static void a_random_port_in_use_is_tried_again_on_another(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 0);
    struct message_open_listener first = hear_random_open(stage);
    say_failed(stage, first.binding, true);
    struct message_open_listener second = hear_random_open(stage);
    assert_int_equal(second.binding.value, first.binding.value);
    say_opened(stage, second.binding, second.port);
    hear_bound(stage, alice, second.binding, second.port);
    hear_counted(stage, alice, 1);
    stage_silent(stage);
}

static void random_ports_are_tried_a_bounded_number_of_times(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 0);
    for (int i = 0; i < 16; i++)
        say_failed(stage, hear_random_open(stage).binding, true);
    hear_refused(stage, alice, "INTERNAL");
    stage_silent(stage);
}

static void a_random_port_that_fails_otherwise_is_not_tried_again(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 0);
    say_failed(stage, hear_random_open(stage).binding, false);
    hear_refused(stage, alice, "INTERNAL");
    stage_silent(stage);
}

/* ---- unbinding ------------------------------------------------------------------------------------------------------
 */

static void the_owner_unbinds_and_is_told_when_the_port_is_free(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = bind_port(stage, alice, 8000, 0);
    say_unbind(stage, alice, binding);
    hear_close(stage, binding, false);
    hear_counted(stage, alice, 0);
    stage_silent(stage);
    say_closed(stage, binding);
    hear_unbound(stage, alice, binding);
    stage_silent(stage);
    bind_port(stage, bob, 8000, 0);
    stage_silent(stage);
}

static void what_is_not_bound_by_the_session_is_not_owned(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = bind_port(stage, alice, 8000, 0);
    say_unbind(stage, bob, binding);
    hear_not_owned(stage, bob, binding);
    say_unbind(stage, alice, (struct bind_id){binding.value + 1});
    hear_not_owned(stage, alice, (struct bind_id){binding.value + 1});
    say_unbind(stage, alice, (struct bind_id){0});
    hear_not_owned(stage, alice, (struct bind_id){0});
    say_unbind(stage, alice, (struct bind_id){INT32_MAX});
    hear_not_owned(stage, alice, (struct bind_id){INT32_MAX});
    stage_silent(stage);
}

static void a_second_unbind_is_not_owned(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = bind_port(stage, alice, 8000, 0);
    say_unbind(stage, alice, binding);
    hear_close(stage, binding, false);
    hear_counted(stage, alice, 0);
    say_unbind(stage, alice, binding);
    hear_not_owned(stage, alice, binding);
    say_closed(stage, binding);
    hear_unbound(stage, alice, binding);
    say_unbind(stage, alice, binding);
    hear_not_owned(stage, alice, binding);
    stage_silent(stage);
}

static void an_id_that_was_not_told_yet_is_not_owned(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id binding = hear_open(stage, alice, 8000);
    say_unbind(stage, alice, binding);
    hear_not_owned(stage, alice, binding);
    say_opened(stage, binding, 8000);
    hear_bound(stage, alice, binding, 8000);
    hear_counted(stage, alice, 1);
    stage_silent(stage);
}

/* ---- the end of a session
 * --------------------------------------------------------------------------------------------- */

static void a_session_without_bindings_is_released_at_once(void **state)
{
    struct stage *stage = scene_raise(state);
    say_release(stage, alice, false);
    hear_released(stage, alice);
    stage_silent(stage);
}

static void a_session_is_released_when_the_last_of_its_ports_is_free(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id first = bind_port(stage, alice, 8001, 0);
    struct bind_id second = bind_port(stage, alice, 8002, 1);
    bind_port(stage, bob, 8003, 0); /* not hers */
    say_release(stage, alice, true);
    hear_close(stage, second, true); /* the last first: no order is promised */
    hear_close(stage, first, true);
    stage_silent(stage);
    say_closed(stage, first);
    stage_silent(stage);
    say_closed(stage, second);
    hear_released(stage, alice);
    stage_silent(stage);
}

static void streams_may_end_or_not_as_the_session_manager_says(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = bind_port(stage, alice, 8000, 0);
    say_release(stage, alice, false);
    hear_close(stage, binding, false);
    stage_silent(stage);
}

static void a_release_while_a_port_is_given_back_closes_it_once(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = bind_port(stage, alice, 8000, 0);
    say_unbind(stage, alice, binding);
    hear_close(stage, binding, false);
    hear_counted(stage, alice, 0);
    say_release(stage, alice, false);
    stage_silent(stage);
    say_closed(stage, binding);
    hear_unbound(stage, alice, binding);
    hear_released(stage, alice);
    stage_silent(stage);
}

static void a_release_while_a_port_opens_closes_it_when_it_is_open(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id binding = hear_open(stage, alice, 8000);
    say_release(stage, alice, true);
    stage_silent(stage);
    say_opened(stage, binding, 8000);
    hear_close(stage, binding, false);
    stage_silent(stage);
    say_closed(stage, binding);
    hear_released(stage, alice);
    stage_silent(stage);
}

static void a_release_while_a_port_fails_to_open_needs_no_close(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 0);
    struct bind_id binding = hear_random_open(stage).binding;
    say_release(stage, alice, false);
    say_failed(stage, binding, true); /* no other one is tried */
    hear_released(stage, alice);
    stage_silent(stage);
}

static void a_session_that_was_refused_everything_is_released_at_once(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 1);
    hear_refused(stage, alice, "RESERVED_PORT");
    say_release(stage, alice, false);
    hear_released(stage, alice);
    stage_silent(stage);
}

/* ---- what admin and metrics see
 * ----------------------------------------------------------------------------------------- */

static struct span list(struct stage *stage)
{
    stage_say(stage, MESSAGE_OF(list_bindings, .ref = 99));
    const struct message_bindings_listed *listed = &stage_hear(stage, MESSAGE_bindings_listed)->bindings_listed;
    assert_int_equal(listed->ref, 99);
    return listed->bindings;
}

static void assert_next_row(struct span *rows, struct driver driver, struct bind_id binding, uint32_t port)
{
    struct message row;
    assert_true(message_rows_next(rows, &row));
    assert_int_equal(row.type, MESSAGE_binding_row);
    assert_int_equal(row.binding_row.binding.value, binding.value);
    assert_string_equal(row.binding_row.session.text, driver.session.text);
    assert_int_equal(row.binding_row.kind, BIND_KIND_HTTP);
    assert_int_equal(row.binding_row.mode, BIND_MODE_EXPOSE);
    assert_int_equal(row.binding_row.port, port);
    assert_string_equal(row.binding_row.address, "0.0.0.0");
    assert_false(row.binding_row.parked);
    message_done(&row);
}

static void bound_ports_are_listed_by_port_the_others_are_not(void **state)
{
    struct stage *stage = scene_raise(state);
    assert_int_equal(list(stage).length, 0);
    struct bind_id high = bind_port(stage, alice, 9000, 0);
    struct bind_id low = bind_port(stage, bob, 8000, 0);
    CLAIM(stage, bob, .port = 8500);
    struct bind_id opening = hear_open(stage, bob, 8500);
    struct span rows = list(stage);
    assert_next_row(&rows, bob, low, 8000);
    assert_next_row(&rows, alice, high, 9000);
    assert_int_equal(rows.length, 0);
    say_opened(stage, opening, 8500);
    say_unbind(stage, alice, high);
    rows = list(stage);
    assert_next_row(&rows, bob, low, 8000);
    assert_next_row(&rows, bob, opening, 8500);
    assert_int_equal(rows.length, 0);
}

static struct span report(struct stage *stage)
{
    stage_say(stage, MESSAGE_OF(report_metrics, .ref = 5));
    const struct message_metrics_reported *reported = &stage_hear(stage, MESSAGE_metrics_reported)->metrics_reported;
    assert_int_equal(reported->ref, 5);
    assert_int_equal(reported->actor, ACTOR_binding_registry);
    return reported->samples;
}

static void metrics_count_bound_ports_by_kind_and_mode_and_refusals_by_code(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = bind_port(stage, alice, 8000, 0);
    CLAIM(stage, bob, .port = 8000);
    CLAIM(stage, bob, .port = 8000);
    CLAIM(stage, bob, .port = 8001);
    struct span samples = report(stage);
    assert_true(sample_value(samples, METRIC_bindings_active, "kind=\"http\",mode=\"expose\"") == 1);
    assert_true(sample_value(samples, METRIC_bindings_active, "kind=\"tcp\",mode=\"pull\"") == 0);
    assert_true(sample_value(samples, METRIC_binds_refused_total, "code=\"ALREADY_BOUND\"") == 2);
    assert_true(sample_value(samples, METRIC_binds_refused_total, "code=\"INTERNAL\"") == 0);
    assert_true(sample_value(samples, METRIC_binds_total, "result=\"bound\"") == 1); /* 8001 is not open yet */
    assert_true(sample_value(samples, METRIC_binds_total, "result=\"refused\"") == 2);
    assert_true(sample_value(samples, METRIC_mailbox_messages_total, "actor=\"binding-registry\"") >= 5);
    say_unbind(stage, alice, binding);
    assert_true(sample_value(report(stage), METRIC_bindings_active, "kind=\"http\",mode=\"expose\"") == 0);
}

/* ---- mistakes
 * -------------------------------------------------------------------------------------------------------------- */

static void answers_that_nobody_asked_for_change_nothing(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = bind_port(stage, alice, 8000, 0);
    say_opened(stage, binding, 8001);
    say_failed(stage, binding, true);
    say_closed(stage, binding);
    say_opened(stage, (struct bind_id){999}, 8002);
    say_failed(stage, (struct bind_id){999}, false);
    say_closed(stage, (struct bind_id){999});
    stage_silent(stage);
    struct span rows = list(stage);
    assert_next_row(&rows, alice, binding, 8000);
    assert_int_equal(rows.length, 0);
}

static void it_does_not_start_with_an_expose_address_or_pattern_that_cannot_work(void **state)
{
    struct scene *scene = *state;
    const struct log silent = {.fd = -1, .level = LOG_LEVEL_ERROR, .format = LOG_FORMAT_TEXT};
    free(scene->options.expose_address);
    assert_non_null(scene->options.expose_address = strdup("localhost"));
    assert_null(binding_registry_actor.new(&scene->options, NULL, &silent));
    free(scene->options.expose_address);
    assert_non_null(scene->options.expose_address = strdup("0.0.0.0"));
    free(scene->options.public_url_pattern);
    assert_non_null(scene->options.public_url_pattern = strdup("https://{label}"));
    assert_null(binding_registry_actor.new(&scene->options, NULL, &silent));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_claim_is_bound_when_its_listener_is_open),
        TEST(expose_listens_on_the_expose_address),
        TEST(the_public_url_is_made_of_the_pattern),
        TEST(bind_ids_are_never_reused),
        TEST(what_the_port_policy_refuses_is_refused_with_its_code),
        TEST(privileged_ports_need_the_flag),
        TEST(a_pull_listens_where_it_says),
        TEST(a_port_that_is_bound_is_refused_and_takeover_is_advised),
        TEST(a_port_that_is_being_opened_is_refused),
        TEST(a_session_holds_no_more_ports_than_the_cap),
        TEST(already_bound_is_checked_before_the_cap_and_the_cap_before_the_system),
        TEST(a_port_that_somebody_else_holds_is_in_use),
        TEST(a_listener_that_fails_otherwise_is_internal_with_the_systems_reason),
        TEST(port_0_is_a_random_one_of_20000_to_65534),
        TEST(a_random_port_in_use_is_tried_again_on_another),
        TEST(random_ports_are_tried_a_bounded_number_of_times),
        TEST(a_random_port_that_fails_otherwise_is_not_tried_again),
        TEST(the_owner_unbinds_and_is_told_when_the_port_is_free),
        TEST(what_is_not_bound_by_the_session_is_not_owned),
        TEST(a_second_unbind_is_not_owned),
        TEST(an_id_that_was_not_told_yet_is_not_owned),
        TEST(a_session_without_bindings_is_released_at_once),
        TEST(a_session_is_released_when_the_last_of_its_ports_is_free),
        TEST(streams_may_end_or_not_as_the_session_manager_says),
        TEST(a_release_while_a_port_is_given_back_closes_it_once),
        TEST(a_release_while_a_port_opens_closes_it_when_it_is_open),
        TEST(a_release_while_a_port_fails_to_open_needs_no_close),
        TEST(a_session_that_was_refused_everything_is_released_at_once),
        TEST(bound_ports_are_listed_by_port_the_others_are_not),
        TEST(metrics_count_bound_ports_by_kind_and_mode_and_refusals_by_code),
        TEST(answers_that_nobody_asked_for_change_nothing),
        TEST(it_does_not_start_with_an_expose_address_or_pattern_that_cannot_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
