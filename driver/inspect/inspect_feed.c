#include "inspect_feed.h"

#include "check.h"

#include <event2/buffer.h>
#include <event2/event.h>

struct inspect_feed {
    const struct inspect_view *view;
    LIST_HEAD(, inspect_listener) listeners;
    struct event *timer;
};

static void tell(struct inspect_feed *feed, struct inspect_listener *listener)
{
    char *list = inspect_json_list(feed->view, listener->revision);
    check(evbuffer_add_printf(listener->out, "event: requests\ndata: %s\n\n", list) > 0);
    free(list);
    listener->revision = inspect_store_revision(feed->view->store);
}

static bool is_due(const struct inspect_feed *feed, const struct inspect_listener *listener)
{
    return evbuffer_get_length(listener->out) == 0 && listener->revision != inspect_store_revision(feed->view->store);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct inspect_feed *feed = arg;
    struct inspect_listener *listener;
    LIST_FOREACH(listener, &feed->listeners, entry)
    if (is_due(feed, listener))
        tell(feed, listener);
}

void inspect_feed_stir(struct inspect_feed *feed)
{
    const struct timeval pause = {.tv_usec = (suseconds_t)INSPECT_FEED_PAUSE_MS * 1000};
    if (!LIST_EMPTY(&feed->listeners) && !evtimer_pending(feed->timer, NULL))
        check(evtimer_add(feed->timer, &pause) == 0);
}

void inspect_feed_join(struct inspect_feed *feed, struct inspect_listener *listener, struct evbuffer *out)
{
    *listener = (struct inspect_listener){.out = out};
    LIST_INSERT_HEAD(&feed->listeners, listener, entry);
    tell(feed, listener);
}

void inspect_feed_leave(struct inspect_listener *listener)
{
    LIST_REMOVE(listener, entry);
}

struct inspect_feed *inspect_feed_new(struct loop *loop, const struct inspect_view *view)
{
    struct inspect_feed *feed = calloc(1, sizeof *feed);
    check(feed != NULL);
    feed->view = view;
    LIST_INIT(&feed->listeners);
    feed->timer = evtimer_new(loop_base(loop), on_timer, feed);
    check(feed->timer != NULL);
    return feed;
}

void inspect_feed_destroy(struct inspect_feed **p_feed)
{
    struct inspect_feed *feed = *p_feed;
    *p_feed = NULL;
    if (feed == NULL)
        return;
    event_free(feed->timer);
    free(feed);
}
