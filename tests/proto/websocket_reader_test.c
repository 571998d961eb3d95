#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "websocket_script.h"

#include <stdio.h>
#include <stdlib.h>

static void assert_reads(enum websocket_role role, struct evbuffer *in, const char *expected)
{
    char *log = script_read_all(role, in);
    assert_string_equal(log, expected);
    free(log);
}

static void assert_reads_bytes(enum websocket_role role, const void *bytes, size_t length, const char *expected)
{
    struct evbuffer *in = evbuffer_new();
    assert_int_equal(evbuffer_add(in, bytes, length), 0);
    assert_reads(role, in, expected);
}

/* The same frame, to a server masked and to a client unmasked, gives the same event. */
static void assert_frame(uint8_t first, const void *payload, size_t length, const char *expected)
{
    for (int i = 0; i < 2; i++) {
        enum websocket_role role = i == 0 ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT;
        struct evbuffer *in = evbuffer_new();
        script_frame(in, role, first, payload, length);
        assert_reads(role, in, expected);
    }
}

/* The first two bytes alone suffice for the verdict. */
static void assert_start(uint8_t first, uint8_t length, const char *expected)
{
    for (int i = 0; i < 2; i++) {
        enum websocket_role role = i == 0 ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT;
        struct evbuffer *in = evbuffer_new();
        script_start(in, role, first, length);
        assert_reads(role, in, expected);
    }
}

static void test_what_is_missing_of_a_frame_is_told_from_its_head_on(void **state)
{
    (void)state;
    static const uint8_t bytes[14 + 70000] = {0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0x11, 0x70}; /* 70,000 */
    struct websocket_reader reader;
    struct evbuffer *in = evbuffer_new();
    assert_true(websocket_reader_init(&reader, WEBSOCKET_SERVER, 100000));
    for (size_t have = 0; have <= sizeof bytes; have++) {
        assert_int_equal(websocket_missing(&reader, in), have < 14 ? 0 : sizeof bytes - have);
        if (have < sizeof bytes)
            assert_int_equal(evbuffer_add(in, bytes + have, 1), 0);
    }
    assert_int_equal(evbuffer_add(in, "more", 4), 0);
    assert_int_equal(websocket_missing(&reader, in), 0);
    reader.message_max = 60000; /* what will be refused is not waited for */
    evbuffer_drain(in, evbuffer_get_length(in));
    assert_int_equal(evbuffer_add(in, bytes, 5000), 0);
    assert_int_equal(websocket_missing(&reader, in), 0);
    evbuffer_free(in);
    websocket_reader_done(&reader);
}

static void test_examples_of_rfc_6455_section_5_7(void **state)
{
    (void)state;
    assert_reads_bytes(WEBSOCKET_CLIENT, "\x81\x05\x48\x65\x6c\x6c\x6f", 7, "text(Hello) ");
    assert_reads_bytes(WEBSOCKET_SERVER, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, "text(Hello) ");
    assert_reads_bytes(WEBSOCKET_CLIENT, "\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f", 9, "text(Hello) ");
    assert_reads_bytes(WEBSOCKET_CLIENT, "\x89\x05\x48\x65\x6c\x6c\x6f", 7, "ping(Hello) ");
    assert_reads_bytes(WEBSOCKET_SERVER, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, "pong(Hello) ");

    uint8_t bytes[10 + 65536] = {0x82, 0x7E, 0x01, 0x00};
    char *expected = script_word("message", bytes + 4, 256);
    assert_reads_bytes(WEBSOCKET_CLIENT, bytes, 4 + 256, expected);
    free(expected);
    memcpy(bytes, "\x82\x7F\0\0\0\0\0\1\0\0", 10);
    expected = script_word("message", bytes + 10, 65536);
    assert_reads_bytes(WEBSOCKET_CLIENT, bytes, sizeof bytes, expected);
    free(expected);
}

static void test_reserved_bits_are_refused(void **state)
{
    (void)state;
    assert_start(FIN | 0x40 | WEBSOCKET_BINARY, 0, "bad-1002 ");
    assert_start(FIN | 0x20 | WEBSOCKET_BINARY, 0, "bad-1002 ");
    assert_start(FIN | 0x10 | WEBSOCKET_BINARY, 0, "bad-1002 ");
    assert_start(FIN | 0x40 | WEBSOCKET_PING, 0, "bad-1002 ");
}

static void test_reserved_opcodes_are_refused(void **state)
{
    (void)state;
    for (uint8_t opcode = 0x3; opcode <= 0x7; opcode++)
        assert_start(FIN | opcode, 0, "bad-1002 ");
    for (uint8_t opcode = 0xB; opcode <= 0xF; opcode++)
        assert_start(FIN | opcode, 0, "bad-1002 ");
}

static void test_a_server_refuses_unmasked_frames(void **state)
{
    (void)state;
    assert_reads_bytes(WEBSOCKET_SERVER, "\x82\x00", 2, "bad-1002 ");
    assert_reads_bytes(WEBSOCKET_SERVER, "\x89\x00", 2, "bad-1002 ");
}

static void test_a_client_refuses_masked_frames(void **state)
{
    (void)state;
    assert_reads_bytes(WEBSOCKET_CLIENT, "\x82\x80", 2, "bad-1002 ");
    assert_reads_bytes(WEBSOCKET_CLIENT, "\x89\x80", 2, "bad-1002 ");
}

static void test_fragmented_control_frames_are_refused(void **state)
{
    (void)state;
    assert_start(WEBSOCKET_CLOSE, 0, "bad-1002 ");
    assert_start(WEBSOCKET_PING, 0, "bad-1002 ");
    assert_start(WEBSOCKET_PONG, 0, "bad-1002 ");
}

static void test_control_frames_over_125_bytes_are_refused(void **state)
{
    (void)state;
    static const uint8_t controls[] = {WEBSOCKET_CLOSE, WEBSOCKET_PING, WEBSOCKET_PONG};
    for (size_t i = 0; i < sizeof controls; i++) {
        assert_start(FIN | controls[i], 126, "bad-1002 ");
        assert_start(FIN | controls[i], 127, "bad-1002 ");
    }
}

static void test_control_frames_of_up_to_125_bytes_are_taken(void **state)
{
    (void)state;
    char payload[126] = {0}, expected[140];
    for (size_t length = 0; length <= 125; length++) {
        snprintf(expected, sizeof expected, "ping(%s) ", payload);
        assert_frame(FIN | WEBSOCKET_PING, payload, length, expected);
        snprintf(expected, sizeof expected, "pong(%s) ", payload);
        assert_frame(FIN | WEBSOCKET_PONG, payload, length, expected);
        payload[length] = (char)('a' + length % 26);
    }
}

static void test_lengths_must_have_their_shortest_form(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *expected;
    } heads[] = {
        {"\x82\x7E\x00\x00", 4, "bad-1002 "},
        {"\x82\x7E\x00\x7D", 4, "bad-1002 "},
        {"\x82\x7E\x00\x7E", 4, ""},
        {"\x82\x7E\xFF\xFF", 4, ""},
        {"\x82\x7F\0\0\0\0\0\0\x00\x00", 10, "bad-1002 "},
        {"\x82\x7F\0\0\0\0\0\0\x00\x7E", 10, "bad-1002 "},
        {"\x82\x7F\0\0\0\0\0\0\xFF\xFF", 10, "bad-1002 "},
        {"\x82\x7F\0\0\0\0\0\1\x00\x00", 10, ""},
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        assert_reads_bytes(WEBSOCKET_CLIENT, heads[i].bytes, heads[i].length, heads[i].expected);
}

static void test_a_length_is_judged_when_all_of_it_is_there(void **state)
{
    (void)state;
    for (size_t length = 0; length < 4; length++)
        assert_reads_bytes(WEBSOCKET_CLIENT, "\x82\x7E\x00\x7E", length, "");
    for (size_t length = 0; length < 10; length++)
        assert_reads_bytes(WEBSOCKET_CLIENT, "\x82\x7F\0\0\0\0\0\1\0\0", length, "");
}

static void test_the_top_bit_of_a_64_bit_length_must_be_zero(void **state)
{
    (void)state;
    assert_reads_bytes(WEBSOCKET_CLIENT, "\x82\x7F\x80\0\0\0\0\0\0\0", 10, "bad-1002 ");
    assert_reads_bytes(WEBSOCKET_CLIENT, "\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10, "bad-1002 ");
    assert_reads_bytes(WEBSOCKET_CLIENT, "\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10, "bad-1009 ");
}

static void test_a_continuation_needs_a_message_to_continue(void **state)
{
    (void)state;
    assert_start(FIN | WEBSOCKET_CONTINUATION, 0, "bad-1002 ");
    assert_start(WEBSOCKET_CONTINUATION, 0, "bad-1002 ");
    struct evbuffer *in = evbuffer_new();
    script_frame(in, WEBSOCKET_SERVER, WEBSOCKET_BINARY, "a", 1);
    script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_CONTINUATION, "b", 1);
    script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_CONTINUATION, "c", 1);
    assert_reads(WEBSOCKET_SERVER, in, "message(ab) bad-1002 ");
}

static void test_no_message_begins_inside_a_fragmented_one(void **state)
{
    (void)state;
    static const uint8_t starts[] = {WEBSOCKET_TEXT, WEBSOCKET_BINARY, FIN | WEBSOCKET_TEXT, FIN | WEBSOCKET_BINARY};
    for (size_t i = 0; i < sizeof starts; i++) {
        struct evbuffer *in = evbuffer_new();
        script_frame(in, WEBSOCKET_SERVER, WEBSOCKET_BINARY, "a", 1);
        script_start(in, WEBSOCKET_SERVER, starts[i], 1);
        assert_reads(WEBSOCKET_SERVER, in, "bad-1002 ");
    }
}

static void test_a_close_frame_carries_a_code_and_a_reason_or_nothing(void **state)
{
    (void)state;
    assert_frame(FIN | WEBSOCKET_CLOSE, "", 0, "closed-1005() ");
    assert_frame(FIN | WEBSOCKET_CLOSE, "\x03\xE8", 2, "closed-1000() ");
    assert_frame(FIN | WEBSOCKET_CLOSE, "\x03\xE9going away", 12, "closed-1001(going away) ");
    uint8_t longest[125] = {0x0B, 0xB8};
    memset(longest + 2, 'r', 123);
    char expected[160];
    snprintf(expected, sizeof expected, "closed-3000(%.*s) ", 123, (const char *)longest + 2);
    assert_frame(FIN | WEBSOCKET_CLOSE, longest, sizeof longest, expected);
}

static void test_a_close_frame_of_one_byte_is_refused(void **state)
{
    (void)state;
    assert_frame(FIN | WEBSOCKET_CLOSE, "\x03", 1, "bad-1002 ");
}

static void test_close_codes_that_may_not_be_sent_are_refused(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= 0xFFFF; code++) {
        bool is_valid = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
                        (code >= 3000 && code < 5000);
        uint8_t payload[] = {(uint8_t)(code >> 8), (uint8_t)code};
        char expected[32];
        snprintf(expected, sizeof expected, is_valid ? "closed-%u() " : "bad-1002 ", code);
        struct evbuffer *in = evbuffer_new();
        script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_CLOSE, payload, sizeof payload);
        assert_reads(WEBSOCKET_SERVER, in, expected);
        assert_int_equal(websocket_close_code_is_valid((uint16_t)code), is_valid);
    }
}

static void test_a_close_reason_must_be_utf8(void **state)
{
    (void)state;
    assert_frame(FIN | WEBSOCKET_CLOSE, "\x03\xE8\xFF", 3, "bad-1007 ");
    assert_frame(FIN | WEBSOCKET_CLOSE, "\x03\xE8ok\xE2\x82", 6, "bad-1007 ");
    assert_frame(FIN | WEBSOCKET_CLOSE, "\x03\xE8\xC3\xA9", 4, "closed-1000(\\xC3\\xA9) ");
}

static void test_text_is_reported_by_its_first_two_bytes_when_not_accepted(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct websocket_reader reader;
        assert_true(websocket_reader_init(&reader, WEBSOCKET_SERVER, 10));
        struct evbuffer *in = evbuffer_new();
        script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_BINARY, "b", 1);
        script_start(in, WEBSOCKET_SERVER, i == 0 ? WEBSOCKET_TEXT : FIN | WEBSOCKET_TEXT, 126);
        char *log = script_read(&reader, in, NULL);
        assert_string_equal(log, "message(b) text-begun ");
        free(log);
        websocket_reader_done(&reader);
        evbuffer_free(in);
    }
}

static void test_bad_text_frames_are_bad_before_they_are_text(void **state)
{
    (void)state;
    struct websocket_reader reader;
    assert_true(websocket_reader_init(&reader, WEBSOCKET_SERVER, 10));
    struct evbuffer *in = evbuffer_new();
    script_frame(in, WEBSOCKET_SERVER, WEBSOCKET_BINARY, "b", 1);
    script_start(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_TEXT, 0);
    char *log = script_read(&reader, in, NULL);
    assert_string_equal(log, "bad-1002 ");
    free(log);
    websocket_reader_done(&reader);
    evbuffer_free(in);
}

static void test_text_messages_must_be_utf8(void **state)
{
    (void)state;
    assert_frame(FIN | WEBSOCKET_TEXT, "", 0, "text() ");
    assert_frame(FIN | WEBSOCKET_TEXT, "\xC3\xA9", 2, "text(\\xC3\\xA9) ");
    assert_frame(FIN | WEBSOCKET_TEXT, "\xC3", 1, "bad-1007 ");
    assert_frame(FIN | WEBSOCKET_TEXT, "a\xFF", 2, "bad-1007 ");
    assert_frame(FIN | WEBSOCKET_TEXT, "\xED\xA0\x80", 3, "bad-1007 ");
}

static void test_characters_may_be_split_between_fragments(void **state)
{
    (void)state;
    struct evbuffer *in = evbuffer_new();
    script_frame(in, WEBSOCKET_SERVER, WEBSOCKET_TEXT, "\xC3", 1);
    script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_CONTINUATION, "\xA9", 1);
    script_frame(in, WEBSOCKET_SERVER, WEBSOCKET_TEXT, "a\xC3", 2);
    script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_CONTINUATION, "a", 1);
    assert_reads(WEBSOCKET_SERVER, in, "text(\\xC3\\xA9) bad-1007 ");
}

static void test_binary_messages_may_hold_anything(void **state)
{
    (void)state;
    assert_frame(FIN | WEBSOCKET_BINARY, "\xC3\xA9", 2, "message(\\xC3\\xA9) ");
    assert_frame(FIN | WEBSOCKET_BINARY, "", 0, "message() ");
    assert_frame(FIN | WEBSOCKET_BINARY, "\xFF", 1, "message(\\xFF) ");
}

/* An event that ends the connection is the last: what comes behind it is thrown away. */
static void test_nothing_is_read_behind_the_last_event(void **state)
{
    (void)state;
    static const struct {
        uint8_t first;
        const char *payload;
        const char *expected;
    } lasts[] = {
        {FIN | WEBSOCKET_CLOSE, "\x03\xE8", "closed-1000() "},
        {FIN | WEBSOCKET_CLOSE, "\x01\x01", "bad-1002 "},
        {FIN | WEBSOCKET_CONTINUATION, "xx", "bad-1002 "},
        {FIN | WEBSOCKET_TEXT, "xx", "text-begun "},
    };
    for (size_t i = 0; i < sizeof lasts / sizeof lasts[0]; i++) {
        struct websocket_reader reader;
        assert_true(websocket_reader_init(&reader, WEBSOCKET_SERVER, 100));
        struct evbuffer *in = evbuffer_new(), *message = evbuffer_new();
        script_frame(in, WEBSOCKET_SERVER, lasts[i].first, lasts[i].payload, 2);
        script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_BINARY, "late", 4);
        char *log = script_read(&reader, in, NULL);
        assert_string_equal(log, lasts[i].expected);
        free(log);
        assert_int_equal(websocket_read(&reader, in, message), WEBSOCKET_MORE);
        assert_int_equal(evbuffer_get_length(in), 0);
        assert_int_equal(evbuffer_get_length(message), 0);
        websocket_reader_done(&reader);
        websocket_reader_done(&reader);
        evbuffer_free(in);
        evbuffer_free(message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_missing_of_a_frame_is_told_from_its_head_on),
        cmocka_unit_test(test_examples_of_rfc_6455_section_5_7),
        cmocka_unit_test(test_reserved_bits_are_refused),
        cmocka_unit_test(test_reserved_opcodes_are_refused),
        cmocka_unit_test(test_a_server_refuses_unmasked_frames),
        cmocka_unit_test(test_a_client_refuses_masked_frames),
        cmocka_unit_test(test_fragmented_control_frames_are_refused),
        cmocka_unit_test(test_control_frames_over_125_bytes_are_refused),
        cmocka_unit_test(test_control_frames_of_up_to_125_bytes_are_taken),
        cmocka_unit_test(test_lengths_must_have_their_shortest_form),
        cmocka_unit_test(test_a_length_is_judged_when_all_of_it_is_there),
        cmocka_unit_test(test_the_top_bit_of_a_64_bit_length_must_be_zero),
        cmocka_unit_test(test_a_continuation_needs_a_message_to_continue),
        cmocka_unit_test(test_no_message_begins_inside_a_fragmented_one),
        cmocka_unit_test(test_a_close_frame_carries_a_code_and_a_reason_or_nothing),
        cmocka_unit_test(test_a_close_frame_of_one_byte_is_refused),
        cmocka_unit_test(test_close_codes_that_may_not_be_sent_are_refused),
        cmocka_unit_test(test_a_close_reason_must_be_utf8),
        cmocka_unit_test(test_text_is_reported_by_its_first_two_bytes_when_not_accepted),
        cmocka_unit_test(test_bad_text_frames_are_bad_before_they_are_text),
        cmocka_unit_test(test_text_messages_must_be_utf8),
        cmocka_unit_test(test_characters_may_be_split_between_fragments),
        cmocka_unit_test(test_binary_messages_may_hold_anything),
        cmocka_unit_test(test_nothing_is_read_behind_the_last_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
