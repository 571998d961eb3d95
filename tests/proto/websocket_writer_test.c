#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "websocket_script.h"

#include <stdlib.h>

static const struct {
    size_t length;
    const char *head; /* of a server's binary frame */
    size_t head_length;
} sizes[] = {
    {0, "\x82\x00", 2},
    {1, "\x82\x01", 2},
    {125, "\x82\x7D", 2},
    {126, "\x82\x7E\x00\x7E", 4},
    {256, "\x82\x7E\x01\x00", 4},
    {65535, "\x82\x7E\xFF\xFF", 4},
    {65536, "\x82\x7F\0\0\0\0\0\1\0\0", 10},
    {262144, "\x82\x7F\0\0\0\0\0\4\0\0", 10},
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void naive_mask(uint8_t *bytes, size_t length, const uint8_t key[4], size_t offset)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] ^= key[(offset + i) % 4];
}

static void test_masking_is_that_of_the_rfc_at_any_length_offset_and_alignment(void **state)
{
    (void)state;
    enum { LONGEST = 300 };
    static const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};
    uint8_t *noise = script_noise(LONGEST + 8);
    uint8_t masked[LONGEST + 9], expected[LONGEST + 9];
    for (size_t length = 0; length <= LONGEST; length++) {
        for (size_t i = 0; i < 8; i++) {
            memcpy(masked, noise, sizeof masked - 1);
            memcpy(expected, noise, sizeof expected - 1);
            naive_mask(expected + i, length, key, length + i);
            websocket_mask(masked + i, length, key, length + i);
            assert_memory_equal(masked, expected, sizeof masked - 1);
        }
    }
    free(noise);
}

static void test_masking_in_pieces_is_masking_the_whole_and_twice_is_identity(void **state)
{
    (void)state;
    enum { LENGTH = 500 };
    static const uint8_t key[4] = {1, 2, 3, 4};
    uint8_t *noise = script_noise(LENGTH);
    uint8_t copy[LENGTH];
    for (size_t first = 0; first <= 150; first++) {
        for (size_t second = first; second <= LENGTH; second += 7) {
            memcpy(copy, noise, LENGTH);
            websocket_mask(copy, first, key, 0);
            websocket_mask(copy + first, second - first, key, first);
            websocket_mask(copy + second, LENGTH - second, key, second);
            websocket_mask_copy(copy, copy, LENGTH, key, 0);
            assert_memory_equal(copy, noise, LENGTH);
        }
    }
    free(noise);
}

static void test_masking_on_the_way_leaves_the_source_alone(void **state)
{
    (void)state;
    static const uint8_t key[4] = {9, 8, 7, 6};
    uint8_t *noise = script_noise(100), *source = script_noise(100), *expected = script_noise(100);
    uint8_t target[100];
    websocket_mask_copy(target, source, sizeof target, key, 3);
    naive_mask(expected, sizeof target, key, 3);
    assert_memory_equal(target, expected, sizeof target);
    assert_memory_equal(source, noise, sizeof target);
    free(noise);
    free(source);
    free(expected);
}

static void test_a_server_writes_the_shortest_head_and_the_payload_as_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        uint8_t *noise = script_noise(sizes[i].length);
        struct evbuffer *payload = evbuffer_new(), *out = evbuffer_new();
        assert_int_equal(evbuffer_add(payload, noise, sizes[i].length), 0);
        websocket_write(WEBSOCKET_SERVER, WEBSOCKET_BINARY, payload, out);
        assert_int_equal(evbuffer_get_length(payload), 0);
        evbuffer_free(payload);
        size_t length;
        uint8_t *bytes = script_bytes(out, &length);
        assert_int_equal(length, sizes[i].head_length + sizes[i].length);
        assert_memory_equal(bytes, sizes[i].head, sizes[i].head_length);
        assert_memory_equal(bytes + sizes[i].head_length, noise, sizes[i].length);
        free(bytes);
        free(noise);
    }
}

static void test_a_client_sets_the_mask_bit_and_masks_with_the_key_it_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        uint8_t *noise = script_noise(sizes[i].length);
        struct evbuffer *payload = evbuffer_new(), *out = evbuffer_new();
        assert_int_equal(evbuffer_add(payload, noise, sizes[i].length), 0);
        websocket_write(WEBSOCKET_CLIENT, WEBSOCKET_BINARY, payload, out);
        assert_int_equal(evbuffer_get_length(payload), 0);
        evbuffer_free(payload);
        size_t length, head_length = sizes[i].head_length;
        uint8_t *bytes = script_bytes(out, &length);
        assert_int_equal(length, head_length + 4 + sizes[i].length);
        assert_int_equal(bytes[0], 0x82);
        assert_int_equal(bytes[1], (uint8_t)sizes[i].head[1] | 0x80);
        assert_memory_equal(bytes + 2, sizes[i].head + 2, head_length - 2);
        naive_mask(bytes + head_length + 4, sizes[i].length, bytes + head_length, 0);
        assert_memory_equal(bytes + head_length + 4, noise, sizes[i].length);
        free(bytes);
        free(noise);
    }
}

static void test_what_one_role_writes_the_other_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * SIZES; i++) {
        bool is_client = i % 2 == 0;
        uint8_t *noise = script_noise(sizes[i / 2].length);
        char *expected = script_word("message", noise, sizes[i / 2].length);
        struct evbuffer *payload = evbuffer_new(), *out = evbuffer_new();
        assert_int_equal(evbuffer_add(payload, noise, sizes[i / 2].length), 0);
        websocket_write(is_client ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER, WEBSOCKET_BINARY, payload, out);
        char *log = script_read_all(is_client ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT, out);
        assert_string_equal(log, expected);
        evbuffer_free(payload);
        free(log);
        free(expected);
        free(noise);
    }
}

static void test_a_client_masks_a_payload_scattered_over_chains(void **state)
{
    (void)state;
    enum { LENGTH = 1000 };
    uint8_t *noise = script_noise(LENGTH);
    char *expected = script_word("message", noise, LENGTH);
    struct evbuffer *payload = evbuffer_new(), *piece = evbuffer_new(), *out = evbuffer_new();
    for (size_t done = 0, length = 1; done < LENGTH; done += length, length = (length + 1) % 60 + 1) {
        length = length < LENGTH - done ? length : LENGTH - done;
        assert_int_equal(evbuffer_add(piece, noise + done, length), 0);
        assert_int_equal(evbuffer_add_buffer(payload, piece), 0);
    }
    assert_true(evbuffer_peek(payload, -1, NULL, NULL, 0) > 20);
    websocket_write(WEBSOCKET_CLIENT, WEBSOCKET_BINARY, payload, out);
    char *log = script_read_all(WEBSOCKET_SERVER, out);
    assert_string_equal(log, expected);
    evbuffer_free(payload);
    evbuffer_free(piece);
    free(log);
    free(expected);
    free(noise);
}

static void test_a_client_never_alters_bytes_that_are_only_referred_to(void **state)
{
    (void)state;
    static const char constant[] =
        "bytes in read-only memory, more than a block of words of them, to be masked elsewhere";
    struct evbuffer *payload = evbuffer_new(), *out = evbuffer_new();
    assert_int_equal(evbuffer_add(payload, "own, ", 5), 0);
    assert_int_equal(evbuffer_add_reference(payload, constant, sizeof constant - 1, NULL, NULL), 0);
    websocket_write(WEBSOCKET_CLIENT, WEBSOCKET_BINARY, payload, out);
    char *log = script_read_all(WEBSOCKET_SERVER, out);
    assert_string_equal(log, "message(own, bytes in read-only memory, more than a block of words of them, to be masked "
                             "elsewhere) ");
    free(log);
    evbuffer_free(payload);
}

static void test_a_server_moves_the_payloads_chains(void **state)
{
    (void)state;
    enum { LENGTH = 65536 };
    uint8_t *noise = script_noise(LENGTH);
    struct evbuffer *payload = evbuffer_new(), *out = evbuffer_new();
    assert_int_equal(evbuffer_add(payload, noise, LENGTH), 0);
    const uint8_t *place = evbuffer_pullup(payload, -1);
    websocket_write(WEBSOCKET_SERVER, WEBSOCKET_BINARY, payload, out);
    assert_int_equal(evbuffer_drain(out, 10), 0);
    assert_ptr_equal(evbuffer_pullup(out, 1), place);
    assert_int_equal(evbuffer_get_length(out), LENGTH);
    evbuffer_free(payload);
    evbuffer_free(out);
    free(noise);
}

/* Four times the same key by chance: once in 2^96. */
static void test_every_frame_of_a_client_has_a_fresh_key(void **state)
{
    (void)state;
    uint8_t keys[4][4];
    for (int i = 0; i < 4; i++) {
        struct evbuffer *payload = evbuffer_new(), *out = evbuffer_new();
        if (i % 2 == 0)
            websocket_write(WEBSOCKET_CLIENT, WEBSOCKET_BINARY, payload, out);
        else
            websocket_write_control(WEBSOCKET_CLIENT, WEBSOCKET_PING, span_of(NULL, 0), out);
        assert_int_equal(evbuffer_get_length(out), 6);
        memcpy(keys[i], evbuffer_pullup(out, -1) + 2, 4);
        evbuffer_free(payload);
        evbuffer_free(out);
    }
    assert_false(memcmp(keys[0], keys[1], 4) == 0 && memcmp(keys[0], keys[2], 4) == 0 &&
                 memcmp(keys[0], keys[3], 4) == 0);
}

static void test_control_frames_of_every_length_are_read_back(void **state)
{
    (void)state;
    uint8_t *noise = script_noise(WEBSOCKET_CONTROL_MAX);
    for (size_t i = 0; i < 4 * (WEBSOCKET_CONTROL_MAX + 1); i++) {
        size_t length = i / 4;
        bool is_client = i % 2 == 0, is_ping = i % 4 < 2;
        char *expected = script_word(is_ping ? "ping" : "pong", noise, length);
        struct evbuffer *out = evbuffer_new();
        websocket_write_control(is_client ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER,
                                is_ping ? WEBSOCKET_PING : WEBSOCKET_PONG, span_of(noise, length), out);
        char *log = script_read_all(is_client ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT, out);
        assert_string_equal(log, expected);
        free(log);
        free(expected);
    }
    free(noise);
}

static void assert_close(uint16_t code, const char *reason, const char *expected)
{
    for (int i = 0; i < 2; i++) {
        struct evbuffer *out = evbuffer_new();
        websocket_write_close(i == 0 ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER, code, reason, out);
        char *log = script_read_all(i == 0 ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT, out);
        assert_string_equal(log, expected);
        free(log);
    }
}

static void test_close_frames_carry_a_code_and_a_reason(void **state)
{
    (void)state;
    assert_close(WEBSOCKET_CLOSE_NORMAL, "", "closed-1000() ");
    assert_close(WEBSOCKET_CLOSE_GOING_AWAY, "kit is shutting down", "closed-1001(kit is shutting down) ");
    assert_close(WEBSOCKET_CLOSE_TRY_LATER, "", "closed-1013() ");
    assert_close(WEBSOCKET_CLOSE_AUTH, "", "closed-3000() ");
}

static void test_a_close_frame_without_code_is_empty(void **state)
{
    (void)state;
    assert_close(0, "unsaid", "closed-1005() ");
    assert_close(WEBSOCKET_CLOSE_NO_CODE, "unsaid", "closed-1005() ");
}

static void test_a_long_close_reason_is_cut_at_a_character(void **state)
{
    (void)state;
    char reason[200], expected[200] = "closed-1002(";
    memset(reason, 'x', sizeof reason);
    reason[sizeof reason - 1] = '\0';
    memset(expected + 12, 'x', WEBSOCKET_CLOSE_REASON_MAX);
    memcpy(expected + 12 + WEBSOCKET_CLOSE_REASON_MAX, ") ", 3);
    assert_close(WEBSOCKET_CLOSE_PROTOCOL_ERROR, reason, expected);
    reason[WEBSOCKET_CLOSE_REASON_MAX] = '\0';
    assert_close(WEBSOCKET_CLOSE_PROTOCOL_ERROR, reason, expected);
    memcpy(reason + 121, "\xE2\x82\xAC", 4);
    memcpy(expected + 12 + 121, ") ", 3);
    assert_close(WEBSOCKET_CLOSE_PROTOCOL_ERROR, reason, expected);
}

/* More frames than keys are asked for at once: each has its own, whatever went out before. */
static void test_keys_are_used_once(void **state)
{
    (void)state;
    enum { FRAMES = 200, FRAME_BYTES = 2 + 4 + 5, AT_ONCE = sizeof((struct websocket_keys){0}.bytes) / 4 };
    struct websocket_keys keys = {0};
    struct evbuffer *payload = evbuffer_new(), *out = evbuffer_new();
    for (int i = 0; i < FRAMES; i++) {
        evbuffer_add(payload, "hello", 5);
        websocket_write_keyed(&keys, WEBSOCKET_BINARY, payload, out);
        assert_int_equal(evbuffer_get_length(payload), 0);
    }
    assert_int_equal(evbuffer_get_length(out), FRAMES * FRAME_BYTES);
    const uint8_t *frames = evbuffer_pullup(out, -1);
    for (int i = 0; i < FRAMES; i++) {
        const uint8_t *frame = frames + i * FRAME_BYTES;
        uint8_t text[5];
        assert_int_equal(frame[0], 0x82);
        assert_int_equal(frame[1], 0x80 | 5);
        memcpy(text, frame + 6, sizeof text);
        naive_mask(text, sizeof text, frame + 2, 0);
        assert_memory_equal(text, "hello", 5);
        if (i > 0)
            assert_memory_not_equal(frame + 2, frame - FRAME_BYTES + 2, 4);
        if (i >= AT_ONCE)
            assert_memory_not_equal(frame + 2, frame - AT_ONCE * FRAME_BYTES + 2, 4);
    }
    evbuffer_free(payload);
    evbuffer_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_used_once),
        cmocka_unit_test(test_masking_is_that_of_the_rfc_at_any_length_offset_and_alignment),
        cmocka_unit_test(test_masking_in_pieces_is_masking_the_whole_and_twice_is_identity),
        cmocka_unit_test(test_masking_on_the_way_leaves_the_source_alone),
        cmocka_unit_test(test_a_server_writes_the_shortest_head_and_the_payload_as_it_is),
        cmocka_unit_test(test_a_client_sets_the_mask_bit_and_masks_with_the_key_it_writes),
        cmocka_unit_test(test_what_one_role_writes_the_other_reads),
        cmocka_unit_test(test_a_client_masks_a_payload_scattered_over_chains),
        cmocka_unit_test(test_a_client_never_alters_bytes_that_are_only_referred_to),
        cmocka_unit_test(test_a_server_moves_the_payloads_chains),
        cmocka_unit_test(test_every_frame_of_a_client_has_a_fresh_key),
        cmocka_unit_test(test_control_frames_of_every_length_are_read_back),
        cmocka_unit_test(test_close_frames_carry_a_code_and_a_reason),
        cmocka_unit_test(test_a_close_frame_without_code_is_empty),
        cmocka_unit_test(test_a_long_close_reason_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
