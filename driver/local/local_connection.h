/* One TCP connection to a local service: bytes in and out, the answer reader, and how much of the DATA given to it has
 * really left for the service. Belongs to an exchange, to a relay, or idle to its local_service. */
#ifndef HOODY_DRIVER_LOCAL_CONNECTION_H
#define HOODY_DRIVER_LOCAL_CONNECTION_H

#include "loop.h"
#include "prompt_socket.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct evbuffer;
struct http_reader;
struct bufferevent;
struct event;

enum local_end {
    LOCAL_ENDED,        /* the service ended its direction; all its bytes were reported */
    LOCAL_READ_FAILED,  /* nothing more can be read: reset, most likely */
    LOCAL_WRITE_FAILED, /* nothing more can be written; what the service said before may still be read, and its end
                           will be reported */
    LOCAL_IDLED,        /* local_connection_idle's time is over */
};

struct local_connection_events {
    /* There may be input to look at; after a pause also when there is none. */
    void (*on_input)(void *owner);
    /* So many bytes of DATA have left. Called while the socket is written: only for counting. */
    void (*on_consumed)(void *owner, size_t bytes);
    /* Everything written has left. */
    void (*on_flushed)(void *owner);
    void (*on_ended)(void *owner, enum local_end end);
};

struct local_service;

struct local_connection {
    TAILQ_ENTRY(local_connection) idle_entry; /* for local_service */
    struct local_service *idles_at;           /* the same */
    struct loop *loop;
    struct bufferevent *bev;
    struct prompt_socket prompt;
    struct http_reader *reader; /* HTTP_ANSWERS, one answer after the other */
    struct event *resume_timer; /* input that was left while paused is looked at again */
    const struct local_connection_events *events;
    void *owner;
    size_t unsent;        /* DATA bytes given to it that have not left, at most */
    bool is_reused;       /* carried an exchange before */
    bool cannot_write;    /* what is given to it is dropped */
    bool was_reset;       /* with cannot_write: the service ended nothing before, so its last bytes may be missing */
    bool ends_when_empty; /* local_connection_end_writing */
    bool is_paused;
    bool is_destroyed; /* memory waits for the loop */
    bool has_end;      /* `end` waits until the input was looked at */
    enum local_end end;
};

/* Takes the connected socket. */
struct local_connection *local_connection_new(struct loop *loop, int fd);
/* Closes it, with RST when `aborts`, behind what the kernel takes at once: the service must not take what it got for a
 * whole. No event follows. */
void local_connection_destroy(struct local_connection **p_connection, bool aborts);

/* From now on its events go to this owner. Input that is there already is reported soon. */
void local_connection_own(struct local_connection *connection, const struct local_connection_events *events,
                          void *owner);

struct evbuffer *local_connection_input(struct local_connection *connection);
/* What is not DATA: heads. */
struct evbuffer *local_connection_output(struct local_connection *connection);
bool local_connection_is_flushed(const struct local_connection *connection);
/* Nothing is under way in either direction, and neither has ended. */
bool local_connection_is_quiet(const struct local_connection *connection);

/* Moves `length` bytes of DATA off `data`, as a chunk or raw. Without a writable socket they count as consumed. */
void local_connection_write(struct local_connection *connection, struct evbuffer *data, size_t length, bool as_chunk);
/* What the service gets ends with local_connection_end_writing alone: whatever else closes the connection, our death
 * included, resets it. */
void local_connection_need_fin(struct local_connection *connection);
/* Half-close, behind what is queued. */
void local_connection_end_writing(struct local_connection *connection);
/* From now on LOCAL_WRITE_FAILED when the service takes nothing for so long. */
void local_connection_write_within(struct local_connection *connection, unsigned seconds);

void local_connection_pause_reading(struct local_connection *connection);
void local_connection_resume_reading(struct local_connection *connection);

/* Reports LOCAL_IDLED when nothing came for so long; 0: never. */
void local_connection_idle(struct local_connection *connection, unsigned seconds);
/* true: the service has closed it or said something unasked, though the loop has not told yet. */
bool local_connection_is_stale(struct local_connection *connection);

#endif
