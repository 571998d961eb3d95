/* Visitors that stop reading, or are slow, must not starve the others of their session (protocol section 6). Official
 * drivers take session credit before stream credit, so sixteen stalled visitors would hold the whole session window,
 * and sixteen slow ones would leave the others no more of it than they take themselves. So what a visitor leaves unread
 * from one sweep to the next is given back to the session and counted against --buffer-budget instead, while that
 * lasts; after STALLED_MS in which it took nothing, all of its unread bytes are. A stream whose bytes wait and whose
 * own window is used up also lends the session one frame more, for the one that the driver may hold for it. When the
 * budget is used up, the longest stalled stream is reset, never one that moves. */
#ifndef HOODY_ACTORS_STALLED_STREAMS_H
#define HOODY_ACTORS_STALLED_STREAMS_H

#include "stream.h"

struct gateway;

/* false: out of memory. */
bool stalled_streams_init(struct gateway *gateway);
void stalled_streams_done(struct gateway *gateway);

/* Bytes for the visitor have come. */
void stalled_streams_note_received(struct stream *stream);
/* The visitor took `bytes` (consumed is updated already). Returns how many of them the session has back already. */
uint32_t stalled_streams_note_consumed(struct stream *stream, uint32_t bytes);
/* The stream ends. Returns how many of the bytes it still holds the session has back already. */
uint64_t stalled_streams_forget(struct stream *stream);

#endif
