/* Chunk framing around body bytes that are moved, never copied (RFC 9112 section 7.1). */
#include "check.h"
#include "http_forward.h"

#include <event2/buffer.h>
#include <limits.h>

enum { CHUNK_LINE_MAX = 16 + 2 /* hexadecimal digits of a size_t, CRLF */ };

void http_chunk_write(struct evbuffer *source, size_t length, struct evbuffer *out)
{
    if (length == 0) {
        return; /* a chunk of none would end the body */
    }
    check(length <= evbuffer_get_length(source) && length <= INT_MAX);
    char line[CHUNK_LINE_MAX + 1];
    const int line_length = snprintf(line, sizeof line, "%zx\r\n", length);
    check(evbuffer_add(out, line, (size_t)line_length) == 0);
    check(evbuffer_remove_buffer(source, out, length) == (int)length);
    check(evbuffer_add(out, "\r\n", 2) == 0);
}

void http_chunk_write_last(struct evbuffer *out)
{
    check(evbuffer_add(out, "0\r\n\r\n", strlen("0\r\n\r\n")) == 0);
}
