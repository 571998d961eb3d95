#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "websocket.h"

static bool is_valid(const char *key)
{
    return websocket_key_is_valid(span_of_string(key));
}

static void test_the_accept_key_of_rfc_6455_section_1_3(void **state)
{
    (void)state;
    char accept[WEBSOCKET_ACCEPT_LENGTH + 1];
    websocket_accept_key(span_of_string("dGhlIHNhbXBsZSBub25jZQ=="), accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void test_a_key_need_not_be_a_string(void **state)
{
    (void)state;
    char accept[WEBSOCKET_ACCEPT_LENGTH + 1];
    const char *line = "dGhlIHNhbXBsZSBub25jZQ==\r\nHost: x";
    websocket_accept_key(span_of(line, WEBSOCKET_KEY_LENGTH), accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void test_16_bytes_in_base64_are_a_key(void **state)
{
    (void)state;
    assert_true(is_valid("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_true(is_valid("AAAAAAAAAAAAAAAAAAAAAA=="));
    assert_true(is_valid("09azAZ+/09azAZ+/09azAw=="));
    assert_true(is_valid("AAAAAAAAAAAAAAAAAAAAAB=="));
}

static void test_anything_else_is_not_a_key(void **state)
{
    (void)state;
    assert_false(is_valid(""));
    assert_false(websocket_key_is_valid(span_of(NULL, 0)));
    assert_false(is_valid("dGhlIHNhbXBsZSBub25jZQ="));
    assert_false(is_valid("dGhlIHNhbXBsZSBub25jZQ==="));
    assert_false(is_valid("dGhlIHNhbXBsZSBub25jZQAA"));
    assert_false(is_valid("dGhlIHNhbXBsZSBub25jZQA="));
    assert_false(is_valid("dGhlIHNhbXBsZSBub25jZ==="));
    assert_false(is_valid("dGhlIHNhbXBsZSBub25jZQ=A"));
    assert_false(is_valid("dGhlIHNhbXBsZ=Bub25jZQ=="));
}

static void test_each_place_of_a_key_takes_only_base64(void **state)
{
    (void)state;
    const char *alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t place = 0; place < 22; place++) {
        for (unsigned byte = 1; byte <= 0xFF; byte++) {
            char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
            key[place] = (char)byte;
            assert_int_equal(is_valid(key), strchr(alphabet, (int)byte) != NULL);
        }
    }
}

static void test_random_keys_are_valid_and_differ(void **state)
{
    (void)state;
    char one[WEBSOCKET_KEY_LENGTH + 1], other[WEBSOCKET_KEY_LENGTH + 1];
    assert_true(websocket_random_key(one));
    assert_true(websocket_random_key(other));
    assert_true(is_valid(one));
    assert_true(is_valid(other));
    assert_string_not_equal(one, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_accept_key_of_rfc_6455_section_1_3),
        cmocka_unit_test(test_a_key_need_not_be_a_string),
        cmocka_unit_test(test_16_bytes_in_base64_are_a_key),
        cmocka_unit_test(test_anything_else_is_not_a_key),
        cmocka_unit_test(test_each_place_of_a_key_takes_only_base64),
        cmocka_unit_test(test_random_keys_are_valid_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
