#include "loop.h"

#include "check.h"
#include "http_reader.h"
#include "prompt_socket.h"

#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum { TURN_END_ROUNDS = 4 /* of writing what the kernel takes at once, before all sockets are looked at again */ };

struct doomed {
    void (*destroy)(void *object);
    void *object;
};

struct loop {
    struct event_base *base;
    struct event *turn_end;
    bool turn_is_ending; /* what turns up meanwhile waits for the next one */
    struct write_queue writes;
    struct http_reader_pool heads;
    struct loop_tasks tasks;
    struct loop_tasks running;
    struct loop_orphans orphans;
    struct doomed *doomed;
    size_t count;
    size_t capacity;
};

static void reap_all(struct loop *loop)
{
    /* By index: a destructor may hand over more, which moves the list. */
    for (size_t i = 0; i < loop->count; i++) {
        struct doomed doomed = loop->doomed[i];
        doomed.destroy(doomed.object);
    }
    loop->count = 0;
}

static void run_tasks(struct loop *loop)
{
    struct loop_task *task;
    TAILQ_CONCAT(&loop->running, &loop->tasks, entry);
    TAILQ_FOREACH(task, &loop->running, entry)
    task->waits_in = &loop->running;
    while ((task = TAILQ_FIRST(&loop->running)) != NULL) {
        loop_cancel(task);
        task->run(task->owner);
    }
}

/* Behind the callbacks that this turn has found. */
static void wake_turn_end(void *owner)
{
    struct loop *loop = owner;
    if (!loop->turn_is_ending && !evtimer_pending(loop->turn_end, NULL))
        event_active(loop->turn_end, EV_TIMEOUT, 0);
}

static bool has_more(const struct loop *loop)
{
    return !TAILQ_EMPTY(&loop->tasks) || !write_queue_is_empty(&loop->writes);
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct loop *loop = arg;
    loop->turn_is_ending = true;
    for (int rounds = 0; rounds < TURN_END_ROUNDS && has_more(loop); rounds++) {
        write_queue_run(&loop->writes); /* requests to local services, whose credit goes out with the tasks */
        run_tasks(loop);
        write_queue_run(&loop->writes);
    }
    reap_all(loop);
    loop->turn_is_ending = false;
    const struct timeval at_once = {0};
    if (has_more(loop))
        check(evtimer_add(loop->turn_end, &at_once) == 0); /* when all sockets were looked at again */
}

struct loop *loop_new(void)
{
    struct loop *loop = calloc(1, sizeof *loop);
    check(loop != NULL);
    signal(SIGPIPE, SIG_IGN); /* bufferevents write without MSG_NOSIGNAL */
    loop->base = event_base_new();
    TAILQ_INIT(&loop->tasks);
    TAILQ_INIT(&loop->running);
    TAILQ_INIT(&loop->orphans);
    write_queue_init(&loop->writes, wake_turn_end, loop);
    if (loop->base != NULL)
        loop->turn_end = evtimer_new(loop->base, on_turn_end, loop);
    if (loop->turn_end == NULL)
        loop_destroy(&loop);
    return loop;
}

void loop_destroy(struct loop **p_loop)
{
    struct loop *loop = *p_loop;
    *p_loop = NULL;
    if (loop == NULL)
        return;
    for (struct loop_orphan *orphan; (orphan = TAILQ_FIRST(&loop->orphans)) != NULL;)
        orphan->destroy(orphan->self);
    reap_all(loop);
    if (loop->turn_end != NULL)
        event_free(loop->turn_end);
    if (loop->base != NULL)
        event_base_free(loop->base);
    http_reader_pool_done(&loop->heads);
    free(loop->doomed);
    free(loop);
}

struct event_base *loop_base(const struct loop *loop)
{
    return loop->base;
}

void loop_reap(struct loop *loop, void (*destroy)(void *object), void *object)
{
    if (loop->count == loop->capacity) {
        size_t capacity = loop->capacity == 0 ? 64 : loop->capacity * 2;
        struct doomed *doomed = reallocarray(loop->doomed, capacity, sizeof *doomed);
        check(doomed != NULL);
        loop->doomed = doomed;
        loop->capacity = capacity;
    }
    loop->doomed[loop->count++] = (struct doomed){.destroy = destroy, .object = object};
    wake_turn_end(loop);
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    if (task->waits_in != NULL)
        return;
    task->waits_in = &loop->tasks;
    TAILQ_INSERT_TAIL(task->waits_in, task, entry);
    wake_turn_end(loop);
}

void loop_cancel(struct loop_task *task)
{
    if (task->waits_in != NULL)
        TAILQ_REMOVE(task->waits_in, task, entry);
    task->waits_in = NULL;
}

void loop_adopt(struct loop *loop, struct loop_orphan *orphan)
{
    TAILQ_INSERT_TAIL(&loop->orphans, orphan, entry);
}

void loop_let_go(struct loop *loop, struct loop_orphan *orphan)
{
    TAILQ_REMOVE(&loop->orphans, orphan, entry);
}

struct write_queue *loop_writes(struct loop *loop)
{
    return &loop->writes;
}

struct http_reader_pool *loop_heads(struct loop *loop)
{
    return &loop->heads;
}

void loop_run(struct loop *loop)
{
    event_base_dispatch(loop->base);
}

void loop_stop(struct loop *loop)
{
    event_base_loopbreak(loop->base);
}
