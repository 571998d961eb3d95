/* Who holds which port: the registry's bindings, found by id, by port and by session, and counted by state. Knows no
 * rules. */
#ifndef HOODY_ACTORS_BINDING_TABLE_H
#define HOODY_ACTORS_BINDING_TABLE_H

#include <czmq.h>
#include <sys/queue.h>

#include "port_policy.h"

enum binding_state {
    BINDING_WAITING,   /* a claim that is not decided yet: has neither id nor port */
    BINDING_OPENING,   /* open_listener is said, its answer not heard */
    BINDING_ABANDONED, /* opening, but nobody wants it any more: closed as soon as it is open */
    BINDING_BOUND,
    BINDING_CLOSING, /* close_listener is said, listener_closed not heard: the port is not free yet */
    BINDING_STATE_COUNT,
};

struct holder;

struct binding {
    struct bind_id id; /* 0: none yet */
    enum binding_state state;
    struct holder *holder; /* the session it belongs to; never NULL */

    /* The claim. */
    uint32_t shard; /* of the connection, and of the listener */
    struct connection_id connection;
    int64_t client_ref;
    enum bind_kind kind;
    enum bind_mode mode;
    struct listen_address address;
    int64_t asked_port; /* as in BIND; 0: any */
    bool takeover;
    char *label; /* owned; "": none */

    uint16_t port;        /* the one it holds; 0: none yet */
    uint32_t ports_tried; /* random ones that open_listener was said for */
    bool answers_unbind;  /* closing because its owner said UNBIND */

    LIST_ENTRY(binding) same_port;
    LIST_ENTRY(binding) same_holder;
    TAILQ_ENTRY(binding) waiting;
};
LIST_HEAD(binding_list, binding);
TAILQ_HEAD(binding_queue, binding);

enum holder_state {
    HOLDER_LIVE,
    HOLDER_PARKED,   /* its driver is away: session_released is owed when it holds nothing any more */
    HOLDER_RESUMING, /* its driver is back: session_resumed is owed when none of its bindings is opening any more */
    HOLDER_RELEASED, /* release_session is heard: session_released is owed */
};

/* A session, as far as the registry knows it: from its first claim until its last binding is gone. */
struct holder {
    struct session_id session;
    enum holder_state state;
    uint32_t resuming_shard; /* of the driver's new connection: RESUMING */
    struct connection_id resuming;
    struct binding_list bindings;
    uint32_t count[BINDING_STATE_COUNT];
};

struct binding_table {
    zhashx_t *bindings; /* by id, those that have one */
    zhashx_t *holders;  /* by session; owns them */
    struct binding_list by_port[HIGHEST_PORT + 1];
    struct binding_queue waiting;   /* in the order of their claims */
    size_t bound[BIND_MODE_OTHER];  /* of live sessions, by mode */
    size_t parked[BIND_MODE_OTHER]; /* bound, of sessions whose driver is away */
    uint32_t last_id;
};

enum { BIND_ID_MAX = INT32_MAX };

struct binding_table *binding_table_new(void);
void binding_table_destroy(struct binding_table **p_table);

/* NULL: holds nothing. */
struct holder *binding_table_holder(struct binding_table *table, const struct session_id *session);
/* Finds it or makes it. */
struct holder *binding_table_add_holder(struct binding_table *table, const struct session_id *session);
void binding_table_move_holder(struct binding_table *table, struct holder *holder, enum holder_state state);
/* Are its bindings kept for a driver that is not there? */
bool holder_is_parked(const struct holder *holder);
/* It must hold nothing. */
void binding_table_remove_holder(struct binding_table *table, struct holder *holder);

/* A new one, waiting; the caller fills in the claim. Owned by the table. */
struct binding *binding_table_add(struct binding_table *table, struct holder *holder);
void binding_table_remove(struct binding_table *table, struct binding *binding);

/* NULL: none of that id. */
struct binding *binding_table_find(struct binding_table *table, struct bind_id id);
/* Gives it an id that no binding had before. false: there are none left. */
bool binding_table_name(struct binding_table *table, struct binding *binding);
/* Lets go of the port it holds, and holds this one. */
void binding_table_place(struct binding_table *table, struct binding *binding, uint16_t port);
void binding_table_move(struct binding_table *table, struct binding *binding, enum binding_state state);

/* Does any binding hold this port on an overlapping address? */
bool binding_table_is_held(const struct binding_table *table, uint16_t port, const struct listen_address *address);
/* The first of the random range, from `first` on and round, that is neither held nor `reserved`. 0: there is none. */
uint16_t binding_table_free_port(const struct binding_table *table, const struct listen_address *address,
                                 uint16_t first, uint16_t reserved);

#endif
