/* HTTP/1.x messages read strictly off an evbuffer (RFC 9112; protocol section 6, request smuggling). A scanner of our own
 * checks each raw head, chunk-size line and trailer (bounded) before llhttp, in strict mode, parses it; whatever either
 * refuses is refused. Pure: never touches a socket, no timers.
 *
 * One reader reads the messages of one connection, one after the other: HEAD, BODY any number of times, END, HEAD... */
#ifndef HOODY_TUNNEL_HTTP_READER_H
#define HOODY_TUNNEL_HTTP_READER_H

#include "span.h"

struct evbuffer;

enum {
    HTTP_HEAD_MAX = 32768,       /* bytes, request line to empty line; more: 431 */
    HTTP_FIELDS_MAX = 100,       /* header fields; more: 431 */
    HTTP_TARGET_MAX = 16384,     /* more: 414 */
    HTTP_CHUNK_LINE_MAX = 4096,  /* more: 400 */
    HTTP_TRAILERS_MAX = 32768,   /* more: 431 */
};

enum http_reader_kind { HTTP_REQUESTS, HTTP_ANSWERS };

enum http_framing {
    HTTP_NO_BODY,
    HTTP_BY_LENGTH,   /* content_length bytes, may be 0 when the field says so */
    HTTP_CHUNKED,
    HTTP_UNTIL_CLOSE, /* answers only */
};

struct http_field {
    struct span name; /* as written */
    struct span value; /* without surrounding white space */
};

/* A parsed head. Spans point into the reader and live until the reader reports HTTP_END or is destroyed. */
struct http_head {
    /* requests */
    struct span method;
    struct span target; /* as written */
    struct span host;   /* the Host field's value; data NULL when there is none (1.0 only) */
    bool expects_continue; /* Expect: 100-continue on a 1.1 request with a body */
    bool is_upgrade;       /* 1.1, an Upgrade field and Connection: upgrade, no body announced, not to h2c */
    /* answers */
    uint16_t status;
    struct span reason;
    /* both */
    uint8_t version_minor; /* HTTP/1.0 or 1.1 */
    bool keeps_alive;      /* what version and Connection say */
    enum http_framing framing;
    uint64_t content_length; /* with HTTP_BY_LENGTH, and on answers without body that carry the field */
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t field_count;
};

enum http_event {
    HTTP_MORE, /* nothing whole yet, or body_max is 0 */
    HTTP_HEAD, /* http_reader_head() is filled. Answers: an interim 1xx (not 101) is HEAD then END */
    HTTP_BODY, /* body bytes were moved to `body` */
    HTTP_END,  /* the message is complete; trailers were checked and dropped */
    HTTP_BAD,  /* http_reader_error() says what; the reader is dead */
};

/* What a refused message deserves. For answers `status` is 502. */
struct http_error {
    uint16_t status;  /* 400, 405, 414, 431, 501 */
    const char *text; /* static, one line, says what is wrong */
};

struct http_reader;

/* NULL: out of memory. */
struct http_reader *http_reader_new(enum http_reader_kind kind);
void http_reader_destroy(struct http_reader **p_reader);

/* Consumes at most one event's worth of `in`. Body bytes go to `body` as they come, at most `body_max` per call
 * (chains are moved where the framing allows it); bytes beyond the message (pipelined, or after an upgrade) stay in
 * `in`. Requests: a CONNECT is 405 at its head, an unknown method 501; empty CRLF lines before the request line are skipped
 * (bounded). After the END of an upgrade request, or of an answer with status 101, the reader must not be used for the bytes
 * that follow. */
enum http_event http_reader_read(struct http_reader *reader, struct evbuffer *in, struct evbuffer *body, size_t body_max);

/* The peer ended its direction, `in` is used up. HTTP_END: that completes an HTTP_UNTIL_CLOSE answer; HTTP_MORE:
 * nothing was begun, a clean end between messages; HTTP_BAD: a message was cut short. */
enum http_event http_reader_finish(struct http_reader *reader);

/* Answers: the request was a HEAD, so the next final answer has no body. Call before its head is read. */
void http_reader_answers_head(struct http_reader *reader);

const struct http_head *http_reader_head(const struct http_reader *reader);
struct http_error http_reader_error(const struct http_reader *reader);
/* A message has begun (a byte other than empty lines was seen) and has not ended. */
bool http_reader_in_message(const struct http_reader *reader);
/* The head of the current message has not been read whole yet. */
bool http_reader_awaits_head(const struct http_reader *reader);

/* First field of that name, case-insensitive; NULL: none. */
const struct http_field *http_head_field(const struct http_head *head, const char *name);
/* true: the comma-separated lists of all fields `name` hold `token`, case-insensitive. */
bool http_head_has_token(const struct http_head *head, const char *name, const char *token);

#endif
