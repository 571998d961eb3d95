#include "exchange_watch.h"

#include "check.h"
#include "dial.h"

#include <event2/buffer.h>
#include <stdlib.h>

struct exchange_watch {
    struct exchange_observers *observers;
    size_t observer_count; /* those who were there when it began */
    int64_t began_us;
    uint64_t bytes[2];
    void *marks[EXCHANGE_OBSERVERS_MAX];
};

void exchange_observers_add(struct exchange_observers *observers, const struct exchange_observer *observer)
{
    check(observers->count < EXCHANGE_OBSERVERS_MAX);
    observers->list[observers->count++] = *observer;
}

void exchange_place_tell_dial(const struct exchange_place *place, bool *p_is_down, int error)
{
    bool is_down = error != 0;
    if (is_down == *p_is_down)
        return;
    *p_is_down = is_down;
    const struct exchange_observers *observers = place->observers;
    if (observers != NULL && observers->on_target != NULL)
        observers->on_target(observers->target_owner, place->tunnel, is_down ? dial_error_text(error) : NULL);
}

size_t exchange_bytes_copy(const struct exchange_bytes *bytes, void *ret_bytes, size_t room)
{
    struct evbuffer_ptr at;
    if (room > bytes->length)
        room = bytes->length;
    if (room == 0)
        return 0;
    check(evbuffer_ptr_set(bytes->buffer, &at, bytes->offset, EVBUFFER_PTR_SET) == 0);
    ev_ssize_t copied = evbuffer_copyout_from(bytes->buffer, &at, ret_bytes, room);
    check(copied >= 0);
    return (size_t)copied;
}

static int64_t now_us(void)
{
    struct timespec now;
    check(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct exchange_watch *exchange_watch_begin(const struct exchange_place *place, const struct stream_open *open)
{
    struct exchange_observers *observers = place->observers;
    if (observers == NULL || observers->count == 0)
        return NULL;
    struct exchange_watch *watch = calloc(1, sizeof *watch);
    check(watch != NULL);
    watch->observers = observers;
    watch->observer_count = observers->count;
    watch->began_us = now_us();
    struct exchange_begin begin = {
        .number = ++observers->last_number, .tunnel = place->tunnel, .open = open, .at_us = watch->began_us};
    check(clock_gettime(CLOCK_REALTIME, &begin.at) == 0);
    for (size_t i = 0; i < watch->observer_count; i++)
        watch->marks[i] = observers->list[i].on_begin(observers->list[i].owner, &begin);
    return watch;
}

void exchange_watch_tell_bytes(struct exchange_watch *watch, enum exchange_direction direction, struct evbuffer *buffer,
                               size_t offset, size_t length)
{
    const struct exchange_bytes bytes = {.length = length, .buffer = buffer, .offset = offset};
    watch->bytes[direction] += length;
    for (size_t i = 0; i < watch->observer_count; i++) {
        const struct exchange_observer *observer = &watch->observers->list[i];
        observer->on_bytes(observer->owner, watch->marks[i], direction, &bytes);
    }
}

void exchange_watch_tell_head(struct exchange_watch *watch, const struct response_head *head)
{
    for (size_t i = 0; i < watch->observer_count; i++) {
        const struct exchange_observer *observer = &watch->observers->list[i];
        observer->on_head(observer->owner, watch->marks[i], head);
    }
}

void exchange_watch_tell_end(struct exchange_watch **p_watch, enum exchange_end end, const char *why)
{
    struct exchange_watch *watch = *p_watch;
    *p_watch = NULL;
    const struct exchange_result result = {
        .end = end,
        .why = why,
        .duration_us = (uint64_t)(now_us() - watch->began_us),
        .bytes = {watch->bytes[EXCHANGE_IN], watch->bytes[EXCHANGE_OUT]},
    };
    for (size_t i = 0; i < watch->observer_count; i++) {
        const struct exchange_observer *observer = &watch->observers->list[i];
        observer->on_end(observer->owner, watch->marks[i], &result);
    }
    free(watch);
}

static enum exchange_end end_of(enum stream_gone how)
{
    switch (how) {
    case STREAM_FINISHED:
        return EXCHANGE_COMPLETE;
    case STREAM_BROKEN:
        return EXCHANGE_FAILED;
    case STREAM_GIVEN_UP:
        return EXCHANGE_LEFT;
    case STREAM_LOST:
        return EXCHANGE_LOST;
    }
    return EXCHANGE_FAILED;
}

void exchange_watch_gone(struct exchange_watch **p_watch, enum stream_gone how, const char *why)
{
    if (*p_watch != NULL)
        exchange_watch_tell_end(p_watch, end_of(how), how == STREAM_FINISHED ? "" : why);
}
