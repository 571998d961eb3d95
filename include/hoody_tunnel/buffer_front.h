/* The front of an evbuffer in one piece. */
#ifndef HOODY_TUNNEL_BUFFER_FRONT_H
#define HOODY_TUNNEL_BUFFER_FRONT_H

#include <stddef.h>

#include "span.h"

struct evbuffer;

/* The first `length` bytes, at most as many as there are; borrowed, until the buffer changes. Running out of memory
 * ends the process: what has come must not be taken for nothing. */
struct span buffer_front(struct evbuffer *buffer, size_t length);

#endif
