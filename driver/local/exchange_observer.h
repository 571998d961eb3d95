/* Who hears of each visitor as his request and its answer pass, or the bytes of his raw connection: the status view,
 * the events, the inspection page. They only look: nothing they do changes what passes. Where nobody observes, one
 * pointer is tested and that is all. */
#ifndef HOODY_DRIVER_EXCHANGE_OBSERVER_H
#define HOODY_DRIVER_EXCHANGE_OBSERVER_H

#include "span.h"
#include "stream_payloads.h"

#include <time.h>

struct evbuffer;

enum { EXCHANGE_OBSERVERS_MAX = 4 };

enum exchange_direction {
    EXCHANGE_IN,  /* from the visitor to the service */
    EXCHANGE_OUT, /* from the service to the visitor */
};

enum exchange_end {
    EXCHANGE_COMPLETE, /* answered to the end; raw bytes: both directions have ended */
    EXCHANGE_FAILED,   /* the service can't be reached, broke off, or one side broke HTTP: the visitor gets 502, or an
                          abort when a head has gone out */
    EXCHANGE_LEFT,     /* the visitor left, or the daemon gave him up */
    EXCHANGE_LOST,     /* the connection to the daemon was lost, or given up */
};

struct exchange_begin {
    uint64_t number;                /* of this process, from 1, never reused */
    size_t tunnel;                  /* as exchange_place says */
    const struct stream_open *open; /* the request as the daemon sent it; borrowed until the call returns */
    struct timespec at;             /* of the wall clock */
    int64_t at_us;                  /* of the monotonic clock */
};

/* Bytes in their place: look at them until the call returns. */
struct exchange_bytes {
    size_t length;
    struct evbuffer *buffer;
    size_t offset; /* in the buffer */
};

/* The first bytes, `room` at most; how many there were. */
size_t exchange_bytes_copy(const struct exchange_bytes *bytes, void *ret_bytes, size_t room);

struct exchange_result {
    enum exchange_end end;
    const char *why; /* one line, in which words of others may be; "" when complete. Borrowed */
    uint64_t duration_us;
    uint64_t bytes[2]; /* by direction: of bodies, without heads and chunk framing; after a 101, of PULL: raw */
};

/* All calls come from the loop, each visitor's in the order begin, bytes and heads, end. `mark` is what on_begin
 * returned; it need not differ from NULL. Nothing that is borrowed may be kept. */
struct exchange_observer {
    void *owner;
    void *(*on_begin)(void *owner, const struct exchange_begin *begin);
    /* As it goes to the daemon: interim heads, then a final one. After a 101 raw bytes follow. PULL has none. */
    void (*on_head)(void *owner, void *mark, const struct response_head *head);
    void (*on_bytes)(void *owner, void *mark, enum exchange_direction direction, const struct exchange_bytes *bytes);
    /* Once, nothing about this visitor after it. */
    void (*on_end)(void *owner, void *mark, const struct exchange_result *result);
};

/* Zeroed: nobody. */
struct exchange_observers {
    struct exchange_observer list[EXCHANGE_OBSERVERS_MAX];
    size_t count;
    uint64_t last_number;
    /* A tunnel's service can't be reached any more, `trouble` (static) says why; NULL: it can again. Once per change;
     * NULL: nobody wants to know. */
    void (*on_target)(void *owner, size_t tunnel, const char *trouble);
    void *target_owner;
};

/* Before the first visitor comes; the observer's owner must outlive the last one. */
void exchange_observers_add(struct exchange_observers *observers, const struct exchange_observer *observer);

/* Where a service's visitors are observed; zeroed: nowhere. */
struct exchange_place {
    struct exchange_observers *observers; /* borrowed */
    size_t tunnel;                        /* whatever the observers know it by */
};

/* A dial of the service went well or not (dial.h's error; 0: well), `p_is_down` is what was told last. */
void exchange_place_tell_dial(const struct exchange_place *place, bool *p_is_down, int error);

#endif
