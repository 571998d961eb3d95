/* The driver's one event loop, and the place where things are freed: nothing is freed inside its own callback chain,
 * whatever ends is handed to the loop, which destroys it when the callbacks of this turn have returned. */
#ifndef HOODY_DRIVER_LOOP_H
#define HOODY_DRIVER_LOOP_H

#include <sys/queue.h>

struct event_base;
struct http_reader_pool;
struct loop;
struct write_queue;

TAILQ_HEAD(loop_tasks, loop_task);

/* Something to be done once at the end of a turn. Embedded in whoever has it; zero-initialised but for `run` and
 * `owner`: not due. */
struct loop_task {
    void (*run)(void *owner);
    void *owner;
    struct loop_tasks *waits_in; /* the loop's business; NULL: not due */
    TAILQ_ENTRY(loop_task) entry;
};

/* Who has outlived its owner and has one thing to do yet. Embedded. `destroy` is called when the loop ends before that,
 * and lets go. */
struct loop_orphan {
    void (*destroy)(void *self);
    void *self;
    TAILQ_ENTRY(loop_orphan) entry;
};
TAILQ_HEAD(loop_orphans, loop_orphan);

/* The process ignores SIGPIPE from now on. NULL: the system has no event mechanism left for us. */
struct loop *loop_new(void);
/* Destroys what still waits for it, and orphans. Everything else that used the loop must have ended before. */
void loop_destroy(struct loop **p_loop);

struct event_base *loop_base(const struct loop *loop);

/* The end of a turn, when its callbacks have returned and before the loop waits again: sockets are written, then the
 * tasks run, then what they have sent is written. Nothing changes when the task is due already. */
void loop_defer(struct loop *loop, struct loop_task *task);
void loop_cancel(struct loop_task *task);
/* For prompt_socket_begin. */
struct write_queue *loop_writes(struct loop *loop);

/* For http_reader_share. */
struct http_reader_pool *loop_heads(struct loop *loop);

/* Takes `object`; calls destroy(object) soon, from the loop itself. */
void loop_reap(struct loop *loop, void (*destroy)(void *object), void *object);

void loop_adopt(struct loop *loop, struct loop_orphan *orphan);
/* It is done. */
void loop_let_go(struct loop *loop, struct loop_orphan *orphan);

/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
