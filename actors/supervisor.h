/* The supervisor: starts the actors, watches them, drains and stops them. Runs in the main thread. */
#ifndef HOODY_ACTORS_SUPERVISOR_H
#define HOODY_ACTORS_SUPERVISOR_H

#include "actor.h"

enum { SUPERVISED_MAX = 32 };

/* An actor to run. */
struct supervised {
    enum actor actor;
    uint32_t shard;
    zactor_fn *run;
    const struct actor_spec *spec; /* for actor_thread; NULL for actors with loops of their own */
};

/* Starts the actors in their order, runs them until a signal arrives at signal_fd (a signalfd; those signals are
 * blocked in every thread), drains, stops them in reverse order. SIGHUP is not meant so: it says reload. From the first
 * of the others on, SIGTERM and SIGINT have their default effect again: a second one ends the process at once. All
 * arguments are borrowed. Returns the exit status: 0 after a signal, 1 when an actor could not start (it has said why)
 * or ended by itself. */
int supervisor_run(const struct supervised *actors, size_t count, const struct options *options, const struct log *log,
                   int signal_fd);

#endif
