#include "message_samples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka wants these before it. */
#include <cmocka.h>

/* ---- every message, with values
 * ---------------------------------------------------------------------------------------- */

/* What the n-th field of a message is given. */
struct maker {
    unsigned n;
    bool wants_extremes; /* the largest values, and empty texts */
};

static void make_u64(struct maker *maker, field_u64 *value)
{
    *value = maker->wants_extremes ? UINT64_MAX : UINT64_C(1000000000000) + maker->n;
}

static void make_u32(struct maker *maker, field_u32 *value)
{
    *value = maker->wants_extremes ? UINT32_MAX : 100000 + maker->n;
}

static void make_i64(struct maker *maker, field_i64 *value)
{
    *value = maker->wants_extremes ? (maker->n % 2 == 0 ? INT64_MIN : INT64_MAX) : -5 - (int64_t)maker->n;
}

static void make_flag(struct maker *maker, field_flag *value)
{
    *value = maker->n % 2 == 0;
}

static void make_real(struct maker *maker, field_real *value)
{
    *value = maker->wants_extremes ? HUGE_VAL : 0.1 * maker->n;
}

static void make_str(struct maker *maker, field_str *value)
{
    static const char *const texts[] = {"x",
                                        "a text of more than thirty-one bytes, so that msgpack needs a length byte",
                                        "gr\xc3\xbc\xc3\x9f \"quoted\"\n"};
    *value = maker->wants_extremes ? "" : texts[maker->n % 3];
}

static void make_bytes(struct maker *maker, field_bytes *value)
{
    static const uint8_t bytes[] = {0, 1, 2, 0x90, 0xff, 0, 7};
    *value = maker->wants_extremes ? span_of(NULL, 0) : span_of(bytes, sizeof bytes - maker->n % 3);
}

static void make_rows(struct maker *maker, field_rows *value)
{
    make_bytes(maker, value);
}

static void make_connection_id(struct maker *maker, field_connection_id *value)
{
    make_u64(maker, &value->value);
}

static void make_bind_id(struct maker *maker, field_bind_id *value)
{
    value->value = maker->wants_extremes ? INT32_MAX : 1 + maker->n;
}

static void make_session_id(struct maker *maker, field_session_id *value)
{
    *value = (struct session_id){""};
    if (!maker->wants_extremes)
        snprintf(value->text, sizeof value->text, "S-00000000-0000-4000-8000-%012u", maker->n);
}

#define MESSAGE(name, from, to)                                                                                        \
    static void make_message_##name(struct message *message, bool wants_extremes)                                      \
    {                                                                                                                  \
        struct message_##name *made = &message->name;                                                                  \
        struct maker maker = {.n = MESSAGE_##name, .wants_extremes = wants_extremes};
#define FIELD(kind, name)                                                                                              \
    make_##kind(&maker, &made->name);                                                                                  \
    maker.n++;
#define END(name) }
#include "messages.def"
#undef MESSAGE
#undef FIELD
#undef END

struct message sample_make(enum message_type type, bool wants_extremes)
{
    struct message message = {.type = type};
    switch (type) {
#define MESSAGE(name, from, to)                                                                                        \
    case MESSAGE_##name:                                                                                               \
        make_message_##name(&message, wants_extremes);                                                                 \
        break;
#define FIELD(kind, name)
#define END(name)
#include "messages.def"
#undef MESSAGE
#undef FIELD
#undef END
    case MESSAGE_NONE:
    case MESSAGE_TYPE_COUNT:
        fail();
    }
    return message;
}

/* ---- every message, compared
 * --------------------------------------------------------------------------------------------- */

static void same_u64(field_u64 a, field_u64 b)
{
    assert_true(a == b);
}
static void same_u32(field_u32 a, field_u32 b)
{
    assert_true(a == b);
}
static void same_i64(field_i64 a, field_i64 b)
{
    assert_true(a == b);
}
static void same_flag(field_flag a, field_flag b)
{
    assert_true(a == b);
}
static void same_real(field_real a, field_real b)
{
    assert_memory_equal(&a, &b, sizeof a);
}
static void same_str(field_str a, field_str b)
{
    assert_string_equal(a, b);
    assert_ptr_not_equal(a, b); /* a copy, not the sender's */
}
static void same_bytes(field_bytes a, field_bytes b)
{
    assert_int_equal(a.length, b.length);
    if (a.length > 0) {
        assert_memory_equal(a.data, b.data, a.length);
        assert_ptr_not_equal(a.data, b.data);
    }
}
static void same_rows(field_rows a, field_rows b)
{
    same_bytes(a, b);
}
static void same_connection_id(field_connection_id a, field_connection_id b)
{
    assert_true(connection_id_equals(a, b));
}
static void same_bind_id(field_bind_id a, field_bind_id b)
{
    assert_true(a.value == b.value);
}
static void same_session_id(field_session_id a, field_session_id b)
{
    assert_string_equal(a.text, b.text);
}

void sample_assert_same(const struct message *a, const struct message *b)
{
    assert_int_equal(a->type, b->type);
#define MESSAGE(name, from, to)                                                                                        \
    if (a->type == MESSAGE_##name) {                                                                                   \
        const struct message_##name *left = &a->name, *right = &b->name;
#define FIELD(kind, name) same_##kind(left->name, right->name);
#define END(name)         }
#include "messages.def"
#undef MESSAGE
#undef FIELD
#undef END
}

/* ---- every message, raw
 * -------------------------------------------------------------------------------------------------- */

size_t sample_kinds(enum message_type type, const char *ret_kinds[SAMPLE_FIELDS_MAX])
{
    size_t count = 0;
#define MESSAGE(name, from, to) if (type == MESSAGE_##name) {
#define FIELD(kind, name)       ret_kinds[count++] = #kind;
#define END(name)               }
#include "messages.def"
#undef MESSAGE
#undef FIELD
#undef END
    return count;
}

struct message_buffer sample_packed(enum message_type type, bool wants_extremes)
{
    struct message message = sample_make(type, wants_extremes);
    struct message_buffer buffer = {0};
    assert_true(message_pack(&message, &buffer));
    return buffer;
}

msgpack_sbuffer sample_with_field(enum message_type type, size_t n, struct span raw)
{
    struct message_buffer packed = sample_packed(type, false);
    msgpack_sbuffer out;
    msgpack_sbuffer_init(&out);
    size_t offset = 1; /* behind the array's header */
    msgpack_sbuffer_write(&out, (const char *)packed.data, 1);
    for (size_t i = 0; offset < packed.length; i++) {
        size_t begin = offset;
        msgpack_unpacked object;
        msgpack_unpacked_init(&object);
        assert_int_equal(msgpack_unpack_next(&object, (const char *)packed.data, packed.length, &offset),
                         MSGPACK_UNPACK_SUCCESS);
        msgpack_unpacked_destroy(&object);
        if (i == n + 1)
            msgpack_sbuffer_write(&out, (const char *)raw.data, raw.length);
        else
            msgpack_sbuffer_write(&out, (const char *)packed.data + begin, offset - begin);
    }
    message_buffer_done(&packed);
    return out;
}
