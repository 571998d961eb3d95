/* Which fields never cross a proxy (RFC 9110 section 7.6.1; protocol section 6): a fixed list, and whatever the head's
 * own Connection fields name. Looking a field up stays cheap however long its sender makes those lists. Pure. */
#ifndef HOODY_PROTO_HTTP_HOP_BY_HOP_H
#define HOODY_PROTO_HTTP_HOP_BY_HOP_H

#include "http_reader.h"
#include "stream_payloads.h"

struct http_hop_by_hop {
    struct span *named; /* what Connection names, sorted; owned, the bytes are the head's */
    size_t count;
    size_t capacity;
    bool keeps_upgrade; /* connection and upgrade themselves cross */
};

/* Borrow the head until done. false: out of memory, nothing is held. */
bool http_hop_by_hop_init_head(struct http_hop_by_hop *hops, const struct http_head *head, bool keeps_upgrade);
bool http_hop_by_hop_init_fields(struct http_hop_by_hop *hops, const struct field_list *fields, bool keeps_upgrade);
void http_hop_by_hop_done(struct http_hop_by_hop *hops);

/* true: a field of that name must not pass. Never host or content-length; always transfer-encoding, which whoever
 * frames the body writes himself. */
bool http_hop_by_hop_has(const struct http_hop_by_hop *hops, struct span name);

#endif
