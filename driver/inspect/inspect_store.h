/* The last requests that passed, with their heads and the beginning of their bodies, for the inspection page. Bounded,
 * whatever passes: in entries, in the bytes of each body, and in all; the oldest goes first. Pure: time is an argument.
 *
 * Entries are named by ids, from 1, one after the other, never reused. What is said of an id that is gone is dropped.
 */
#ifndef HOODY_DRIVER_INSPECT_STORE_H
#define HOODY_DRIVER_INSPECT_STORE_H

#include "stream_payloads.h"

#include <time.h>

struct local_service;

enum {
    INSPECT_ENTRIES_MAX = 200,
    INSPECT_BODY_MAX = 65536,              /* bytes kept of each body; the others are only counted */
    INSPECT_MEMORY_MAX = 32 * 1024 * 1024, /* bytes of all entries */
};

struct inspect_body {
    uint8_t *bytes; /* the first of them */
    size_t kept;
    size_t capacity;
    uint64_t total; /* how many passed */
};

enum inspect_state {
    INSPECT_RUNNING,
    INSPECT_COMPLETE,
    INSPECT_FAILED, /* `why` says how */
};

struct inspect_entry {
    uint64_t id;
    uint64_t revision;             /* grows with each change, over all entries */
    uint64_t replay_of;            /* the id of the request that this one repeats, 0: a visitor's */
    char *tunnel;                  /* its name */
    struct local_service *service; /* whom a replay asks; borrowed, not looked into */
    struct timespec started_at;    /* of the wall clock */
    int64_t started_us;            /* of the monotonic clock, as are the next two */
    int64_t answered_us;           /* the final head came, 0: not yet */
    int64_t ended_us;              /* 0: not yet */
    enum inspect_state state;
    char *why;               /* one line, "" unless it failed */
    struct stream_open open; /* the request as it came */
    struct inspect_body request;
    uint16_t status; /* of the answer's final head, 0: none yet */
    struct field_list fields;
    struct inspect_body answer; /* after a 101: raw bytes, as in `request` */
    size_t heads_bytes;         /* what all but the bodies take */
};

struct inspect_begin {
    const char *tunnel;
    struct local_service *service;
    uint64_t replay_of;
    const struct stream_open *open; /* copied */
    struct timespec at;
    int64_t at_us;
};

struct inspect_store;

/* Called after each change, from within it: to remember that there was one. */
typedef void inspect_changed(void *owner);

struct inspect_store *inspect_store_new(inspect_changed *changed, void *owner);
void inspect_store_destroy(struct inspect_store **p_store);

/* The new entry's id. */
uint64_t inspect_store_begin(struct inspect_store *store, const struct inspect_begin *begin);
/* The final head, copied. */
void inspect_store_answer(struct inspect_store *store, uint64_t id, const struct response_head *head, int64_t at_us);
void inspect_store_end(struct inspect_store *store, uint64_t id, enum inspect_state state, const char *why,
                       int64_t at_us);
/* Forgets all; ids go on. */
void inspect_store_clear(struct inspect_store *store);

enum inspect_side { INSPECT_REQUEST, INSPECT_ANSWER };

/* `total` bytes of a body passed. *ret_place is where the first of them go, as many as the answer says, at most
 * `total`; they are to be written there at once. */
size_t inspect_store_body(struct inspect_store *store, uint64_t id, enum inspect_side side, size_t total,
                          uint8_t **ret_place);

/* NULL: gone, or never was. Borrowed until the store changes. */
const struct inspect_entry *inspect_store_find(const struct inspect_store *store, uint64_t id);
/* The ids that are there: oldest <= id < next. */
uint64_t inspect_store_oldest(const struct inspect_store *store);
uint64_t inspect_store_next(const struct inspect_store *store);
/* The newest entry's, or what changed last. */
uint64_t inspect_store_revision(const struct inspect_store *store);
size_t inspect_store_memory(const struct inspect_store *store);

#endif
