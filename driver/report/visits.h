/* The visitors' requests and raw connections: those that are under way, each as far as it has come, and the totals. An
 * exchange observer. */
#ifndef HOODY_DRIVER_VISITS_H
#define HOODY_DRIVER_VISITS_H

#include "exchange_observer.h"

#include <sys/queue.h>

enum visit_step { VISIT_BEGUN, VISIT_ANSWERED, VISIT_MOVED, VISIT_ENDED };

struct visit {
    LIST_ENTRY(visit) entry;
    uint64_t number;
    size_t tunnel;
    bool is_raw; /* PULL */
    struct timespec at;
    char *method; /* NULL: PULL, as is the next */
    char *path;
    char *peer;        /* NULL: not said */
    unsigned answered; /* the status of the final head; 0: none yet */
    bool is_over;
    struct exchange_result result; /* when it is over; its bytes count up before */
};

/* What the visitor was sent, 0: nothing (yet). A service that gave no answer is a 502 of the daemon. */
unsigned visit_status(const struct visit *visit);
bool visit_is_upgraded(const struct visit *visit);

struct visits {
    LIST_HEAD(visit_list, visit) open;
    size_t open_count;
    uint64_t count;    /* of all */
    uint64_t bytes[2]; /* by direction, of all */
    void (*on_step)(void *owner, const struct visits *visits, const struct visit *visit, enum visit_step step);
    void *owner;
};

/* `visits` must outlive the last visitor. */
void visits_init(struct visits *visits,
                 void (*on_step)(void *owner, const struct visits *visits, const struct visit *visit,
                                 enum visit_step step),
                 void *owner);
struct exchange_observer visits_observer(struct visits *visits);

#endif
