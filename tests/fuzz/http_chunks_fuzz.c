/* Chunked bodies through http_reader, whole against cut; and any bytes that http_chunk_write frames come out again as
 * they were. The first byte says whether a visitor or a local service sent them. */
#include "reader_log.h"

#include "check.h"
#include "http_forward.h"

#include <event2/buffer.h>

#define REQUEST_HEAD "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define ANSWER_HEAD  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static const char *head_of(enum http_reader_kind kind)
{
    return kind == HTTP_REQUESTS ? REQUEST_HEAD : ANSWER_HEAD;
}

static void check_as_received(enum http_reader_kind kind, struct span bytes)
{
    struct evbuffer *wire = evbuffer_new();
    evbuffer_add_printf(wire, "%s", head_of(kind));
    evbuffer_add(wire, bytes.data, bytes.length);
    reader_log_check((struct reader_setting){.kind = kind, .finishes = true}, fuzz_span(wire), NULL);
    evbuffer_free(wire);
}

/* In chunks of the pieces that the bytes are cut into. */
static void check_as_written(enum http_reader_kind kind, struct span bytes)
{
    struct evbuffer *wire = evbuffer_new(), *source = evbuffer_new(), *expected = evbuffer_new();
    struct fuzz_feed feed;
    evbuffer_add_printf(wire, "%s", head_of(kind));
    fuzz_feed_begin(&feed, FUZZ_PIECES, bytes);
    while (fuzz_feed_next(&feed, source)) {
        http_chunk_write(source, evbuffer_get_length(source), wire);
        http_chunk_write(source, 0, wire);
    }
    http_chunk_write_last(wire);
    evbuffer_add(expected, bytes.data, bytes.length);

    struct evbuffer *bodies = reader_log_bodies((struct reader_setting){.kind = kind}, fuzz_span(wire));
    fuzz_check_same(bodies, expected, "a chunked body does not come out as it went in");
    evbuffer_free(wire);
    evbuffer_free(source);
    evbuffer_free(expected);
    evbuffer_free(bodies);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    const enum http_reader_kind kind = (fuzz_take_u8(&input) & 1) != 0 ? HTTP_ANSWERS : HTTP_REQUESTS;
    check_as_received(kind, input);
    check_as_written(kind, input);
    return 0;
}
