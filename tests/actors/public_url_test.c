/* The public URL of an exposed port (protocol section 5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include <string.h>

#include "binding_registry/public_url.h"

static const char *url(const char *pattern, const char *label)
{
    static char text[PUBLIC_URL_MAX];
    public_url_write(pattern, 8123, (struct bind_id){42}, label, text);
    return text;
}

static void an_unset_pattern_gives_none(void **state)
{
    (void)state;
    assert_string_equal(url("", "web"), "");
}

static void placeholders_are_filled_in_as_often_as_they_stand_there(void **state)
{
    (void)state;
    assert_string_equal(url("https://{label}-{port}.example.com/{bindId}?p={port}", "web"),
                        "https://web-8123.example.com/42?p=8123");
}

static void other_braces_stay_as_they_are(void **state)
{
    (void)state;
    assert_string_equal(url("{ports}{{port}}{Port}{", "web"), "{ports}{8123}{Port}{");
}

static void a_label_cannot_break_out_of_its_place(void **state)
{
    (void)state;
    assert_string_equal(url("http://h:{port}/{label}", "a/b?c#d{port}\r\n\xc3\xa9~"),
                        "http://h:8123/a%2Fb%3Fc%23d%7Bport%7D%0D%0A%C3%A9~");
    assert_string_equal(url("http://h:{port}/{label}", ""), "http://h:8123/");
}

static void a_url_that_would_be_too_long_is_none(void **state)
{
    (void)state;
    char label[PUBLIC_URL_MAX + 1];
    memset(label, 'x', sizeof label);
    label[PUBLIC_URL_MAX - 1 - 4] = '\0'; /* and the port fills it to the brim */
    assert_int_equal(strlen(url("{port}{label}", label)), PUBLIC_URL_MAX - 1);
    label[PUBLIC_URL_MAX - 1 - 4] = 'x';
    label[PUBLIC_URL_MAX - 4] = '\0';
    assert_string_equal(url("{port}{label}", label), "");
    label[PUBLIC_URL_MAX - 4] = '/';
    label[PUBLIC_URL_MAX] = '\0';
    assert_string_equal(url("{port}{label}", label), "");
}

static void a_pattern_must_have_a_port(void **state)
{
    (void)state;
    assert_true(public_url_pattern_is_valid(""));
    assert_true(public_url_pattern_is_valid("https://h/{port}"));
    assert_false(public_url_pattern_is_valid("https://h/{label}/{bindId}"));
    assert_false(public_url_pattern_is_valid("{PORT}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unset_pattern_gives_none),
        cmocka_unit_test(placeholders_are_filled_in_as_often_as_they_stand_there),
        cmocka_unit_test(other_braces_stay_as_they_are),
        cmocka_unit_test(a_label_cannot_break_out_of_its_place),
        cmocka_unit_test(a_url_that_would_be_too_long_is_none),
        cmocka_unit_test(a_pattern_must_have_a_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
