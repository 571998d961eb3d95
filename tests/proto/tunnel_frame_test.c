#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tunnel_frame.h"

#include <event2/buffer.h>
#include <stdio.h>

/* Section 2 of the protocol, written down a second time. */
enum scope { SESSION, STREAM, EITHER };
static const struct {
    uint8_t type;
    const char *name;
    bool from_driver, from_kit;
    enum scope scope;
    uint32_t length_min, length_max;
} table[] = {
    {0x01, "HELLO", true, false, SESSION, 0, 65536},
    {0x02, "HELLO_OK", false, true, SESSION, 0, 65536},
    {0x03, "BIND", true, false, SESSION, 0, 65536},
    {0x04, "BIND_OK", false, true, SESSION, 0, 65536},
    {0x05, "BIND_ERR", false, true, SESSION, 0, 65536},
    {0x06, "UNBIND", true, false, SESSION, 0, 65536},
    {0x07, "UNBIND_OK", false, true, SESSION, 0, 65536},
    {0x08, "UNBIND_ERR", false, true, SESSION, 0, 65536},
    {0x09, "JOIN", true, false, SESSION, 0, 65536},
    {0x0A, "JOIN_OK", false, true, SESSION, 0, 65536},
    {0x0B, "JOIN_ERR", false, true, SESSION, 0, 65536},
    {0x0C, "SHARD_MAP", false, true, SESSION, 0, 65536},
    {0x0D, "REISSUE_JOIN_TICKETS", true, true, SESSION, 0, 65536},
    {0x10, "STREAM_OPEN", false, true, STREAM, 0, 65536},
    {0x12, "DATA", true, true, STREAM, 0, 65536},
    {0x13, "EOF", true, true, STREAM, 0, 0},
    {0x14, "RESET", true, true, STREAM, 2, 65536},
    {0x15, "WINDOW", true, true, EITHER, 4, 4},
    {0x16, "STREAM_RESPONSE_HEAD", true, false, STREAM, 0, 65536},
    {0x20, "PING", true, true, SESSION, 8, 8},
    {0x21, "PONG", true, true, SESSION, 8, 8},
    {0x30, "GOAWAY", true, true, SESSION, 0, 65536},
    {0x40, "BIND_REVOKED", false, true, SESSION, 0, 65536},
    {0x41, "CONNECTION_LOST", true, true, EITHER, 0, 65536},
};
enum { TABLE_ROWS = sizeof table / sizeof table[0], NO_ROW = TABLE_ROWS };

static size_t row_of(unsigned type)
{
    size_t row = 0;
    while (row < TABLE_ROWS && table[row].type != type)
        row++;
    return row;
}

static void add_header(struct evbuffer *message, uint8_t type, uint32_t stream, uint32_t length)
{
    uint8_t bytes[] = {
        type,
        (uint8_t)(stream >> 24),
        (uint8_t)(stream >> 16),
        (uint8_t)(stream >> 8),
        (uint8_t)stream,
        (uint8_t)(length >> 24),
        (uint8_t)(length >> 16),
        (uint8_t)(length >> 8),
        (uint8_t)length,
    };
    assert_int_equal(evbuffer_add(message, bytes, sizeof bytes), 0);
}

static void add_frame(struct evbuffer *message, uint8_t type, uint32_t stream, uint32_t length)
{
    static const uint8_t zeros[FRAME_PAYLOAD_MAX + 1];
    add_header(message, type, stream, length);
    assert_int_equal(evbuffer_add(message, zeros, length), 0);
}

struct outcome {
    enum frame_verdict verdict;
    struct frame_header header;
    struct frame_error error;
};

/* The first frame of a message, which is freed. */
static struct outcome walk_first(enum tunnel_side from, struct evbuffer *message)
{
    struct outcome outcome = {0};
    struct frame_walk walk;
    frame_walk_begin(&walk, from);
    outcome.verdict = frame_walk_next(&walk, message, &outcome.header, &outcome.error);
    evbuffer_free(message);
    return outcome;
}

static struct outcome walk_one(enum tunnel_side from, uint8_t type, uint32_t stream, uint32_t length)
{
    struct evbuffer *message = evbuffer_new();
    add_frame(message, type, stream, length);
    return walk_first(from, message);
}

static void assert_bad(struct outcome outcome, enum error_code code, const char *why)
{
    assert_int_equal(outcome.verdict, FRAME_BAD);
    assert_int_equal(outcome.error.code, code);
    assert_string_equal(outcome.error.why, why);
    assert_int_equal(outcome.header.type, 0);
}

static uint32_t fitting_stream(size_t row)
{
    return table[row].scope == STREAM ? 2 : 0;
}

static void test_a_header_is_big_endian(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0x12, 0x89, 0xAB, 0xCD, 0xEF, 0x00, 0x01, 0x02, 0x03};
    uint8_t bytes[FRAME_HEADER_BYTES];
    frame_header_encode((struct frame_header){.type = FRAME_DATA, .stream = 0x89ABCDEF, .length = 0x00010203}, bytes);
    assert_memory_equal(bytes, expected, sizeof expected);
    struct frame_header header = frame_header_decode(expected);
    assert_int_equal(header.type, FRAME_DATA);
    assert_int_equal(header.stream, 0x89ABCDEF);
    assert_int_equal(header.length, 0x00010203);
}

static void test_encoding_then_decoding_a_header_is_identity(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {0,      1,       0x7F,       0x80,       0xFF,      0x100,
                                       0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, UINT32_MAX};
    enum { COUNT = sizeof numbers / sizeof numbers[0] };
    for (unsigned type = 0; type <= 0xFF; type++) {
        for (size_t i = 0; i < COUNT * COUNT; i++) {
            struct frame_header header = {(uint8_t)type, numbers[i / COUNT], numbers[i % COUNT]};
            uint8_t bytes[FRAME_HEADER_BYTES];
            frame_header_encode(header, bytes);
            struct frame_header decoded = frame_header_decode(bytes);
            assert_int_equal(decoded.type, header.type);
            assert_int_equal(decoded.stream, header.stream);
            assert_int_equal(decoded.length, header.length);
        }
    }
}

static void test_types_and_codes_have_names(void **state)
{
    (void)state;
    for (unsigned type = 0; type <= 0xFF; type++) {
        size_t row = row_of(type);
        assert_string_equal(frame_type_name((uint8_t)type), row == NO_ROW ? "unknown" : table[row].name);
    }
    static const char *const texts[] = {
        "no error",     "protocol error", "internal error",   "flow control",      "stream closed",
        "frame size",   "refused stream", "cancel",           "enhance your calm", "bind error",
        "idle timeout", "auth error",     "version mismatch", "bind takeover",     "resource exhausted",
    };
    for (uint32_t code = 0; code < 15; code++)
        assert_string_equal(error_code_text(code), texts[code]);
    assert_string_equal(error_code_text(15), "unknown code");
    assert_string_equal(error_code_text(UINT32_MAX), "unknown code");
}

/* Every type byte, from both sides, on both kinds of stream. */
static void test_type_sender_and_scope_are_judged_by_the_table(void **state)
{
    (void)state;
    for (unsigned type = 0; type <= 0xFF; type++) {
        for (int i = 0; i < 4; i++) {
            enum tunnel_side from = i & 1 ? SIDE_DRIVER : SIDE_KIT;
            uint32_t stream = i & 2 ? 2 : 0;
            size_t row = row_of(type);
            struct outcome outcome = walk_one(from, (uint8_t)type, stream, row == NO_ROW ? 5 : table[row].length_min);
            char why[64];
            if (row == NO_ROW && (type < 0x40 || type > 0x7F)) {
                assert_bad(outcome, CODE_PROTOCOL_ERROR, "unknown frame type");
                continue;
            }
            if (row != NO_ROW && !(from == SIDE_DRIVER ? table[row].from_driver : table[row].from_kit)) {
                snprintf(why, sizeof why, "%s from the wrong side", table[row].name);
                assert_bad(outcome, CODE_PROTOCOL_ERROR, why);
                continue;
            }
            if (row != NO_ROW && table[row].scope == (stream == 0 ? STREAM : SESSION)) {
                snprintf(why, sizeof why, "%s on %s", table[row].name, stream == 0 ? "stream 0" : "a stream");
                assert_bad(outcome, CODE_PROTOCOL_ERROR, why);
                continue;
            }
            assert_int_equal(outcome.verdict, row == NO_ROW ? FRAME_IGNORED : FRAME_OK);
            assert_int_equal(outcome.header.type, type);
            assert_int_equal(outcome.header.stream, stream);
        }
    }
}

static void test_payload_sizes_are_judged_by_the_table(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 65535, 65536, 65537};
    for (size_t row = 0; row < TABLE_ROWS; row++) {
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            enum tunnel_side from = table[row].from_driver ? SIDE_DRIVER : SIDE_KIT;
            struct outcome outcome = walk_one(from, table[row].type, fitting_stream(row), lengths[i]);
            if (lengths[i] >= table[row].length_min && lengths[i] <= table[row].length_max) {
                assert_int_equal(outcome.verdict, FRAME_OK);
                assert_int_equal(outcome.header.length, lengths[i]);
            } else {
                assert_int_equal(outcome.verdict, FRAME_BAD);
                assert_int_equal(outcome.error.code, CODE_FRAME_SIZE);
            }
        }
    }
}

static void test_wrong_sizes_say_which_frame_was_wrong(void **state)
{
    (void)state;
    assert_bad(walk_one(SIDE_DRIVER, FRAME_PING, 0, 7), CODE_FRAME_SIZE, "PING payload is not 8 bytes");
    assert_bad(walk_one(SIDE_DRIVER, FRAME_PONG, 0, 9), CODE_FRAME_SIZE, "PONG payload is not 8 bytes");
    assert_bad(walk_one(SIDE_DRIVER, FRAME_WINDOW, 2, 3), CODE_FRAME_SIZE, "WINDOW payload is not 4 bytes");
    assert_bad(walk_one(SIDE_DRIVER, FRAME_RESET, 2, 1), CODE_FRAME_SIZE, "RESET payload is under 2 bytes");
    assert_bad(walk_one(SIDE_DRIVER, FRAME_EOF, 2, 1), CODE_FRAME_SIZE, "EOF with a payload");
    assert_bad(walk_one(SIDE_DRIVER, FRAME_DATA, 2, 65537), CODE_FRAME_SIZE, "frame payload over 65536 bytes");
}

static void test_an_unknown_type_to_be_skipped_obeys_the_payload_limit(void **state)
{
    (void)state;
    assert_int_equal(walk_one(SIDE_DRIVER, 0x7F, 9, 65536).verdict, FRAME_IGNORED);
    assert_bad(walk_one(SIDE_DRIVER, 0x7F, 9, 65537), CODE_FRAME_SIZE, "frame payload over 65536 bytes");
}

static void test_bind_revoked_from_a_driver_is_not_skipped(void **state)
{
    (void)state;
    assert_bad(walk_one(SIDE_DRIVER, 0x40, 0, 2), CODE_PROTOCOL_ERROR, "BIND_REVOKED from the wrong side");
    assert_int_equal(walk_one(SIDE_KIT, 0x40, 0, 2).verdict, FRAME_OK);
}

static void test_an_empty_message_is_a_protocol_error(void **state)
{
    (void)state;
    assert_bad(walk_first(SIDE_DRIVER, evbuffer_new()), CODE_PROTOCOL_ERROR, "empty message");
}

static void test_a_message_cut_at_any_offset_is_a_protocol_error(void **state)
{
    (void)state;
    enum { PAYLOAD = 20 };
    for (size_t cut = 1; cut < FRAME_HEADER_BYTES + PAYLOAD; cut++) {
        struct evbuffer *whole = evbuffer_new(), *message = evbuffer_new();
        add_frame(whole, FRAME_DATA, 2, PAYLOAD);
        assert_int_equal(evbuffer_remove_buffer(whole, message, cut), cut);
        evbuffer_free(whole);
        assert_bad(walk_first(SIDE_DRIVER, message), CODE_PROTOCOL_ERROR,
                   cut < FRAME_HEADER_BYTES ? "frame header cut short" : "frame payload cut short");
    }
}

static void test_a_skipped_frame_cut_short_is_a_protocol_error(void **state)
{
    (void)state;
    struct evbuffer *message = evbuffer_new();
    add_header(message, 0x50, 0, 1);
    assert_bad(walk_first(SIDE_DRIVER, message), CODE_PROTOCOL_ERROR, "frame payload cut short");
}

static void test_a_header_is_judged_before_its_payload_is_missed(void **state)
{
    (void)state;
    struct evbuffer *message = evbuffer_new();
    add_header(message, FRAME_DATA, 2, UINT32_MAX);
    assert_bad(walk_first(SIDE_DRIVER, message), CODE_FRAME_SIZE, "frame payload over 65536 bytes");
    message = evbuffer_new();
    add_header(message, FRAME_HELLO_OK, 0, 10);
    assert_bad(walk_first(SIDE_DRIVER, message), CODE_PROTOCOL_ERROR, "HELLO_OK from the wrong side");
}

static void test_trailing_bytes_are_a_protocol_error(void **state)
{
    (void)state;
    for (size_t trailing = 1; trailing < FRAME_HEADER_BYTES; trailing++) {
        struct evbuffer *message = evbuffer_new();
        add_frame(message, FRAME_EOF, 2, 0);
        assert_int_equal(evbuffer_add(message, "\x12\0\0\0\2\0\0\0", trailing), 0);
        struct frame_walk walk;
        struct outcome outcome = {0};
        frame_walk_begin(&walk, SIDE_DRIVER);
        assert_int_equal(frame_walk_next(&walk, message, &outcome.header, &outcome.error), FRAME_OK);
        outcome.header.type = 0;
        outcome.verdict = frame_walk_next(&walk, message, &outcome.header, &outcome.error);
        assert_bad(outcome, CODE_PROTOCOL_ERROR, "trailing bytes in a message");
        evbuffer_free(message);
    }
}

/* Walks `frames` frames, every second of them of an unknown type; returns the last verdict. */
static enum frame_verdict walk_many(unsigned frames, struct frame_error *ret_error)
{
    struct evbuffer *message = evbuffer_new();
    for (unsigned i = 0; i < frames; i++)
        add_frame(message, i % 2 == 0 ? FRAME_DATA : 0x7E, 2, i);
    struct frame_walk walk;
    struct frame_header header;
    enum frame_verdict verdict;
    unsigned seen = 0;
    frame_walk_begin(&walk, SIDE_KIT);
    while ((verdict = frame_walk_next(&walk, message, &header, ret_error)) == FRAME_OK || verdict == FRAME_IGNORED) {
        assert_int_equal(verdict, seen % 2 == 0 ? FRAME_OK : FRAME_IGNORED);
        assert_int_equal(header.length, seen);
        assert_int_equal(evbuffer_drain(message, header.length), 0);
        seen++;
    }
    assert_int_equal(seen, frames < 64 ? frames : 64);
    evbuffer_free(message);
    return verdict;
}

static void test_a_message_carries_up_to_64_frames_skipped_ones_too(void **state)
{
    (void)state;
    struct frame_error error;
    for (unsigned frames = 1; frames <= 64; frames++)
        assert_int_equal(walk_many(frames, &error), FRAME_END);
    assert_int_equal(walk_many(65, &error), FRAME_BAD);
    assert_int_equal(error.code, CODE_PROTOCOL_ERROR);
    assert_string_equal(error.why, "more than 64 frames in a message");
}

/* Each byte in a chain of its own. */
static struct evbuffer *scatter(struct evbuffer *whole)
{
    struct evbuffer *scattered = evbuffer_new(), *byte = evbuffer_new();
    uint8_t value;
    while (evbuffer_remove(whole, &value, 1) == 1) {
        assert_int_equal(evbuffer_add(byte, &value, 1), 0);
        assert_int_equal(evbuffer_add_buffer(scattered, byte), 0);
    }
    evbuffer_free(byte);
    evbuffer_free(whole);
    return scattered;
}

static void test_frames_may_be_spread_over_many_chains(void **state)
{
    (void)state;
    struct evbuffer *message = evbuffer_new();
    add_frame(message, FRAME_PING, 0, 8);
    add_frame(message, 0x42, 3, 100);
    add_frame(message, FRAME_DATA, 0x01020304, 30);
    message = scatter(message);

    struct frame_walk walk;
    struct frame_header header;
    struct frame_error error;
    frame_walk_begin(&walk, SIDE_DRIVER);
    assert_int_equal(frame_walk_next(&walk, message, &header, &error), FRAME_OK);
    assert_int_equal(header.type, FRAME_PING);
    assert_int_equal(evbuffer_drain(message, 8), 0);
    assert_int_equal(frame_walk_next(&walk, message, &header, &error), FRAME_IGNORED);
    assert_int_equal(evbuffer_drain(message, 100), 0);
    assert_int_equal(frame_walk_next(&walk, message, &header, &error), FRAME_OK);
    assert_int_equal(header.stream, 0x01020304);
    assert_int_equal(evbuffer_get_length(message), 30);
    assert_int_equal(evbuffer_drain(message, 30), 0);
    assert_int_equal(frame_walk_next(&walk, message, &header, &error), FRAME_END);
    evbuffer_free(message);
}

static void test_window_payloads(void **state)
{
    (void)state;
    static const uint32_t increments[] = {0, 1, 65536, 0x01020304, 0x7FFFFFFF, UINT32_MAX};
    uint8_t payload[4];
    for (size_t i = 0; i < sizeof increments / sizeof increments[0]; i++) {
        frame_window_encode(increments[i], payload);
        assert_int_equal(frame_window_decode(payload), increments[i]);
    }
    frame_window_encode(0x01020304, payload);
    assert_memory_equal(payload, "\1\2\3\4", 4);
}

static void test_reset_payloads(void **state)
{
    (void)state;
    uint8_t payload[2 + FRAME_RESET_REASON_MAX];
    size_t length = frame_reset_encode(CODE_BIND_TAKEOVER, "taken over", payload);
    assert_int_equal(length, 12);
    assert_memory_equal(payload, "\0\x0Dtaken over", length);
    struct reset reset = frame_reset_decode(span_of(payload, length));
    assert_int_equal(reset.code, CODE_BIND_TAKEOVER);
    assert_true(span_equals(reset.reason, "taken over"));

    assert_int_equal(frame_reset_encode(CODE_NO_ERROR, "", payload), 2);
    assert_int_equal(frame_reset_decode(span_of(payload, 2)).reason.length, 0);
    assert_int_equal(frame_reset_decode(span_of("\xFE\xDC", 2)).code, 0xFEDC);
}

static void test_a_long_reset_reason_is_cut_at_a_character(void **state)
{
    (void)state;
    uint8_t payload[2 + FRAME_RESET_REASON_MAX];
    char reason[400];
    memset(reason, 'x', sizeof reason);
    reason[256] = '\0';
    assert_int_equal(frame_reset_encode(CODE_CANCEL, reason, payload), 2 + 256);
    reason[256] = 'x';
    reason[sizeof reason - 1] = '\0';
    assert_int_equal(frame_reset_encode(CODE_CANCEL, reason, payload), 2 + 256);
    memcpy(reason + 254, "\xE2\x82\xAC", 3);
    assert_int_equal(frame_reset_encode(CODE_CANCEL, reason, payload), 2 + 254);
    assert_memory_equal(payload + 2, reason, 254);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_header_is_big_endian),
        cmocka_unit_test(test_encoding_then_decoding_a_header_is_identity),
        cmocka_unit_test(test_types_and_codes_have_names),
        cmocka_unit_test(test_type_sender_and_scope_are_judged_by_the_table),
        cmocka_unit_test(test_payload_sizes_are_judged_by_the_table),
        cmocka_unit_test(test_wrong_sizes_say_which_frame_was_wrong),
        cmocka_unit_test(test_an_unknown_type_to_be_skipped_obeys_the_payload_limit),
        cmocka_unit_test(test_bind_revoked_from_a_driver_is_not_skipped),
        cmocka_unit_test(test_an_empty_message_is_a_protocol_error),
        cmocka_unit_test(test_a_message_cut_at_any_offset_is_a_protocol_error),
        cmocka_unit_test(test_a_skipped_frame_cut_short_is_a_protocol_error),
        cmocka_unit_test(test_a_header_is_judged_before_its_payload_is_missed),
        cmocka_unit_test(test_trailing_bytes_are_a_protocol_error),
        cmocka_unit_test(test_a_message_carries_up_to_64_frames_skipped_ones_too),
        cmocka_unit_test(test_frames_may_be_spread_over_many_chains),
        cmocka_unit_test(test_window_payloads),
        cmocka_unit_test(test_reset_payloads),
        cmocka_unit_test(test_a_long_reset_reason_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
