/* Private to the message catalogue: what a message is made of, so that pack, unpack and print can walk it. */
#ifndef HOODY_PROTO_PROTO_MESSAGE_LAYOUT_H
#define HOODY_PROTO_PROTO_MESSAGE_LAYOUT_H

#include <stddef.h>

#include "message.h"

enum field_kind {
    KIND_u64,
    KIND_u32,
    KIND_i64,
    KIND_flag,
    KIND_real,
    KIND_str,
    KIND_bytes,
    KIND_rows,
    KIND_connection_id,
    KIND_bind_id,
    KIND_session_id,
};

struct message_field {
    const char *name;
    enum field_kind kind;
    size_t offset; /* in the message's own struct */
};

struct message_layout {
    const char *name;
    enum actor from;
    enum actor to;
    const struct message_field *fields;
    size_t field_count;
};

enum { OBJECTS_MAX = 15 }; /* of a packed message, its id and its fields: what a one-byte array header can say */

/* A number off the wire or an enum message_type. NULL: no message of the catalogue. */
const struct message_layout *message_layout_of(uint64_t type);

/* Every struct of the union starts where the union does. */
static inline const void *field_in(const struct message *message, const struct message_field *field)
{
    return (const char *)message + offsetof(struct message, ping_actor) + field->offset;
}

static inline void *field_of(struct message *message, const struct message_field *field)
{
    return (char *)message + offsetof(struct message, ping_actor) + field->offset;
}

#endif
