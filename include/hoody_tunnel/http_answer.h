/* Writes one HTTP/1.x answer to a visitor, whatever its sender does: the framing towards the visitor is decided here
 * and a body never exceeds or pollutes it (protocol section 6, answers). Pure: appends to an evbuffer. */
#ifndef HOODY_TUNNEL_HTTP_ANSWER_H
#define HOODY_TUNNEL_HTTP_ANSWER_H

#include "http_reader.h"
#include "stream_payloads.h"

/* What the answer must know of its request. */
struct http_answer_request {
    bool is_head;          /* HEAD */
    bool is_upgrade;       /* STREAM_OPEN said isUpgrade: 101 is allowed */
    uint8_t version_minor; /* the visitor's HTTP/1.minor */
    bool keeps_alive;      /* the visitor may send another request */
};

enum http_answer_framing {
    ANSWER_NO_BODY,
    ANSWER_BY_LENGTH,
    ANSWER_CHUNKED,
    ANSWER_UNTIL_CLOSE,
    ANSWER_RAW /* after 101 */
};

struct http_answer {
    struct http_answer_request request;
    bool head_written; /* a final head */
    enum http_answer_framing framing;
    uint64_t remaining; /* ANSWER_BY_LENGTH: body bytes still due */
    bool keeps_alive;   /* after its end the connection may carry another exchange */
    bool ended;         /* http_answer_end was called */
    uint16_t status;    /* of the final head, 0 before */
};

void http_answer_init(struct http_answer *answer, struct http_answer_request request);

enum http_answer_verdict {
    ANSWER_OK,
    ANSWER_INVALID,  /* any head after the final one, a status that does not fit is_final, 101 on a plain request, a
                        Content-Length that is not one, a body or end before the head or after the end: RESET(1);
                        nothing was written or taken */
    ANSWER_TOO_LONG, /* more body than Content-Length: what fits was written, the rest of `body` is left */
    ANSWER_CUT,      /* the end came before Content-Length bytes: the connection must be aborted */
};

/* Writes a head: interim ones (final:false, never 101) only to 1.1 visitors. Drops hop-by-hop fields, fields whose name
 * is no token or whose value holds CR, LF, NUL, and the sender's own framing; adds its own: the Content-Length it was
 * given, else chunked for 1.1 and the connection's end for 1.0. HEAD, 204 and 304 are bodiless whatever their fields
 * say. 101 keeps connection and upgrade, and raw bytes follow; a refused upgrade gets Connection: close. */
enum http_answer_verdict http_answer_head(struct http_answer *answer, const struct response_head *head,
                                          struct evbuffer *out);
/* Moves all of `body` to `out`, framed; body bytes of bodiless answers are discarded. */
enum http_answer_verdict http_answer_body(struct http_answer *answer, struct evbuffer *body, struct evbuffer *out);
/* The sender's EOF. */
enum http_answer_verdict http_answer_end(struct http_answer *answer, struct evbuffer *out);

/* A whole answer of our own: text/plain; charset=utf-8 with Content-Length (204 and 304 have neither). extra_fields:
 * "Name: value\r\n"... or "". Returns whether the connection may carry another exchange, which is what it told the
 * visitor: never after `closes`, nor after an upgrade. */
bool http_answer_own(struct http_answer_request request, uint16_t status, const char *extra_fields, const char *text,
                     bool closes, struct evbuffer *out);
/* The same with any body and type. */
bool http_answer_own_body(struct http_answer_request request, uint16_t status, const char *extra_fields,
                          const char *content_type, struct span body, bool closes, struct evbuffer *out);

/* "OK", "Bad Gateway"...; "" for statuses without a registered phrase. Static. */
const char *http_status_text(uint16_t status);

#endif
