/* Messages to msgpack and back, by the layouts of message_layout.c. msgpack-c is given one scalar at a time: it never
 * sees a container, whose header alone could make it ask for gigabytes. */
#include "message.h"

#include <msgpack.h>

#include "check.h"
#include "message_layout.h"

enum {
    FIXARRAY = 0x90, /* the header of an array of at most OBJECTS_MAX: 1001nnnn */
    BIND_ID_MAX = INT32_MAX,
};

/* ---- pack -------------------------------------------------------------------------------------------------------- */

void message_buffer_done(struct message_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct message_buffer){0};
}

struct span message_buffer_span(const struct message_buffer *buffer)
{
    return span_of(buffer->data, buffer->length);
}

/* msgpack_packer_write */
static int buffer_append(void *data, const char *bytes, size_t length)
{
    enum { CAPACITY_MIN = 256 };
    struct message_buffer *buffer = data;
    if (length > SIZE_MAX / 2 - buffer->length)
        return -1;
    size_t needed = buffer->length + length;
    if (needed > buffer->capacity) {
        size_t capacity = needed < CAPACITY_MIN ? CAPACITY_MIN : needed * 2;
        uint8_t *grown = realloc(buffer->data, capacity);
        if (grown == NULL)
            return -1;
        buffer->data = grown;
        buffer->capacity = capacity;
    }
    if (length > 0)
        memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length = needed;
    return 0;
}

static int pack_text(msgpack_packer *packer, const char *text)
{
    return msgpack_pack_str_with_body(packer, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static int pack_session(msgpack_packer *packer, const struct session_id *id)
{
    size_t length = strnlen(id->text, sizeof id->text);
    check(length == 0 || length == SESSION_ID_LENGTH);
    return msgpack_pack_str_with_body(packer, id->text, length);
}

/* 0 or -1, as msgpack-c has it. */
static int field_pack(msgpack_packer *packer, enum field_kind kind, const void *value)
{
    switch (kind) {
    case KIND_u64:
        return msgpack_pack_uint64(packer, *(const field_u64 *)value);
    case KIND_u32:
        return msgpack_pack_uint32(packer, *(const field_u32 *)value);
    case KIND_i64:
        return msgpack_pack_int64(packer, *(const field_i64 *)value);
    case KIND_flag:
        return *(const field_flag *)value ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    case KIND_real:
        return msgpack_pack_double(packer, *(const field_real *)value);
    case KIND_str:
        return pack_text(packer, *(const field_str *)value);
    case KIND_bytes:
    case KIND_rows: {
        const struct span *span = value;
        return msgpack_pack_bin_with_body(packer, span->data, span->length);
    }
    case KIND_connection_id:
        return msgpack_pack_uint64(packer, ((const struct connection_id *)value)->value);
    case KIND_bind_id:
        check(((const struct bind_id *)value)->value <= BIND_ID_MAX);
        return msgpack_pack_uint32(packer, ((const struct bind_id *)value)->value);
    case KIND_session_id:
        return pack_session(packer, value);
    }
    return -1;
}

bool message_pack(const struct message *message, struct message_buffer *buffer)
{
    const struct message_layout *layout = message_layout_of(message->type);
    check(layout != NULL);
    size_t length_before = buffer->length;
    msgpack_packer packer;
    msgpack_packer_init(&packer, buffer, buffer_append);
    int failed = msgpack_pack_array(&packer, layout->field_count + 1) | msgpack_pack_uint32(&packer, message->type);
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct message_field *field = &layout->fields[i];
        failed |= field_pack(&packer, field->kind, field_in(message, field));
    }
    if (failed != 0)
        buffer->length = length_before;
    return failed == 0;
}

/* ---- unpack ------------------------------------------------------------------------------------------------------ */

/* An array as read: scalars that still borrow the input. */
struct objects {
    msgpack_object values[OBJECTS_MAX];
    size_t count;
};

static bool byte_opens_container(uint8_t byte)
{
    bool fixmap_or_fixarray = byte >= 0x80 && byte <= 0x9f;
    bool array_or_map = byte >= 0xdc && byte <= 0xdf;
    return fixmap_or_fixarray || array_or_map;
}

/* Takes one array of scalars off the front of *in; *in is untouched on failure. NULL: done, else why not. */
static const char *objects_read(struct span *in, struct objects *ret_objects)
{
    if (in->length == 0)
        return "empty";
    if ((in->data[0] & 0xf0) != FIXARRAY)
        return "not an array of at most 15";
    ret_objects->count = in->data[0] & 0x0f;
    size_t offset = 1;
    for (size_t i = 0; i < ret_objects->count; i++) {
        if (offset >= in->length)
            return "cut short";
        if (byte_opens_container(in->data[offset]))
            return "a field of the wrong kind";
        msgpack_unpacked unpacked;
        msgpack_unpacked_init(&unpacked);
        msgpack_unpack_return verdict = msgpack_unpack_next(&unpacked, (const char *)in->data, in->length, &offset);
        ret_objects->values[i] = unpacked.data;
        msgpack_unpacked_destroy(&unpacked); /* scalars live in the input, not in its zone */
        if (verdict == MSGPACK_UNPACK_CONTINUE)
            return "cut short";
        if (verdict != MSGPACK_UNPACK_SUCCESS)
            return "not msgpack";
    }
    *in = span_of(in->data + offset, in->length - offset);
    return NULL;
}

static bool object_is_uint(const msgpack_object *object, uint64_t maximum)
{
    return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= maximum;
}

/* No NUL inside: it would cut the C string that it becomes. */
static bool object_is_text(const msgpack_object *object)
{
    return object->type == MSGPACK_OBJECT_STR &&
           (object->via.str.size == 0 || memchr(object->via.str.ptr, '\0', object->via.str.size) == NULL);
}

static bool object_fits(const msgpack_object *object, enum field_kind kind)
{
    switch (kind) {
    case KIND_u64:
    case KIND_connection_id:
        return object_is_uint(object, UINT64_MAX);
    case KIND_u32:
        return object_is_uint(object, UINT32_MAX);
    case KIND_bind_id:
        return object_is_uint(object, BIND_ID_MAX);
    case KIND_i64:
        return object_is_uint(object, INT64_MAX) || object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
    case KIND_flag:
        return object->type == MSGPACK_OBJECT_BOOLEAN;
    case KIND_real:
        return object->type == MSGPACK_OBJECT_FLOAT64;
    case KIND_str:
        return object_is_text(object);
    case KIND_bytes:
    case KIND_rows:
        return object->type == MSGPACK_OBJECT_BIN;
    case KIND_session_id:
        return object_is_text(object) && (object->via.str.size == 0 || object->via.str.size == SESSION_ID_LENGTH);
    }
    return false;
}

/* What a fitting object needs in the storage block. */
static size_t object_storage(const msgpack_object *object, enum field_kind kind)
{
    if (kind == KIND_str)
        return (size_t)object->via.str.size + 1;
    return object->type == MSGPACK_OBJECT_BIN ? object->via.bin.size : 0;
}

/* Copies a fitting object into its field. *storage moves past what was used of it. */
static void object_store(const msgpack_object *object, enum field_kind kind, void *ret_value, uint8_t **storage)
{
    switch (kind) {
    case KIND_u64:
        *(field_u64 *)ret_value = object->via.u64;
        break;
    case KIND_connection_id:
        ((struct connection_id *)ret_value)->value = object->via.u64;
        break;
    case KIND_u32:
        *(field_u32 *)ret_value = (uint32_t)object->via.u64;
        break;
    case KIND_bind_id:
        ((struct bind_id *)ret_value)->value = (uint32_t)object->via.u64;
        break;
    case KIND_i64:
        *(field_i64 *)ret_value = object->via.i64;
        break;
    case KIND_flag:
        *(field_flag *)ret_value = object->via.boolean;
        break;
    case KIND_real:
        *(field_real *)ret_value = object->via.f64;
        break;
    case KIND_str:
        if (object->via.str.size > 0) /* msgpack-c points nowhere for an empty one */
            memcpy(*storage, object->via.str.ptr, object->via.str.size);
        (*storage)[object->via.str.size] = '\0';
        *(field_str *)ret_value = (const char *)*storage;
        *storage += (size_t)object->via.str.size + 1;
        break;
    case KIND_bytes:
    case KIND_rows:
        if (object->via.bin.size == 0)
            break;
        memcpy(*storage, object->via.bin.ptr, object->via.bin.size);
        *(struct span *)ret_value = span_of(*storage, object->via.bin.size);
        *storage += object->via.bin.size;
        break;
    case KIND_session_id:
        if (object->via.str.size > 0)
            memcpy(((struct session_id *)ret_value)->text, object->via.str.ptr, object->via.str.size);
        break;
    }
}

/* The type of the array, its arity and kinds. NULL: a message of the catalogue, else why not. */
static const char *objects_check(const struct objects *objects, const struct message_layout **ret_layout)
{
    if (objects->count == 0 || !object_is_uint(&objects->values[0], MESSAGE_TYPE_COUNT - 1))
        return "unknown message";
    const struct message_layout *layout = message_layout_of(objects->values[0].via.u64);
    if (layout == NULL)
        return "unknown message";
    if (objects->count != layout->field_count + 1)
        return "wrong number of fields";
    for (size_t i = 0; i < layout->field_count; i++)
        if (!object_fits(&objects->values[i + 1], layout->fields[i].kind))
            return "a field of the wrong kind";
    *ret_layout = layout;
    return NULL;
}

/* A checked array becomes a message. NULL: done, else why not. */
static const char *objects_store(const struct objects *objects, const struct message_layout *layout,
                                 struct message *ret_message)
{
    size_t storage_bytes = 0; /* no overflow: the sum is at most the input's length */
    for (size_t i = 0; i < layout->field_count; i++)
        storage_bytes += object_storage(&objects->values[i + 1], layout->fields[i].kind);
    struct message message = {.type = (enum message_type)objects->values[0].via.u64};
    if (storage_bytes > 0 && (message.storage = malloc(storage_bytes)) == NULL)
        return "out of memory";
    uint8_t *storage = message.storage;
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct message_field *field = &layout->fields[i];
        object_store(&objects->values[i + 1], field->kind, field_of(&message, field), &storage);
    }
    *ret_message = message;
    return NULL;
}

/* Takes one message off the front of *in. NULL: done, else why not; then *in is untouched. */
static const char *message_read(struct span *in, struct message *ret_message)
{
    struct span rest = *in;
    struct objects objects;
    const struct message_layout *layout = NULL;
    const char *why = objects_read(&rest, &objects);
    if (why == NULL)
        why = objects_check(&objects, &layout);
    if (why == NULL)
        why = objects_store(&objects, layout, ret_message);
    if (why == NULL)
        *in = rest;
    return why;
}

bool message_unpack(struct span packed, struct message *ret_message, const char **ret_why)
{
    struct message message;
    const char *why = message_read(&packed, &message);
    if (why == NULL && packed.length > 0) {
        message_done(&message);
        why = "bytes left over";
    }
    if (why != NULL) {
        *ret_why = why;
        return false;
    }
    *ret_message = message;
    return true;
}

bool message_rows_next(struct span *rows, struct message *ret_row)
{
    return message_read(rows, ret_row) == NULL;
}

void message_done(struct message *message)
{
    free(message->storage);
    *message = (struct message){0};
}
