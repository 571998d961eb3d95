/* Looking things up in a head. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_reader.h"

static struct http_head head_with(const char *const pairs[][2], size_t count)
{
    struct http_head head = {.field_count = count};
    for (size_t i = 0; i < count; i++) {
        head.fields[i] = (struct http_field){span_of_string(pairs[i][0]), span_of_string(pairs[i][1])};
    }
    return head;
}

static void the_first_field_of_a_name_is_found_whatever_its_case(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"A", "1"}, {"accept", "2"}, {"Accept", "3"}};
    const struct http_head head = head_with(pairs, 3);
    assert_ptr_equal(http_head_field(&head, "ACCEPT"), &head.fields[1]);
    assert_null(http_head_field(&head, "accep"));
    assert_null(http_head_field(&head, "accepts"));
}

static void a_token_is_found_in_all_lists_of_its_name(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"Connection", ""}, {"connection", ", keep-alive ,\tX"}, {"CONNECTION", "Upgrade"}, {"Other", "close"}};
    const struct http_head head = head_with(pairs, 4);
    assert_true(http_head_has_token(&head, "Connection", "Keep-Alive"));
    assert_true(http_head_has_token(&head, "Connection", "x"));
    assert_true(http_head_has_token(&head, "connection", "upgrade"));
    assert_false(http_head_has_token(&head, "connection", "close"));
    assert_false(http_head_has_token(&head, "connection", "keep"));
    assert_false(http_head_has_token(&head, "connection", "keep-alive2"));
    assert_false(http_head_has_token(&head, "missing", "close"));
}

static void a_token_with_words_beside_it_is_another(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"Connection", "not close, close it, close;q=1"}};
    const struct http_head head = head_with(pairs, 1);
    assert_false(http_head_has_token(&head, "connection", "close"));
    assert_true(http_head_has_token(&head, "connection", "not close"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_field_of_a_name_is_found_whatever_its_case),
        cmocka_unit_test(a_token_is_found_in_all_lists_of_its_name),
        cmocka_unit_test(a_token_with_words_beside_it_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
