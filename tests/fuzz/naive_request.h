/* A request as the most careless service reads it. Written without the project's parsers: what both read alike cannot
 * be taken for something else. */
#ifndef HOODY_TESTS_FUZZ_NAIVE_REQUEST_H
#define HOODY_TESTS_FUZZ_NAIVE_REQUEST_H

#include "span.h"

#include <stddef.h>

struct evbuffer;

struct naive_request {
    struct span method;
    struct span target;
    bool is_chunked;
    unsigned long long length; /* the last that is said; 0: none */
    size_t hosts;
};

/* Takes the first request off `bytes`: lines end at any LF, words at any white space, names and values are trimmed of
 * whatever is not printable, whatever holds "chunked" is. Its body is appended to `body`. Returns how many bytes it
 * takes for the request; more than there are: it waits for the rest. */
size_t naive_request_read(struct span bytes, struct naive_request *ret_request, struct evbuffer *body);

#endif
