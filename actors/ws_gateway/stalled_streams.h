/* Visitors that stop reading must not starve the others of their session (protocol section 6). Official drivers take
 * session credit before stream credit, so sixteen stalled visitors would hold the whole session window. After
 * STALLED_MS in which a visitor took nothing, its unread bytes are given back to the session and counted against
 * --buffer-budget instead; a stalled stream whose own window is used up lends the session one frame more, for the one
 * that the driver may hold for it. When the budget is used up, the longest stalled stream is reset. */
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
