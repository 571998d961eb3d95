/* Moves bytes from one evbuffer to another: long runs as whole chains, without a copy; short ones copied behind what is
 * there. Moving a chain of some kilobytes for each few bytes would let a peer that sends them one by one hold thousands
 * of times the memory that its window allows. */
#ifndef HOODY_TUNNEL_BUFFER_MOVE_H
#define HOODY_TUNNEL_BUFFER_MOVE_H

#include <event2/buffer.h>
#include <stddef.h>

enum { BUFFER_MOVE_WHOLE = 4096 /* bytes: what libevent's chains hold at least; shorter runs are copied */ };

/* length <= evbuffer_get_length(from). Running out of memory ends the process: half a move would lose bytes. */
void buffer_move(struct evbuffer *from, struct evbuffer *to, size_t length);

#endif
