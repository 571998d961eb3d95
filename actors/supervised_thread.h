/* A thread with a pipe to it: CZMQ's zactor, but for threads that may not start. zactor_new waits forever for the
 * signal of a thread that the system has refused. */
#ifndef HOODY_ACTORS_SUPERVISED_THREAD_H
#define HOODY_ACTORS_SUPERVISED_THREAD_H

#include <czmq.h>

struct supervised_thread;

/* Runs run(pipe, argument) in a thread and waits for its first signal, whatever that says. `argument` is borrowed as
 * long as the thread runs. When it returns, its pipe gets another signal. NULL: no memory, no descriptor or no thread;
 * errno says why. */
struct supervised_thread *supervised_thread_new(zactor_fn *run, void *argument);

/* Says $TERM to it and waits until the thread has ended. Takes NULL. */
void supervised_thread_destroy(struct supervised_thread **p_thread);

/* Our end of the pipe, for polling: readable once the thread has ended. */
zsock_t *supervised_thread_pipe(const struct supervised_thread *thread);

#endif
