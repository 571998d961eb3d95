#include "session_manager/session_table.h"

#include "check.h"

static size_t hash_connection(const void *connection)
{
    return (size_t) * (const uint64_t *)connection;
}

static int compare_connections(const void *a, const void *b)
{
    uint64_t connection_a = *(const uint64_t *)a, connection_b = *(const uint64_t *)b;
    return (connection_a > connection_b) - (connection_a < connection_b);
}

static void session_free(struct session *session)
{
    free(session->link.peer);
    free(session);
}

static zhashx_t *hash_of_connections(void)
{
    zhashx_t *hash = zhashx_new();
    zhashx_set_key_duplicator(hash, NULL);
    zhashx_set_key_destructor(hash, NULL);
    zhashx_set_key_hasher(hash, hash_connection);
    zhashx_set_key_comparator(hash, compare_connections);
    return hash;
}

struct session_table *session_table_new(uint32_t shards)
{
    struct session_table *table = zmalloc(sizeof *table);
    /* Keys are borrowed from the sessions. */
    table->by_id = zhashx_new();
    zhashx_set_key_duplicator(table->by_id, NULL);
    zhashx_set_key_destructor(table->by_id, NULL);
    table->by_connection = hash_of_connections();
    table->by_secondary = hash_of_connections();
    TAILQ_INIT(&table->sessions);
    TAILQ_INIT(&table->parked);
    placement_init(&table->placement, shards);
    return table;
}

void session_table_destroy(struct session_table **p_table)
{
    struct session_table *table = *p_table;
    if (table == NULL)
        return;
    zhashx_destroy(&table->by_id);
    zhashx_destroy(&table->by_connection);
    zhashx_destroy(&table->by_secondary);
    struct session *next;
    for (struct session *session = TAILQ_FIRST(&table->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, opened);
        session_free(session);
    }
    placement_done(&table->placement);
    free(table);
    *p_table = NULL;
}

static void enter_state(struct session_table *table, struct session *session, enum session_state state)
{
    session->state = state;
    table->listed += session_is_listed(session);
    table->orphaned += state == SESSION_PARKED;
}

static void leave_state(struct session_table *table, struct session *session)
{
    table->listed -= session_is_listed(session);
    table->orphaned -= session->state == SESSION_PARKED;
}

struct session *session_table_add(struct session_table *table, const struct session_id *id,
                                  const struct session_link *link)
{
    struct session *session = zmalloc(sizeof *session);
    session->id = *id;
    check(zhashx_insert(table->by_id, session->id.text, session) == 0);
    session_table_link(table, session, link);
    TAILQ_INSERT_TAIL(&table->sessions, session, opened);
    enter_state(table, session, SESSION_LIVE);
    placement_enter(&table->placement, link->shard);
    return session;
}

void session_table_remove(struct session_table *table, struct session *session)
{
    session_table_unlink(table, session);
    leave_state(table, session);
    placement_leave(&table->placement, session->link.shard);
    if (session_is_parked(session))
        TAILQ_REMOVE(&table->parked, session, parked);
    zhashx_delete(table->by_id, session->id.text);
    TAILQ_REMOVE(&table->sessions, session, opened);
    session_free(session);
}

void session_table_move(struct session_table *table, struct session *session, enum session_state state)
{
    bool was_parked = session_is_parked(session);
    leave_state(table, session);
    enter_state(table, session, state);
    if (was_parked && !session_is_parked(session))
        TAILQ_REMOVE(&table->parked, session, parked);
    else if (!was_parked && session_is_parked(session))
        TAILQ_INSERT_TAIL(&table->parked, session, parked);
}

void session_table_unlink(struct session_table *table, struct session *session)
{
    if (session->link.connection.value == 0)
        return;
    for (uint32_t index = 1; index < session->seats.granted; index++)
        if (join_seats_at(&session->seats, index).value != 0)
            session_table_detach(table, session, index);
    session->seats = (struct join_seats){0};
    zhashx_delete(table->by_connection, &session->link.connection.value);
    session->link.connection.value = 0;
}

void session_table_link(struct session_table *table, struct session *session, const struct session_link *link)
{
    session_table_unlink(table, session);
    check(session->link.peer == NULL || session->link.shard == link->shard);
    free(session->link.peer);
    session->link = *link;
    /* One HELLO per connection: the gateway sees to that. */
    check(zhashx_insert(table->by_connection, &session->link.connection.value, session) == 0);
}

struct session *session_table_find(struct session_table *table, const char *id)
{
    return zhashx_lookup(table->by_id, id);
}

struct session *session_table_find_linked(struct session_table *table, struct connection_id connection)
{
    return zhashx_lookup(table->by_connection, &connection.value);
}

size_t session_table_linked(const struct session_table *table)
{
    return zhashx_size(table->by_connection);
}

void session_table_attach(struct session_table *table, struct session *session, uint32_t index)
{
    check(join_seats_at(&session->seats, index).value != 0);
    /* One JOIN per connection: the gateway sees to that. */
    check(zhashx_insert(table->by_secondary, &session->seats.seats[index].connection.value, session) == 0);
}

void session_table_detach(struct session_table *table, struct session *session, uint32_t index)
{
    zhashx_delete(table->by_secondary, &session->seats.seats[index].connection.value);
    join_seats_leave(&session->seats, index);
}

struct session *session_table_find_attached(struct session_table *table, struct connection_id connection,
                                            uint32_t *ret_index)
{
    struct session *session = zhashx_lookup(table->by_secondary, &connection.value);
    if (session == NULL)
        return NULL;
    for (uint32_t index = 1; index < session->seats.granted; index++)
        if (connection_id_equals(join_seats_at(&session->seats, index), connection)) {
            *ret_index = index;
            return session;
        }
    check(false); /* it was attached, and not detached */
    return NULL;
}

size_t session_table_attached(const struct session_table *table)
{
    return zhashx_size(table->by_secondary);
}

bool session_is_listed(const struct session *session)
{
    switch (session->state) {
    case SESSION_LIVE:
    case SESSION_RESUMING:
    case SESSION_DRAINING:
        return true;
    case SESSION_PARKING:
    case SESSION_PARKED:
    case SESSION_RELEASING:
    case SESSION_LOST:
    case SESSION_ENDING:
        return false;
    }
    check(false); /* not a state */
    return false;
}

bool session_is_parked(const struct session *session)
{
    return session->state == SESSION_PARKING || session->state == SESSION_PARKED;
}
