/* Session ids: "S-" and a lower-case UUIDv4 (protocol section 3). */
#include "session_manager/session_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

static void an_id_is_the_random_bytes_as_a_uuid_of_version_4(void **state)
{
    (void)state;
    const uint8_t random[SESSION_ID_RANDOM_BYTES] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                                     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    assert_string_equal(session_id_of(random).text, "S-00112233-4455-4677-8899-aabbccddeeff");
    const uint8_t ones[SESSION_ID_RANDOM_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    assert_string_equal(session_id_of(ones).text, "S-ffffffff-ffff-4fff-bfff-ffffffffffff");
    const uint8_t zeros[SESSION_ID_RANDOM_BYTES] = {0};
    assert_string_equal(session_id_of(zeros).text, "S-00000000-0000-4000-8000-000000000000");
}

static void no_two_ids_are_the_same(void **state)
{
    (void)state;
    struct session_id first = session_id_new(), second = session_id_new();
    assert_int_equal(strlen(first.text), SESSION_ID_LENGTH);
    assert_string_not_equal(first.text, second.text);
    assert_int_equal(first.text[16], '4');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_the_random_bytes_as_a_uuid_of_version_4),
        cmocka_unit_test(no_two_ids_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
