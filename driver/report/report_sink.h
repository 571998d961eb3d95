/* Who shows what is told: plain lines, events as JSON, or a status view; one of them. */
#ifndef HOODY_DRIVER_REPORT_SINK_H
#define HOODY_DRIVER_REPORT_SINK_H

#include "loop.h"
#include "report/report_event.h"
#include "report/visits.h"

struct report_sink {
    void *self;
    void (*on_event)(void *self, const struct report_event *event);
    /* NULL: it is not told of visitors, nor of the events that are about them. */
    void (*on_visit)(void *self, const struct visits *visits, const struct visit *visit, enum visit_step step);
    /* Microseconds from a PING to its PONG; NULL: not told. */
    void (*on_round_trip)(void *self, uint64_t us);
    /* From now on there is a loop, which it may use; until detach. */
    void (*attach)(void *self, struct loop *loop);
    void (*detach)(void *self);
    /* What was told has left, as far as anybody reads it; returns 0, or the errno of a standard output that took no
     * more. */
    int (*destroy)(void *self);
};

struct report_sink plain_lines_new(bool shows_visits, bool draws_qr);
struct report_sink json_lines_new(void);
struct report_sink status_view_new(bool draws_qr);

#endif
