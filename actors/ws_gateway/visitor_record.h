/* What is remembered of an exchange for the access log and the histograms. */
#ifndef HOODY_ACTORS_VISITOR_RECORD_H
#define HOODY_ACTORS_VISITOR_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "ids.h"

struct visitor;
struct http_head;

struct visitor_record {
    bool is_open;
    struct session_id session; /* none: nobody served the port */
    char *request;             /* method and target for the access log; owned, NULL when that is off */
    uint64_t began_ms;
    uint64_t answered_ms;    /* the final head was written; 0: none yet */
    uint64_t received_bytes; /* body as framed, from the visitor */
    uint64_t sent_bytes;     /* body, to the visitor */
    const char *reason;      /* static: why it ended; NULL: it was complete */
};

void visitor_record_begin(struct visitor *visitor, const struct http_head *head);
/* The final head was written. */
void visitor_record_answered(struct visitor *visitor);
/* Why the exchange will end, unless something said so before. `reason` is static. */
void visitor_record_because(struct visitor *visitor, const char *reason);
/* Counts it, and writes its line with --access-log. Does nothing when none is open. */
void visitor_record_end(struct visitor *visitor);

#endif
