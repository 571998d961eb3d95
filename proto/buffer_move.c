#include "buffer_move.h"

#include "check.h"

void buffer_move(struct evbuffer *from, struct evbuffer *to, size_t length)
{
    if (length >= BUFFER_MOVE_WHOLE) {
        check(evbuffer_remove_buffer(from, to, length) == (int)length);
        return;
    }
    unsigned char bytes[BUFFER_MOVE_WHOLE];
    check(evbuffer_remove(from, bytes, length) == (int)length);
    check(evbuffer_add(to, bytes, length) == 0);
}
