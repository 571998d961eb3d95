/* Messages in pieces: fragments, limits, and bytes that arrive however the network cuts them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "websocket_script.h"

#include <stdio.h>
#include <stdlib.h>

static const enum websocket_role both_roles[] = {WEBSOCKET_SERVER, WEBSOCKET_CLIENT};

/* Everything that a connection may carry, in one go. */
static struct evbuffer *conversation(enum websocket_role role)
{
    static const uint8_t zeros[300];
    struct evbuffer *in = evbuffer_new();
    script_frame(in, role, FIN | WEBSOCKET_BINARY, "one", 3);
    script_frame(in, role, FIN | WEBSOCKET_PING, "", 0);
    script_frame(in, role, WEBSOCKET_BINARY, "t", 1);
    script_frame(in, role, FIN | WEBSOCKET_PING, "between", 7);
    script_frame(in, role, WEBSOCKET_CONTINUATION, "", 0);
    script_frame(in, role, FIN | WEBSOCKET_PONG, "between", 7);
    script_frame(in, role, FIN | WEBSOCKET_CONTINUATION, "wo", 2);
    script_frame(in, role, FIN | WEBSOCKET_BINARY, zeros, sizeof zeros);
    script_frame(in, role, FIN | WEBSOCKET_BINARY, "", 0);
    script_frame(in, role, WEBSOCKET_TEXT, "\xC3", 1);
    script_frame(in, role, FIN | WEBSOCKET_CONTINUATION, "\xA9", 1);
    script_frame(in, role, FIN | WEBSOCKET_CLOSE,
                 "\x03\xE9"
                 "bye",
                 5);
    script_frame(in, role, FIN | WEBSOCKET_BINARY, "late", 4);
    return in;
}

static char *conversation_log(void)
{
    static const uint8_t zeros[300];
    char *zeros_word = script_word("message", zeros, sizeof zeros);
    char *log = NULL;
    size_t length;
    FILE *stream = open_memstream(&log, &length);
    fprintf(stream,
            "message(one) ping() ping(between) pong(between) message(two) %smessage() text(\\xC3\\xA9) "
            "closed-1001(bye) ",
            zeros_word);
    fclose(stream);
    free(zeros_word);
    return log;
}

/* Feeds `bytes` in pieces that end at the given offsets, each in a chain of its own, reading after each. */
static char *read_cut(enum websocket_role role, const uint8_t *bytes, size_t length, const size_t *cuts,
                      size_t cut_count)
{
    struct websocket_reader reader;
    assert_true(websocket_reader_init(&reader, role, SCRIPT_MESSAGE_MAX));
    reader.accept_text = true;
    struct evbuffer *in = evbuffer_new(), *piece = evbuffer_new();
    char *log = NULL;
    size_t fed = 0;
    for (size_t i = 0; i <= cut_count; i++) {
        size_t end = i < cut_count ? cuts[i] : length;
        assert_int_equal(evbuffer_add(piece, bytes + fed, end - fed), 0);
        assert_int_equal(evbuffer_add_buffer(in, piece), 0);
        fed = end;
        log = script_read(&reader, in, log);
    }
    evbuffer_free(piece);
    evbuffer_free(in);
    websocket_reader_done(&reader);
    return log;
}

static void test_a_conversation_is_read_whole(void **state)
{
    (void)state;
    char *expected = conversation_log();
    for (size_t i = 0; i < 2; i++) {
        char *log = script_read_all(both_roles[i], conversation(both_roles[i]));
        assert_string_equal(log, expected);
        free(log);
    }
    free(expected);
}

static void test_a_conversation_is_read_the_same_cut_at_each_offset(void **state)
{
    (void)state;
    char *expected = conversation_log();
    for (size_t i = 0; i < 2; i++) {
        size_t length;
        uint8_t *bytes = script_bytes(conversation(both_roles[i]), &length);
        for (size_t cut = 1; cut < length; cut++) {
            char *log = read_cut(both_roles[i], bytes, length, &cut, 1);
            assert_string_equal(log, expected);
            free(log);
        }
        free(bytes);
    }
    free(expected);
}

static void test_a_conversation_is_read_the_same_byte_by_byte(void **state)
{
    (void)state;
    char *expected = conversation_log();
    for (size_t i = 0; i < 2; i++) {
        size_t length;
        uint8_t *bytes = script_bytes(conversation(both_roles[i]), &length);
        size_t *cuts = calloc(length, sizeof *cuts);
        for (size_t cut = 1; cut < length; cut++)
            cuts[cut - 1] = cut;
        char *log = read_cut(both_roles[i], bytes, length, cuts, length - 1);
        assert_string_equal(log, expected);
        free(log);
        free(cuts);
        free(bytes);
    }
    free(expected);
}

/* All there at once, but every byte in another chain: words, keys and heads all straddle. */
static void test_a_conversation_is_read_the_same_scattered_over_chains(void **state)
{
    (void)state;
    char *expected = conversation_log();
    for (size_t i = 0; i < 2; i++) {
        size_t length;
        uint8_t *bytes = script_bytes(conversation(both_roles[i]), &length);
        struct evbuffer *in = evbuffer_new(), *byte = evbuffer_new();
        for (size_t j = 0; j < length; j++) {
            assert_int_equal(evbuffer_add(byte, bytes + j, 1), 0);
            assert_int_equal(evbuffer_add_buffer(in, byte), 0);
        }
        evbuffer_free(byte);
        free(bytes);
        char *log = script_read_all(both_roles[i], in);
        assert_string_equal(log, expected);
        free(log);
    }
    free(expected);
}

static void test_big_messages_are_read_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const size_t lengths[] = {125, 126, 127, 65535, 65536, 65537, 262143, 262144};
    static const size_t pieces[] = {1009, 4096, 16384, 300000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t *payload = script_noise(lengths[i]);
        char *expected = script_word("message", payload, lengths[i]);
        for (size_t j = 0; j < 2 * sizeof pieces / sizeof pieces[0]; j++) {
            enum websocket_role role = both_roles[j % 2];
            size_t piece = pieces[j / 2];
            struct evbuffer *in = evbuffer_new();
            script_frame(in, role, FIN | WEBSOCKET_BINARY, payload, lengths[i]);
            size_t length;
            uint8_t *bytes = script_bytes(in, &length);
            size_t cuts[300], cut_count = 0;
            for (size_t cut = piece; cut < length; cut += piece)
                cuts[cut_count++] = cut;
            char *log = read_cut(role, bytes, length, cuts, cut_count);
            assert_string_equal(log, expected);
            free(log);
            free(bytes);
        }
        free(expected);
        free(payload);
    }
}

static void test_big_fragments_are_joined_in_order(void **state)
{
    (void)state;
    enum { PARTS = 7 };
    static const size_t parts[PARTS] = {1, 4095, 4096, 65536, 0, 10, 100000};
    size_t length = 0;
    for (size_t i = 0; i < PARTS; i++)
        length += parts[i];
    uint8_t *payload = script_noise(length);
    char *expected = script_word("message", payload, length);
    for (size_t role = 0; role < 2; role++) {
        struct evbuffer *in = evbuffer_new();
        for (size_t i = 0, done = 0; i < PARTS; done += parts[i], i++) {
            uint8_t first = (uint8_t)((i == 0 ? WEBSOCKET_BINARY : 0) | (i == PARTS - 1 ? FIN : 0));
            script_frame(in, both_roles[role], first, payload + done, parts[i]);
        }
        char *log = script_read_all(both_roles[role], in);
        assert_string_equal(log, expected);
        free(log);
    }
    free(expected);
    free(payload);
}

static void test_one_read_gives_one_event(void **state)
{
    (void)state;
    struct websocket_reader reader;
    assert_true(websocket_reader_init(&reader, WEBSOCKET_SERVER, 100));
    struct evbuffer *in = evbuffer_new(), *message = evbuffer_new();
    script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_BINARY, "abc", 3);
    script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_BINARY, "de", 2);
    assert_int_equal(websocket_read(&reader, in, message), WEBSOCKET_MESSAGE);
    assert_int_equal(evbuffer_get_length(message), 3);
    assert_int_equal(websocket_read(&reader, in, message), WEBSOCKET_MESSAGE);
    assert_int_equal(evbuffer_get_length(message), 5);
    assert_memory_equal(evbuffer_pullup(message, -1), "abcde", 5);
    assert_int_equal(websocket_read(&reader, in, message), WEBSOCKET_MORE);
    evbuffer_free(in);
    evbuffer_free(message);
    websocket_reader_done(&reader);
}

static void test_an_incomplete_frame_stays_untouched(void **state)
{
    (void)state;
    struct websocket_reader reader;
    assert_true(websocket_reader_init(&reader, WEBSOCKET_SERVER, 100));
    struct evbuffer *whole = evbuffer_new(), *message = evbuffer_new();
    script_frame(whole, WEBSOCKET_SERVER, FIN | WEBSOCKET_BINARY, "payload", 7);
    size_t length;
    uint8_t *bytes = script_bytes(whole, &length);
    for (size_t cut = 0; cut < length; cut++) {
        struct evbuffer *in = evbuffer_new();
        assert_int_equal(evbuffer_add(in, bytes, cut), 0);
        assert_int_equal(websocket_read(&reader, in, message), WEBSOCKET_MORE);
        assert_int_equal(evbuffer_get_length(in), cut);
        if (cut > 0)
            assert_memory_equal(evbuffer_pullup(in, -1), bytes, cut);
        evbuffer_free(in);
    }
    free(bytes);
    evbuffer_free(message);
    websocket_reader_done(&reader);
}

static void test_a_whole_chain_of_payload_is_moved_and_unmasked_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        enum { LENGTH = 65536 };
        struct websocket_reader reader;
        assert_true(websocket_reader_init(&reader, both_roles[i], SCRIPT_MESSAGE_MAX));
        uint8_t *payload = script_noise(LENGTH);
        struct evbuffer *whole = evbuffer_new(), *in = evbuffer_new(), *message = evbuffer_new();
        script_frame(whole, both_roles[i], FIN | WEBSOCKET_BINARY, payload, LENGTH);
        size_t head_length = evbuffer_get_length(whole) - LENGTH;
        assert_int_equal(evbuffer_remove_buffer(whole, in, head_length), head_length);
        const uint8_t *place = evbuffer_pullup(whole, -1);
        assert_int_equal(evbuffer_add_buffer(in, whole), 0);

        assert_int_equal(websocket_read(&reader, in, message), WEBSOCKET_MESSAGE);
        struct evbuffer_iovec extent;
        assert_int_equal(evbuffer_peek(message, -1, NULL, &extent, 1), 1);
        assert_ptr_equal(extent.iov_base, place);
        assert_int_equal(extent.iov_len, LENGTH);
        assert_memory_equal(place, payload, LENGTH);
        evbuffer_free(whole);
        evbuffer_free(in);
        evbuffer_free(message);
        free(payload);
        websocket_reader_done(&reader);
    }
}

/* A message of one-byte fragments, each in a packet of its own, must not hold a chain for each byte. */
static void test_small_fragments_share_chains(void **state)
{
    (void)state;
    enum { FRAGMENTS = 1000 };
    struct websocket_reader reader;
    assert_true(websocket_reader_init(&reader, WEBSOCKET_SERVER, SCRIPT_MESSAGE_MAX));
    struct evbuffer *in = evbuffer_new(), *message = evbuffer_new();
    for (int i = 0; i < FRAGMENTS; i++) {
        script_frame(in, WEBSOCKET_SERVER, i == 0 ? WEBSOCKET_BINARY : WEBSOCKET_CONTINUATION, "x", 1);
        assert_int_equal(websocket_read(&reader, in, message), WEBSOCKET_MORE);
        assert_int_equal(evbuffer_get_length(in), 0);
    }
    assert_true(evbuffer_peek(reader.fragments, -1, NULL, NULL, 0) <= 2);
    script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_CONTINUATION, "y", 1);
    assert_int_equal(websocket_read(&reader, in, message), WEBSOCKET_MESSAGE);
    assert_int_equal(evbuffer_get_length(message), FRAGMENTS + 1);
    assert_int_equal(evbuffer_get_length(reader.fragments), 0);
    evbuffer_free(in);
    evbuffer_free(message);
    websocket_reader_done(&reader);
}

/* Reads `in` with the given limit; `in` is freed. */
static void assert_reads_within(size_t message_max, struct evbuffer *in, const char *expected)
{
    struct websocket_reader reader;
    assert_true(websocket_reader_init(&reader, WEBSOCKET_SERVER, message_max));
    char *log = script_read(&reader, in, NULL);
    assert_string_equal(log, expected);
    free(log);
    evbuffer_free(in);
    websocket_reader_done(&reader);
}

static void test_a_message_over_the_limit_is_refused_by_its_length_alone(void **state)
{
    (void)state;
    struct evbuffer *in = evbuffer_new();
    script_start(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_BINARY, 11);
    assert_reads_within(10, in, "bad-1009 ");
    in = evbuffer_new();
    script_start(in, WEBSOCKET_SERVER, WEBSOCKET_BINARY, 126);
    assert_int_equal(evbuffer_add(in, "\x03\xE9", 2), 0);
    assert_reads_within(1000, in, "bad-1009 ");
    in = evbuffer_new();
    script_start(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_BINARY, 127);
    assert_int_equal(evbuffer_add(in, "\0\0\0\0\0\x04\0\x01", 8), 0);
    assert_reads_within(262144, in, "bad-1009 ");
}

static void test_a_message_of_the_limit_is_taken(void **state)
{
    (void)state;
    struct evbuffer *in = evbuffer_new();
    script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_BINARY, "0123456789", 10);
    assert_reads_within(10, in, "message(0123456789) ");
    in = evbuffer_new();
    script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_BINARY, "", 0);
    assert_reads_within(0, in, "message() ");
}

static void test_all_fragments_count_together_and_control_frames_do_not(void **state)
{
    (void)state;
    struct evbuffer *in = evbuffer_new();
    script_frame(in, WEBSOCKET_SERVER, WEBSOCKET_BINARY, "01234", 5);
    script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_PING, "0123456789abc", 13);
    script_frame(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_CONTINUATION, "56789", 5);
    script_frame(in, WEBSOCKET_SERVER, WEBSOCKET_BINARY, "01234", 5);
    script_frame(in, WEBSOCKET_SERVER, WEBSOCKET_CONTINUATION, "5678", 4);
    script_start(in, WEBSOCKET_SERVER, WEBSOCKET_CONTINUATION, 2);
    assert_reads_within(10, in, "ping(0123456789abc) message(0123456789) bad-1009 ");
}

static void test_a_huge_length_behind_fragments_does_not_wrap_around(void **state)
{
    (void)state;
    struct evbuffer *in = evbuffer_new();
    script_frame(in, WEBSOCKET_SERVER, WEBSOCKET_BINARY, "01234", 5);
    script_start(in, WEBSOCKET_SERVER, FIN | WEBSOCKET_CONTINUATION, 127);
    assert_int_equal(evbuffer_add(in, "\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8), 0);
    assert_reads_within(SIZE_MAX / 2, in, "bad-1009 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_conversation_is_read_whole),
        cmocka_unit_test(test_a_conversation_is_read_the_same_cut_at_each_offset),
        cmocka_unit_test(test_a_conversation_is_read_the_same_byte_by_byte),
        cmocka_unit_test(test_a_conversation_is_read_the_same_scattered_over_chains),
        cmocka_unit_test(test_big_messages_are_read_in_pieces_of_any_size),
        cmocka_unit_test(test_big_fragments_are_joined_in_order),
        cmocka_unit_test(test_one_read_gives_one_event),
        cmocka_unit_test(test_an_incomplete_frame_stays_untouched),
        cmocka_unit_test(test_a_whole_chain_of_payload_is_moved_and_unmasked_in_place),
        cmocka_unit_test(test_small_fragments_share_chains),
        cmocka_unit_test(test_a_message_over_the_limit_is_refused_by_its_length_alone),
        cmocka_unit_test(test_a_message_of_the_limit_is_taken),
        cmocka_unit_test(test_all_fragments_count_together_and_control_frames_do_not),
        cmocka_unit_test(test_a_huge_length_behind_fragments_does_not_wrap_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
