#include "heartbeat.h"

#include "check.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct heartbeat {
    struct loop *loop;
    struct heartbeat_times times;
    const struct heartbeat_events *events;
    void *owner;
    int fd;
    struct event *event;
    int64_t asked_ms; /* -1: no answer is awaited */
};

enum heartbeat_step heartbeat_step(int64_t now_ms, int64_t asked_ms, uint32_t timeout_ms)
{
    bool is_late = now_ms - asked_ms > (int64_t)timeout_ms + HEARTBEAT_SLACK_MS;
    return asked_ms < 0 || is_late ? HEARTBEAT_ASK : HEARTBEAT_JUDGE;
}

static int64_t now_ms(void)
{
    struct timespec now;
    check(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void arm(struct heartbeat *heartbeat, uint32_t ms)
{
    const struct itimerspec in = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}};
    check(timerfd_settime(heartbeat->fd, 0, &in, NULL) == 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct heartbeat *heartbeat = arg;
    uint64_t times;
    if (read((int)fd, &times, sizeof times) != sizeof times)
        return;
    switch (heartbeat_step(now_ms(), heartbeat->asked_ms, heartbeat->times.timeout_ms)) {
    case HEARTBEAT_ASK:
        heartbeat->asked_ms = now_ms();
        arm(heartbeat, heartbeat->times.timeout_ms);
        heartbeat->events->on_ask(heartbeat->owner);
        return;
    case HEARTBEAT_JUDGE:
        heartbeat->asked_ms = -1;
        arm(heartbeat, heartbeat->times.interval_ms);
        heartbeat->events->on_due(heartbeat->owner);
        return;
    }
}

struct heartbeat *heartbeat_new(struct loop *loop, struct heartbeat_times times, const struct heartbeat_events *events,
                                void *owner)
{
    struct heartbeat *heartbeat = calloc(1, sizeof *heartbeat);
    check(heartbeat != NULL && times.interval_ms > 0 && times.timeout_ms > 0);
    *heartbeat = (struct heartbeat){.loop = loop, .times = times, .events = events, .owner = owner, .asked_ms = -1};
    heartbeat->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    check(heartbeat->fd >= 0);
    heartbeat->event = event_new(loop_base(loop), heartbeat->fd, EV_READ | EV_PERSIST, on_timer, heartbeat);
    check(heartbeat->event != NULL && event_add(heartbeat->event, NULL) == 0);
    arm(heartbeat, times.interval_ms);
    return heartbeat;
}

static void free_heartbeat(void *object)
{
    struct heartbeat *heartbeat = object;
    event_free(heartbeat->event);
    close(heartbeat->fd);
    free(heartbeat);
}

void heartbeat_destroy(struct heartbeat **p_heartbeat)
{
    struct heartbeat *heartbeat = *p_heartbeat;
    *p_heartbeat = NULL;
    if (heartbeat == NULL)
        return;
    event_del(heartbeat->event);
    loop_reap(heartbeat->loop, free_heartbeat, heartbeat);
}
