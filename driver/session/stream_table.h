/* The live streams of one session over one set of connections, and the session's two windows (protocol section 6, flow
 * control). Every connection starts with full windows: a resumed session gets a new table. */
#ifndef HOODY_DRIVER_STREAM_TABLE_H
#define HOODY_DRIVER_STREAM_TABLE_H

#include "flow_window.h"
#include "outbox.h"
#include "stream.h"
#include "tunnel_frame.h"
#include "window_growth.h"

#include <sys/queue.h>

enum {
    STREAM_BUCKETS = 256,
    STREAM_WINDOW_MAX = 16777216,      /* bytes: what a stream's window towards us may grow to on a fast long link, */
    SESSION_WINDOW_MAX = 67108864,     /* and the session's, */
    WINDOW_BUDGET = 134217728,         /* and all of them by, together */
    STREAM_TABLE_QUEUE_MARK = 8388608, /* bytes that wait in all streams: from here on each may hold little */
};

struct stream_link {
    LIST_ENTRY(stream_link) entry;
    uint32_t id;
    struct stream *stream;
};
LIST_HEAD(stream_bucket, stream_link);

struct stream_table {
    struct loop *loop;
    struct outbox *outbox; /* of the primary: session WINDOWs */
    struct send_window send;
    struct receive_window receive;
    struct window_growth growth; /* of `receive` */
    struct window_budget window_budget;
    uint32_t stream_window;
    uint32_t max_streams;
    uint32_t count;
    size_t queued; /* bytes that wait for credit, in all streams */
    struct stream_bucket buckets[STREAM_BUCKETS];
    struct outbox_queue starved; /* streams that wait for session credit, in the order they ran out */
};

/* What HELLO_OK granted. */
void stream_table_init(struct stream_table *table, struct loop *loop, struct outbox *outbox, uint32_t stream_window,
                       uint32_t session_window, uint32_t max_streams);
/* The session's connection is lost: all streams go. Takes zeroed ones. */
void stream_table_done(struct stream_table *table);
/* Another connection than the primary is lost: the streams that it carried go. */
void stream_table_lose(struct stream_table *table, const struct outbox *lost);

void stream_table_add(struct stream_table *table, struct stream_link *link);
void stream_table_remove(struct stream_table *table, struct stream_link *link);
struct stream *stream_table_find(const struct stream_table *table, uint32_t id);

/* The session's windows. */
void stream_table_starve(struct stream_table *table, struct outbox_sender *sender);
void stream_table_consumed(struct stream_table *table, size_t bytes);

/* Frames of streams as they come; stream ids that are not in the table are gone ones. `message` holds the frame's
 * payload in front, which on_data takes off. false: the kit broke the protocol, *ret_error says how; the session must
 * end. */
bool stream_table_on_data(struct stream_table *table, uint32_t id, struct evbuffer *message, uint32_t length,
                          struct frame_error *ret_error);
void stream_table_on_end(struct stream_table *table, uint32_t id);
void stream_table_on_reset(struct stream_table *table, uint32_t id, struct reset reset);
/* id 0: the session's. */
bool stream_table_on_window(struct stream_table *table, uint32_t id, uint32_t increment, struct frame_error *ret_error);

#endif
