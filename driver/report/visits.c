#include "report/visits.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { SWITCHING_PROTOCOLS = 101, BAD_GATEWAY = 502 };

unsigned visit_status(const struct visit *visit)
{
    bool is_refused = visit->is_over && visit->result.end == EXCHANGE_FAILED && !visit->is_raw;
    return visit->answered == 0 && is_refused ? BAD_GATEWAY : visit->answered;
}

bool visit_is_upgraded(const struct visit *visit)
{
    return visit->answered == SWITCHING_PROTOCOLS;
}

static void step(struct visits *visits, const struct visit *visit, enum visit_step step)
{
    visits->on_step(visits->owner, visits, visit, step);
}

static char *copy(const char *text)
{
    char *own = text != NULL ? strdup(text) : NULL;
    check(text == NULL || own != NULL);
    return own;
}

static void *on_begin(void *owner, const struct exchange_begin *begin)
{
    struct visits *visits = owner;
    struct visit *visit = calloc(1, sizeof *visit);
    check(visit != NULL);
    visit->number = begin->number;
    visit->tunnel = begin->tunnel;
    visit->is_raw = begin->open->kind == STREAM_TCP;
    visit->at = begin->at;
    visit->method = copy(begin->open->method);
    visit->path = copy(begin->open->target);
    visit->peer = copy(begin->open->peer_address);
    LIST_INSERT_HEAD(&visits->open, visit, entry);
    visits->open_count++;
    visits->count++;
    step(visits, visit, VISIT_BEGUN);
    return visit;
}

static void on_head(void *owner, void *mark, const struct response_head *head)
{
    struct visit *visit = mark;
    if (!head->is_final)
        return;
    visit->answered = head->status;
    step(owner, visit, VISIT_ANSWERED);
}

static void on_bytes(void *owner, void *mark, enum exchange_direction direction, const struct exchange_bytes *bytes)
{
    struct visits *visits = owner;
    struct visit *visit = mark;
    visit->result.bytes[direction] += bytes->length;
    visits->bytes[direction] += bytes->length;
    step(visits, visit, VISIT_MOVED);
}

static void on_end(void *owner, void *mark, const struct exchange_result *result)
{
    struct visits *visits = owner;
    struct visit *visit = mark;
    LIST_REMOVE(visit, entry);
    visits->open_count--;
    visit->is_over = true;
    visit->result = *result;
    step(visits, visit, VISIT_ENDED);
    free(visit->method);
    free(visit->path);
    free(visit->peer);
    free(visit);
}

void visits_init(struct visits *visits,
                 void (*on_step)(void *owner, const struct visits *visits, const struct visit *visit,
                                 enum visit_step step),
                 void *owner)
{
    *visits = (struct visits){.on_step = on_step, .owner = owner};
    LIST_INIT(&visits->open);
}

struct exchange_observer visits_observer(struct visits *visits)
{
    return (struct exchange_observer){
        .owner = visits, .on_begin = on_begin, .on_head = on_head, .on_bytes = on_bytes, .on_end = on_end};
}
