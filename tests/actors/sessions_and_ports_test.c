/* The session-manager and the binding-registry together, explored: drivers connect, join, bind, vanish and come back,
 * ports are taken over and sessions killed, on one shard of the gateway or several, in an order that a seed decides,
 * down to which actor handles its next message when. Whenever nothing is under way any more, all must agree who holds
 * what.
 *
 * HOODY_SEED=<n> runs that one seed. */
#include "kit_census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

enum { SEEDS = 45, STEPS = 1500, MAX_SESSIONS = 2 };

/* ---- one seed ------------------------------------------------------------------------------------------------- */

static void explore(uint64_t seed)
{
    kit_begin(seed);
    for (; kit.step < STEPS; kit.step++) {
        kit_take_step();
        if (kit_is_one_in(100))
            kit_take_census();
    }
    kit_take_census();
    kit_lose_everybody();
    kit_take_census();
    kit_let_pass(GRACE_MS);
    struct census census = kit_take_census();
    expect(census.live_bindings + census.parked_bindings == 0);
    kit_end();
}

/* With grace 0 nobody is parked, ever. */
static void explore_without_grace(uint64_t seed)
{
    kit.options.takeover_grace = 0;
    kit_begin(seed);
    for (; kit.step < STEPS; kit.step++) {
        kit_take_step();
        if (kit_is_one_in(100))
            expect(kit_take_census().parked_bindings == 0);
    }
    kit_lose_everybody();
    struct census census = kit_take_census();
    expect(census.live_bindings + census.parked_bindings == 0);
    kit_end();
}

/* In the middle of anything the daemon drains: nothing is left of what was parked, and it ends when the last is gone.
 */
static void explore_drain(uint64_t seed)
{
    struct message message;
    kit_begin(seed);
    for (uint64_t until = kit_pick(STEPS); kit.step < until; kit.step++)
        kit_take_step();
    mailbox_send(kit.supervisor, MESSAGE_OF(drain, .timeout_ms = 10000));
    for (int i = 0; i < 100; i++, kit.step++)
        kit_take_step();
    kit_lose_everybody();
    kit_come_to_rest();
    for (size_t i = 0; i < PORTS; i++)
        expect(kit.listeners[i].binding == 0);
    expect(mailbox_receive(kit.supervisor, &message));
    expect(message.type == MESSAGE_drained);
    message_done(&message);
    expect(!mailbox_receive(kit.supervisor, &message));
    kit_end();
}

static void explore_seeds(void (*explore_one)(uint64_t seed))
{
    const char *asked = getenv("HOODY_SEED");
    assert_true(options_init(&kit.options));
    kit.options.max_sessions = MAX_SESSIONS;
    kit.options.max_binds_per_session = PORTS - 1;
    kit.options.takeover_grace = GRACE_MS;
    kit.options.ping_interval = PONG_TIMEOUT_MS / 4;
    kit.options.pong_timeout = PONG_TIMEOUT_MS;
    kit.options.idle_timeout = 10 * GRACE_MS;
    kit.options.join_ticket_ttl = GRACE_MS / 4;
    kit.joins = kit.moves = kit.transfers = 0;
    uint64_t first = asked != NULL ? strtoull(asked, NULL, 10) : 1;
    for (uint64_t seed = first; seed == first || (asked == NULL && seed <= SEEDS); seed++) {
        kit.options.shards = 1 + seed % MODEL_SHARDS_MAX;
        explore_one(seed);
    }
    /* Some do join, and change shard. */
    assert_true(asked != NULL || (kit.joins > 2 * SEEDS && kit.moves > 2 * SEEDS && kit.transfers > SEEDS / 6));
    options_done(&kit.options);
}

static void at_rest_all_agree_who_holds_what(void **state)
{
    (void)state;
    explore_seeds(explore);
}

static void without_grace_nothing_is_ever_parked(void **state)
{
    (void)state;
    explore_seeds(explore_without_grace);
}

static void a_drain_leaves_nothing_whenever_it_comes(void **state)
{
    (void)state;
    explore_seeds(explore_drain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_rest_all_agree_who_holds_what),
        cmocka_unit_test(without_grace_nothing_is_ever_parked),
        cmocka_unit_test(a_drain_leaves_nothing_whenever_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
