#include "loop.h"

#include "check.h"

#include <event2/event.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

struct doomed {
    void (*destroy)(void *object);
    void *object;
};

struct loop {
    struct event_base *base;
    struct event *reap_timer;
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

static void on_reap_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    reap_all(arg);
}

struct loop *loop_new(void)
{
    struct loop *loop = calloc(1, sizeof *loop);
    check(loop != NULL);
    signal(SIGPIPE, SIG_IGN); /* bufferevents write without MSG_NOSIGNAL */
    loop->base = event_base_new();
    if (loop->base != NULL)
        loop->reap_timer = evtimer_new(loop->base, on_reap_timer, loop);
    if (loop->reap_timer == NULL)
        loop_destroy(&loop);
    return loop;
}

void loop_destroy(struct loop **p_loop)
{
    struct loop *loop = *p_loop;
    *p_loop = NULL;
    if (loop == NULL)
        return;
    reap_all(loop);
    if (loop->reap_timer != NULL)
        event_free(loop->reap_timer);
    if (loop->base != NULL)
        event_base_free(loop->base);
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
    /* A timer, not event_active: that one would run in this same turn, before the callbacks have returned. */
    const struct timeval at_once = {0};
    check(evtimer_add(loop->reap_timer, &at_once) == 0);
}

void loop_run(struct loop *loop)
{
    event_base_dispatch(loop->base);
}

void loop_stop(struct loop *loop)
{
    event_base_loopbreak(loop->base);
}
