/* The binding-registry: parking and resume: what is kept, where it leads afterwards, and what crosses what (protocol
 * sections 5 and 7). */
#include "binding_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "samples.h"

/* Alice, back on another connection. */
static const struct connection_id back = {21}, back_again = {31};

/* ---- the script ------------------------------------------------------------------------------------------------ */

static void say_park(struct stage *stage, struct driver driver)
{
    stage_say(stage, MESSAGE_OF(park_session, .session = driver.session));
}

static void say_resume(struct stage *stage, struct driver driver, struct connection_id connection)
{
    stage_say(stage, MESSAGE_OF(resume_session, .session = driver.session, .connection = connection));
}

static void hear_adopt(struct stage *stage, struct bind_id binding, struct connection_id connection)
{
    const struct message_adopt_listener *adopt = &stage_hear(stage, MESSAGE_adopt_listener)->adopt_listener;
    assert_int_equal(adopt->binding.value, binding.value);
    assert_int_equal(adopt->connection.value, connection.value);
}

/* Returns the rows. */
static struct span hear_resumed(struct stage *stage, struct driver driver, struct connection_id connection)
{
    const struct message_session_resumed *resumed = &stage_hear(stage, MESSAGE_session_resumed)->session_resumed;
    assert_string_equal(resumed->session.text, driver.session.text);
    assert_int_equal(resumed->connection.value, connection.value);
    return resumed->bindings;
}

static void take_row(struct span *rows, struct bind_id binding, uint32_t port, bool parked)
{
    struct message row;
    assert_true(message_rows_next(rows, &row));
    assert_int_equal(row.type, MESSAGE_binding_row);
    assert_int_equal(row.binding_row.binding.value, binding.value);
    assert_int_equal(row.binding_row.kind, BIND_KIND_HTTP);
    assert_int_equal(row.binding_row.mode, BIND_MODE_EXPOSE);
    assert_int_equal(row.binding_row.port, port);
    assert_int_equal(row.binding_row.parked, parked);
    message_done(&row);
}

static void hear_resumed_with(struct stage *stage, struct driver driver, struct connection_id connection,
                              struct bind_id binding, uint32_t port)
{
    hear_adopt(stage, binding, connection);
    struct span rows = hear_resumed(stage, driver, connection);
    take_row(&rows, binding, port, false);
    assert_int_equal(rows.length, 0);
}

static struct span list(struct stage *stage)
{
    stage_say(stage, MESSAGE_OF(list_bindings, .ref = 1));
    return stage_hear(stage, MESSAGE_bindings_listed)->bindings_listed.bindings;
}

static void assert_counts(struct stage *stage, double active, double parked)
{
    stage_say(stage, MESSAGE_OF(report_metrics, .ref = 1));
    struct span samples = stage_hear(stage, MESSAGE_metrics_reported)->metrics_reported.samples;
    assert_true(sample_value(samples, METRIC_bindings_active, "kind=\"http\",mode=\"expose\"") == active);
    assert_true(sample_value(samples, METRIC_parked_bindings, "kind=\"http\",mode=\"expose\"") == parked);
    assert_true(sample_value(samples, METRIC_bindings_active, "kind=\"tcp\",mode=\"pull\"") == 0);
    assert_true(sample_value(samples, METRIC_parked_bindings, "kind=\"tcp\",mode=\"pull\"") == 0);
}

/* A port of alice's, parked. */
static struct bind_id park_port(struct stage *stage, uint32_t port)
{
    struct bind_id binding = bind_port(stage, alice, port, 0);
    say_park(stage, alice);
    hear_counted(stage, alice, 1);
    stage_silent(stage);
    return binding;
}

/* ---- parking --------------------------------------------------------------------------------------------------- */

static void a_parked_port_is_kept_and_listed_as_such(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id kept = park_port(stage, 8000);
    struct bind_id other = bind_port(stage, bob, 8001, 0);
    struct span rows = list(stage);
    take_row(&rows, kept, 8000, true);
    take_row(&rows, other, 8001, false);
    assert_int_equal(rows.length, 0);
    assert_counts(stage, 1, 1);
}

static void a_session_that_holds_nothing_is_not_parked_but_released(void **state)
{
    struct stage *stage = scene_raise(state);
    say_park(stage, alice); /* one that the registry never heard of */
    hear_released(stage, alice);
    struct bind_id binding = bind_port(stage, alice, 8000, 0);
    say_unbind(stage, alice, binding);
    hear_close(stage, binding, false);
    hear_counted(stage, alice, 0);
    say_park(stage, alice);
    stage_silent(stage); /* its port is not free yet */
    say_closed(stage, binding);
    hear_unbound(stage, alice, binding);
    hear_released(stage, alice);
    stage_silent(stage);
}

static void another_bind_of_a_parked_port_is_already_bound_and_says_why(void **state)
{
    struct stage *stage = scene_raise(state);
    park_port(stage, 8000);
    CLAIM(stage, bob, .port = 8000);
    const char *text = hear_refused(stage, bob, "ALREADY_BOUND");
    assert_non_null(strstr(text, "parked until its driver is back"));
    assert_non_null(strstr(text, "takeover"));
    assert_null(strstr(text, alice.session.text));
    stage_silent(stage);
}

static void a_random_port_is_never_a_parked_one(void **state)
{
    struct stage *stage = scene_raise(state);
    park_port(stage, 30000);
    for (int i = 0; i < 32; i++) {
        CLAIM(stage, bob, .port = 0);
        assert_int_not_equal(stage_hear(stage, MESSAGE_open_listener)->open_listener.port, 30000);
    }
}

static void the_grace_over_the_port_is_closed_once(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = park_port(stage, 8000);
    say_release(stage, alice, false);
    hear_close(stage, binding, false);
    stage_silent(stage);
    assert_counts(stage, 0, 0);
    say_closed(stage, binding);
    hear_released(stage, alice);
    stage_silent(stage);
    bind_port(stage, bob, 8000, 0);
}

/* ---- takeover of a parked port ----------------------------------------------------------------------------------- */

static void a_parked_port_can_be_taken_over_and_its_session_ends_with_the_last(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id first = bind_port(stage, alice, 8000, 0), second = bind_port(stage, alice, 8001, 1);
    say_park(stage, alice);
    hear_counted(stage, alice, 2);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    struct bind_id taken = hear_transfer(stage, first, bob);
    hear_bound(stage, bob, taken, 8000);
    hear_counted(stage, alice, 1);
    hear_counted(stage, bob, 1);
    stage_silent(stage);
    assert_counts(stage, 1, 1);
    CLAIM(stage, bob, .port = 8001, .takeover = true);
    taken = hear_transfer(stage, second, bob);
    hear_bound(stage, bob, taken, 8001);
    hear_counted(stage, alice, 0);
    hear_counted(stage, bob, 2);
    hear_released(stage, alice);
    stage_silent(stage);
    assert_counts(stage, 2, 0);
}

static void a_takeover_before_the_resume_leaves_nothing_to_give_back(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = park_port(stage, 8000);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    hear_bound(stage, bob, hear_transfer(stage, binding, bob), 8000);
    hear_counted(stage, alice, 0);
    hear_counted(stage, bob, 1);
    hear_released(stage, alice);
    say_resume(stage, alice, back); /* crossed it */
    assert_int_equal(hear_resumed(stage, alice, back).length, 0);
    stage_silent(stage);
    bind_port(stage, alice, 8001, 0); /* and the session is as good as any */
}

static void a_takeover_after_the_resume_is_one_of_a_live_port(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = park_port(stage, 8000);
    say_resume(stage, alice, back);
    hear_resumed_with(stage, alice, back, binding, 8000);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    hear_bound(stage, bob, hear_transfer(stage, binding, bob), 8000);
    hear_counted(stage, alice, 0);
    hear_counted(stage, bob, 1);
    stage_silent(stage); /* she lives on: no session_released */
}

/* ---- resume ------------------------------------------------------------------------------------------------------ */

static void resume_gives_all_ports_to_the_new_connection_with_their_ids(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id first = bind_port(stage, alice, 8000, 0), second = bind_port(stage, alice, 8001, 1);
    say_park(stage, alice);
    hear_counted(stage, alice, 2);
    say_resume(stage, alice, back);
    hear_adopt(stage, second, back);
    hear_adopt(stage, first, back);
    struct span rows = hear_resumed(stage, alice, back);
    take_row(&rows, second, 8001, false);
    take_row(&rows, first, 8000, false);
    assert_int_equal(rows.length, 0);
    stage_silent(stage);
    assert_counts(stage, 2, 0);
    say_unbind(stage, (struct driver){alice.session, back}, first);
    hear_close(stage, first, false);
}

static void a_live_session_can_be_resumed_too(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = bind_port(stage, alice, 8000, 0);
    say_resume(stage, alice, back);
    hear_resumed_with(stage, alice, back, binding, 8000);
    stage_silent(stage);
    say_resume(stage, bob, back_again); /* and one that holds nothing */
    assert_int_equal(hear_resumed(stage, bob, back_again).length, 0);
    stage_silent(stage);
}

static void a_port_about_to_be_closed_is_not_given_back(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id gone = bind_port(stage, alice, 8000, 0), kept = bind_port(stage, alice, 8001, 1);
    say_unbind(stage, alice, gone);
    hear_close(stage, gone, false);
    hear_counted(stage, alice, 1);
    say_park(stage, alice);
    hear_counted(stage, alice, 1);
    say_resume(stage, alice, back);
    hear_resumed_with(stage, alice, back, kept, 8001);
    say_closed(stage, gone);
    stage_hear(stage, MESSAGE_unbound);
    stage_silent(stage);
}

static void parked_again_it_waits_for_the_next_connection(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = park_port(stage, 8000);
    say_resume(stage, alice, back);
    hear_resumed_with(stage, alice, back, binding, 8000);
    say_park(stage, alice);
    hear_counted(stage, alice, 1);
    assert_counts(stage, 0, 1);
    say_resume(stage, alice, back_again);
    hear_resumed_with(stage, alice, back_again, binding, 8000);
    stage_silent(stage);
}

/* ---- claims in flight -------------------------------------------------------------------------------------------- */

static void a_port_in_the_opening_is_parked_when_it_is_open(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id binding = hear_open(stage, alice, 8000);
    say_park(stage, alice);
    stage_silent(stage);
    say_opened(stage, binding, 8000);
    hear_bound(stage, alice, binding, 8000); /* nobody hears it, but visitors are served from here on */
    hear_counted(stage, alice, 1);
    stage_silent(stage);
    assert_counts(stage, 0, 1);
    say_resume(stage, alice, back);
    hear_resumed_with(stage, alice, back, binding, 8000);
    stage_silent(stage);
}

static void a_port_that_fails_to_open_leaves_nothing_to_park(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id binding = hear_open(stage, alice, 8000);
    say_park(stage, alice);
    say_failed(stage, binding, true);
    hear_refused(stage, alice, "PORT_IN_USE");
    hear_released(stage, alice);
    stage_silent(stage);
}

static void a_resume_waits_for_ports_in_the_opening(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id first = hear_open(stage, alice, 8000);
    CLAIM(stage, alice, .port = 8001);
    struct bind_id second = hear_open(stage, alice, 8001);
    say_park(stage, alice);
    say_resume(stage, alice, back);
    stage_silent(stage);
    say_opened(stage, first, 8000);
    hear_bound(stage, alice, first, 8000);
    hear_counted(stage, alice, 1);
    stage_silent(stage);
    say_failed(stage, second, true);
    hear_refused(stage, alice, "PORT_IN_USE");
    hear_resumed_with(stage, alice, back, first, 8000);
    stage_silent(stage);
}

static void a_resume_with_nothing_but_failures_gives_nothing_back(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id binding = hear_open(stage, alice, 8000);
    say_resume(stage, alice, back); /* she still looked alive */
    say_failed(stage, binding, true);
    hear_refused(stage, alice, "PORT_IN_USE");
    assert_int_equal(hear_resumed(stage, alice, back).length, 0);
    stage_silent(stage);
}

static void parked_again_while_it_waits_nobody_is_resumed(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id binding = hear_open(stage, alice, 8000);
    say_park(stage, alice);
    say_resume(stage, alice, back);
    say_park(stage, alice); /* the new connection died */
    say_opened(stage, binding, 8000);
    hear_bound(stage, alice, binding, 8000);
    hear_counted(stage, alice, 1);
    stage_silent(stage);
    say_resume(stage, alice, back_again);
    hear_resumed_with(stage, alice, back_again, binding, 8000);
    stage_silent(stage);
}

static void a_resume_that_follows_another_is_the_one_that_is_answered(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id binding = hear_open(stage, alice, 8000);
    say_resume(stage, alice, back);
    say_resume(stage, alice, back_again);
    say_opened(stage, binding, 8000);
    hear_bound(stage, alice, binding, 8000);
    hear_counted(stage, alice, 1);
    hear_resumed_with(stage, alice, back_again, binding, 8000);
    stage_silent(stage);
}

static void released_while_it_waits_the_port_is_closed_as_soon_as_it_is_open(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id binding = hear_open(stage, alice, 8000);
    say_resume(stage, alice, back);
    say_release(stage, alice, false);
    stage_silent(stage);
    say_opened(stage, binding, 8000);
    hear_close(stage, binding, false);
    stage_silent(stage);
    say_closed(stage, binding);
    hear_released(stage, alice);
    stage_silent(stage);
}

static void claims_that_wait_for_a_port_end_with_their_connection(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id closing = bind_port(stage, bob, 8000, 0);
    say_unbind(stage, bob, closing);
    hear_close(stage, closing, false);
    hear_counted(stage, bob, 0);
    CLAIM(stage, alice, .port = 8000);
    CLAIM(stage, carol, .port = 8000);
    say_park(stage, alice);
    hear_released(stage, alice);
    say_resume(stage, carol, back);
    assert_int_equal(hear_resumed(stage, carol, back).length, 0);
    say_closed(stage, closing);
    hear_unbound(stage, bob, closing);
    stage_silent(stage);
    assert_counts(stage, 0, 0);
}

static void a_takeover_that_waits_for_a_parked_port_in_the_opening_gets_it(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id binding = hear_open(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    say_park(stage, alice);
    say_opened(stage, binding, 8000);
    hear_bound(stage, alice, binding, 8000);
    hear_bound(stage, bob, hear_transfer(stage, binding, bob), 8000);
    hear_counted(stage, alice, 1);
    hear_counted(stage, alice, 0);
    hear_counted(stage, bob, 1);
    hear_released(stage, alice);
    stage_silent(stage);
    assert_counts(stage, 1, 0);
}

static void a_takeover_that_waits_comes_after_the_resume_that_waits(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id binding = hear_open(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    say_resume(stage, alice, back);
    say_opened(stage, binding, 8000);
    hear_bound(stage, alice, binding, 8000);
    hear_adopt(stage, binding, back);
    hear_bound(stage, bob, hear_transfer(stage, binding, bob), 8000);
    hear_counted(stage, alice, 1);
    struct span rows = hear_resumed(stage, alice, back); /* she is told, and then that it was taken */
    take_row(&rows, binding, 8000, false);
    hear_counted(stage, alice, 0);
    hear_counted(stage, bob, 1);
    stage_silent(stage);
}

static void nothing_is_kept_when_it_ends_in_the_middle(void **state)
{
    struct stage *stage = scene_raise(state);
    park_port(stage, 8000);
    CLAIM(stage, bob, .port = 8001, .label = "opening");
    hear_open(stage, bob, 8001);
    say_resume(stage, bob, back); /* and the teardown's leak check looks */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_parked_port_is_kept_and_listed_as_such),
        TEST(a_session_that_holds_nothing_is_not_parked_but_released),
        TEST(another_bind_of_a_parked_port_is_already_bound_and_says_why),
        TEST(a_random_port_is_never_a_parked_one),
        TEST(the_grace_over_the_port_is_closed_once),
        TEST(a_parked_port_can_be_taken_over_and_its_session_ends_with_the_last),
        TEST(a_takeover_before_the_resume_leaves_nothing_to_give_back),
        TEST(a_takeover_after_the_resume_is_one_of_a_live_port),
        TEST(resume_gives_all_ports_to_the_new_connection_with_their_ids),
        TEST(a_live_session_can_be_resumed_too),
        TEST(a_port_about_to_be_closed_is_not_given_back),
        TEST(parked_again_it_waits_for_the_next_connection),
        TEST(a_port_in_the_opening_is_parked_when_it_is_open),
        TEST(a_port_that_fails_to_open_leaves_nothing_to_park),
        TEST(a_resume_waits_for_ports_in_the_opening),
        TEST(a_resume_with_nothing_but_failures_gives_nothing_back),
        TEST(parked_again_while_it_waits_nobody_is_resumed),
        TEST(a_resume_that_follows_another_is_the_one_that_is_answered),
        TEST(released_while_it_waits_the_port_is_closed_as_soon_as_it_is_open),
        TEST(claims_that_wait_for_a_port_end_with_their_connection),
        TEST(a_takeover_that_waits_for_a_parked_port_in_the_opening_gets_it),
        TEST(a_takeover_that_waits_comes_after_the_resume_that_waits),
        TEST(nothing_is_kept_when_it_ends_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
