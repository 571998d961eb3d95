/* The binding-registry where bindings get in each other's way: takeover, and claims of ports that are about to be
 * settled (protocol section 5). */
#include "binding_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

/* What a takeover says, for owners that hold nothing else. */
static struct bind_id take_over(struct stage *stage, struct driver from, struct bind_id old, struct driver to)
{
    CLAIM(stage, to, .port = 8000, .takeover = true);
    struct bind_id binding = hear_transfer(stage, old, to);
    hear_bound(stage, to, binding, 8000);
    hear_counted(stage, from, 0);
    hear_counted(stage, to, 1);
    stage_silent(stage);
    return binding;
}

static struct bind_id begin_closing(struct stage *stage, struct driver driver, uint32_t port)
{
    struct bind_id binding = bind_port(stage, driver, port, 0);
    say_unbind(stage, driver, binding);
    hear_close(stage, binding, false);
    hear_counted(stage, driver, 0);
    return binding;
}

/* ---- takeover -------------------------------------------------------------------------------------------------- */

static void takeover_moves_the_listener_to_a_new_binding_and_never_closes_it(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id old = bind_port(stage, alice, 8000, 0);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    const struct message_transfer_listener *transfer = &stage_hear(stage, MESSAGE_transfer_listener)->transfer_listener;
    assert_int_equal(transfer->old_binding.value, old.value);
    assert_true(transfer->binding.value > old.value);
    assert_int_equal(transfer->connection.value, bob.connection.value);
    assert_non_null(strstr(transfer->reason, "another session"));
    assert_null(strstr(transfer->reason, bob.session.text)); /* it is a credential */
    hear_bound(stage, bob, transfer->binding, 8000);
    hear_counted(stage, alice, 0);
    hear_counted(stage, bob, 1);
    stage_silent(stage); /* no close_listener, no open_listener */
}

static void takeover_of_a_free_port_is_a_bind(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    hear_open(stage, bob, 8000);
    stage_silent(stage);
}

static void takeover_of_any_port_is_a_bind(void **state)
{
    struct stage *stage = scene_raise(state);
    bind_port(stage, alice, 8000, 0);
    CLAIM(stage, bob, .port = 0, .takeover = true);
    assert_in_range(stage_hear(stage, MESSAGE_open_listener)->open_listener.port, 20000, 65534);
    stage_silent(stage);
}

static void ones_own_binding_can_be_taken_over_and_gets_a_new_id(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id old = bind_port(stage, alice, 8000, 0);
    CLAIM(stage, alice, .port = 8000, .takeover = true);
    struct bind_id binding = hear_transfer(stage, old, alice);
    hear_bound(stage, alice, binding, 8000);
    stage_silent(stage); /* she holds as many as before */
    say_unbind(stage, alice, old);
    hear_not_owned(stage, alice, old);
    say_unbind(stage, alice, binding);
    hear_close(stage, binding, false);
}

static void takeovers_can_follow_each_other(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id first = bind_port(stage, alice, 8000, 0);
    struct bind_id second = take_over(stage, alice, first, bob);
    struct bind_id third = take_over(stage, bob, second, carol);
    struct bind_id fourth = take_over(stage, carol, third, alice);
    say_release(stage, bob, false);
    hear_released(stage, bob);
    say_release(stage, alice, false);
    hear_close(stage, fourth, false);
    stage_silent(stage);
}

static void the_old_owner_cannot_give_back_what_was_taken(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id old = bind_port(stage, alice, 8000, 0);
    take_over(stage, alice, old, bob);
    say_unbind(stage, alice, old); /* said before she knew */
    hear_not_owned(stage, alice, old);
    say_release(stage, alice, false);
    hear_released(stage, alice);
    stage_silent(stage);
}

static void a_takeover_counts_against_the_cap(void **state)
{
    struct scene *scene = *state;
    scene->options.max_binds_per_session = 1;
    struct stage *stage = scene_raise(state);
    bind_port(stage, alice, 8000, 0);
    bind_port(stage, bob, 8001, 0);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    hear_refused(stage, bob, "BIND_CAP_EXCEEDED");
    CLAIM(stage, alice, .port = 8000, .takeover = true);
    hear_refused(stage, alice, "BIND_CAP_EXCEEDED");
    stage_silent(stage);
}

/* ---- takeover of one that is opening -------------------------------------------------------------------------------
 */

static void takeover_of_an_opening_one_waits_until_it_is_bound(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id old = hear_open(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    stage_silent(stage);
    say_opened(stage, old, 8000);
    hear_bound(stage, alice, old, 8000);
    struct bind_id binding = hear_transfer(stage, old, bob);
    hear_bound(stage, bob, binding, 8000);
    hear_counted(stage, alice, 1);
    hear_counted(stage, alice, 0);
    hear_counted(stage, bob, 1);
    stage_silent(stage);
}

static void takeover_of_one_that_fails_to_open_is_tried_for_itself(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id old = hear_open(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    say_failed(stage, old, true);
    hear_refused(stage, alice, "PORT_IN_USE");
    struct bind_id binding = hear_open(stage, bob, 8000);
    stage_silent(stage);
    say_failed(stage, binding, true);
    hear_refused(stage, bob, "PORT_IN_USE");
    stage_silent(stage);
}

static void takeovers_of_an_opening_one_follow_in_their_order(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id first = hear_open(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    CLAIM(stage, carol, .port = 8000, .takeover = true);
    say_opened(stage, first, 8000);
    hear_bound(stage, alice, first, 8000);
    struct bind_id second = hear_transfer(stage, first, bob);
    hear_bound(stage, bob, second, 8000);
    struct bind_id third = hear_transfer(stage, second, carol);
    hear_bound(stage, carol, third, 8000);
    hear_counted(stage, alice, 1);
    hear_counted(stage, alice, 0);
    hear_counted(stage, bob, 1);
    hear_counted(stage, bob, 0);
    hear_counted(stage, carol, 1);
    stage_silent(stage);
}

static void takeover_of_an_opening_one_whose_session_ends_opens_anew(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id old = hear_open(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    say_release(stage, alice, false);
    stage_silent(stage);
    say_opened(stage, old, 8000);
    hear_close(stage, old, false);
    stage_silent(stage);
    say_closed(stage, old);
    hear_released(stage, alice);
    hear_open(stage, bob, 8000);
    stage_silent(stage);
}

/* ---- claims of ports that are being closed
 * --------------------------------------------------------------------------- */

static void a_claim_of_a_closing_port_waits_until_it_is_free(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id old = begin_closing(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000);
    stage_silent(stage);
    say_closed(stage, old);
    hear_unbound(stage, alice, old);
    struct bind_id binding = hear_open(stage, bob, 8000);
    say_opened(stage, binding, 8000);
    hear_bound(stage, bob, binding, 8000);
    hear_counted(stage, bob, 1);
    stage_silent(stage);
}

static void a_driver_that_comes_back_at_once_is_not_in_its_own_way(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id old = bind_port(stage, alice, 8000, 0);
    say_release(stage, alice, false); /* her connection dropped */
    hear_close(stage, old, false);
    CLAIM(stage, bob, .port = 8000); /* and she is back, as another session */
    stage_silent(stage);
    say_closed(stage, old);
    hear_released(stage, alice);
    hear_open(stage, bob, 8000);
    stage_silent(stage);
}

static void takeover_of_a_closing_port_waits_too(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id old = begin_closing(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000, .takeover = true);
    stage_silent(stage);
    say_closed(stage, old);
    hear_unbound(stage, alice, old);
    hear_open(stage, bob, 8000);
    stage_silent(stage);
}

static void the_first_that_waits_gets_the_port(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id old = begin_closing(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000);
    CLAIM(stage, carol, .port = 8000);
    stage_silent(stage);
    say_closed(stage, old);
    hear_unbound(stage, alice, old);
    hear_open(stage, bob, 8000);
    hear_refused(stage, carol, "ALREADY_BOUND");
    stage_silent(stage);
}

static void a_claim_of_an_abandoned_port_waits(void **state)
{
    struct stage *stage = scene_raise(state);
    CLAIM(stage, alice, .port = 8000);
    struct bind_id old = hear_open(stage, alice, 8000);
    say_release(stage, alice, false);
    CLAIM(stage, bob, .port = 8000);
    stage_silent(stage);
    say_failed(stage, old, true);
    hear_released(stage, alice);
    hear_open(stage, bob, 8000);
    stage_silent(stage);
}

static void a_claim_for_another_port_does_not_wait(void **state)
{
    struct stage *stage = scene_raise(state);
    begin_closing(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000);
    CLAIM(stage, bob, .port = 8001);
    hear_open(stage, bob, 8001);
    stage_silent(stage);
}

static void waiting_claims_count_against_the_cap(void **state)
{
    struct scene *scene = *state;
    scene->options.max_binds_per_session = 1;
    struct stage *stage = scene_raise(state);
    struct bind_id old = begin_closing(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000);
    CLAIM(stage, bob, .port = 8001);
    hear_refused(stage, bob, "BIND_CAP_EXCEEDED");
    stage_silent(stage);
    say_closed(stage, old);
    hear_unbound(stage, alice, old);
    hear_open(stage, bob, 8000);
    stage_silent(stage);
}

static void a_claim_that_waits_ends_with_its_session(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id old = begin_closing(stage, alice, 8000);
    CLAIM(stage, bob, .port = 8000);
    say_release(stage, bob, false);
    hear_released(stage, bob);
    say_closed(stage, old);
    hear_unbound(stage, alice, old);
    stage_silent(stage);
    bind_port(stage, carol, 8000, 0);
    stage_silent(stage);
}

static void nothing_is_kept_when_it_ends_in_the_middle(void **state)
{
    struct stage *stage = scene_raise(state);
    bind_port(stage, alice, 8001, 0);
    struct bind_id old = bind_port(stage, alice, 8000, 1);
    CLAIM(stage, alice, .port = 8002, .label = "opening");
    say_unbind(stage, alice, old);
    CLAIM(stage, bob, .port = 8000, .label = "waiting");
    say_release(stage, alice, false); /* and the teardown's leak check looks */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takeover_moves_the_listener_to_a_new_binding_and_never_closes_it),
        TEST(takeover_of_a_free_port_is_a_bind),
        TEST(takeover_of_any_port_is_a_bind),
        TEST(ones_own_binding_can_be_taken_over_and_gets_a_new_id),
        TEST(takeovers_can_follow_each_other),
        TEST(the_old_owner_cannot_give_back_what_was_taken),
        TEST(a_takeover_counts_against_the_cap),
        TEST(takeover_of_an_opening_one_waits_until_it_is_bound),
        TEST(takeover_of_one_that_fails_to_open_is_tried_for_itself),
        TEST(takeovers_of_an_opening_one_follow_in_their_order),
        TEST(takeover_of_an_opening_one_whose_session_ends_opens_anew),
        TEST(a_claim_of_a_closing_port_waits_until_it_is_free),
        TEST(a_driver_that_comes_back_at_once_is_not_in_its_own_way),
        TEST(takeover_of_a_closing_port_waits_too),
        TEST(the_first_that_waits_gets_the_port),
        TEST(a_claim_of_an_abandoned_port_waits),
        TEST(a_claim_for_another_port_does_not_wait),
        TEST(waiting_claims_count_against_the_cap),
        TEST(a_claim_that_waits_ends_with_its_session),
        TEST(nothing_is_kept_when_it_ends_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
