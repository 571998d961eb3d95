/* The driver's one event loop, and the place where things are freed: nothing is freed inside its own callback chain,
 * whatever ends is handed to the loop, which destroys it when the callbacks of this turn have returned. */
#ifndef HOODY_DRIVER_LOOP_H
#define HOODY_DRIVER_LOOP_H

struct event_base;
struct loop;

/* The process ignores SIGPIPE from now on. NULL: the system has no event mechanism left for us. */
struct loop *loop_new(void);
/* Destroys what still waits for it. Everything that used the loop must have ended before. */
void loop_destroy(struct loop **p_loop);

struct event_base *loop_base(const struct loop *loop);

/* Takes `object`; calls destroy(object) soon, from the loop itself. */
void loop_reap(struct loop *loop, void (*destroy)(void *object), void *object);

/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
