/* The state machine that joins the scanners, the judge of heads and the evbuffers. */
#include "http_reader.h"

#include <event2/buffer.h>

#include "buffer_move.h"
#include "check.h"
#include "http_chunk_scan.h"
#include "http_head_judge.h"
#include "http_head_scan.h"

enum { HEAD_BYTES_FIRST = 1024 }; /* first size of the copy of a head; it doubles up to HTTP_HEAD_MAX */

enum reader_state {
    READ_START, /* between messages */
    READ_HEAD,
    READ_LENGTH,
    READ_CHUNKS,
    READ_UNTIL_CLOSE,
    READ_END, /* whole, but HTTP_END was not reported yet */
    READ_DEAD,
};

/* Only while in a message: an idle reader is small. */
struct http_message {
    struct http_head head;
    bool has_head; /* `head` is filled */
    struct http_head_scan scan;
    uint8_t *bytes; /* the raw head; spans of `head` point here */
    size_t length;
    size_t capacity;
};

struct http_reader {
    enum http_reader_kind kind;
    enum reader_state state;
    bool answers_head;
    uint8_t empty_lines;
    struct http_reader_pool *pool; /* NULL: none */
    struct http_message *message;
    uint64_t remaining; /* READ_LENGTH */
    struct http_chunk_scan chunks;
    struct http_error error;
};

struct http_reader *http_reader_new(enum http_reader_kind kind)
{
    struct http_reader *reader = calloc(1, sizeof *reader);
    if (reader != NULL) {
        reader->kind = kind;
    }
    return reader;
}

void http_reader_share(struct http_reader *reader, struct http_reader_pool *pool)
{
    reader->pool = pool;
}

static void message_free(struct http_message *message)
{
    if (message != NULL) {
        free(message->bytes);
        free(message);
    }
}

void http_reader_pool_done(struct http_reader_pool *pool)
{
    message_free(pool->spare);
    pool->spare = NULL;
}

/* Not filled: what is not set beforehand is set with the head. NULL: out of memory. */
static struct http_message *message_take(struct http_reader_pool *pool)
{
    struct http_message *message = pool != NULL ? pool->spare : NULL;
    if (message != NULL) {
        pool->spare = NULL;
        return message;
    }
    message = malloc(sizeof *message);
    if (message != NULL) {
        message->bytes = NULL;
        message->capacity = 0;
    }
    return message;
}

static void message_end(struct http_reader *reader)
{
    struct http_message *message = reader->message;
    reader->message = NULL;
    if (message != NULL && reader->pool != NULL && reader->pool->spare == NULL &&
        message->capacity <= HEAD_BYTES_FIRST) {
        reader->pool->spare = message;
    } else {
        message_free(message);
    }
}

void http_reader_destroy(struct http_reader **p_reader)
{
    if (*p_reader != NULL) {
        message_end(*p_reader);
        free(*p_reader);
        *p_reader = NULL;
    }
}

static enum http_event reader_fail(struct http_reader *reader, struct http_error error)
{
    reader->error = error;
    if (reader->kind == HTTP_ANSWERS) {
        reader->error.status = 502;
    }
    reader->state = READ_DEAD;
    return HTTP_BAD;
}

static enum http_event reader_out_of_memory(struct http_reader *reader)
{
    return reader_fail(reader, (struct http_error){.status = 503, .text = "out of memory"});
}

static enum http_event reader_end(struct http_reader *reader)
{
    message_end(reader);
    reader->empty_lines = 0;
    reader->state = READ_START;
    return HTTP_END;
}

/* The bytes at the front that lie in one piece; `in` is not empty. */
static struct span front_of(struct evbuffer *in)
{
    struct evbuffer_iovec piece = {0};
    check(evbuffer_peek(in, -1, NULL, &piece, 1) == 1 && piece.iov_len > 0);
    return span_of(piece.iov_base, piece.iov_len);
}

static bool message_keep(struct http_message *message, struct span bytes)
{
    size_t capacity = message->capacity == 0 ? HEAD_BYTES_FIRST : message->capacity;
    while (capacity - message->length < bytes.length) {
        capacity *= 2;
    }
    if (capacity != message->capacity) {
        uint8_t *grown = realloc(message->bytes, capacity);
        if (grown == NULL) {
            return false;
        }
        message->bytes = grown;
        message->capacity = capacity;
    }
    memcpy(message->bytes + message->length, bytes.data, bytes.length);
    message->length += bytes.length;
    return true;
}

static enum http_event head_done(struct http_reader *reader)
{
    struct http_message *message = reader->message;
    struct http_error error;

    if (!http_head_judge(&message->scan, span_of(message->bytes, message->length), reader->answers_head, &message->head,
                         &error)) {
        return reader_fail(reader, error);
    }
    message->has_head = true;
    switch (message->head.framing) {
    case HTTP_NO_BODY:
        reader->state = READ_END;
        break;
    case HTTP_BY_LENGTH:
        reader->remaining = message->head.content_length;
        reader->state = reader->remaining > 0 ? READ_LENGTH : READ_END;
        break;
    case HTTP_CHUNKED:
        reader->chunks = (struct http_chunk_scan){0};
        reader->state = READ_CHUNKS;
        break;
    case HTTP_UNTIL_CLOSE:
        reader->state = READ_UNTIL_CLOSE;
        break;
    }
    if (reader->kind == HTTP_ANSWERS && (message->head.status >= 200 || message->head.status == 101)) {
        reader->answers_head = false;
    }
    return HTTP_HEAD;
}

static enum http_event read_head(struct http_reader *reader, struct evbuffer *in)
{
    struct http_message *message = reader->message;

    while (evbuffer_get_length(in) > 0) {
        const struct span front = front_of(in);
        struct span rest = front;
        struct http_error error;
        const enum http_head_verdict verdict = http_head_scan(&message->scan, &rest, &error);
        if (verdict == HEAD_BAD) {
            return reader_fail(reader, error);
        }
        const size_t used = front.length - rest.length;
        if (!message_keep(message, span_of(front.data, used))) {
            return reader_out_of_memory(reader);
        }
        evbuffer_drain(in, used);
        if (verdict == HEAD_DONE) {
            return head_done(reader);
        }
    }
    return HTTP_MORE;
}

/* A CR stays in `in` until its LF is there too: it begins nothing. */
static enum http_event read_start(struct http_reader *reader, struct evbuffer *in)
{
    uint8_t line[2];
    while (reader->kind == HTTP_REQUESTS && evbuffer_copyout(in, line, 2) >= 1 && line[0] == '\r') {
        if (evbuffer_get_length(in) < 2) {
            return HTTP_MORE;
        }
        if (line[1] != '\n') {
            return reader_fail(reader, (struct http_error){.status = 400, .text = "a bare CR"});
        }
        if (reader->empty_lines++ == HTTP_EMPTY_LINES_MAX) {
            return reader_fail(reader, (struct http_error){.status = 400, .text = "too many empty lines"});
        }
        evbuffer_drain(in, 2);
    }
    if (evbuffer_get_length(in) == 0) {
        return HTTP_MORE;
    }
    reader->message = message_take(reader->pool);
    if (reader->message == NULL) {
        return reader_out_of_memory(reader);
    }
    reader->message->has_head = false;
    reader->message->length = 0;
    http_head_scan_init(&reader->message->scan, reader->kind);
    reader->state = READ_HEAD;
    return read_head(reader, in);
}

/* Moves as much as is there and both limits allow; returns how much. */
static size_t move_body(struct evbuffer *in, struct evbuffer *body, uint64_t due, size_t body_max)
{
    size_t length = evbuffer_get_length(in);
    if (length > body_max) {
        length = body_max;
    }
    if (length > due) {
        length = (size_t)due;
    }
    if (length > 0) { /* `body` may be NULL where none is expected */
        buffer_move(in, body, length);
    }
    return length;
}

static enum http_event read_length(struct http_reader *reader, struct evbuffer *in, struct evbuffer *body,
                                   size_t body_max)
{
    const size_t moved = move_body(in, body, reader->remaining, body_max);
    reader->remaining -= moved;
    if (reader->remaining == 0) {
        reader->state = READ_END;
    }
    return moved > 0 ? HTTP_BODY : HTTP_MORE;
}

static enum http_event read_until_close(struct evbuffer *in, struct evbuffer *body, size_t body_max)
{
    return move_body(in, body, UINT64_MAX, body_max) > 0 ? HTTP_BODY : HTTP_MORE;
}

/* The framing up to the next data. */
static enum http_chunk_verdict read_chunk_framing(struct http_reader *reader, struct evbuffer *in)
{
    enum http_chunk_verdict verdict = CHUNK_MORE;
    while (verdict == CHUNK_MORE && evbuffer_get_length(in) > 0) {
        const struct span front = front_of(in);
        struct span rest = front;
        struct http_error error;
        verdict = http_chunk_scan(&reader->chunks, &rest, &error);
        if (verdict == CHUNK_BAD) {
            reader_fail(reader, error);
        }
        evbuffer_drain(in, front.length - rest.length);
    }
    return verdict;
}

/* Many small chunks make one event. Bytes that were moved are reported before the end or the fault behind them. */
static enum http_event read_chunks(struct http_reader *reader, struct evbuffer *in, struct evbuffer *body,
                                   size_t body_max)
{
    size_t total = 0;
    for (;;) {
        switch (read_chunk_framing(reader, in)) {
        case CHUNK_MORE:
            return total > 0 ? HTTP_BODY : HTTP_MORE;
        case CHUNK_HAS_DATA:
            break;
        case CHUNK_DONE:
            reader->state = READ_END;
            return total > 0 ? HTTP_BODY : reader_end(reader);
        case CHUNK_BAD:
            return total > 0 ? HTTP_BODY : HTTP_BAD;
        }
        const size_t moved = move_body(in, body, reader->chunks.data_left, body_max - total);
        if (moved == 0) {
            return total > 0 ? HTTP_BODY : HTTP_MORE;
        }
        http_chunk_take(&reader->chunks, moved);
        total += moved;
    }
}

enum http_event http_reader_read(struct http_reader *reader, struct evbuffer *in, struct evbuffer *body,
                                 size_t body_max)
{
    switch (reader->state) {
    case READ_START:
        return read_start(reader, in);
    case READ_HEAD:
        return read_head(reader, in);
    case READ_LENGTH:
        return read_length(reader, in, body, body_max);
    case READ_CHUNKS:
        return read_chunks(reader, in, body, body_max);
    case READ_UNTIL_CLOSE:
        return read_until_close(in, body, body_max);
    case READ_END:
        return reader_end(reader);
    case READ_DEAD:
        return HTTP_BAD;
    }
    check(false);
}

enum http_event http_reader_finish(struct http_reader *reader)
{
    switch (reader->state) {
    case READ_START:
        return HTTP_MORE;
    case READ_UNTIL_CLOSE:
    case READ_END:
        return reader_end(reader);
    case READ_HEAD:
    case READ_LENGTH:
    case READ_CHUNKS:
        return reader_fail(reader, (struct http_error){.status = 400, .text = "the message was cut short"});
    case READ_DEAD:
        return HTTP_BAD;
    }
    check(false);
}

void http_reader_unread(struct http_reader *reader, struct evbuffer *in)
{
    check(http_reader_awaits_head(reader));
    if (reader->message != NULL) {
        check(evbuffer_prepend(in, reader->message->bytes, reader->message->length) == 0);
    }
    message_end(reader);
    reader->empty_lines = 0;
    reader->state = READ_START;
}

void http_reader_answers_head(struct http_reader *reader)
{
    reader->answers_head = true;
}

const struct http_head *http_reader_head(const struct http_reader *reader)
{
    return reader->message != NULL && reader->message->has_head ? &reader->message->head : NULL;
}

struct http_error http_reader_error(const struct http_reader *reader)
{
    return reader->error;
}

bool http_reader_in_message(const struct http_reader *reader)
{
    return reader->message != NULL;
}

bool http_reader_awaits_head(const struct http_reader *reader)
{
    return reader->state == READ_START || reader->state == READ_HEAD;
}
