/* The actors' message catalogue (proto/messages.def) as C: one struct a message, packed with msgpack as the array
 * [id, field...]. Unpacking is strict: known id, exact arity, kinds, ranges, no leftovers. For actors only: never hand
 * network bytes to message_unpack. */
#ifndef HOODY_TUNNEL_MESSAGE_H
#define HOODY_TUNNEL_MESSAGE_H

#include "ids.h"
#include "span.h"

enum actor {
#define ACTOR(name, mailbox, thread) ACTOR_##name,
#include "actors.def" /* proto/actors.def */
#undef ACTOR
    ACTOR_COUNT,
    ACTOR_any = ACTOR_COUNT, /* in the catalogue only */
};
/* "ws-gateway"...; "any". Static. */
const char *actor_name(enum actor actor);
/* As the kernel shows it, at most 15 bytes. Static. */
const char *actor_thread_name(enum actor actor);

enum message_type {
    MESSAGE_NONE,
#define MESSAGE(name, from, to) MESSAGE_##name,
#define FIELD(kind, name)
#define END(name)
#include "messages.def" /* proto/messages.def */
#undef MESSAGE
#undef FIELD
#undef END
    MESSAGE_TYPE_COUNT,
};

/* C types of the field kinds. */
typedef uint64_t field_u64;
typedef uint32_t field_u32;
typedef int64_t field_i64;
typedef bool field_flag;
typedef double field_real;
typedef const char *field_str; /* NUL-terminated, never NULL once unpacked; holds no NUL */
typedef struct span field_bytes;
typedef struct span field_rows; /* messages, back to back: read with message_rows_next */
typedef struct connection_id field_connection_id;
typedef struct bind_id field_bind_id;
typedef struct session_id field_session_id;

#define MESSAGE(name, from, to) struct message_##name {
#define FIELD(kind, name)       field_##kind name;
#define END(name)                                                                                                      \
    }                                                                                                                  \
    ;
#include "messages.def"
#undef MESSAGE
#undef FIELD
#undef END

/* Strings, bytes and rows are borrowed: by a sender's message from the sender, until the send returns; by a received
 * one from `storage`, until message_done. */
struct message {
    enum message_type type;
    union {
#define MESSAGE(name, from, to) struct message_##name name;
#define FIELD(kind, name)
#define END(name)
#include "messages.def"
#undef MESSAGE
#undef FIELD
#undef END
    };
    void *storage; /* owned; NULL in a sender's message */
};

/* A message written in place: MESSAGE_OF (session_closing, .ref = 7, .found = true) is a const struct message *.
 * str fields left out are NULL, which packs as "". */
#define MESSAGE_OF(message_name, ...)                                                                                  \
    (&(const struct message){.type = MESSAGE_##message_name,                                                           \
                             .message_name = (const struct message_##message_name){__VA_ARGS__}})

/* "open_session"...; "none" and "unknown". Static. */
const char *message_name(enum message_type type);
enum actor message_from(enum message_type type);
enum actor message_to(enum message_type type);
/* The `shard` field; 0 for messages without one. */
uint32_t message_shard(const struct message *message);

/* A growing byte buffer that messages are packed into. Zero-initialised is empty. */
struct message_buffer {
    uint8_t *data;
    size_t length;
    size_t capacity;
};
void message_buffer_done(struct message_buffer *buffer);
struct span message_buffer_span(const struct message_buffer *buffer);

/* Appends the packed message. false: out of memory, the buffer is unchanged. */
bool message_pack(const struct message *message, struct message_buffer *buffer);
/* One whole message, nothing before or after. false: not a message of the catalogue; *ret_why (static) says why, and
 * ret_message is untouched. */
bool message_unpack(struct span packed, struct message *ret_message, const char **ret_why);
/* Frees what an unpacked message owns; takes zeroed ones and second calls. */
void message_done(struct message *message);

/* Walks a rows field: takes the next row off the front of *rows. false: none is left, or what is left is no message
 * (then *rows is not empty). The row must be given to message_done. */
bool message_rows_next(struct span *rows, struct message *ret_row);

/* One line for logs and failed tests: `open_session{shard=0 connection=7 ...}`, bytes as their length. Always
 * NUL-terminated; bearer and hello are never shown. Returns text. */
const char *message_print(const struct message *message, char *text, size_t capacity);

#endif
