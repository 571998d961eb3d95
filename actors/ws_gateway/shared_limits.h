/* Limits of the whole process that its shards share: the fd budget, the buffer budget, lingering sockets. Shard 0 holds
 * all of each and lends parts of it to the others, who ask when theirs is used up. When nothing is left to lend, what
 * lies idle at the others is recalled: so nobody is refused while any shard has some left, and never is more in use
 * than the limit. With one shard nothing is ever lent. */
#ifndef HOODY_ACTORS_SHARED_LIMITS_H
#define HOODY_ACTORS_SHARED_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "mailbox.h"

struct gateway;

enum shared_limit {
    LIMIT_FD_PERMITS,     /* visitors, drivers and listeners: --fd-budget */
    LIMIT_BUFFERED_BYTES, /* unread by slow visitors: --buffer-budget */
    LIMIT_LINGERING,      /* sockets that wait for their peer's end: LINGERING_MAX */
    SHARED_LIMIT_COUNT,
};

/* A shard's part of one of them. */
struct allowance {
    uint64_t share; /* what it may use */
    uint64_t used;  /* of it; but for permits it may be more, until the answer is here */
    bool is_asked;  /* more was asked for; the answer is not here */
    bool is_denied; /* the last answer was that there is none */
    /* Shard 0: */
    uint64_t limit; /* the whole; 0 elsewhere */
    struct borrower {
        uint64_t wanted;   /* 0: nothing */
        bool was_recalled; /* what the others had was recalled after it asked */
    } borrowers[SHARDS_MAX];
    uint32_t turn;            /* who is served first */
    uint32_t returns_awaited; /* answers to recall_allowance */
};

/* Somebody who needs a permit. Zero-initialised: waits for none. */
struct permit_wait {
    bool is_waiting;
    bool was_asked_for; /* before allowance_lent comes, more was asked for after it had begun to wait */
    void (*on_answer)(void *arg, bool is_granted);
    void *arg;
    TAILQ_ENTRY(permit_wait) link;
};

/* `limits`: the whole of each. */
void shared_limits_init(struct gateway *gateway, const uint64_t limits[SHARED_LIMIT_COUNT]);
/* Handler of ask_allowance, allowance_lent, recall_allowance, allowance_returned. */
void shared_limits_hear(struct gateway *gateway, const struct message *message);

/* What is free here. */
uint64_t allowance_left(const struct gateway *gateway, enum shared_limit limit);
/* Asks for at least so much more, unless it is asked already. With one shard is_denied says the answer at once. */
void allowance_ask(struct gateway *gateway, enum shared_limit limit, uint64_t wanted);
/* It is in use here, and comes along with its share from another shard; or goes there. */
void allowance_arrives(struct gateway *gateway, enum shared_limit limit, uint64_t amount);
void allowance_departs(struct gateway *gateway, enum shared_limit limit, uint64_t amount);
/* It is in use here no more. */
void allowance_give_back(struct gateway *gateway, enum shared_limit limit, uint64_t amount);

/* One permit of the fd budget, when one is here and nobody waits for it. */
bool permit_take(struct gateway *gateway);
/* One permit of the fd budget. on_answer is called once: at once when one is here, or it is sure that there is none;
 * otherwise when shard 0 has answered. Each permit is given back exactly once. */
void permit_await(struct gateway *gateway, struct permit_wait *wait, void (*on_answer)(void *arg, bool is_granted),
                  void *arg);
/* Waits no more; on_answer is not called. */
void permit_forgo(struct gateway *gateway, struct permit_wait *wait);
void permit_give_back(struct gateway *gateway);

#endif
