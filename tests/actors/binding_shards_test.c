/* The binding-registry where a port is taken over by a session on another shard of the gateway: the listener moves, and
 * whatever happens meanwhile waits for it. */
#include "binding_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

/* Alice holds port 8000 on shard 0; Bob, on shard 1, takes it: the listener is on its way to him. */
static struct bind_id begin_move(struct stage *stage)
{
    struct bind_id old = bind_port(stage, alice, 8000, 0);
    CLAIM(stage, bob, .shard = 1, .port = 8000, .takeover = true);
    const struct message_transfer_listener *transfer = &stage_hear(stage, MESSAGE_transfer_listener)->transfer_listener;
    assert_int_equal(transfer->shard, 0);
    assert_int_equal(transfer->to_shard, 1);
    assert_int_equal(transfer->old_binding.value, old.value);
    assert_int_equal(transfer->connection.value, bob.connection.value);
    hear_counted(stage, alice, 0); /* it is hers no more */
    hear_counted(stage, bob, 0);   /* nor yet his */
    stage_silent(stage);
    return transfer->binding;
}

static void say_arrived(struct stage *stage, uint32_t shard, struct bind_id binding)
{
    stage_say(stage, MESSAGE_OF(listener_opened, .shard = shard, .binding = binding, .port = 8000));
}

static void expect_bound(struct stage *stage, uint32_t shard, struct bind_id binding)
{
    const struct message *bound = stage_hear_at(stage, ACTOR_ws_gateway, shard, MESSAGE_bound);
    assert_int_equal(bound->bound.binding.value, binding.value);
    assert_int_equal(bound->bound.port, 8000);
}

static void expect_close(struct stage *stage, uint32_t shard, struct bind_id binding)
{
    const struct message *close = stage_hear_at(stage, ACTOR_ws_gateway, shard, MESSAGE_close_listener);
    assert_int_equal(close->close_listener.binding.value, binding.value);
}

static void it_is_bound_when_the_listener_is_there(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = begin_move(stage);
    say_arrived(stage, 1, binding);
    hear_counted(stage, bob, 1);
    expect_bound(stage, 1, binding);
    stage_silent(stage);
}

static void when_it_is_lost_on_the_way_the_claim_is_refused_and_the_port_free(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = begin_move(stage);
    stage_say(stage, MESSAGE_OF(listener_failed, .shard = 1, .binding = binding, .text = "out of memory"));
    const struct message *refused = stage_hear_at(stage, ACTOR_ws_gateway, 1, MESSAGE_bind_refused);
    assert_string_equal(refused->bind_refused.code, "INTERNAL");
    stage_silent(stage);
    bind_port(stage, alice, 8000, 0);
}

static void a_new_owner_that_ends_meanwhile_has_it_closed_where_it_arrives(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = begin_move(stage);
    say_release(stage, bob, false);
    stage_silent(stage);
    say_arrived(stage, 1, binding);
    expect_close(stage, 1, binding);
    stage_say(stage, MESSAGE_OF(listener_closed, .shard = 1, .binding = binding));
    hear_released(stage, bob);
    stage_silent(stage);
    bind_port(stage, alice, 8000, 0);
}

static void a_new_owner_that_is_parked_meanwhile_holds_it_parked(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = begin_move(stage);
    stage_say(stage, MESSAGE_OF(park_session, .session = bob.session));
    stage_silent(stage);
    say_arrived(stage, 1, binding);
    hear_counted(stage, bob, 1);
    expect_bound(stage, 1, binding);
    stage_silent(stage);
}

static void an_old_owner_that_ends_meanwhile_is_released_at_once(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = begin_move(stage);
    say_release(stage, alice, false);
    hear_released(stage, alice);
    say_arrived(stage, 1, binding);
    hear_counted(stage, bob, 1);
    expect_bound(stage, 1, binding);
    stage_silent(stage);
}

static void another_takeover_waits_and_takes_it_on(void **state)
{
    struct stage *stage = scene_raise(state);
    struct bind_id binding = begin_move(stage);
    CLAIM(stage, carol, .port = 8000, .takeover = true);
    stage_silent(stage);
    say_arrived(stage, 1, binding);
    hear_counted(stage, bob, 1);
    expect_bound(stage, 1, binding);
    const struct message *transfer = stage_hear_at(stage, ACTOR_ws_gateway, 1, MESSAGE_transfer_listener);
    assert_int_equal(transfer->transfer_listener.old_binding.value, binding.value);
    assert_int_equal(transfer->transfer_listener.to_shard, 0);
    hear_counted(stage, bob, 0);
    hear_counted(stage, carol, 0);
    stage_silent(stage);
    say_arrived(stage, 0, transfer->transfer_listener.binding);
    hear_counted(stage, carol, 1);
    hear_bound(stage, carol, transfer->transfer_listener.binding, 8000);
    stage_silent(stage);
}

static void a_plain_claim_is_refused_meanwhile(void **state)
{
    struct stage *stage = scene_raise(state);
    begin_move(stage);
    CLAIM(stage, carol, .port = 8000);
    hear_refused(stage, carol, "ALREADY_BOUND");
    stage_silent(stage);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_bound_when_the_listener_is_there),
        TEST(when_it_is_lost_on_the_way_the_claim_is_refused_and_the_port_free),
        TEST(a_new_owner_that_ends_meanwhile_has_it_closed_where_it_arrives),
        TEST(a_new_owner_that_is_parked_meanwhile_holds_it_parked),
        TEST(an_old_owner_that_ends_meanwhile_is_released_at_once),
        TEST(another_takeover_waits_and_takes_it_on),
        TEST(a_plain_claim_is_refused_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
