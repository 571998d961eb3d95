/* llhttp alone as the judge of an answer's body; a file of its own, as its names are the project's too. */
#ifndef HOODY_TESTS_LLHTTP_ANSWER_H
#define HOODY_TESTS_LLHTTP_ANSWER_H

#include "span.h"

struct evbuffer;

enum llhttp_answer {
    LLHTTP_REFUSES,
    LLHTTP_SHORT, /* more must come */
    LLHTTP_WHOLE,
};

/* The first final answer in `said`, after which the sender has ended; its body goes to `body`. */
enum llhttp_answer llhttp_answer_read(struct span said, bool answers_head, struct evbuffer *body);

#endif
