/* What a visitor reads, by a second reader: as plain as can be, and without a line of the project's parsers. Whatever
 * is not HTTP/1.1 to the letter fails a check(). */
#ifndef HOODY_TESTS_NAIVE_ANSWER_H
#define HOODY_TESTS_NAIVE_ANSWER_H

#include "stream_payloads.h"

struct evbuffer;

struct naive_head {
    unsigned status;
    struct field_list fields; /* owned; in their order */
    bool is_chunked;
    bool has_length;
    uint64_t length;
    bool closes; /* Connection: close */
};

/* Takes a head off the front of `wire`. false: it is not whole. */
bool naive_head_read(struct span *wire, struct naive_head *ret_head);
void naive_head_done(struct naive_head *head);

enum naive_end {
    NAIVE_WHOLE,
    NAIVE_SHORT, /* more must come */
    NAIVE_OPEN,  /* only the connection's end will tell */
};

/* Takes what is there of the body that follows `head`. */
enum naive_end naive_body_read(struct span *wire, const struct naive_head *head, bool answers_head,
                               struct evbuffer *body);

/* What of `sent` may pass with that status: no name that is none, no value that ends a line, nothing of the hop, and no
 * framing, which is the kit's own. */
void naive_fields_that_pass(const struct field_list *sent, unsigned status, struct field_list *ret_passing);

/* `seen` are those of `passing`, each once and in order, beside the kit's own framing. */
void naive_check_fields(const struct naive_head *seen, const struct field_list *passing);

#endif
