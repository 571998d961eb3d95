/* The life of a session with resume, takeover and kill racing each other, in every order that there is: the real
 * session-manager and binding-registry, a model of the gateway's shards (kit_model.h), and a few drivers, an admin and
 * a clock who may each do so much. Whoever can act does, in each state, in turn; who handles his next message when is
 * part of it.
 *
 * A state is what each actor has heard, in its order, and what waits: orders that differ only in what nobody can tell
 * apart are one. In each state: a port has at most one owner, a released port is released once, nothing is said to whom
 * it cannot reach (the model's own expectations). Whenever nothing is under way: all agree who holds what, no live
 * session lacks its binds. When nobody can do anything any more, all connections are lost and the grace is over: no
 * port, session or permit is left.
 *
 * HOODY_STATES=<n> explores n states of each race at the most; each is explored whole otherwise, and says how many it
 * has. */
#include "kit_census.h"

#include <openssl/rand.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "memory_mailbox.h"

enum {
    RACERS = 2,
    DEPTH_MAX = 200,
    ACTIONS_MAX = 32,
    STORY_MAX = 8192,
    STATES_WHEN_SLOW = 1500,
};

/* How often who may do what, once the first driver is connected and has his port. */
struct race {
    const char *name;
    uint32_t shards;
    struct racer {
        unsigned connects; /* resuming the session that he had */
        unsigned binds;
        bool takes_over;
        unsigned losses; /* of any of his connections, without a close frame */
        unsigned leaves; /* a clean close of the last one */
    } racers[RACERS];
    unsigned kills; /* of the first driver's session */
    uint64_t kill_grace_ms;
    unsigned graces; /* the clock moves by a whole takeover grace */
};

enum what {
    MANAGER_HEARS,
    REGISTRY_HEARS,
    SHARD_HEARS,
    DRIVER_CONNECTS,
    DRIVER_BINDS,
    DRIVER_LEAVES,
    CONNECTION_IS_LOST,
    CONNECTION_ENDS, /* after its grace */
    ADMIN_KILLS,
    GRACE_PASSES,
};

struct action {
    enum what what;
    uint64_t who; /* shard, driver or connection */
};

static struct explorer {
    struct race left; /* of the race, what may still be done */
    const struct race *race;
    uint64_t driver_of[16]; /* by connection */
    struct action path[DEPTH_MAX];
    size_t depth;
    bool is_spoilt; /* the state is not that of the path any more */
    uint64_t *seen; /* fingerprints; open addressing, 0: free */
    size_t seen_capacity;
    size_t states;
    size_t states_max;
    size_t ends;
    uint8_t random; /* the next byte */
} self;

/* Ids and nonces are the same each time: the linker takes these for the system's and OpenSSL's. */
int RAND_bytes(unsigned char *bytes, int count)
{
    for (int i = 0; i < count; i++)
        bytes[i] = (unsigned char)(self.random++ * 0x9d + 0x4b);
    return 1;
}

ssize_t getrandom(void *bytes, size_t length, unsigned flags)
{
    (void)flags;
    RAND_bytes(bytes, (int)length);
    return (ssize_t)length;
}

/* ---- the story so far ---- */

static const char *const NAMES[] = {
    [MANAGER_HEARS] = "manager hears",
    [REGISTRY_HEARS] = "registry hears",
    [SHARD_HEARS] = "shard hears",
    [DRIVER_CONNECTS] = "driver connects",
    [DRIVER_BINDS] = "driver binds",
    [DRIVER_LEAVES] = "driver leaves",
    [CONNECTION_IS_LOST] = "connection is lost",
    [CONNECTION_ENDS] = "connection ends",
    [ADMIN_KILLS] = "admin kills",
    [GRACE_PASSES] = "the grace passes",
};

static const char *story(void)
{
    static char text[STORY_MAX];
    size_t length = (size_t)snprintf(text, sizeof text, "%s:", self.race->name);
    for (size_t i = 0; i < self.depth && length < sizeof text; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, " %s %llu,", NAMES[self.path[i].what],
                                   (unsigned long long)self.path[i].who);
    return text;
}

/* Where the model would have a choice of its own, the rarer one is not made. */
static uint64_t pick_last(uint64_t bound)
{
    return bound - 1;
}

/* ---- what can be done ---- */

static bool is_with_gateway(uint64_t id)
{
    return kit.connections[id].phase != GONE && !kit.connections[id].place.is_lost;
}

static size_t add_action(struct action *actions, size_t count, enum what what, uint64_t who)
{
    assert_true(count < ACTIONS_MAX);
    actions[count] = (struct action){.what = what, .who = who};
    return count + 1;
}

static size_t add_drivers_actions(struct action *actions, size_t count, uint64_t who)
{
    const struct racer *left = &self.left.racers[who];
    const struct driver *driver = &kit.drivers[who];
    bool is_live = driver->connection != 0 && kit.connections[driver->connection].phase == LIVE;
    if (left->connects > 0)
        count = add_action(actions, count, DRIVER_CONNECTS, who);
    if (left->binds > 0 && is_live)
        count = add_action(actions, count, DRIVER_BINDS, who);
    if (left->leaves > 0 && is_live)
        count = add_action(actions, count, DRIVER_LEAVES, who);
    return count;
}

static size_t add_connections_actions(struct action *actions, size_t count, uint64_t id)
{
    if (!is_with_gateway(id))
        return count;
    if (self.left.racers[self.driver_of[id]].losses > 0)
        count = add_action(actions, count, CONNECTION_IS_LOST, id);
    if (kit.connections[id].phase == ENDING)
        count = add_action(actions, count, CONNECTION_ENDS, id);
    return count;
}

/* Returns how many there are. */
static size_t find_actions(struct action actions[ACTIONS_MAX])
{
    size_t count = 0;
    if (memory_mailbox_has_mail(ACTOR_session_manager, 0))
        count = add_action(actions, count, MANAGER_HEARS, 0);
    if (memory_mailbox_has_mail(ACTOR_binding_registry, 0))
        count = add_action(actions, count, REGISTRY_HEARS, 0);
    for (uint32_t shard = 0; shard < self.race->shards; shard++)
        if (memory_mailbox_has_mail(ACTOR_ws_gateway, shard))
            count = add_action(actions, count, SHARD_HEARS, shard);
    for (uint64_t who = 0; who < RACERS; who++)
        count = add_drivers_actions(actions, count, who);
    for (uint64_t id = 1; id <= kit.last_connection; id++)
        count = add_connections_actions(actions, count, id);
    if (self.left.kills > 0 && kit.drivers[0].session.text[0] != '\0')
        count = add_action(actions, count, ADMIN_KILLS, 0);
    if (self.left.graces > 0)
        count = add_action(actions, count, GRACE_PASSES, 0);
    return count;
}

static bool is_at_rest(void)
{
    return !memory_mailbox_has_mail(ACTOR_session_manager, 0) && !memory_mailbox_has_mail(ACTOR_binding_registry, 0) &&
           !memory_mailbox_has_mail(ACTOR_ws_gateway, 0) &&
           (self.race->shards < 2 || !memory_mailbox_has_mail(ACTOR_ws_gateway, 1));
}

/* ---- doing it ---- */

static void connect_driver(uint64_t who)
{
    self.left.racers[who].connects--;
    kit_driver_connects(&kit.drivers[who]);
    uint64_t id = kit.last_connection;
    assert_true(id < sizeof self.driver_of / sizeof self.driver_of[0]);
    self.driver_of[id] = who;
}

static void end_connection(uint64_t id, uint32_t close_code, bool kit_ended)
{
    kit_connection_ends(id, close_code, false, kit_ended);
}

static void act(struct action action)
{
    struct racer *racer =
        &self.left.racers[action.what == CONNECTION_IS_LOST ? self.driver_of[action.who] : action.who % RACERS];
    switch (action.what) {
    case MANAGER_HEARS:
        expect(kit_manager_handles_one());
        break;
    case REGISTRY_HEARS:
        expect(kit_registry_handles_one());
        break;
    case SHARD_HEARS:
        expect(kit_shard_handles_one((uint32_t)action.who));
        break;
    case DRIVER_CONNECTS:
        connect_driver(action.who);
        break;
    case DRIVER_BINDS:
        racer->binds--;
        kit_driver_binds(&kit.drivers[action.who], 0, racer->takes_over);
        break;
    case DRIVER_LEAVES:
        racer->leaves--;
        end_connection(kit.drivers[action.who].connection, 1000, false);
        break;
    case CONNECTION_IS_LOST:
        racer->losses--;
        end_connection(action.who, 1006, false);
        break;
    case CONNECTION_ENDS:
        end_connection(action.who, 1000, true);
        break;
    case ADMIN_KILLS:
        self.left.kills--;
        kit_admin_kills(&kit.drivers[0], self.race->kill_grace_ms);
        break;
    case GRACE_PASSES:
        self.left.graces--;
        kit_let_pass(GRACE_MS);
        memory_mailbox_note(ACTOR_session_manager, kit.now_ms);
        break;
    }
    kit_admin_handles_one();
}

/* ---- every order ---- */

static void begin_race(void)
{
    memory_mailboxes_reset();
    self.left = *self.race;
    self.random = 0;
    self.is_spoilt = false;
    kit.options.shards = self.race->shards;
    kit_begin(1);
    self.left.racers[0].connects++;
    connect_driver(0);
    kit_come_to_rest();
    kit_driver_binds(&kit.drivers[0], 0, false);
    kit_come_to_rest();
    expect(kit.connections[kit.drivers[0].connection].held[0] != 0);
}

static void go_back_to(size_t depth)
{
    if (self.depth == depth && !self.is_spoilt)
        return;
    kit_end();
    begin_race();
    self.depth = 0;
    while (self.depth < depth) {
        struct action action = self.path[self.depth++];
        act(action);
    }
}

/* The model's own state is in the open; the actors' is what they have heard, and when. */
static uint64_t fingerprint(void)
{
    uint64_t hash = memory_mailboxes_fingerprint();
    hash = memory_mailbox_fold(hash, &kit.now_ms, sizeof kit.now_ms);
    hash = memory_mailbox_fold(hash, kit.connections, (kit.last_connection + 1) * sizeof kit.connections[0]);
    hash = memory_mailbox_fold(hash, kit.listeners, sizeof kit.listeners);
    hash = memory_mailbox_fold(hash, kit.drivers, sizeof kit.drivers);
    hash = memory_mailbox_fold(hash, &self.left, sizeof self.left);
    return hash != 0 ? hash : 1;
}

static void grow_seen(void)
{
    uint64_t *old = self.seen;
    size_t old_capacity = self.seen_capacity;
    self.seen_capacity = old_capacity == 0 ? 65536 : 2 * old_capacity;
    self.seen = calloc(self.seen_capacity, sizeof *self.seen);
    assert_non_null(self.seen);
    for (size_t i = 0; i < old_capacity; i++) {
        size_t slot = old[i] % self.seen_capacity;
        while (old[i] != 0 && self.seen[slot] != 0)
            slot = (slot + 1) % self.seen_capacity;
        if (old[i] != 0)
            self.seen[slot] = old[i];
    }
    free(old);
}

/* true: it was not there. */
static bool add_seen(uint64_t print)
{
    if (2 * self.states >= self.seen_capacity)
        grow_seen();
    size_t slot = print % self.seen_capacity;
    for (; self.seen[slot] != 0; slot = (slot + 1) % self.seen_capacity)
        if (self.seen[slot] == print)
            return false;
    self.seen[slot] = print;
    self.states++;
    return true;
}

static struct census take_census(void)
{
    memory_mailboxes_remember(false);
    struct census census = kit_take_census();
    memory_mailboxes_remember(true);
    return census;
}

/* Nobody can do anything any more: all that there was comes back. */
static void check_end(void)
{
    self.ends++;
    self.is_spoilt = true;
    kit_lose_everybody();
    kit_take_census();
    kit_let_pass(GRACE_MS);
    struct census census = kit_take_census();
    expect(census.live_bindings + census.parked_bindings + census.parked_sessions == 0);
    for (size_t port = 0; port < PORTS; port++)
        expect(kit.listeners[port].binding == 0);
}

static void explore(void)
{
    struct action actions[ACTIONS_MAX];
    size_t depth = self.depth;
    if (self.states >= self.states_max || !add_seen(fingerprint()))
        return;
    size_t count = find_actions(actions);
    if (is_at_rest())
        take_census();
    if (count == 0)
        check_end();
    assert_true(depth < DEPTH_MAX);
    for (size_t i = 0; i < count; i++) {
        go_back_to(depth);
        self.path[self.depth++] = actions[i];
        act(actions[i]);
        explore();
    }
}

/* Under a sanitizer. */
static bool is_slow(void)
{
    const char *sanitizers = getenv("HOODY_SANITIZE");
    return sanitizers != NULL && *sanitizers != '\0';
}

static void run(const struct race *race)
{
    size_t states_max = is_slow() ? STATES_WHEN_SLOW : SIZE_MAX;
    if (getenv("HOODY_STATES") != NULL)
        states_max = strtoull(getenv("HOODY_STATES"), NULL, 10);
    self = (struct explorer){.race = race, .states_max = states_max};
    assert_true(options_init(&kit.options));
    kit.pick = pick_last;
    kit.story = story;
    kit.options.max_sessions = RACERS;
    kit.options.max_binds_per_session = PORTS;
    kit.options.takeover_grace = GRACE_MS;
    kit.options.ping_interval = 1000 * GRACE_MS;
    kit.options.pong_timeout = 1000 * GRACE_MS;
    kit.options.idle_timeout = 1000 * GRACE_MS;
    begin_race();
    explore();
    printf("%s: %zu states, %zu ends\n", race->name, self.states, self.ends);
    fflush(stdout);
    assert_true(self.ends > 0 || self.states >= self.states_max);
    kit_end();
    free(self.seen);
    options_done(&kit.options);
}

/* ---- the races ---- */

static void a_resume_races_a_kill(void **state)
{
    (void)state;
    run(&(struct race){.name = "resume and kill", .shards = 1, .racers = {{.connects = 1, .losses = 1}}, .kills = 1});
}

static void a_resume_races_the_grace(void **state)
{
    (void)state;
    run(&(struct race){
        .name = "resume and the grace's end", .shards = 1, .racers = {{.connects = 1, .losses = 1}}, .graces = 1});
}

static void a_resume_races_a_kill_with_grace(void **state)
{
    (void)state;
    run(&(struct race){.name = "resume and a kill with grace",
                       .shards = 1,
                       .racers = {{.connects = 1, .losses = 1}},
                       .kills = 1,
                       .kill_grace_ms = 50});
}

static void two_resumes_race_each_other(void **state)
{
    (void)state;
    run(&(struct race){.name = "two resumes over a connection that looks alive",
                       .shards = 1,
                       .racers = {{.connects = 2, .losses = 1}}});
}

static void a_takeover_races_a_resume(void **state)
{
    (void)state;
    run(&(struct race){.name = "takeover and resume",
                       .shards = 1,
                       .racers = {{.connects = 1, .losses = 1}, {.connects = 1, .binds = 1, .takes_over = true}}});
}

static void a_takeover_races_a_kill(void **state)
{
    (void)state;
    run(&(struct race){.name = "takeover and kill",
                       .shards = 1,
                       .racers = {{0}, {.connects = 1, .binds = 1, .takes_over = true}},
                       .kills = 1});
}

static void a_takeover_races_a_leave_and_a_loss(void **state)
{
    (void)state;
    run(&(struct race){.name = "takeover, leave and loss",
                       .shards = 1,
                       .racers = {{.leaves = 1}, {.connects = 1, .binds = 1, .takes_over = true, .losses = 1}}});
}

static void both_take_over_from_each_other(void **state)
{
    (void)state;
    run(&(struct race){.name = "both take over",
                       .shards = 1,
                       .racers = {{.binds = 1, .takes_over = true}, {.connects = 1, .binds = 2, .takes_over = true}}});
}

static void a_takeover_between_shards_races_a_loss(void **state)
{
    (void)state;
    run(&(struct race){.name = "takeover between shards and a loss",
                       .shards = 2,
                       .racers = {{.losses = 1}, {.connects = 1, .binds = 1, .takes_over = true}}});
}

static void a_takeover_between_shards_races_a_kill(void **state)
{
    (void)state;
    run(&(struct race){.name = "takeover between shards and a kill",
                       .shards = 2,
                       .racers = {{0}, {.connects = 1, .binds = 1, .takes_over = true}},
                       .kills = 1});
}

static void a_resume_from_another_shard_races_a_kill(void **state)
{
    (void)state;
    run(&(struct race){.name = "resume from another shard and a kill",
                       .shards = 2,
                       .racers = {{.connects = 1, .losses = 1}},
                       .kills = 1});
}

/* The largest: under a sanitizer it takes minutes. */
static void a_takeover_a_resume_and_a_kill_race_each_other(void **state)
{
    (void)state;
    if (is_slow())
        skip();
    run(&(struct race){.name = "takeover, resume and kill",
                       .shards = 1,
                       .racers = {{.connects = 1, .losses = 1}, {.connects = 1, .binds = 1, .takes_over = true}},
                       .kills = 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resume_races_a_kill),
        cmocka_unit_test(a_resume_races_the_grace),
        cmocka_unit_test(a_resume_races_a_kill_with_grace),
        cmocka_unit_test(two_resumes_race_each_other),
        cmocka_unit_test(a_takeover_races_a_resume),
        cmocka_unit_test(a_takeover_races_a_kill),
        cmocka_unit_test(a_takeover_races_a_leave_and_a_loss),
        cmocka_unit_test(both_take_over_from_each_other),
        cmocka_unit_test(a_takeover_between_shards_races_a_loss),
        cmocka_unit_test(a_takeover_between_shards_races_a_kill),
        cmocka_unit_test(a_resume_from_another_shard_races_a_kill),
        cmocka_unit_test(a_takeover_a_resume_and_a_kill_race_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
