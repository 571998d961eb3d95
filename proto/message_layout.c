/* messages.def and actors.def as tables: what a message is made of, its name, and its way. */
#include "message_layout.h"

const struct message_layout *message_layout_of(uint64_t type)
{
    switch (type) {
#define MESSAGE(name, sender, receiver)                                                                                \
    case MESSAGE_##name: {                                                                                             \
        enum { FROM = ACTOR_##sender, TO = ACTOR_##receiver };                                                         \
        typedef struct message_##name here;                                                                            \
        static const struct message_field fields[] = {
#define FIELD(kind, name) {#name, KIND_##kind, offsetof(here, name)},
#define END(name)                                                                                                      \
    }                                                                                                                  \
    ;                                                                                                                  \
    enum { COUNT = sizeof fields / sizeof fields[0] };                                                                 \
    _Static_assert(COUNT + 1 <= OBJECTS_MAX, "too many fields in " #name);                                             \
    static const struct message_layout layout = {#name, (enum actor)FROM, (enum actor)TO, fields, COUNT};              \
    return &layout;                                                                                                    \
    }
#include "messages.def"
#undef MESSAGE
#undef FIELD
#undef END
    default: /* a number off the wire, not only our enum */
        return NULL;
    }
}

const char *actor_name(enum actor actor)
{
    switch (actor) {
#define ACTOR(name, mailbox, thread)                                                                                   \
    case ACTOR_##name:                                                                                                 \
        return mailbox;
#include "actors.def"
#undef ACTOR
    case ACTOR_any:
        break;
    }
    return "any";
}

#define ACTOR(name, mailbox, thread)                                                                                   \
    _Static_assert(sizeof(thread) <= 16, "the kernel cuts thread names after 15 bytes");
#include "actors.def"
#undef ACTOR

const char *actor_thread_name(enum actor actor)
{
    switch (actor) {
#define ACTOR(name, mailbox, thread)                                                                                   \
    case ACTOR_##name:                                                                                                 \
        return thread;
#include "actors.def"
#undef ACTOR
    case ACTOR_any:
        break;
    }
    return "any";
}

const char *message_name(enum message_type type)
{
    const struct message_layout *layout = message_layout_of(type);
    if (layout != NULL)
        return layout->name;
    return type == MESSAGE_NONE ? "none" : "unknown";
}

enum actor message_from(enum message_type type)
{
    const struct message_layout *layout = message_layout_of(type);
    return layout != NULL ? layout->from : ACTOR_any;
}

enum actor message_to(enum message_type type)
{
    const struct message_layout *layout = message_layout_of(type);
    return layout != NULL ? layout->to : ACTOR_any;
}

uint32_t message_shard(const struct message *message)
{
    const struct message_layout *layout = message_layout_of(message->type);
    for (size_t i = 0; layout != NULL && i < layout->field_count; i++) {
        const struct message_field *field = &layout->fields[i];
        if (field->kind == KIND_u32 && strcmp(field->name, "shard") == 0)
            return *(const field_u32 *)field_in(message, field);
    }
    return 0;
}
