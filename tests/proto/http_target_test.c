/* The forms of a request target (RFC 9112 section 3.2). */
#include "http_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static enum http_target_form form_of(const char *target)
{
    return http_target_read(span_of_string(target)).form;
}

static void assert_absolute(const char *target, const char *host, const char *path)
{
    const struct http_target read = http_target_read(span_of_string(target));
    assert_int_equal(read.form, TARGET_ABSOLUTE);
    assert_true(span_equals(read.host, host));
    assert_true(span_equals(read.path, path));
}

static void a_path_is_in_origin_form_whatever_follows(void **state)
{
    (void)state;
    static const char *const targets[] = {"/", "/a?b", "//", "//a.test/b", "/http://a.test/", "/*", "/@:"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        assert_int_equal(form_of(targets[i]), TARGET_ORIGIN);
    }
}

static void an_asterisk_stands_alone(void **state)
{
    (void)state;
    assert_int_equal(form_of("*"), TARGET_ASTERISK);
    assert_int_equal(form_of("**"), TARGET_OTHER);
    assert_int_equal(form_of("*/"), TARGET_OTHER);
}

static void a_url_has_a_host_and_maybe_a_path(void **state)
{
    (void)state;
    assert_absolute("http://a.test/b?c", "a.test", "/b?c");
    assert_absolute("HTTPS://A.Test:8443", "A.Test:8443", "");
    assert_absolute("http://a?b/c", "a", "?b/c");
    assert_absolute("x+y-z.1://[::1]:80/", "[::1]:80", "/");
    assert_absolute("http://a.test//b", "a.test", "//b");
    assert_absolute("http://a/http://b/", "a", "/http://b/");
}

static void userinfo_is_no_part_of_the_host(void **state)
{
    (void)state;
    assert_absolute("http://u@a/", "a", "/");
    assert_absolute("http://u:p@a:80?q", "a:80", "?q");
    assert_absolute("http://u@v@a/b@c", "a", "/b@c");
}

static void a_url_without_a_host_is_none(void **state)
{
    (void)state;
    static const char *const targets[] = {"http://",    "http:///b",    "http://?b",    "http://:80/",
                                          "http://u@/", "http://u@:1/", "http://a\\b/", "http://a|b/"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        assert_int_equal(form_of(targets[i]), TARGET_OTHER);
    }
}

static void what_has_no_scheme_is_none(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "",       "a",        "a.test:80", "?a",       "://a/",    "1http://a/", "-h://a/",
        "http:a", "http:/a/", "http:",     "ht_p://a", "mailto:a", "h://",       ":"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        assert_int_equal(form_of(targets[i]), TARGET_OTHER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_in_origin_form_whatever_follows),
        cmocka_unit_test(an_asterisk_stands_alone),
        cmocka_unit_test(a_url_has_a_host_and_maybe_a_path),
        cmocka_unit_test(userinfo_is_no_part_of_the_host),
        cmocka_unit_test(a_url_without_a_host_is_none),
        cmocka_unit_test(what_has_no_scheme_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
