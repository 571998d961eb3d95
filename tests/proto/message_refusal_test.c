/* Whatever is not exactly a message of the catalogue is refused, and nothing harms. */
#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "message_samples.h"

static void assert_refused(struct span packed, const char *why)
{
    struct message untouched = {.type = MESSAGE_NONE};
    const char *reason = NULL;
    assert_false(message_unpack(packed, &untouched, &reason));
    assert_string_equal(reason, why);
    assert_int_equal(untouched.type, MESSAGE_NONE);
    assert_null(untouched.storage);
}

static void a_message_cut_short_is_refused(void **state)
{
    (void)state;
    for (enum message_type type = 1; type < MESSAGE_TYPE_COUNT; type++) {
        struct message_buffer buffer = sample_packed(type, false);
        assert_refused(span_of(buffer.data, 0), "empty");
        for (size_t length = 1; length < buffer.length; length++) {
            uint8_t *exact = malloc(length); /* so that a sanitizer sees a read beyond it */
            assert_non_null(exact);
            memcpy(exact, buffer.data, length);
            assert_refused(span_of(exact, length), "cut short");
            free(exact);
        }
        message_buffer_done(&buffer);
    }
}

static void leftovers_are_refused(void **state)
{
    (void)state;
    for (enum message_type type = 1; type < MESSAGE_TYPE_COUNT; type++) {
        struct message_buffer buffer = sample_packed(type, false);
        msgpack_sbuffer longer;
        msgpack_sbuffer_init(&longer);
        msgpack_sbuffer_write(&longer, (const char *)buffer.data, buffer.length);
        msgpack_sbuffer_write(&longer, "\x00", 1);
        assert_refused(span_of(longer.data, longer.size), "bytes left over");
        msgpack_sbuffer_destroy(&longer);
        message_buffer_done(&buffer);
    }
}

static void one_field_too_many_or_too_few_is_refused(void **state)
{
    (void)state;
    for (enum message_type type = 1; type < MESSAGE_TYPE_COUNT; type++) {
        struct message_buffer buffer = sample_packed(type, false);
        msgpack_sbuffer more, fewer;
        msgpack_sbuffer_init(&more);
        msgpack_sbuffer_write(&more, (const char *)buffer.data, buffer.length);
        msgpack_sbuffer_write(&more, "\x01", 1);
        more.data[0]++;
        assert_refused(span_of(more.data, more.size), "wrong number of fields");
        msgpack_sbuffer_destroy(&more);

        const char *kinds[SAMPLE_FIELDS_MAX];
        fewer = sample_with_field(type, sample_kinds(type, kinds) - 1, span_of("", 0));
        fewer.data[0]--;
        assert_refused(span_of(fewer.data, fewer.size), "wrong number of fields");
        msgpack_sbuffer_destroy(&fewer);
        message_buffer_done(&buffer);
    }
}

static void unknown_ids_are_refused(void **state)
{
    (void)state;
    assert_refused(span_of("\x90", 1), "unknown message");                 /* no id at all */
    assert_refused(span_of("\x92\x00\x01", 3), "unknown message");         /* MESSAGE_NONE */
    assert_refused(span_of("\x92\xff\x01", 3), "unknown message");         /* negative */
    assert_refused(span_of("\x92\xa1\x33\x01", 4), "unknown message");     /* "3" */
    assert_refused(span_of("\x92\xcd\xff\xff\x01", 5), "unknown message"); /* beyond the catalogue */
    uint8_t first_beyond[] = {0x92, 0xcc, MESSAGE_TYPE_COUNT, 0x01};
    assert_refused(span_of(first_beyond, sizeof first_beyond), "unknown message");
    uint8_t id_of_32_bits_too_many[] = {0x92, 0xcf, 0, 0, 0, 1, 0, 0, 0, MESSAGE_drain, 5};
    assert_refused(span_of(id_of_32_bits_too_many, sizeof id_of_32_bits_too_many), "unknown message");
}

static void what_is_no_short_array_is_refused(void **state)
{
    (void)state;
    static const char *const others[] = {"\x05",
                                         "\xc0",
                                         "\xa1x",
                                         "\x81\x01\x02",
                                         "\xdc\x00\x02",
                                         "\xdd\xff\xff\xff\xff",
                                         "\xdf\xff\xff\xff\xff",
                                         "\xc6\xff\xff\xff\xff",
                                         "\xc1"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_refused(span_of(others[i], 1 + strlen(others[i] + 1)), "not an array of at most 15");
}

/* Raw msgpack that a kind must not take. */
struct misfit {
    const char *kind;
    const char *raw;
    size_t length;
};

#define MISFIT(kind, raw)                                                                                              \
    {                                                                                                                  \
        kind, raw, sizeof raw - 1                                                                                      \
    }
#define CONTAINERS(kind)                                                                                               \
    MISFIT(kind, "\x90"), MISFIT(kind, "\x80"), MISFIT(kind, "\x91\x01"), MISFIT(kind, "\xdd\xff\xff\xff\xff"),        \
        MISFIT(kind, "\xdf\xff\xff\xff\xff"), MISFIT(kind, "\xdc\x00\x00"), MISFIT(kind, "\xde\x00\x00"),              \
        MISFIT(kind, "\xc0"), MISFIT(kind, "\xd4\x01\x02"), MISFIT(kind, "\xc7\x00\x01")
#define NO_NUMBER(kind)                                                                                                \
    CONTAINERS(kind), MISFIT(kind, "\xc3"), MISFIT(kind, "\xa1\x35"), MISFIT(kind, "\xc4\x01\x05"),                    \
        MISFIT(kind, "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00")
#define NO_TEXT(kind)                                                                                                  \
    CONTAINERS(kind), MISFIT(kind, "\xc2"), MISFIT(kind, "\x05"), MISFIT(kind, "\xff"), MISFIT(kind, "\xc4\x01x"),     \
        MISFIT(kind, "\xa1\x00"), MISFIT(kind, "\xa3x\x00y")
#define NO_BYTES(kind)                                                                                                 \
    CONTAINERS(kind), MISFIT(kind, "\xc2"), MISFIT(kind, "\x05"), MISFIT(kind, "\xa0"), MISFIT(kind, "\xa1x")

static const struct misfit misfits[] = {
    NO_NUMBER("u64"),
    MISFIT("u64", "\xff"),
    NO_NUMBER("connection_id"),
    MISFIT("connection_id", "\xff"),
    NO_NUMBER("u32"),
    MISFIT("u32", "\xff"),
    MISFIT("u32", "\xcf\x00\x00\x00\x01\x00\x00\x00\x00"),
    NO_NUMBER("bind_id"),
    MISFIT("bind_id", "\xff"),
    MISFIT("bind_id", "\xce\x80\x00\x00\x00"),
    NO_NUMBER("i64"),
    MISFIT("i64", "\xcf\x80\x00\x00\x00\x00\x00\x00\x00"),
    CONTAINERS("flag"),
    MISFIT("flag", "\x00"),
    MISFIT("flag", "\x01"),
    MISFIT("flag", "\xa1t"),
    CONTAINERS("real"),
    MISFIT("real", "\x01"),
    MISFIT("real", "\xca\x3f\x80\x00\x00"),
    MISFIT("real", "\xc3"),
    NO_TEXT("str"),
    NO_TEXT("session_id"),
    MISFIT("session_id", "\xa1S"),
    MISFIT("session_id", "\xd9\x25S-00000000-0000-4000-8000-00000000000"),
    MISFIT("session_id", "\xd9\x27S-00000000-0000-4000-8000-0000000000000"),
    NO_BYTES("bytes"),
    NO_BYTES("rows"),
};

static void every_field_takes_its_own_kind_only(void **state)
{
    (void)state;
    size_t refused = 0;
    for (enum message_type type = 1; type < MESSAGE_TYPE_COUNT; type++) {
        const char *kinds[SAMPLE_FIELDS_MAX];
        size_t count = sample_kinds(type, kinds);
        for (size_t n = 0; n < count; n++) {
            for (size_t i = 0; i < sizeof misfits / sizeof misfits[0]; i++) {
                if (strcmp(misfits[i].kind, kinds[n]) != 0)
                    continue;
                msgpack_sbuffer packed = sample_with_field(type, n, span_of(misfits[i].raw, misfits[i].length));
                assert_refused(span_of(packed.data, packed.size), "a field of the wrong kind");
                msgpack_sbuffer_destroy(&packed);
                refused++;
            }
        }
    }
    assert_true(refused > MESSAGE_TYPE_COUNT * 10);
}

static void numbers_are_taken_in_any_width(void **state)
{
    (void)state;
    msgpack_sbuffer wide = sample_with_field(MESSAGE_drain, 0, span_of("\xcf\x00\x00\x00\x00\x00\x00\x00\x05", 9));
    struct message received;
    const char *why = NULL;
    assert_true(message_unpack(span_of(wide.data, wide.size), &received, &why));
    assert_int_equal(received.drain.timeout_ms, 5);
    message_done(&received);
    msgpack_sbuffer_destroy(&wide);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void random_bytes_never_harm(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int round = 0; round < 200000; round++) {
        uint8_t bytes[48];
        size_t length = next_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)next_random(&seed);
        if (length > 1 && round % 2 == 0) { /* half of them look like a message at first sight */
            bytes[0] = (uint8_t)(0x90 | (bytes[0] & 0x0f));
            bytes[1] %= MESSAGE_TYPE_COUNT;
        }
        struct message message = {0};
        const char *why = NULL;
        if (!message_unpack(span_of(bytes, length), &message, &why))
            assert_non_null(why);
        message_done(&message);
    }
}

static void a_flipped_byte_never_harms(void **state)
{
    (void)state;
    uint32_t seed = 11;
    for (enum message_type type = 1; type < MESSAGE_TYPE_COUNT; type++) {
        struct message_buffer buffer = sample_packed(type, false);
        for (int round = 0; round < 500; round++) {
            size_t at = next_random(&seed) % buffer.length;
            uint8_t before = buffer.data[at];
            buffer.data[at] = (uint8_t)next_random(&seed);
            struct message message = {0};
            const char *why = NULL;
            if (!message_unpack(message_buffer_span(&buffer), &message, &why))
                assert_non_null(why);
            message_done(&message);
            buffer.data[at] = before;
        }
        message_buffer_done(&buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_cut_short_is_refused),
        cmocka_unit_test(leftovers_are_refused),
        cmocka_unit_test(one_field_too_many_or_too_few_is_refused),
        cmocka_unit_test(unknown_ids_are_refused),
        cmocka_unit_test(what_is_no_short_array_is_refused),
        cmocka_unit_test(every_field_takes_its_own_kind_only),
        cmocka_unit_test(numbers_are_taken_in_any_width),
        cmocka_unit_test(random_bytes_never_harm),
        cmocka_unit_test(a_flipped_byte_never_harms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
