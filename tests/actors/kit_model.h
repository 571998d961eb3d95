/* The session-manager and the binding-registry on one stage, each handling its next message when it is told to, and a
 * model of the rest: the gateway's shards with their connections and listeners, which they hand over to each other,
 * drivers that connect, join, bind, vanish and come back, and an admin who kills. A seed decides what they do. */
#ifndef HOODY_TESTS_TESTS_KIT_MODEL_H
#define HOODY_TESTS_TESTS_KIT_MODEL_H

#include "actor.h"
#include "session_payloads.h"

enum {
    DRIVERS = 5,
    PORTS = 4,
    FIRST_PORT = 8000,
    CONNECTIONS_MAX = 2000, /* of one seed; primary ones, and others */
    GRANTED_MAX = 3,
    GRACE_MS = 1000,
    PONG_TIMEOUT_MS = 3000,
    MODEL_SHARDS_MAX = 3,
    FIRST_PAYLOAD_MAX = 512, /* bytes, with its NUL */
};

enum phase {
    ASKING, /* open_session is said */
    LIVE,
    ENDING, /* GOAWAY was sent, its streams may end */
    GONE,
};

/* Where a connection is. What is said to it, or of it, must go to that shard, and find it there. */
struct place {
    uint32_t shard;
    bool is_moving;                /* its shard has let go of it, and `shard` has not heard so */
    bool is_lost;                  /* meanwhile: who gets it will notice */
    char first[FIRST_PAYLOAD_MAX]; /* its HELLO or JOIN */
};

/* A connection as the gateway sees it, and what the driver at its other end believes to hold. */
struct connection {
    enum phase phase;
    struct place place;
    struct session_id session;
    uint32_t held[PORTS];        /* binding by port; 0: none */
    uint32_t revoked[2 * PORTS]; /* taken over before HELLO_OK was sent: told after it */
    size_t revoked_count;
    uint32_t granted;                        /* of a session of several connections: 2 or more */
    struct join_ticket tickets[GRANTED_MAX]; /* by index; the last that it was given */
    uint32_t attached;                       /* bit by index: what it was told by SHARD_MAP */
};

/* A connection that said JOIN. It ends with its primary. */
struct secondary {
    enum phase phase; /* never ENDING */
    struct place place;
    uint64_t primary; /* who was given the ticket that it shows */
    uint32_t index;
    char nonce[sizeof((struct join_ticket *)NULL)->nonce];
    bool was_let_in;
};

struct listener {
    uint32_t binding; /* 0: not listening */
    uint64_t owner;
    uint32_t shard;
    bool is_moving; /* on its way there */
};

/* A driver uses one connection at a time; one that it gave up may live on in the gateway. */
struct driver {
    uint64_t connection; /* 0: none */
    struct session_id session;
};

struct played {
    const struct actor_spec *spec;
    struct mailbox *mailbox;
    void *self;
};

extern struct kit {
    struct options options; /* the caller's */
    struct played manager, registry;
    struct mailbox *gateways[MODEL_SHARDS_MAX], *admin, *metrics, *supervisor;
    uint64_t now_ms;
    uint64_t seed, step; /* for whoever reads that it failed */
    uint64_t random_state;
    /* Who decides instead of the seed, and what happened so far, for whoever reads that it failed; NULL: the seed. */
    uint64_t (*pick)(uint64_t bound);
    const char *(*story)(void);
    struct connection connections[CONNECTIONS_MAX + 1]; /* by id; ids are never used again */
    uint64_t last_connection;
    struct secondary secondaries[CONNECTIONS_MAX + 1]; /* from 1, in the order in which they came */
    uint64_t last_secondary;
    size_t joins, moves, transfers; /* of all seeds */
    struct listener listeners[PORTS];
    struct driver drivers[DRIVERS];
    size_t kills_asked, kills_answered;
} kit;

#define expect(expr)                                                                                                   \
    do {                                                                                                               \
        if (!(expr))                                                                                                   \
            fail_msg("%s: %s:%d: %s", kit_story(), __func__, __LINE__, #expr);                                         \
    } while (0)

const char *kit_story(void);

/* Below `bound`. */
uint64_t kit_pick(uint64_t bound);
static inline bool kit_is_one_in(uint64_t n)
{
    return kit_pick(n) == 0;
}

void kit_begin(uint64_t seed);
void kit_end(void);

/* A shard of the gateway says it. */
void kit_say(uint32_t shard, const struct message *message);
/* A connection asks from where it is: `joins`, or it said HELLO. */
void kit_say_first(struct connection_id id, const struct place *place, bool joins);
/* move_connection came to that shard, and the connection is there to be moved. */
void kit_move(struct connection_id id, struct place *place, bool joins, const struct message_move_connection *move);

/* ---- who does what, one by one ---- */

/* The next message is handled. false: there is none. */
bool kit_manager_handles_one(void);
bool kit_registry_handles_one(void);
bool kit_shard_handles_one(uint32_t shard);
bool kit_admin_handles_one(void);

/* Resumes the session that it had, if any. */
void kit_driver_connects(struct driver *driver);
/* Its connection must be LIVE. */
void kit_driver_binds(const struct driver *driver, size_t port, bool takeover);
/* Must not be GONE. `driver_goaway`: it had said so; `kit_ended`: the gateway ends it. */
void kit_connection_ends(uint64_t id, uint32_t close_code, bool driver_goaway, bool kit_ended);
void kit_admin_kills(const struct driver *driver, uint64_t grace_ms);

/* ---- whoever it is ---- */

/* One of them does something: handles a message, acts, or lets time pass. */
void kit_take_step(void);
/* Until nothing is under way any more; no time passes. */
void kit_come_to_rest(void);
void kit_let_pass(uint64_t ms);
/* Every connection is cut. */
void kit_lose_everybody(void);

/* Which port; the test fails when it is none of the model's. */
size_t kit_index_of_port(uint32_t port);
/* What the actor answers, at rest, to a question of the asker's; to be given to message_done. */
struct message kit_ask(struct mailbox *asker, const struct message *question, const struct played *asked);

#endif
