/* WebSocket bytes written by hand for the tests, apart from the project's own writer, and what a reader makes of them.
 */
#ifndef HOODY_TESTS_TESTS_WEBSOCKET_SCRIPT_H
#define HOODY_TESTS_TESTS_WEBSOCKET_SCRIPT_H

#include "websocket.h"

#include <event2/buffer.h>

enum { SCRIPT_MESSAGE_MAX = 262144, FIN = 0x80 };

/* Appends a frame whose first byte is `first`, in the shortest form, masked as `reader_role` expects. */
void script_frame(struct evbuffer *out, enum websocket_role reader_role, uint8_t first, const void *payload,
                  size_t length);
/* The frame's first two bytes alone, masking bit as `reader_role` expects. */
void script_start(struct evbuffer *out, enum websocket_role reader_role, uint8_t first, uint8_t length);

/* `length` bytes that do not repeat with any small period. On the heap. */
uint8_t *script_noise(size_t length);

/* Reads until nothing whole is left, or the last event. The log, on the heap, has one word for each event:
 * "message(..)", "text(..)", "text-begun", "ping(..)", "pong(..)", "closed-1000(..)", "bad-1002", each followed by a
 * space. Payloads of up to 125 bytes are shown, with \xNN for what is not printable, others as length:hash. `log` is
 * taken, may be NULL, and comes back longer. */
char *script_read(struct websocket_reader *reader, struct evbuffer *in, char *log);
/* The same with a reader of its own that takes text and messages up to SCRIPT_MESSAGE_MAX; `in` is freed. */
char *script_read_all(enum websocket_role role, struct evbuffer *in);

/* The word that the log has for an event with this payload. On the heap. */
char *script_word(const char *name, const void *payload, size_t length);

/* All bytes of `buffer`, on the heap; it is freed. */
uint8_t *script_bytes(struct evbuffer *buffer, size_t *ret_length);

#endif
