/* The order of a stream's frames when its driver changes connection in the middle (protocol section 4).
 *
 * Connections of one session overtake each other. When a HEAD, DATA or EOF of a stream first comes on another
 * connection than before, those before may still be on their way: so the new one's frames are held back, and a
 * WebSocket ping goes out on the old connection. Its pong comes behind everything that the driver had sent there. What
 * is held counts in both windows, which bound it. */
#ifndef HOODY_ACTORS_STREAM_ORDER_H
#define HOODY_ACTORS_STREAM_ORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "tunnel_frame.h"

struct driver_connection;
struct evbuffer;
struct stream;

/* A stream's part in it. */
struct stream_order {
    struct driver_connection *arrival; /* its frames came there last; NULL: any connection may be the next */
    struct driver_connection *next;    /* while it holds: where the held ones came; NULL: that one is lost */
    struct evbuffer *held;             /* frames, headers and all; NULL: it holds none */
    uint64_t held_bytes;               /* DATA in them */
    uint64_t barrier;                  /* the ping whose pong lets them go */
    TAILQ_ENTRY(stream) holding_link;
};

/* A connection's part in it: pings are numbered, a pong stands for all before it too (RFC 6455 section 5.5.3). */
struct barriers {
    uint64_t sent;
    uint64_t passed;              /* the last one whose pong came */
    bool is_owed;                 /* one goes out at the turn's end */
    TAILQ_HEAD(, stream) holding; /* streams that wait for one of them, in order */
};

void barriers_init(struct barriers *barriers);

/* At STREAM_OPEN. */
void stream_order_begin(struct stream *stream);
/* STREAM_OPEN and our EOF went out in one message: drivers answer such streams on the primary from the first frame on,
 * and on no other connection before. */
void stream_order_waive(struct stream *stream);
/* A HEAD, DATA or EOF came on `connection`. true: handle it now. */
bool stream_order_admits(struct stream *stream, struct driver_connection *connection);
/* It is not to be handled now: keeps it, with the `header.length` bytes at the front of `message`. NULL, or why the
 * stream has to be reset; nothing was taken then. */
const char *stream_order_hold(struct stream *stream, struct driver_connection *connection, struct frame_header header,
                              struct evbuffer *message);
/* The stream ends. Returns how many bytes of DATA were held. */
uint64_t stream_order_forget(struct stream *stream);

/* A ping behind all that was added to its batch so far. */
void barriers_raise(struct driver_connection *connection);
/* Every ping was answered. */
bool barriers_are_passed(const struct driver_connection *connection);
/* At the turn's end: writes the ping that is owed. */
void barriers_flush(struct driver_connection *connection);
/* A pong came. */
void barriers_passed(struct driver_connection *connection, const uint8_t *token, size_t length);

enum stream_fate { STREAM_UNTOUCHED, STREAM_MOVES, STREAM_IS_LOST };
/* A secondary is gone; `said_goodbye`: with a close frame, so that nothing of the driver's is missing. What becomes of
 * the stream? */
enum stream_fate stream_order_lose(struct stream *stream, const struct driver_connection *connection,
                                   bool said_goodbye);
/* Afterwards: what was held for the lost connection goes on. Streams may end. */
void barriers_lift(struct driver_connection *connection);

#endif
