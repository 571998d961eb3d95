/* What an http_reader reports of a connection's bytes, written down so that two deliveries of them can be compared. */
#ifndef HOODY_TESTS_FUZZ_READER_LOG_H
#define HOODY_TESTS_FUZZ_READER_LOG_H

#include "fuzz_input.h"
#include "http_reader.h"

struct reader_setting {
    enum http_reader_kind kind;
    bool answers_head; /* answers: each is one to a HEAD */
    bool finishes;     /* the peer ends its direction after the last byte */
};

/* Plays the bytes whole, then cut in every way of enum fuzz_cut and with small bodies, and checks that what the reader
 * says is the same and keeps its contract. on_head (may be NULL) sees each head of the whole delivery. */
void reader_log_check(struct reader_setting setting, struct span bytes, void (*on_head)(const struct http_head *head));

/* All bodies of the bytes, delivered whole, one after the other; for evbuffer_free. */
struct evbuffer *reader_log_bodies(struct reader_setting setting, struct span bytes);

#endif
