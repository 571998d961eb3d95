/* The forms of a request target (RFC 9112 section 3.2). */
#ifndef HOODY_PROTO_HTTP_TARGET_H
#define HOODY_PROTO_HTTP_TARGET_H

#include "span.h"

enum http_target_form {
    TARGET_ORIGIN,   /* a path, maybe a query */
    TARGET_ABSOLUTE, /* scheme://authority, path and query or nothing */
    TARGET_ASTERISK, /* "*" */
    TARGET_OTHER,    /* none that a server is asked with: relative, an authority alone, no host in the authority */
};

struct http_target {
    enum http_target_form form;
    struct span host; /* TARGET_ABSOLUTE: host and port, without userinfo */
    struct span path; /* TARGET_ABSOLUTE: what follows the authority, may be empty or begin with '?' */
};

/* The spans are borrowed from `target`. */
struct http_target http_target_read(struct span target);

#endif
