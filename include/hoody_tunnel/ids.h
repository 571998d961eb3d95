/* Names of things, never reused. Distinct types, so that mixing them does not compile. */
#ifndef HOODY_TUNNEL_IDS_H
#define HOODY_TUNNEL_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* One driver or API connection: in the top 16 bits the gateway shard on which it came in, a counter below. 0: none. */
struct connection_id {
    uint64_t value;
};

/* A binding (protocol section 5): 1..2^31-1. 0: none. */
struct bind_id {
    uint32_t value;
};

/* A session (protocol section 3): "S-" and a lower-case UUIDv4, NUL-terminated. "": none. */
enum { SESSION_ID_LENGTH = 38 };
struct session_id {
    char text[SESSION_ID_LENGTH + 1];
};

static inline bool connection_id_equals(struct connection_id a, struct connection_id b)
{
    return a.value == b.value;
}

static inline bool session_id_equals(const struct session_id *a, const struct session_id *b)
{
    return strcmp(a->text, b->text) == 0;
}

static inline bool session_id_is_none(const struct session_id *id)
{
    return id->text[0] == '\0';
}

#endif
