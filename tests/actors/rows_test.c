/* Rows kept beyond their message. */
#include "rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

/* As from several shards: one answer after the other, empty ones between, then all read back in order. */
static void rows_are_kept_one_behind_the_other(void **state)
{
    (void)state;
    enum { ANSWERS = 40 };
    struct message_buffer kept = {0};
    for (uint64_t i = 0; i < ANSWERS; i++) {
        struct message_buffer answer = {0};
        assert_true(message_pack(MESSAGE_OF(list_sessions, .ref = i), &answer));
        assert_true(rows_append(&kept, message_buffer_span(&answer)));
        message_buffer_done(&answer); /* what is kept is a copy */
        assert_true(rows_append(&kept, (struct span){0}));
    }
    struct span rows = message_buffer_span(&kept);
    for (uint64_t i = 0; i < ANSWERS; i++) {
        struct message row = {0};
        assert_true(message_rows_next(&rows, &row));
        assert_int_equal(row.type, MESSAGE_list_sessions);
        assert_int_equal(row.list_sessions.ref, i);
        message_done(&row);
    }
    assert_int_equal(rows.length, 0);
    message_buffer_done(&kept);
}

static void no_rows_are_nothing(void **state)
{
    (void)state;
    struct message_buffer kept = {0};
    assert_true(rows_append(&kept, (struct span){0}));
    assert_int_equal(message_buffer_span(&kept).length, 0);
    message_buffer_done(&kept);
}

static void what_cannot_be_counted_is_refused(void **state)
{
    (void)state;
    struct message_buffer kept = {0};
    assert_true(rows_append(&kept, span_of("abc", 3)));
    assert_false(rows_append(&kept, span_of("abc", SIZE_MAX - 2)));
    assert_int_equal(kept.length, 3);
    message_buffer_done(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_kept_one_behind_the_other),
        cmocka_unit_test(no_rows_are_nothing),
        cmocka_unit_test(what_cannot_be_counted_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
