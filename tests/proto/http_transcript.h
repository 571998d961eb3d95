/* Plays bytes to an http_reader, cut in many ways, and writes down what it reports, so that a test can state a whole
 * connection as one string. */
#ifndef HOODY_TESTS_HTTP_TRANSCRIPT_H
#define HOODY_TESTS_HTTP_TRANSCRIPT_H

#include "http_reader.h"

/* How a connection's bytes reach the reader. */
struct http_delivery {
    size_t first;       /* bytes of the first piece */
    size_t then;        /* bytes of each later piece */
    bool chain_by_byte; /* each byte in a chain of its own */
    size_t body_max;    /* per read */
    bool answers_head;  /* http_reader_answers_head before the first byte */
    bool finishes;      /* the peer ends its direction after the last byte */
};

/* One line per event, runs of BODY joined:
 *   head GET /x 1.1 host=a none keep [upgrade] [continue]   or   head 200 OK 1.1 length=5 keep
 *   body <bytes>
 *   end
 *   bad <status>
 *   clean                  (finish: nothing was begun)
 *   left <bytes>           (not taken, unless bad)
 * The caller frees it. */
char *http_transcript(enum http_reader_kind kind, struct span bytes, struct http_delivery delivery);

/* The transcript is `expected` whole, byte by byte, in chains of one byte, with body_max 1, and cut at every offset (of
 * long inputs: at the offsets next to both ends and some hundred between). */
void assert_http_transcript(enum http_reader_kind kind, struct span bytes, bool answers_head, bool finishes,
                            const char *expected);

/* The same for the usual cases. */
void assert_requests(const char *bytes, const char *expected);
void assert_answers(const char *bytes, const char *expected);

/* A printf into a new string with one run of `count` times `fill` at its "%s". The caller frees it. */
char *with_run(const char *format, char fill, size_t count);

#endif
