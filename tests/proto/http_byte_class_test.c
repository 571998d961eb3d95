/* Each class against the grammar it stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_byte_class.h"

#define DIGITS  "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static bool is_one_of(int byte, const char *set)
{
    return byte != 0 && strchr(set, byte) != NULL;
}

static void a_token_is_made_of_tchar(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        assert_int_equal(http_byte_is((uint8_t)byte, BYTE_TOKEN), is_one_of(byte, "!#$%&'*+-.^_`|~" DIGITS LETTERS));
    }
}

static void a_value_has_no_control_byte_but_tab(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        assert_int_equal(http_byte_is((uint8_t)byte, BYTE_VALUE), byte == '\t' || (byte >= 0x20 && byte != 0x7F));
    }
}

static void a_target_is_printable_ascii_without_quotes_brackets_and_fragments(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        assert_int_equal(http_byte_is((uint8_t)byte, BYTE_TARGET),
                         byte > 0x20 && byte < 0x7F && !is_one_of(byte, "\"#<>"));
    }
}

static void a_host_is_made_of_what_rfc_3986_allows(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        assert_int_equal(http_byte_is((uint8_t)byte, BYTE_HOST), is_one_of(byte, "-._~!$&'()*+,;=%:[]" DIGITS LETTERS));
    }
}

static void a_run_stops_at_the_first_other_byte(void **state)
{
    (void)state;
    assert_int_equal(http_byte_run(span_of_string("abc:d"), BYTE_TOKEN), 3);
    assert_int_equal(http_byte_run(span_of_string(":d"), BYTE_TOKEN), 0);
    assert_int_equal(http_byte_run(span_of_string("abc"), BYTE_TOKEN), 3);
    assert_int_equal(http_byte_run(span_of(NULL, 0), BYTE_TOKEN), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_made_of_tchar),
        cmocka_unit_test(a_value_has_no_control_byte_but_tab),
        cmocka_unit_test(a_target_is_printable_ascii_without_quotes_brackets_and_fragments),
        cmocka_unit_test(a_host_is_made_of_what_rfc_3986_allows),
        cmocka_unit_test(a_run_stops_at_the_first_other_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
