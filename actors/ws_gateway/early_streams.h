/* The first 250 ms of a stream (protocol section 6). Official drivers may not be connected to their local service yet:
 * they reset a stream of which more than 1 MiB comes before, and old ones lose a tcp stream's data when its EOF does.
 */
#ifndef HOODY_ACTORS_EARLY_STREAMS_H
#define HOODY_ACTORS_EARLY_STREAMS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct gateway;
struct stream;

/* A stream's part in it. Zero-initialised: nothing is held back. */
struct early_stream {
    uint64_t until_ms; /* 0: it is early no more */
    bool waits;        /* in the gateway's list: woken when its time has come */
    TAILQ_ENTRY(stream) link;
};

/* false: out of memory. */
bool early_streams_init(struct gateway *gateway);
void early_streams_done(struct gateway *gateway);

/* STREAM_OPEN goes out. */
void early_streams_begin(struct stream *stream);
/* DATA bytes that may go out now; when there are none, the stream is woken in time. */
uint64_t early_streams_allowance(struct stream *stream);
/* Its EOF may go out now; when not, the stream is woken in time. */
bool early_streams_may_end(struct stream *stream);
void early_streams_forget(struct stream *stream);

#endif
