#include "binding_table.h"

#include "check.h"

static size_t hash_id(const void *id)
{
    return *(const uint32_t *)id;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t id_a = *(const uint32_t *)a, id_b = *(const uint32_t *)b;
    return (id_a > id_b) - (id_a < id_b);
}

static void holder_free(void **p_holder)
{
    struct holder *holder = *p_holder;
    struct binding *binding;
    while ((binding = LIST_FIRST(&holder->bindings)) != NULL) {
        LIST_REMOVE(binding, same_holder);
        free(binding->label);
        free(binding);
    }
    free(holder);
    *p_holder = NULL;
}

struct binding_table *binding_table_new(void)
{
    struct binding_table *table = zmalloc(sizeof *table);
    /* Keys are borrowed from the items. */
    table->bindings = zhashx_new();
    zhashx_set_key_duplicator(table->bindings, NULL);
    zhashx_set_key_destructor(table->bindings, NULL);
    zhashx_set_key_hasher(table->bindings, hash_id);
    zhashx_set_key_comparator(table->bindings, compare_ids);
    table->holders = zhashx_new();
    zhashx_set_key_duplicator(table->holders, NULL);
    zhashx_set_key_destructor(table->holders, NULL);
    zhashx_set_destructor(table->holders, holder_free);
    TAILQ_INIT(&table->waiting);
    return table;
}

void binding_table_destroy(struct binding_table **p_table)
{
    struct binding_table *table = *p_table;
    if (table == NULL)
        return;
    zhashx_destroy(&table->bindings);
    zhashx_destroy(&table->holders);
    free(table);
    *p_table = NULL;
}

/* ---- holders ------------------------------------------------------------------------------------------------- */

struct holder *binding_table_holder(struct binding_table *table, const struct session_id *session)
{
    return zhashx_lookup(table->holders, session->text);
}

struct holder *binding_table_add_holder(struct binding_table *table, const struct session_id *session)
{
    struct holder *holder = binding_table_holder(table, session);
    if (holder != NULL)
        return holder;
    holder = zmalloc(sizeof *holder);
    holder->session = *session;
    LIST_INIT(&holder->bindings);
    check(zhashx_insert(table->holders, holder->session.text, holder) == 0);
    return holder;
}

void binding_table_remove_holder(struct binding_table *table, struct holder *holder)
{
    check(LIST_EMPTY(&holder->bindings));
    zhashx_delete(table->holders, holder->session.text);
}

bool holder_is_parked(const struct holder *holder)
{
    switch (holder->state) {
    case HOLDER_PARKED:
    case HOLDER_RESUMING:
        return true;
    case HOLDER_LIVE:
    case HOLDER_RELEASED:
        return false;
    }
    check(false); /* not a state */
    return false;
}

void binding_table_move_holder(struct binding_table *table, struct holder *holder, enum holder_state state)
{
    bool was_parked = holder_is_parked(holder);
    holder->state = state;
    if (holder_is_parked(holder) == was_parked)
        return;
    const struct binding *binding;
    LIST_FOREACH(binding, &holder->bindings, same_holder)
    {
        if (binding->state != BINDING_BOUND)
            continue;
        (was_parked ? table->parked : table->bound)[binding->mode]--;
        (was_parked ? table->bound : table->parked)[binding->mode]++;
    }
}

/* ---- bindings ------------------------------------------------------------------------------------------------ */

static size_t *bound_count(struct binding_table *table, const struct binding *binding)
{
    return &(holder_is_parked(binding->holder) ? table->parked : table->bound)[binding->mode];
}

/* Keeps count, and the queue of those that wait. */
static void enter_state(struct binding_table *table, struct binding *binding, enum binding_state state)
{
    binding->state = state;
    binding->holder->count[state]++;
    if (state == BINDING_WAITING)
        TAILQ_INSERT_TAIL(&table->waiting, binding, waiting);
    if (state == BINDING_BOUND)
        ++*bound_count(table, binding);
}

static void leave_state(struct binding_table *table, struct binding *binding)
{
    binding->holder->count[binding->state]--;
    if (binding->state == BINDING_WAITING)
        TAILQ_REMOVE(&table->waiting, binding, waiting);
    if (binding->state == BINDING_BOUND)
        --*bound_count(table, binding);
}

struct binding *binding_table_add(struct binding_table *table, struct holder *holder)
{
    struct binding *binding = zmalloc(sizeof *binding);
    binding->holder = holder;
    LIST_INSERT_HEAD(&holder->bindings, binding, same_holder);
    enter_state(table, binding, BINDING_WAITING);
    return binding;
}

void binding_table_remove(struct binding_table *table, struct binding *binding)
{
    binding_table_place(table, binding, 0);
    leave_state(table, binding);
    LIST_REMOVE(binding, same_holder);
    if (binding->id.value != 0)
        zhashx_delete(table->bindings, &binding->id.value);
    free(binding->label);
    free(binding);
}

struct binding *binding_table_find(struct binding_table *table, struct bind_id id)
{
    return zhashx_lookup(table->bindings, &id.value);
}

bool binding_table_name(struct binding_table *table, struct binding *binding)
{
    check(binding->id.value == 0);
    if (table->last_id == BIND_ID_MAX)
        return false;
    binding->id.value = ++table->last_id;
    check(zhashx_insert(table->bindings, &binding->id.value, binding) == 0);
    return true;
}

void binding_table_place(struct binding_table *table, struct binding *binding, uint16_t port)
{
    if (binding->port != 0)
        LIST_REMOVE(binding, same_port);
    binding->port = port;
    if (port != 0)
        LIST_INSERT_HEAD(&table->by_port[port], binding, same_port);
}

void binding_table_move(struct binding_table *table, struct binding *binding, enum binding_state state)
{
    leave_state(table, binding);
    enter_state(table, binding, state);
}

bool binding_table_is_held(const struct binding_table *table, uint16_t port, const struct listen_address *address)
{
    const struct binding *binding;
    LIST_FOREACH(binding, &table->by_port[port], same_port)
    {
        if (listen_address_overlaps(&binding->address, address))
            return true;
    }
    return false;
}

uint16_t binding_table_free_port(const struct binding_table *table, const struct listen_address *address,
                                 uint16_t first, uint16_t reserved)
{
    uint16_t port = first;
    do {
        if (port != reserved && !binding_table_is_held(table, port, address))
            return port;
        port = port_policy_next_port(port);
    } while (port != first);
    return 0;
}
