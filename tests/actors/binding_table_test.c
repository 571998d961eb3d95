/* Who holds which port, and what is free: the registry's table without its rules. */
#include "binding_registry/binding_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

static const struct session_id session = {"S-00000000-0000-4000-8000-00000000000a"};
static const struct listen_address any = {"0.0.0.0"}, local = {"127.0.0.1"}, other_local = {"127.0.0.2"};

static struct binding *hold(struct binding_table *table, uint16_t port, const struct listen_address *address)
{
    struct binding *binding = binding_table_add(table, binding_table_add_holder(table, &session));
    binding->address = *address;
    assert_true(binding_table_name(table, binding));
    binding_table_place(table, binding, port);
    return binding;
}

static void pulls_may_share_a_port_on_different_addresses(void **state)
{
    (void)state;
    struct binding_table *table = binding_table_new();
    hold(table, 8000, &local);
    assert_true(binding_table_is_held(table, 8000, &local));
    assert_false(binding_table_is_held(table, 8000, &other_local));
    assert_true(binding_table_is_held(table, 8000, &any));
    hold(table, 8000, &other_local);
    assert_true(binding_table_is_held(table, 8000, &other_local));
    assert_false(binding_table_is_held(table, 8001, &any));
    binding_table_destroy(&table);
}

static void a_port_is_held_until_its_binding_moves_or_goes(void **state)
{
    (void)state;
    struct binding_table *table = binding_table_new();
    struct binding *binding = hold(table, 8000, &any);
    binding_table_place(table, binding, 8001);
    assert_false(binding_table_is_held(table, 8000, &any));
    assert_true(binding_table_is_held(table, 8001, &any));
    binding_table_remove(table, binding);
    assert_false(binding_table_is_held(table, 8001, &any));
    binding_table_destroy(&table);
}

static void a_free_port_is_found_however_few_there_are(void **state)
{
    (void)state;
    enum { FREE_PORT = 30000, RESERVED_PORT = 30001 };
    struct binding_table *table = binding_table_new();
    for (uint32_t port = RANDOM_PORT_LOWEST; port <= RANDOM_PORT_HIGHEST; port++)
        if (port != FREE_PORT && port != RESERVED_PORT)
            hold(table, (uint16_t)port, &local);
    assert_int_equal(binding_table_free_port(table, &any, RANDOM_PORT_LOWEST, RESERVED_PORT), FREE_PORT);
    assert_int_equal(binding_table_free_port(table, &any, FREE_PORT, RESERVED_PORT), FREE_PORT);
    assert_int_equal(binding_table_free_port(table, &any, RESERVED_PORT, RESERVED_PORT), FREE_PORT);
    assert_int_equal(binding_table_free_port(table, &any, RANDOM_PORT_HIGHEST, RESERVED_PORT), FREE_PORT);
    assert_int_equal(binding_table_free_port(table, &other_local, 40000, RESERVED_PORT), 40000);
    hold(table, FREE_PORT, &any);
    assert_int_equal(binding_table_free_port(table, &any, 40000, RESERVED_PORT), 0);
    binding_table_destroy(&table);
}

static void ids_end_at_2_to_the_31_less_1(void **state)
{
    (void)state;
    struct binding_table *table = binding_table_new();
    table->last_id = INT32_MAX - 1;
    struct binding *last = hold(table, 8000, &any);
    assert_int_equal(last->id.value, INT32_MAX);
    assert_ptr_equal(binding_table_find(table, (struct bind_id){INT32_MAX}), last);
    binding_table_remove(table, last);
    assert_null(binding_table_find(table, (struct bind_id){INT32_MAX}));
    struct binding *beyond = binding_table_add(table, binding_table_add_holder(table, &session));
    assert_false(binding_table_name(table, beyond));
    assert_int_equal(beyond->id.value, 0);
    binding_table_destroy(&table);
}

static void states_are_counted_by_session_and_by_mode(void **state)
{
    (void)state;
    struct binding_table *table = binding_table_new();
    struct binding *expose = hold(table, 8000, &any), *pull = hold(table, 8001, &local);
    expose->mode = BIND_MODE_EXPOSE;
    pull->mode = BIND_MODE_PULL;
    const struct holder *holder = binding_table_holder(table, &session);
    assert_int_equal(holder->count[BINDING_WAITING], 2);
    binding_table_move(table, expose, BINDING_BOUND);
    binding_table_move(table, pull, BINDING_BOUND);
    assert_int_equal(holder->count[BINDING_WAITING], 0);
    assert_int_equal(holder->count[BINDING_BOUND], 2);
    assert_true(TAILQ_EMPTY(&table->waiting));
    assert_int_equal(table->bound[BIND_MODE_EXPOSE], 1);
    assert_int_equal(table->bound[BIND_MODE_PULL], 1);
    binding_table_remove(table, pull);
    assert_int_equal(holder->count[BINDING_BOUND], 1);
    assert_int_equal(table->bound[BIND_MODE_PULL], 0);
    binding_table_destroy(&table);
    binding_table_destroy(&table); /* a second call is fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pulls_may_share_a_port_on_different_addresses),
        cmocka_unit_test(a_port_is_held_until_its_binding_moves_or_goes),
        cmocka_unit_test(a_free_port_is_found_however_few_there_are),
        cmocka_unit_test(ids_end_at_2_to_the_31_less_1),
        cmocka_unit_test(states_are_counted_by_session_and_by_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
