#include "buffer_front.h"

#include "check.h"

#include <event2/buffer.h>

struct span buffer_front(struct evbuffer *buffer, size_t length)
{
    if (length == 0)
        return (struct span){0};
    const uint8_t *bytes = evbuffer_pullup(buffer, (ev_ssize_t)length);
    check(bytes != NULL);
    return span_of(bytes, length);
}
