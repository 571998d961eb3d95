#include "buffer_walk.h"

#include "check.h"

void buffer_walk_begin(struct buffer_walk *walk, struct evbuffer *buffer, size_t length)
{
    check(length <= evbuffer_get_length(buffer));
    walk->buffer = buffer;
    walk->left = length;
    if (length > 0)
        check(evbuffer_ptr_set(buffer, &walk->position, 0, EVBUFFER_PTR_SET) == 0);
}

bool buffer_walk_next(struct buffer_walk *walk, uint8_t **ret_bytes, size_t *ret_length)
{
    if (walk->left == 0)
        return false;
    struct evbuffer_iovec extent;
    check(evbuffer_peek(walk->buffer, 1, &walk->position, &extent, 1) == 1);
    size_t length = extent.iov_len < walk->left ? extent.iov_len : walk->left;
    walk->left -= length;
    if (walk->left > 0)
        check(evbuffer_ptr_set(walk->buffer, &walk->position, length, EVBUFFER_PTR_ADD) == 0);
    *ret_bytes = extent.iov_base;
    *ret_length = length;
    return true;
}
