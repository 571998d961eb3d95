/* json_amend: what RFC 8259 allows and Jansson refuses becomes loadable, everything else stays as it is. */
#include "json_amend.h"

#include <jansson.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

/* On an allocation of exactly that length, so that a sanitizer sees one byte too far. */
static void assert_amended(const char *before, const char *after)
{
    size_t length = strlen(before);
    assert_int_equal(length, strlen(after));
    char *text = malloc(length > 0 ? length : 1);
    memcpy(text, before, length);
    assert_int_equal(json_amend(text, length), strcmp(before, after) != 0);
    assert_memory_equal(text, after, length);
    free(text);
}

static void assert_untouched(const char *text)
{
    assert_amended(text, text);
}

static void numbers_out_of_range_become_a_fraction(void **state)
{
    (void)state;
    assert_amended("{\"a\":1e400}", "{\"a\":0.5  }");
    assert_amended("{\"a\":-1e400}", "{\"a\":0.5   }");
    assert_amended("[9e999]", "[0.5  ]");
    assert_amended("[9223372036854775808,1]", "[0.5                ,1]");
    assert_amended("[-9223372036854775809]", "[0.5                 ]");
    assert_amended("[123456789012345678901.5e300]", "[0.5                        ]");
}

static void numbers_in_range_stay(void **state)
{
    (void)state;
    assert_untouched("[0,-0,1,-1,0.5,1e300,1e-400,-1.5E+10]");
    assert_untouched("[9223372036854775807,-9223372036854775808]");
}

static void what_only_begins_as_a_number_out_of_range_stays(void **state)
{
    (void)state;
    assert_untouched("[1e400-5]");
    assert_untouched("[123456789012345678901-5]");
    assert_untouched("[123456789012345678901.]");
    assert_untouched("[012345678901234567890123]");
    assert_untouched("[--123456789012345678901]");
}

static void numbers_in_strings_stay(void **state)
{
    (void)state;
    assert_untouched("{\"1e400\":\"1e400\",\"a\\\"1e400\":\"\\\\\"}");
}

static void lone_surrogates_in_values_become_nul(void **state)
{
    (void)state;
    assert_amended("[\"\\ud800\"]", "[\"\\u0000\"]");
    assert_amended("[\"\\uDFFF\"]", "[\"\\u0000\"]");
    assert_amended("[\"\\ud800\\u0041\"]", "[\"\\u0000\\u0041\"]");
    assert_amended("[\"\\ud800\\ud800\\udc00\"]", "[\"\\u0000\\ud800\\udc00\"]");
    assert_amended("[\"\\udc00\\ud800\"]", "[\"\\u0000\\u0000\"]");
    assert_amended("[\"\\ud800x\\udc00\"]", "[\"\\u0000x\\u0000\"]");
}

static void surrogate_pairs_and_other_escapes_stay(void **state)
{
    (void)state;
    assert_untouched("[\"\\ud800\\udc00\",\"\\udbff\\udfff\",\"\\u0000\",\"\\ud7ff\",\"\\ue000\"]");
    assert_untouched("[\"\\\\ud800\"]");
    assert_untouched("[\"\\u\",\"\\ud8\",\"\\ud80g\"]");
}

static void keys_that_jansson_cannot_hold_become_a_noncharacter(void **state)
{
    (void)state;
    assert_amended("{\"\\u0000\":1}", "{\"\\uffff\":1}");
    assert_amended("{\"a\\u0000b\" \t\r\n:1}", "{\"a\\uffffb\" \t\r\n:1}");
    assert_amended("{\"\\ud800\":\"\\u0000\"}", "{\"\\uffff\":\"\\u0000\"}");
    assert_amended("{\"a\":[\"\\u0000\"],\"b\":{\"\\u0000\":0}}", "{\"a\":[\"\\u0000\"],\"b\":{\"\\uffff\":0}}");
}

static void text_cut_anywhere_is_read_no_further(void **state)
{
    (void)state;
    const char whole[] =
        "{\"\\u0000\" : [\"\\ud800\\udc00\\ud800\", 1e400, -99999999999999999999], \"\\\\\" : \"\\\"\"}";
    for (size_t length = 0; length < sizeof whole; length++) {
        char *text = malloc(length > 0 ? length : 1);
        memcpy(text, whole, length);
        json_amend(text, length);
        free(text);
    }
}

static void amending_twice_changes_nothing_more(void **state)
{
    (void)state;
    static const char alphabet[] = "\\\"u0dD8cCfF:{}[],-+.eE19 \t";
    uint32_t seed = 0x9E3779B9;
    for (int round = 0; round < 20000; round++) {
        char text[48];
        for (size_t i = 0; i < sizeof text; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            text[i] = alphabet[seed % (sizeof alphabet - 1)];
        }
        json_amend(text, sizeof text);
        assert_false(json_amend(text, sizeof text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_out_of_range_become_a_fraction),
        cmocka_unit_test(numbers_in_range_stay),
        cmocka_unit_test(what_only_begins_as_a_number_out_of_range_stays),
        cmocka_unit_test(numbers_in_strings_stay),
        cmocka_unit_test(lone_surrogates_in_values_become_nul),
        cmocka_unit_test(surrogate_pairs_and_other_escapes_stay),
        cmocka_unit_test(keys_that_jansson_cannot_hold_become_a_noncharacter),
        cmocka_unit_test(text_cut_anywhere_is_read_no_further),
        cmocka_unit_test(amending_twice_changes_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
