/* All tunnels of this process: bindings of one session, with the loop, the daemon and the signals that they share. What
 * is told of them is report/'s. */
#ifndef HOODY_DRIVER_TUNNEL_SET_H
#define HOODY_DRIVER_TUNNEL_SET_H

#include "exit_status.h"
#include "inspect.h"
#include "persistent_session.h"
#include "report/report.h"
#include "tunnel.h"

enum { STOP_SIGNAL_COUNT = 3 };

struct tunnel_set {
    const struct options *options;
    struct loop *loop;
    struct daemon_access daemon;
    struct tunnel tunnels[SESSION_BINDINGS_MAX];
    size_t count;
    struct persistent_session *session; /* NULL: not connected yet */
    bool was_settled;                   /* once nothing was pending */
    bool has_failed;                    /* one could not be opened at the start: only the end is awaited */
    struct report *report;
    struct exchange_observers observers; /* of the visitors */
    struct inspect *inspect;             /* NULL: not wished */
    struct event *signals[STOP_SIGNAL_COUNT];
    enum exit_status status;
};

/* Holds the tunnels of `plans` until it is told to stop, or nothing is left to be held. What happens is told as
 * the flags say. */
enum exit_status tunnel_set_run(const struct options *options, const struct tunnel_plans *plans);

/* As the report and the observers know it. */
size_t tunnel_number(const struct tunnel_set *set, const struct tunnel *tunnel);

/* For tunnel.c: the answer to tunnel_probe; error 0: it is up. */
void tunnel_set_probed(struct tunnel_set *set, struct tunnel *tunnel, int error);

#endif
