#include "kit_secondaries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

/* Their ids begin here, so that they are never mistaken for primaries. */
enum { FIRST_ID = CONNECTIONS_MAX + 1 };

static struct secondary *find_secondary(struct connection_id id)
{
    expect(id.value > FIRST_ID && id.value - FIRST_ID <= kit.last_secondary);
    return &kit.secondaries[id.value - FIRST_ID];
}

static struct connection_id id_of(const struct secondary *secondary)
{
    return (struct connection_id){FIRST_ID + (uint64_t)(secondary - kit.secondaries)};
}

/* ---- the gateway ------------------------------------------------------------------------------------------------- */

static void end_secondary(struct secondary *secondary)
{
    uint32_t shard = secondary->place.shard;
    if (secondary->place.is_moving) {
        secondary->place.is_lost = true;
        return;
    }
    secondary->phase = GONE;
    kit_say(shard, MESSAGE_OF(secondary_closed, .shard = shard, .connection = id_of(secondary)));
}

void kit_secondaries_lose(uint64_t primary)
{
    for (uint64_t i = 1; i <= kit.last_secondary; i++)
        if (kit.secondaries[i].phase == LIVE && kit.secondaries[i].primary == primary)
            end_secondary(&kit.secondaries[i]);
}

void kit_secondaries_lose_all(void)
{
    for (uint64_t i = 1; i <= kit.last_secondary; i++)
        if (kit.secondaries[i].phase != GONE)
            end_secondary(&kit.secondaries[i]);
}

static void hear_move_connection(const struct message_move_connection *move)
{
    struct secondary *secondary = find_secondary(move->connection);
    if (secondary->phase == GONE)
        return;
    expect(secondary->phase == ASKING);
    kit_move(move->connection, &secondary->place, true, move);
}

static void hear_connection_moved(const struct message_connection_moved *moved)
{
    struct secondary *secondary = find_secondary(moved->connection);
    expect(secondary->phase == ASKING && secondary->place.is_moving && secondary->place.shard == moved->shard);
    secondary->place.is_moving = false;
    kit_say_first(moved->connection, &secondary->place, true);
    if (secondary->place.is_lost)
        end_secondary(secondary);
}

static void hear_session_joined(const struct message_session_joined *joined)
{
    struct secondary *secondary = find_secondary(joined->connection);
    const struct connection *primary = &kit.connections[secondary->primary];
    expect(!secondary->place.is_moving && secondary->place.shard == joined->shard);
    expect(primary->place.shard == joined->shard); /* a session's sockets are on one loop */
    expect(joined->primary.value ==
           secondary->primary); /* a ticket leads to nobody else, whoever has the session now */
    expect(joined->index == secondary->index && joined->index < primary->granted);
    expect(primary->phase != ASKING);
    kit.joins++;
    secondary->was_let_in = true;
    for (uint64_t i = 1; i <= kit.last_secondary; i++) {
        const struct secondary *other = &kit.secondaries[i];
        if (other == secondary || other->primary != secondary->primary)
            continue;
        expect(!other->was_let_in || strcmp(other->nonce, secondary->nonce) != 0); /* a ticket is good once */
        expect(other->phase != LIVE || other->index != secondary->index);          /* a seat has one connection */
    }
    if (secondary->phase == GONE)
        return;
    expect(secondary->phase == ASKING);
    if (primary->phase == GONE)
        end_secondary(secondary);
    else
        secondary->phase = LIVE;
}

static void hear_join_refused(const struct message_join_refused *refused)
{
    struct secondary *secondary = find_secondary(refused->connection);
    expect(secondary->phase == ASKING || secondary->phase == GONE);
    expect(!secondary->was_let_in);
    secondary->phase = GONE;
}

static void keep_tickets(struct connection *primary, const struct join_ticket *tickets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        expect(tickets[i].index >= 1 && tickets[i].index < primary->granted);
        primary->tickets[tickets[i].index] = tickets[i];
    }
}

void kit_secondaries_begin(struct connection *primary, const struct hello_ok *ok)
{
    primary->granted = ok->subprotocol == SUBPROTOCOL_V2 ? ok->connections_granted : 1;
    primary->attached = 1;
    expect(primary->granted <= GRANTED_MAX);
    expect(ok->join_ticket_count == primary->granted - 1); /* all its seats are free, whatever was before */
    keep_tickets(primary, ok->join_tickets, ok->join_ticket_count);
}

static void hear_tickets_reissued(const struct message_tickets_reissued *reissued)
{
    struct connection *primary = &kit.connections[reissued->connection.value];
    struct reissue_join_tickets tickets;
    const char *why;
    expect(reissue_join_tickets_decode(reissued->tickets, &tickets, &why) == PAYLOAD_OK);
    keep_tickets(primary, tickets.tickets, tickets.count);
    reissue_join_tickets_done(&tickets);
}

static void hear_shards_changed(const struct message_shards_changed *changed)
{
    struct connection *primary = &kit.connections[changed->connection.value];
    expect(primary->phase == LIVE || primary->phase == GONE); /* none after end_session */
    struct shard_map map;
    const char *why;
    expect(shard_map_decode(changed->shard_map, &map, &why) == PAYLOAD_OK);
    expect(map.count == primary->granted);
    primary->attached = 0;
    for (uint32_t i = 0; i < map.count; i++) {
        expect(map.shards[i].index == i);
        primary->attached |= (uint32_t)map.shards[i].is_attached << i;
    }
    shard_map_done(&map);
}

bool kit_secondaries_hear(const struct message *message)
{
    if (message->type == MESSAGE_move_connection && message->move_connection.connection.value > FIRST_ID)
        hear_move_connection(&message->move_connection);
    else if (message->type == MESSAGE_connection_moved && message->connection_moved.joins)
        hear_connection_moved(&message->connection_moved);
    else if (message->type == MESSAGE_session_joined)
        hear_session_joined(&message->session_joined);
    else if (message->type == MESSAGE_join_refused)
        hear_join_refused(&message->join_refused);
    else if (message->type == MESSAGE_tickets_reissued)
        hear_tickets_reissued(&message->tickets_reissued);
    else if (message->type == MESSAGE_shards_changed)
        hear_shards_changed(&message->shards_changed);
    else
        return false;
    return true;
}

/* ---- drivers ----------------------------------------------------------------------------------------------------- */

/* One of the last few, living or not; 0: there are none. */
static uint64_t some_of(uint64_t last)
{
    return last > 0 ? last - kit_pick(last < 8 ? last : 8) : 0;
}

/* Mostly one that a driver uses; 0: there is none. */
static uint64_t some_primary(void)
{
    return kit_is_one_in(4) ? some_of(kit.last_connection) : kit.drivers[kit_pick(DRIVERS)].connection;
}

/* Who shows which ticket is up to chance: it may be used up, replaced, expired, or of a session that moved on. */
static void somebody_joins(void)
{
    uint64_t primary = some_primary();
    const struct connection *connection = &kit.connections[primary];
    if (connection->granted < 2)
        return;
    struct secondary *secondary = &kit.secondaries[++kit.last_secondary];
    *secondary = (struct secondary){.phase = ASKING, .primary = primary};
    secondary->index = 1 + (uint32_t)kit_pick(connection->granted - !kit_is_one_in(8));
    uint32_t ticket = secondary->index < connection->granted ? secondary->index : 1;
    memcpy(secondary->nonce, connection->tickets[ticket].nonce, sizeof secondary->nonce);
    struct session_id session = connection->session;
    char *payload = join_encode(
        &(const struct join){.session = session.text, .index = secondary->index, .nonce = secondary->nonce});
    expect(payload != NULL);
    expect(snprintf(secondary->place.first, FIRST_PAYLOAD_MAX, "%s", payload) < FIRST_PAYLOAD_MAX);
    free(payload);
    kit_say_first(id_of(secondary), &secondary->place, true);
}

static void some_secondary_ends(void)
{
    struct secondary *secondary = &kit.secondaries[some_of(kit.last_secondary)];
    if (secondary != kit.secondaries && secondary->phase != GONE)
        end_secondary(secondary);
}

static void somebody_asks_for_tickets(void)
{
    uint64_t primary = some_primary();
    if (primary != 0 && kit.connections[primary].phase == LIVE)
        kit_say(kit.connections[primary].place.shard,
                MESSAGE_OF(reissue_tickets, .shard = kit.connections[primary].place.shard, .connection = {primary}));
}

void kit_secondary_acts(void)
{
    switch (kit_pick(8)) {
    case 0:
    case 1:
        some_secondary_ends();
        return;
    case 2:
        somebody_asks_for_tickets();
        return;
    default:
        somebody_joins();
        return;
    }
}
