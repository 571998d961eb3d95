#include "kit_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "binding_registry.h"
#include "kit_secondaries.h"
#include "session_manager.h"

struct kit kit;

static const struct log quiet = {.fd = -1, .level = LOG_LEVEL_ERROR, .format = LOG_FORMAT_TEXT};

const char *kit_story(void)
{
    static char text[64];
    if (kit.story != NULL)
        return kit.story();
    (void)snprintf(text, sizeof text, "HOODY_SEED=%llu, step %llu", (unsigned long long)kit.seed,
                   (unsigned long long)kit.step);
    return text;
}

/* xorshift64*: below `bound`. */
uint64_t kit_pick(uint64_t bound)
{
    if (kit.pick != NULL)
        return kit.pick(bound);
    kit.random_state ^= kit.random_state >> 12;
    kit.random_state ^= kit.random_state << 25;
    kit.random_state ^= kit.random_state >> 27;
    return (kit.random_state * 0x2545f4914f6cdd1d >> 33) % bound;
}

/* ---- the gateway ------------------------------------------------------------------------------------------------- */

static struct connection *find_connection(struct connection_id id)
{
    expect(id.value >= 1 && id.value <= kit.last_connection);
    return &kit.connections[id.value];
}

void kit_say(uint32_t shard, const struct message *message)
{
    mailbox_send(kit.gateways[shard], message);
}

void kit_say_first(struct connection_id id, const struct place *place, bool joins)
{
    struct span first = span_of_string(place->first);
    if (joins)
        kit_say(place->shard, MESSAGE_OF(join_session, .shard = place->shard, .connection = id, .join = first));
    else
        kit_say(place->shard,
                MESSAGE_OF(open_session, .shard = place->shard, .connection = id, .peer = "127.0.0.1:5000",
                           .subprotocol = strstr(place->first, "tunnel.v2") ? 2 : 1, .hello = first));
}

void kit_move(struct connection_id id, struct place *place, bool joins, const struct message_move_connection *move)
{
    expect(!place->is_moving && place->shard == move->shard && move->to_shard != move->shard);
    expect(move->to_shard < kit.options.shards);
    kit.moves++;
    place->shard = move->to_shard;
    place->is_moving = true;
    kit_say(move->shard, MESSAGE_OF(connection_moved, .shard = move->to_shard, .connection = id, .joins = joins));
}

static bool is_open(const struct connection *connection)
{
    return connection->phase == LIVE || connection->phase == ENDING;
}

static struct listener *find_listener(uint32_t binding)
{
    for (size_t i = 0; i < PORTS; i++)
        if (kit.listeners[i].binding == binding)
            return &kit.listeners[i];
    return NULL;
}

size_t kit_index_of_port(uint32_t port)
{
    expect(port >= FIRST_PORT && port < FIRST_PORT + PORTS);
    return port - FIRST_PORT;
}

static void forget_held(struct connection *connection, uint32_t binding)
{
    for (size_t i = 0; i < PORTS; i++)
        if (connection->held[i] == binding)
            connection->held[i] = 0;
}

void kit_connection_ends(uint64_t id, uint32_t close_code, bool driver_goaway, bool kit_ended)
{
    bool are_first = kit_is_one_in(2);
    uint32_t shard = kit.connections[id].place.shard;
    if (kit.connections[id].place.is_moving) {
        kit.connections[id].place.is_lost = true;
        return;
    }
    kit.connections[id].phase = GONE;
    if (are_first)
        kit_secondaries_lose(id);
    kit_say(shard, MESSAGE_OF(connection_closed, .shard = shard, .connection = {id}, .close_code = close_code,
                              .driver_goaway = driver_goaway, .kit_ended = kit_ended));
    if (!are_first)
        kit_secondaries_lose(id);
}

static void hear_move_connection(const struct message_move_connection *move)
{
    struct connection *connection = find_connection(move->connection);
    if (connection->phase == GONE)
        return;
    expect(connection->phase == ASKING);
    kit_move(move->connection, &connection->place, false, move);
}

static void hear_connection_moved(const struct message_connection_moved *moved)
{
    struct connection *connection = find_connection(moved->connection);
    expect(connection->phase == ASKING && connection->place.is_moving && connection->place.shard == moved->shard);
    connection->place.is_moving = false;
    if (!kit_is_one_in(16)) /* it can be kept */
        kit_say_first(moved->connection, &connection->place, false);
    else
        connection->place.is_lost = true;
    if (connection->place.is_lost)
        kit_connection_ends(moved->connection.value, 1006, false, false);
}

/* Nothing that is said to a connection may overtake it. */
static void expect_here(const struct connection *connection, uint32_t shard)
{
    expect(!connection->place.is_moving && connection->place.shard == shard);
}

static void hear_session_opened(const struct message_session_opened *opened)
{
    struct connection *connection = find_connection(opened->connection);
    expect_here(connection, opened->shard);
    if (connection->phase == GONE)
        return;
    expect(connection->phase == ASKING);
    connection->phase = LIVE;
    connection->session = opened->session;
    struct hello_ok ok;
    const char *why;
    expect(hello_ok_decode(opened->hello_ok, &ok, &why) == PAYLOAD_OK);
    for (size_t i = 0; i < ok.resumed_bind_count; i++)
        connection->held[kit_index_of_port(ok.resumed_binds[i].container_port)] = ok.resumed_binds[i].bind;
    kit_secondaries_begin(connection, &ok);
    hello_ok_done(&ok);
    for (size_t i = 0; i < connection->revoked_count; i++)
        forget_held(connection, connection->revoked[i]);
    for (size_t i = 0; i < DRIVERS; i++)
        if (kit.drivers[i].connection == opened->connection.value)
            kit.drivers[i].session = opened->session;
}

static void hear_session_refused(const struct message_session_refused *refused)
{
    struct connection *connection = find_connection(refused->connection);
    expect_here(connection, refused->shard);
    expect(connection->phase == ASKING || connection->phase == GONE); /* one that is let in is ended instead */
    connection->phase = GONE;
}

static void hear_end_session(const struct message_end_session *end)
{
    struct connection *connection = find_connection(end->connection);
    expect_here(connection, end->shard);
    if (!is_open(connection))
        return;
    if (end->grace_ms > 0)
        connection->phase = ENDING;
    else
        kit_connection_ends(end->connection.value, end->close_code, false, true);
}

static void hear_probe_connection(const struct message_probe_connection *probe)
{
    expect_here(find_connection(probe->connection), probe->shard);
    if (find_connection(probe->connection)->phase == LIVE)
        kit_say(probe->shard, MESSAGE_OF(connection_probed, .shard = probe->shard, .connection = probe->connection,
                                         .silence_ms = kit_is_one_in(10) ? PONG_TIMEOUT_MS + 1 : 0));
}

static void hear_open_listener(const struct message_open_listener *open)
{
    struct listener *listener = &kit.listeners[kit_index_of_port(open->port)];
    expect(listener->binding == 0); /* a port has one owner at most */
    expect_here(find_connection(open->connection), open->shard);
    if (kit_is_one_in(8)) {
        kit_say(open->shard,
                MESSAGE_OF(listener_failed, .shard = open->shard, .binding = open->binding, .address_in_use = true));
        return;
    }
    *listener =
        (struct listener){.binding = open->binding.value, .owner = open->connection.value, .shard = open->shard};
    kit_say(open->shard,
            MESSAGE_OF(listener_opened, .shard = open->shard, .binding = open->binding, .port = open->port));
}

static void hear_bound(const struct message_bound *bound)
{
    struct connection *connection = find_connection(bound->connection);
    size_t port = kit_index_of_port(bound->port);
    expect(kit.listeners[port].binding == bound->binding.value);
    expect(!kit.listeners[port].is_moving && kit.listeners[port].shard == bound->shard);
    expect_here(connection, bound->shard);
    if (is_open(connection))
        connection->held[port] = bound->binding.value;
}

static void hear_transfer_listener(const struct message_transfer_listener *transfer)
{
    struct listener *listener = find_listener(transfer->old_binding.value);
    expect(listener != NULL && !listener->is_moving && listener->shard == transfer->shard);
    struct connection *owner = &kit.connections[listener->owner];
    if (is_open(owner))
        forget_held(owner, transfer->old_binding.value);
    else if (owner->phase == ASKING && owner->revoked_count < 2 * PORTS)
        owner->revoked[owner->revoked_count++] = transfer->old_binding.value;
    *listener = (struct listener){.binding = transfer->binding.value,
                                  .owner = transfer->connection.value,
                                  .shard = transfer->to_shard,
                                  .is_moving = transfer->to_shard != transfer->shard};
    if (!listener->is_moving)
        return;
    kit.transfers++;
    kit_say(transfer->shard,
            MESSAGE_OF(listener_moved, .shard = transfer->to_shard, .binding = transfer->binding,
                       .connection = transfer->connection, .port = FIRST_PORT + (uint32_t)(listener - kit.listeners)));
}

static void hear_listener_moved(const struct message_listener_moved *moved)
{
    struct listener *listener = &kit.listeners[kit_index_of_port(moved->port)];
    expect(listener->is_moving && listener->binding == moved->binding.value && listener->shard == moved->shard);
    listener->is_moving = false;
    if (!kit_is_one_in(8)) { /* it can be kept */
        kit_say(moved->shard,
                MESSAGE_OF(listener_opened, .shard = moved->shard, .binding = moved->binding, .port = moved->port));
        return;
    }
    *listener = (struct listener){0};
    kit_say(moved->shard, MESSAGE_OF(listener_failed, .shard = moved->shard, .binding = moved->binding));
}

static void hear_adopt_listener(const struct message_adopt_listener *adopt)
{
    struct listener *listener = find_listener(adopt->binding.value);
    expect(listener != NULL && !listener->is_moving && listener->shard == adopt->shard);
    expect_here(find_connection(adopt->connection), adopt->shard); /* they are on one loop */
    listener->owner = adopt->connection.value;
}

static void hear_unbound(const struct message_unbound *unbound)
{
    struct connection *connection = find_connection(unbound->connection);
    if (is_open(connection))
        forget_held(connection, unbound->binding.value);
}

static void hear_close_listener(const struct message_close_listener *close)
{
    struct listener *listener = find_listener(close->binding.value);
    expect(listener != NULL); /* a port is released once */
    expect(!listener->is_moving && listener->shard == close->shard);
    *listener = (struct listener){0};
    kit_say(close->shard, MESSAGE_OF(listener_closed, .shard = close->shard, .binding = close->binding));
}

/* false: there was none. */
bool kit_shard_handles_one(uint32_t shard)
{
    struct message message;
    if (!mailbox_receive(kit.gateways[shard], &message))
        return false;
    if (kit_secondaries_hear(&message))
        ;
    else if (message.type == MESSAGE_move_connection)
        hear_move_connection(&message.move_connection);
    else if (message.type == MESSAGE_connection_moved)
        hear_connection_moved(&message.connection_moved);
    else if (message.type == MESSAGE_listener_moved)
        hear_listener_moved(&message.listener_moved);
    else if (message.type == MESSAGE_session_opened)
        hear_session_opened(&message.session_opened);
    else if (message.type == MESSAGE_session_refused)
        hear_session_refused(&message.session_refused);
    else if (message.type == MESSAGE_end_session)
        hear_end_session(&message.end_session);
    else if (message.type == MESSAGE_probe_connection)
        hear_probe_connection(&message.probe_connection);
    else if (message.type == MESSAGE_open_listener)
        hear_open_listener(&message.open_listener);
    else if (message.type == MESSAGE_bound)
        hear_bound(&message.bound);
    else if (message.type == MESSAGE_transfer_listener)
        hear_transfer_listener(&message.transfer_listener);
    else if (message.type == MESSAGE_adopt_listener)
        hear_adopt_listener(&message.adopt_listener);
    else if (message.type == MESSAGE_unbound)
        hear_unbound(&message.unbound);
    else if (message.type == MESSAGE_close_listener)
        hear_close_listener(&message.close_listener);
    else
        expect(message.type == MESSAGE_bind_refused || message.type == MESSAGE_unbind_refused ||
               message.type == MESSAGE_stop_accepting);
    message_done(&message);
    return true;
}

/* Whichever: what one shard hears, and what another does, has no order. */
static void some_shard_handles_one(void)
{
    uint32_t first = (uint32_t)kit_pick(kit.options.shards);
    for (uint32_t i = 0; i < kit.options.shards; i++)
        if (kit_shard_handles_one((first + i) % (uint32_t)kit.options.shards))
            return;
}

/* ---- drivers and admins ------------------------------------------------------------------------------------------ */

/* A driver connects, whatever became of the connection that it had. */
void kit_driver_connects(struct driver *driver)
{
    bool is_v2 = !kit_is_one_in(4);
    struct hello ask = {
        .version = is_v2 ? SUBPROTOCOL_V2 : SUBPROTOCOL_V1,
        .multi_ws = is_v2,
        .shard_map = is_v2,
        .max_connections = is_v2 ? GRANTED_MAX : 0,
        .resume_session = driver->session.text[0] != '\0' && !kit_is_one_in(8) ? driver->session.text : NULL,
    };
    char *hello = hello_encode(&ask);
    expect(hello != NULL);
    driver->connection = ++kit.last_connection;
    struct connection *connection = &kit.connections[driver->connection];
    *connection = (struct connection){.phase = ASKING};
    expect(snprintf(connection->place.first, FIRST_PAYLOAD_MAX, "%s", hello) < FIRST_PAYLOAD_MAX);
    free(hello);
    kit_say_first((struct connection_id){driver->connection}, &connection->place, false);
}

void kit_driver_binds(const struct driver *driver, size_t port, bool takeover)
{
    uint32_t shard = kit.connections[driver->connection].place.shard;
    kit_say(shard, MESSAGE_OF(bind, .shard = shard, .connection = {driver->connection}, .kind = BIND_KIND_HTTP,
                              .mode = BIND_MODE_EXPOSE, .port = (int64_t)(FIRST_PORT + port), .takeover = takeover));
}

static void driver_unbinds(const struct driver *driver)
{
    uint32_t shard = kit.connections[driver->connection].place.shard;
    kit_say(shard, MESSAGE_OF(unbind, .shard = shard, .connection = {driver->connection},
                              .binding = {kit.connections[driver->connection].held[kit_pick(PORTS)]}));
}

/* Any connection that is not gone ends in some way, be it one that its driver gave up long ago. */
static void some_connection_ends(void)
{
    uint64_t id =
        kit.last_connection > 0 ? kit.last_connection - kit_pick(kit.last_connection < 8 ? kit.last_connection : 8) : 0;
    if (id == 0 || kit.connections[id].phase == GONE)
        return;
    switch (kit.connections[id].phase == ASKING ? 0 : kit_pick(8)) {
    case 0:
    case 1:
    case 2:
    case 3:
        kit_connection_ends(id, 1006, false, false);
        return;
    case 4:
        kit_connection_ends(id, 1001, false, false);
        return;
    case 5:
        kit_connection_ends(id, 1000, false, false);
        return;
    case 6:
        kit_connection_ends(id, 1006, true, false);
        return;
    default:
        kit_connection_ends(id, 1002, false, true);
        return;
    }
}

void kit_admin_kills(const struct driver *driver, uint64_t grace_ms)
{
    mailbox_send(kit.admin, MESSAGE_OF(close_session, .ref = ++kit.kills_asked, .session = driver->session.text,
                                       .grace_ms = grace_ms));
}

static void somebody_acts(void)
{
    if (kit_is_one_in(2)) {
        kit_secondary_acts();
        return;
    }
    struct driver *driver = &kit.drivers[kit_pick(DRIVERS)];
    bool is_live = driver->connection != 0 && kit.connections[driver->connection].phase == LIVE;
    uint64_t what = kit_pick(20);
    if (!is_live ? what < 8 : what < 2)
        kit_driver_connects(driver);
    else if (is_live && what < 12)
        kit_driver_binds(driver, kit_pick(PORTS), kit_is_one_in(2));
    else if (is_live && what < 15)
        driver_unbinds(driver);
    else if (what < 19)
        some_connection_ends();
    else
        kit_admin_kills(driver, kit_pick(2) * 50);
}

void kit_lose_everybody(void)
{
    for (uint64_t id = 1; id <= kit.last_connection; id++)
        if (kit.connections[id].phase != GONE)
            kit_connection_ends(id, 1006, false, false);
    kit_secondaries_lose_all(); /* those that are not let in yet */
}

/* ---- the actors ---------------------------------------------------------------------------------------------------
 */

static bool actor_handles_one(const struct played *played)
{
    struct message message;
    if (!mailbox_receive(played->mailbox, &message))
        return false;
    played->spec->on_message(played->self, &message, kit.now_ms);
    message_done(&message);
    return true;
}

bool kit_manager_handles_one(void)
{
    return actor_handles_one(&kit.manager);
}

bool kit_registry_handles_one(void)
{
    return actor_handles_one(&kit.registry);
}

bool kit_admin_handles_one(void)
{
    struct message message;
    if (!mailbox_receive(kit.admin, &message))
        return false;
    expect(message.type == MESSAGE_session_closing);
    kit.kills_answered++;
    message_done(&message);
    return true;
}

void kit_let_pass(uint64_t ms)
{
    kit.now_ms += ms;
    kit.manager.spec->on_time(kit.manager.self, kit.now_ms);
}

void kit_take_step(void)
{
    switch (kit_pick(9)) {
    case 0:
    case 1:
        kit_manager_handles_one();
        return;
    case 2:
    case 3:
        kit_registry_handles_one();
        return;
    case 4:
    case 5:
        some_shard_handles_one();
        return;
    case 6:
    case 7:
        somebody_acts();
        return;
    default:
        kit_let_pass(kit_is_one_in(60) ? GRACE_MS : kit_pick(10));
        return;
    }
}

void kit_come_to_rest(void)
{
    bool is_busy = true;
    for (size_t turns = 0; is_busy; turns++) {
        expect(turns < 100000);
        is_busy = kit_manager_handles_one();
        is_busy = kit_registry_handles_one() || is_busy;
        for (uint32_t shard = 0; shard < kit.options.shards; shard++)
            is_busy = kit_shard_handles_one(shard) || is_busy;
        is_busy = kit_admin_handles_one() || is_busy;
    }
}

struct message kit_ask(struct mailbox *asker, const struct message *question, const struct played *asked)
{
    struct message answer;
    mailbox_send_to(asker, asked->spec->actor, 0, question);
    expect(actor_handles_one(asked));
    expect(mailbox_receive(asker, &answer));
    return answer;
}

/* ---- begin and end ----------------------------------------------------------------------------------------------- */

static struct played play(const struct actor_spec *spec)
{
    struct played played = {.spec = spec, .mailbox = mailbox_new(spec->actor, 0, &quiet)};
    assert_non_null(played.mailbox);
    played.self = spec->new (&kit.options, played.mailbox, &quiet);
    assert_non_null(played.self);
    return played;
}

void kit_begin(uint64_t with_seed)
{
    kit.seed = with_seed;
    kit.step = 0;
    kit.random_state = kit.seed * 0x9e3779b97f4a7c15;
    kit.now_ms = 1000000;
    /* Only those that were used: an explorer begins anew at each of its states. */
    memset(kit.connections, 0, (kit.last_connection + 1) * sizeof kit.connections[0]);
    memset(kit.secondaries, 0, (kit.last_secondary + 1) * sizeof kit.secondaries[0]);
    memset(kit.listeners, 0, sizeof kit.listeners);
    memset(kit.drivers, 0, sizeof kit.drivers);
    kit.last_connection = kit.last_secondary = kit.kills_asked = kit.kills_answered = 0;
    zsys_handler_set(NULL);
    for (uint32_t shard = 0; shard < kit.options.shards; shard++)
        assert_non_null(kit.gateways[shard] = mailbox_new(ACTOR_ws_gateway, shard, &quiet));
    kit.admin = mailbox_new(ACTOR_admin_http, 0, &quiet);
    kit.metrics = mailbox_new(ACTOR_metrics, 0, &quiet);
    kit.supervisor = mailbox_new(ACTOR_supervisor, 0, &quiet);
    assert_true(kit.admin != NULL && kit.metrics != NULL && kit.supervisor != NULL);
    kit.manager = play(&session_manager_actor);
    kit.registry = play(&binding_registry_actor);
}

void kit_end(void)
{
    kit.manager.spec->destroy(&kit.manager.self);
    kit.registry.spec->destroy(&kit.registry.self);
    struct mailbox **mailboxes[] = {&kit.manager.mailbox, &kit.registry.mailbox, &kit.admin, &kit.metrics,
                                    &kit.supervisor};
    for (size_t i = 0; i < sizeof mailboxes / sizeof *mailboxes; i++)
        mailbox_destroy(mailboxes[i]);
    for (uint32_t shard = 0; shard < kit.options.shards; shard++)
        mailbox_destroy(&kit.gateways[shard]);
}
