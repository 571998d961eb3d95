/* Walks the first bytes of an evbuffer extent by extent, where they lie, however many chains there are. */
#ifndef HOODY_PROTO_BUFFER_WALK_H
#define HOODY_PROTO_BUFFER_WALK_H

#include <event2/buffer.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer_walk {
    struct evbuffer *buffer; /* borrowed; must not change while it is walked */
    struct evbuffer_ptr position;
    size_t left; /* bytes still to walk */
};

/* length <= evbuffer_get_length(buffer). */
void buffer_walk_begin(struct buffer_walk *walk, struct evbuffer *buffer, size_t length);
/* The next extent, never empty. false: all were walked. */
bool buffer_walk_next(struct buffer_walk *walk, uint8_t **ret_bytes, size_t *ret_length);

#endif
