/* HTTP/1.x messages read strictly off an evbuffer (RFC 9112; protocol section 6, request smuggling). A scanner of our
 * own checks each raw head (bounded) before llhttp, in strict mode, parses it; whatever either refuses, or both
 * understand differently, is refused. Chunk framing and trailers are our scanner's alone. Pure: never touches a socket,
 * no timers.
 *
 * One reader reads the messages of one connection, one after the other: HEAD, BODY any number of times, END, HEAD...
 * How the input is cut never changes what is reported. Between messages a reader holds about 100 bytes. */
#ifndef HOODY_TUNNEL_HTTP_READER_H
#define HOODY_TUNNEL_HTTP_READER_H

#include "span.h"

struct evbuffer;

enum {
    HTTP_HEAD_MAX = 32768,      /* bytes, request line to empty line and its CRLF; more: 431 */
    HTTP_FIELDS_MAX = 100,      /* header fields; more: 431 */
    HTTP_TARGET_MAX = 16384,    /* bytes; more: 414 */
    HTTP_EMPTY_LINES_MAX = 16,  /* CRLFs before one request; more: 400 */
    HTTP_CHUNK_LINE_MAX = 4096, /* bytes, extensions and CRLF included; more: 400 */
    HTTP_TRAILERS_MAX = 32768,  /* bytes, to the empty line and its CRLF; more: 431 */
};

enum http_reader_kind { HTTP_REQUESTS, HTTP_ANSWERS };

enum http_framing {
    HTTP_NO_BODY,   /* requests without a length; 1xx, 204, 304, answers to HEAD */
    HTTP_BY_LENGTH, /* content_length bytes, may be 0 when the field says so */
    HTTP_CHUNKED,
    HTTP_UNTIL_CLOSE, /* answers only */
};

struct http_field {
    struct span name;  /* as written */
    struct span value; /* without surrounding white space */
};

/* A parsed head. It and its spans live in the reader, until that reports HTTP_END or is destroyed. */
struct http_head {
    /* requests */
    struct span method;
    struct span target;    /* as written: 0x21..0x7E but for " # < > */
    struct span host;      /* the Host field's value, host and port or empty; data NULL when there is none (1.0 only) */
    bool expects_continue; /* Expect: 100-continue on a 1.1 request with a body */
    bool is_upgrade; /* 1.1, an Upgrade field and Connection: upgrade, no body (a length of 0 is none), not to h2c */
    /* answers */
    uint16_t status;
    struct span reason;
    /* both */
    uint8_t version_minor; /* HTTP/1.0 or 1.1 */
    bool keeps_alive;      /* what version and Connection say; never with HTTP_UNTIL_CLOSE */
    enum http_framing framing;
    uint64_t content_length; /* below 2^63; with HTTP_BY_LENGTH, and on answers without body that carry the field */
    size_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX]; /* in order; equal Content-Length fields made one. Last: what is beyond
                                                  the count is never set */
};

enum http_event {
    HTTP_MORE, /* nothing whole yet, or a body waits and body_max is 0 */
    HTTP_HEAD, /* http_reader_head() is filled. Answers: an interim 1xx (not 101) is HEAD then END */
    HTTP_BODY, /* body bytes, at least one, were moved to `body` */
    HTTP_END,  /* the message is complete; trailers were checked and dropped */
    HTTP_BAD,  /* http_reader_error() says what; the reader is dead */
};

/* What a refused message deserves. For answers `status` is 502. */
struct http_error {
    uint16_t status;  /* 400, 405, 414, 431, 501; 503 when memory ran out */
    const char *text; /* static, one line, says what is wrong */
};

struct http_reader;

/* NULL: out of memory. */
struct http_reader *http_reader_new(enum http_reader_kind kind);
void http_reader_destroy(struct http_reader **p_reader);

/* Memory for the messages of several readers of one thread, which are many and short: what a message ends with is
 * kept for the next one. Zero-initialised is empty; it must outlive its readers. */
struct http_message;
struct http_reader_pool {
    struct http_message *spare; /* at most one */
};
void http_reader_pool_done(struct http_reader_pool *pool);
/* Right behind http_reader_new; without it a reader asks malloc. */
void http_reader_share(struct http_reader *reader, struct http_reader_pool *pool);

/* Consumes at most one event's worth of `in`. Body bytes go to `body` as they come, at most `body_max` per call
 * (chains are moved where the framing allows it); bytes beyond the message (pipelined, or after an upgrade) stay in
 * `in`. Requests: a CONNECT is 405 at its head, an unknown method 501; empty CRLF lines before the request line are
 * skipped (bounded), a lone CR there stays in `in`. Body bytes before a fault in chunk framing are still delivered.
 * After the END of an upgrade request, or of an answer with status 101, the reader must not be used for the bytes that
 * follow. */
enum http_event http_reader_read(struct http_reader *reader, struct evbuffer *in, struct evbuffer *body,
                                 size_t body_max);

/* The peer ended its direction, `in` is used up. HTTP_END: that completes an HTTP_UNTIL_CLOSE answer (or the message
 * was whole and its END not read yet); HTTP_MORE: nothing was begun, a clean end between messages; HTTP_BAD: a message
 * was cut short. */
enum http_event http_reader_finish(struct http_reader *reader);

/* Between messages, or in the middle of a head: puts what was read of it back in front of `in`, as if it had not been
 * read. */
void http_reader_unread(struct http_reader *reader, struct evbuffer *in);

/* Answers: the request was a HEAD, so the next final answer (interim ones before it do not count) has no body. Call
 * before its head is read. */
void http_reader_answers_head(struct http_reader *reader);

/* NULL before HTTP_HEAD and after HTTP_END: what outlives the message must be copied before. */
const struct http_head *http_reader_head(const struct http_reader *reader);
/* After HTTP_BAD. */
struct http_error http_reader_error(const struct http_reader *reader);
/* A message has begun (a byte other than empty lines was seen) and has not ended. */
bool http_reader_in_message(const struct http_reader *reader);
/* The next thing to come is a head, or the rest of one: also true between messages. */
bool http_reader_awaits_head(const struct http_reader *reader);

/* First field of that name, case-insensitive; NULL: none. */
const struct http_field *http_head_field(const struct http_head *head, const char *name);
/* true: the comma-separated lists of all fields `name` hold `token`, case-insensitive. */
bool http_head_has_token(const struct http_head *head, const char *name, const char *token);
/* Takes the next member off a comma-separated list, without white space around it; empty ones are skipped. false: none
 * is left. */
bool http_list_next(struct span *list, struct span *ret_member);

#endif
