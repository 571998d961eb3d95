/* What is remembered of an exchange for the access log and the histograms. A line is written for each request: served
 * or refused, whole or not. */
#ifndef HOODY_ACTORS_VISITOR_RECORD_H
#define HOODY_ACTORS_VISITOR_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ids.h"

struct binding;
struct http_head;
struct visitor;

enum { METHOD_SHOWN_MAX = 31 /* bytes; llhttp knows none so long */ };

/* What a line of the access log tells beside. */
struct visitor_line {
    char *reason; /* why it will end; owned; NULL: not said */
    /* As they were when it began: a port may change hands meanwhile. */
    struct session_id session; /* none: nobody has served the port yet */
    struct bind_id binding;
    char method[METHOD_SHOWN_MAX + 1]; /* "-": never known */
    char *target;                      /* owned; NULL: not known */
    unsigned status;                   /* of the final head; 0: none was written */
    uint64_t received_bytes;           /* body as framed, from the visitor */
    uint64_t sent_bytes;               /* body, to the visitor */
};

struct visitor_record {
    uint64_t came_ms;     /* the request's first byte was read; 0: none yet */
    uint64_t answered_ms; /* the final head was written; 0: none yet */
    bool is_open;
    bool has_head;             /* false: it was broken, late, or cut short, and counts in no histogram */
    struct visitor_line *line; /* owned; NULL: nothing to tell yet, or no access log */
};

/* A request begins, unless it has. */
void visitor_record_arrive(struct visitor *visitor);
/* `head` is NULL when there will be none. */
void visitor_record_begin(struct visitor *visitor, const struct http_head *head);
/* The final head was written. */
void visitor_record_answered(struct visitor *visitor);
/* So many bytes of a body came from the visitor, or went to it. */
void visitor_record_received(struct visitor *visitor, size_t bytes);
void visitor_record_sent(struct visitor *visitor, size_t bytes);
/* Why the exchange will end, unless something said so before. `reason` is copied. */
void visitor_record_because(struct visitor *visitor, const char *reason);
/* Counts it, and writes its line with --access-log. Without an open one: forgets what was remembered. */
void visitor_record_end(struct visitor *visitor);
/* The line of a connection that was answered unheard. */
void visitor_record_unheard(const struct binding *binding, const char *peer, unsigned status, size_t sent_bytes,
                            const char *reason);

#endif
