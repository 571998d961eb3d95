/* Chunk framing around body bytes that are moved (RFC 9112 section 7.1). */
#include "buffer_move.h"
#include "check.h"
#include "http_forward.h"

#include <event2/buffer.h>

enum { CHUNK_LINE_MAX = 16 + 2 /* hexadecimal digits of a size_t, CRLF */ };

void http_chunk_write(struct evbuffer *source, size_t length, struct evbuffer *out)
{
    if (length == 0) {
        return; /* a chunk of none would end the body */
    }
    check(length <= evbuffer_get_length(source));
    char line[CHUNK_LINE_MAX + 1];
    const int line_length = snprintf(line, sizeof line, "%zx\r\n", length);
    check(evbuffer_add(out, line, (size_t)line_length) == 0);
    buffer_move(source, out, length);
    check(evbuffer_add(out, "\r\n", 2) == 0);
}

void http_chunk_write_last(struct evbuffer *out)
{
    check(evbuffer_add(out, "0\r\n\r\n", strlen("0\r\n\r\n")) == 0);
}
