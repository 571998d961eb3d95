#include "buffer_move.h"

#include "check.h"

void buffer_move(struct evbuffer *from, struct evbuffer *to, size_t length)
{
    if (length >= BUFFER_MOVE_WHOLE) {
        /* libevent counts what is left of the last chain as moved even when it found no memory to copy it to. */
        size_t whole = evbuffer_get_length(to) + length;
        check(evbuffer_remove_buffer(from, to, length) == (int)length && evbuffer_get_length(to) == whole);
        return;
    }
    unsigned char bytes[BUFFER_MOVE_WHOLE];
    check(evbuffer_remove(from, bytes, length) == (int)length);
    check(evbuffer_add(to, bytes, length) == 0);
}
