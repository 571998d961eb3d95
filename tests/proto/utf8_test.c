#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hoody_tunnel/utf8.h"

static bool is_valid(const char *text)
{
    return utf8_is_valid(span_of_string(text));
}

/* The encoder of RFC 3629 section 3, without its restrictions. */
static size_t encode(uint32_t point, size_t length, uint8_t ret_bytes[4])
{
    static const uint8_t leads[] = {0x00, 0xC0, 0xE0, 0xF0};
    for (size_t i = length; i-- > 1; point >>= 6)
        ret_bytes[i] = (uint8_t)(0x80 | (point & 0x3F));
    ret_bytes[0] = (uint8_t)(leads[length - 1] | point);
    return length;
}

static size_t shortest(uint32_t point)
{
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

static void test_every_code_point_is_valid_but_surrogates(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x10FFFF; point++) {
        uint8_t bytes[4];
        size_t length = encode(point, shortest(point), bytes);
        bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
        assert_int_equal(utf8_is_valid(span_of(bytes, length)), !is_surrogate);
    }
}

static void test_overlong_forms_are_invalid(void **state)
{
    (void)state;
    for (uint32_t point = 0; point < 0x10000; point++) {
        for (size_t length = shortest(point) + 1; length <= 4; length++) {
            uint8_t bytes[4];
            encode(point, length, bytes);
            assert_false(utf8_is_valid(span_of(bytes, length)));
        }
    }
}

static void test_points_beyond_the_last_are_invalid(void **state)
{
    (void)state;
    for (uint32_t point = 0x110000; point < 0x200000; point++) {
        uint8_t bytes[4];
        encode(point, 4, bytes);
        assert_false(utf8_is_valid(span_of(bytes, 4)));
    }
}

static void test_no_character_begins_with_these_bytes(void **state)
{
    (void)state;
    for (unsigned lead = 0x80; lead <= 0xFF; lead++) {
        if (lead >= 0xC2 && lead <= 0xF4)
            continue;
        uint8_t bytes[4] = {(uint8_t)lead, 0x80, 0x80, 0x80};
        assert_false(utf8_is_valid(span_of(bytes, sizeof bytes)));
    }
}

static void test_a_character_cut_short_is_invalid(void **state)
{
    (void)state;
    assert_false(is_valid("\xC3"));
    assert_false(is_valid("\xE2\x82"));
    assert_false(is_valid("\xF0\x9F\x98"));
    assert_false(is_valid("\xE2\x82x"));
    assert_false(is_valid("\xC3\xC3\xA9"));
}

static void test_no_text_is_valid(void **state)
{
    (void)state;
    assert_true(utf8_is_valid(span_of(NULL, 0)));
}

static void test_pieces_are_checked_like_the_whole(void **state)
{
    (void)state;
    const char *text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
    size_t length = strlen(text);
    for (size_t first = 0; first <= length; first++) {
        for (size_t second = first; second <= length; second++) {
            struct utf8_check check = {0};
            assert_true(utf8_check_add(&check, span_of(text, first)));
            assert_true(utf8_check_add(&check, span_of(text + first, second - first)));
            assert_true(utf8_check_add(&check, span_of(text + second, length - second)));
            assert_true(utf8_check_is_complete(&check));
        }
    }
    struct utf8_check check = {0};
    assert_true(utf8_check_add(&check, span_of("\xE0", 1)));
    assert_false(utf8_check_is_complete(&check));
    assert_false(utf8_check_add(&check, span_of("\x9F", 1)));
}

static void test_text_is_cut_between_characters(void **state)
{
    (void)state;
    struct span text = span_of_string("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(utf8_cut(text, i), expected[i]);
}

static void test_bytes_that_are_no_text_are_cut_anywhere(void **state)
{
    (void)state;
    struct span text = span_of_string("\x80\x80\x80\x80\x80\x80");
    assert_int_equal(utf8_cut(text, 5), 5);
    assert_int_equal(utf8_cut(text, 2), 2);
    assert_int_equal(utf8_cut(span_of(NULL, 0), 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point_is_valid_but_surrogates),
        cmocka_unit_test(test_overlong_forms_are_invalid),
        cmocka_unit_test(test_points_beyond_the_last_are_invalid),
        cmocka_unit_test(test_no_character_begins_with_these_bytes),
        cmocka_unit_test(test_a_character_cut_short_is_invalid),
        cmocka_unit_test(test_no_text_is_valid),
        cmocka_unit_test(test_pieces_are_checked_like_the_whole),
        cmocka_unit_test(test_text_is_cut_between_characters),
        cmocka_unit_test(test_bytes_that_are_no_text_are_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
