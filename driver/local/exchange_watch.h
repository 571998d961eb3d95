/* One visitor under observation, for those who carry his bytes (exchange.c, relay.c, tcp_target.c): they say what
 * happens, this counts, and tells the observers. NULL is a visitor whom nobody observes. */
#ifndef HOODY_DRIVER_EXCHANGE_WATCH_H
#define HOODY_DRIVER_EXCHANGE_WATCH_H

#include "exchange_observer.h"
#include "stream.h"

struct exchange_watch;

/* `open` is looked at only. NULL: nobody observes. */
struct exchange_watch *exchange_watch_begin(const struct exchange_place *place, const struct stream_open *open);

/* `length` bytes at `offset` of `buffer`. */
void exchange_watch_tell_bytes(struct exchange_watch *watch, enum exchange_direction direction, struct evbuffer *buffer,
                               size_t offset, size_t length);
void exchange_watch_tell_head(struct exchange_watch *watch, const struct response_head *head);
void exchange_watch_tell_end(struct exchange_watch **p_watch, enum exchange_end end, const char *why);

static inline void exchange_watch_bytes(struct exchange_watch *watch, enum exchange_direction direction,
                                        struct evbuffer *buffer, size_t offset, size_t length)
{
    if (watch != NULL && length > 0)
        exchange_watch_tell_bytes(watch, direction, buffer, offset, length);
}

static inline void exchange_watch_head(struct exchange_watch *watch, const struct response_head *head)
{
    if (watch != NULL)
        exchange_watch_tell_head(watch, head);
}

/* Frees it; *p_watch becomes NULL. */
static inline void exchange_watch_complete(struct exchange_watch **p_watch)
{
    if (*p_watch != NULL)
        exchange_watch_tell_end(p_watch, EXCHANGE_COMPLETE, "");
}

/* The same, when the stream is gone. */
void exchange_watch_gone(struct exchange_watch **p_watch, enum stream_gone how, const char *why);

#endif
