/* The session-manager's sessions, found by id and by any of their connections, in the order in which they were opened,
 * and those whose driver is away in the order in which they lost it. Knows no rules. */
#ifndef HOODY_ACTORS_SESSION_TABLE_H
#define HOODY_ACTORS_SESSION_TABLE_H

#include <czmq.h>
#include <sys/queue.h>

#include "session_manager/join_seats.h"
#include "session_manager/liveness.h"
#include "session_manager/placement.h"
#include "session_payloads.h"

enum session_state {
    SESSION_LIVE,
    SESSION_PARKING,   /* its driver is away: park_session is said; does it hold anything to be kept? */
    SESSION_PARKED,    /* it does */
    SESSION_RESUMING,  /* its driver is back, on a connection that is not let in yet: resume_session is said */
    SESSION_DRAINING,  /* the daemon is going: end_session is said, its streams may end */
    SESSION_RELEASING, /* killed: release_session is said, session_released not heard */
    SESSION_LOST,      /* the same, and it has no connection */
    SESSION_ENDING,    /* end_session is said, connection_closed not heard */
};

/* The way to the driver: its primary connection. A session has one at a time, and outlives it when it is resumed on
 * another. */
struct session_link {
    uint32_t shard;                  /* the session's: the same for all links that it ever has */
    struct connection_id connection; /* 0: none */
    char *peer;                      /* ip:port; owned */
    enum subprotocol subprotocol;
    uint32_t connections_granted;
    bool wants_shard_map;
    enum driver_kind driver;
};

struct session {
    struct session_id id;
    enum session_state state;
    struct session_link link;
    struct join_seats seats; /* of the connections that joined this link; none without it */
    struct liveness liveness;
    uint64_t parked_ms; /* when it lost its driver: PARKING, PARKED */
    uint32_t bindings;  /* as the registry said last */
    bool is_released;   /* release_session is said: nothing more of it goes to the registry */
    uint64_t close_ref; /* of the close_session that is owed an answer: RELEASING, LOST */
    uint64_t close_grace_ms;

    TAILQ_ENTRY(session) opened;
    TAILQ_ENTRY(session) parked;
};
TAILQ_HEAD(session_queue, session);

struct session_table {
    zhashx_t *by_id;
    zhashx_t *by_connection; /* primary */
    zhashx_t *by_secondary;
    struct session_queue sessions; /* owns them */
    struct session_queue parked;   /* PARKING or PARKED, the longest first */
    struct placement placement;
    size_t listed;
    size_t orphaned; /* PARKED */
};

struct session_table *session_table_new(uint32_t shards);
void session_table_destroy(struct session_table **p_table);

/* Takes link->peer. */
struct session *session_table_add(struct session_table *table, const struct session_id *id,
                                  const struct session_link *link);
void session_table_remove(struct session_table *table, struct session *session);
void session_table_move(struct session_table *table, struct session *session, enum session_state state);
/* The connection is gone, or nothing to it any more, and so are those that joined it; the session stays. */
void session_table_unlink(struct session_table *table, struct session *session);
/* On another connection from here on. Takes link->peer. */
void session_table_link(struct session_table *table, struct session *session, const struct session_link *link);

/* `id` as somebody sent it. NULL: none of that id. */
struct session *session_table_find(struct session_table *table, const char *id);
struct session *session_table_find_linked(struct session_table *table, struct connection_id connection);
/* How many have a connection. */
size_t session_table_linked(const struct session_table *table);

/* Whoever has just taken this seat is found from here on. */
void session_table_attach(struct session_table *table, struct session *session, uint32_t index);
/* It is gone, and the seat free. */
void session_table_detach(struct session_table *table, struct session *session, uint32_t index);
/* NULL: the connection is on no seat. */
struct session *session_table_find_attached(struct session_table *table, struct connection_id connection,
                                            uint32_t *ret_index);
/* How many are on seats, of all sessions. */
size_t session_table_attached(const struct session_table *table);

/* Does it count as a live session for those outside: the lists, the cap, the gauge? */
bool session_is_listed(const struct session *session);
/* Is its driver away: PARKING or PARKED? */
bool session_is_parked(const struct session *session);

#endif
