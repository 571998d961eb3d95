/* message_unpack on any bytes: what it accepts is packed and unpacked to the same bytes; rows are walked to their end;
 * what is printed fits and ends with a NUL. Input: RAW and the bytes; or a message's number, its fields by the
 * catalogue (so that a corpus outlives changes to it), and how to spoil what was packed of them. */
#include "fuzz_input.h"

#include "check.h"
#include "message.h"
#include "message_layout.h"

#include <stdlib.h>

static void check_print(const struct message *message)
{
    static const size_t capacities[] = {1, 20, 300, 2048};
    char text[2048];
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        memset(text, 'x', capacities[i]);
        check(message_print(message, text, capacities[i]) == text);
        check(strnlen(text, capacities[i]) < capacities[i]);
    }
    check(strncmp(text, message_name(message->type), strlen(message_name(message->type))) == 0);
}

static void check_rows(struct span rows)
{
    struct message row = {0};
    size_t left = rows.length;
    while (message_rows_next(&rows, &row)) {
        check(rows.length < left);
        left = rows.length;
        message_done(&row);
    }
    check(rows.length == left);
}

static void check_fields(const struct message *message)
{
    const struct message_layout *layout = message_layout_of(message->type);
    check(layout != NULL && message_from(message->type) <= ACTOR_any && message_to(message->type) <= ACTOR_any);
    for (size_t i = 0; i < layout->field_count; i++) {
        const void *value = field_in(message, &layout->fields[i]);
        switch (layout->fields[i].kind) {
        case KIND_str:
            check(*(const field_str *)value != NULL);
            break;
        case KIND_rows:
            check_rows(*(const field_rows *)value);
            break;
        case KIND_bind_id:
            check(((const struct bind_id *)value)->value <= INT32_MAX);
            break;
        case KIND_session_id:
            check(strnlen(value, SESSION_ID_LENGTH + 1) <= SESSION_ID_LENGTH);
            break;
        case KIND_u64:
        case KIND_u32:
        case KIND_i64:
        case KIND_flag:
        case KIND_real:
        case KIND_bytes:
        case KIND_connection_id:
            break;
        }
    }
}

static void check_there_and_back(const struct message *message)
{
    struct message_buffer packed = {0}, again = {0};
    struct message second;
    const char *why = NULL;
    check(message_pack(message, &packed));
    check(message_unpack(message_buffer_span(&packed), &second, &why));
    check(message_pack(&second, &again));
    check(fuzz_span_is(message_buffer_span(&packed), message_buffer_span(&again)));
    message_done(&second);
    message_buffer_done(&packed);
    message_buffer_done(&again);
}

static void check_packed(struct span packed)
{
    struct message message = {0};
    const char *why = NULL;
    if (!message_unpack(packed, &message, &why)) {
        check(why != NULL && strlen(why) > 0 && message.type == MESSAGE_NONE && message.storage == NULL);
        check_rows(packed);
        return;
    }
    check_fields(&message);
    check_print(&message);
    check_there_and_back(&message);
    message_done(&message);
    message_done(&message);
}

/* ---- a message made of the input ---- */

enum { RAW = 0xFF, SPOILS_MAX = 8 };

static uint64_t take_u64(struct span *input)
{
    const uint64_t high = fuzz_take_u32(input);
    return high << 32 | fuzz_take_u32(input);
}

static void take_session(struct span *input, struct session_id *ret_id)
{
    const char digit = (char)('a' + fuzz_take_u8(input) % 6);
    if (digit == 'a') /* none */
        return;
    memset(ret_id->text, digit, SESSION_ID_LENGTH);
}

/* *ret_text, when a string was made, is the caller's to free. */
static void take_field(struct span *input, enum field_kind kind, void *value, char **ret_text)
{
    switch (kind) {
    case KIND_u64:
        *(field_u64 *)value = take_u64(input);
        break;
    case KIND_u32:
        *(field_u32 *)value = fuzz_take_u32(input);
        break;
    case KIND_i64:
        *(field_i64 *)value = (int64_t)take_u64(input);
        break;
    case KIND_flag:
        *(field_flag *)value = (fuzz_take_u8(input) & 1) != 0;
        break;
    case KIND_real:
        *(field_real *)value = (double)take_u64(input);
        break;
    case KIND_str:
        *ret_text = fuzz_text(fuzz_take_bytes(input));
        *(field_str *)value = *ret_text;
        break;
    case KIND_bytes:
    case KIND_rows:
        *(struct span *)value = fuzz_take_bytes(input);
        break;
    case KIND_connection_id:
        ((struct connection_id *)value)->value = take_u64(input);
        break;
    case KIND_bind_id:
        ((struct bind_id *)value)->value = fuzz_take_u32(input) & INT32_MAX;
        break;
    case KIND_session_id:
        take_session(input, value);
        break;
    }
}

static void pack_made(struct span *input, enum message_type type, struct message_buffer *packed)
{
    const struct message_layout *layout = message_layout_of(type);
    struct message message = {.type = type};
    char *texts[OBJECTS_MAX] = {NULL};
    check(layout != NULL && layout->field_count < OBJECTS_MAX);
    for (size_t i = 0; i < layout->field_count; i++)
        take_field(input, layout->fields[i].kind, field_of(&message, &layout->fields[i]), &texts[i]);
    check(message_pack(&message, packed));
    for (size_t i = 0; i < OBJECTS_MAX; i++)
        free(texts[i]);
}

static void check_refused(struct span packed)
{
    struct message message = {0};
    const char *why = NULL;
    check(!message_unpack(packed, &message, &why));
}

/* A message is neither longer nor shorter. */
static void check_whole(struct span packed)
{
    uint8_t *longer = calloc(1, packed.length + 1);
    check(longer != NULL);
    memcpy(longer, packed.data, packed.length);
    check_refused(span_of(longer, packed.length + 1));
    check_refused(span_of(longer, packed.length - 1));
    free(longer);
}

static void check_made(struct span input, enum message_type type)
{
    struct message_buffer packed = {0};
    struct message message = {0};
    const char *why = NULL;
    pack_made(&input, type, &packed);
    check(message_unpack(message_buffer_span(&packed), &message, &why) && message.type == type);
    message_done(&message);
    check_whole(message_buffer_span(&packed));
    check_packed(message_buffer_span(&packed));
    for (int i = 0; i < SPOILS_MAX && input.length > 0; i++) {
        packed.data[fuzz_take_u16(&input) % packed.length] ^= fuzz_take_u8(&input);
        check_packed(message_buffer_span(&packed));
    }
    message_buffer_done(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    const uint8_t first = fuzz_take_u8(&input);
    if (first == RAW)
        check_packed(input);
    else
        check_made(input, (enum message_type)(1 + first % (MESSAGE_TYPE_COUNT - 1)));
    return 0;
}
