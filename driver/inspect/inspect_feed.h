/* The event stream by which the page hears of changes (HTML standard, server-sent events): one kind of event,
 * `requests`, whose data is inspect_json_list's, first of all requests, then of those that changed, some times a second
 * at most. Who does not take what was sent gets no more until he has: never more than one event waits for anybody. */
#ifndef HOODY_DRIVER_INSPECT_FEED_H
#define HOODY_DRIVER_INSPECT_FEED_H

#include "inspect_json.h"
#include "loop.h"

#include <sys/queue.h>

enum { INSPECT_FEED_PAUSE_MS = 100 /* between two events */ };

struct evbuffer;
struct inspect_feed;

/* Embedded in whoever listens; the feed's alone between join and leave. */
struct inspect_listener {
    LIST_ENTRY(inspect_listener) entry;
    struct evbuffer *out; /* borrowed; where events go */
    uint64_t revision;    /* up to here it was told */
};

/* `view` must outlive it. */
struct inspect_feed *inspect_feed_new(struct loop *loop, const struct inspect_view *view);
/* Nobody listens any more. */
void inspect_feed_destroy(struct inspect_feed **p_feed);

/* The first event goes out at once. */
void inspect_feed_join(struct inspect_feed *feed, struct inspect_listener *listener, struct evbuffer *out);
void inspect_feed_leave(struct inspect_listener *listener);

/* The store has changed, or a listener has taken all that was sent. */
void inspect_feed_stir(struct inspect_feed *feed);

#endif
