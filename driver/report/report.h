/* What people and programs are told of the tunnels, in one of three ways: plain lines (URLs on stdout, everything else
 * on stderr), events as JSON, or a status view that is drawn in place. Nobody waits for whoever reads it. */
#ifndef HOODY_DRIVER_REPORT_H
#define HOODY_DRIVER_REPORT_H

#include "exchange_observer.h"
#include "exit_status.h"
#include "loop.h"
#include "options.h"

#include <stdarg.h>

struct report;

/* NULL: the flags about it go together. Otherwise one line that says why they don't. */
const char *report_flags_conflict(const struct options *options);
/* What a flag says goes before what the configuration file says against it. */
void report_flags_settle(struct options *options);

/* As the flags say, and standard output allows. Never NULL. */
struct report *report_new(const struct options *options);
/* What was told leaves first, as far as it is read; a terminal is as it was before. Returns 0, or the errno of a
 * standard output that took no more, such as a full disk's. */
int report_destroy(struct report **p_report);

/* From now on there is a loop, until report_detach. */
void report_attach(struct report *report, struct loop *loop);
void report_detach(struct report *report);

struct report_tunnel {
    bool is_raw;        /* PULL */
    const char *target; /* all borrowed */
    const char *name;   /* what stands beside its URL; NULL: nothing */
    const char *label;  /* NULL: none */
};
/* Before it is told of them; they are numbered from 0 as they are added. */
void report_add_tunnel(struct report *report, const struct report_tunnel *tunnel);
/* Hears of their visitors and targets; to be added before the first of them comes. */
void report_observe(struct report *report, struct exchange_observers *observers);

__attribute__((format(printf, 2, 3))) void report_note(struct report *report, const char *format, ...);

/* The page that --inspect asks for. */
void report_inspecting(struct report *report, const char *url);

/* ---- the session ---- */

void report_connecting(struct report *report, const char *daemon, unsigned attempt);
/* Connected for the first time, or again. */
void report_established(struct report *report, const char *session, bool is_resumed, uint32_t granted, uint32_t wanted);
/* Several connections: all of them stand, or some are lost. */
void report_sockets(struct report *report, uint32_t attached, uint32_t granted, const char *why);
void report_round_trip(struct report *report, uint64_t us);
/* It is over for now, and tried again. */
void report_interrupted(struct report *report, const char *why, uint32_t delay_ms);
/* It is over; the last that is told. why NULL: as asked. */
void report_ended(struct report *report, const char *why, enum exit_status status);

/* ---- each tunnel ---- */

/* Bound, for the first time or again; `before`: the port that it had, 0: none yet. */
void report_bound(struct report *report, size_t tunnel, uint16_t port, uint16_t before, const char *url);
/* A resumed session holds it still. */
void report_kept(struct report *report, size_t tunnel, uint16_t port, const char *url);
/* Its port (0: never had one) is refused for now, and asked for again. */
void report_refused(struct report *report, size_t tunnel, uint16_t port, const char *why);
/* It is over, `left` others go on; it never had a port: it could not be opened, and the others are ended. */
void report_given_up(struct report *report, size_t tunnel, uint16_t port, const char *why, size_t left);
/* Of several: no answer is awaited any more, `open` of the `total` that are not over are open. */
void report_settled(struct report *report, size_t open, size_t total, bool is_again);

#endif
