/* What the inspection page hides (driver/inspect/sensitive.h). */
#include "sensitive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void names_that_let_in_are_known_however_they_are_written(void **state)
{
    static const char *const SECRET[] = {
        "authorization",
        "Proxy-Authorization",
        "COOKIE",
        "set-cookie",
        "x-api-key",
        "X_API_KEY",
        "apiKey",
        "x-auth-token",
        "access_token",
        "X-Amz-Security-Token",
        "password",
        "client_secret",
        "sessionid",
        "x-hub-signature-256",
        "jwt",
        "code",
        "key",
        "sig",
        "acc%65ss_token",
        "PHPSESSID",
        "x-csrf-token",
    };
    static const char *const OPEN[] = {
        "host",
        "accept",
        "content-type",
        "www-authenticate",
        "author",
        "x-forwarded-for",
        "page",
        "sec-websocket-key",
        "content-security-policy",
        "access-control-allow-credentials",
        "",
        "%",
        "keyboard",
    };
    (void)state;
    for (size_t i = 0; i < sizeof SECRET / sizeof *SECRET; i++)
        if (!sensitive_is_name(span_of_string(SECRET[i])))
            fail_msg("%s is shown", SECRET[i]);
    for (size_t i = 0; i < sizeof OPEN / sizeof *OPEN; i++)
        if (sensitive_is_name(span_of_string(OPEN[i])))
            fail_msg("%s is hidden", OPEN[i]);
}

static void field_is(const char *name, const char *value, const char *expected)
{
    char *shown = sensitive_hide_in_field(name, value);
    assert_string_equal(shown, expected);
    free(shown);
}

static void of_a_field_that_lets_in_only_what_helps_is_shown(void **state)
{
    (void)state;
    field_is("authorization", "Bearer eyJhbGciOi.x.y", "Bearer ********");
    field_is("Proxy-Authorization", "Basic dTpw", "Basic ********");
    field_is("authorization", "just-a-token", "********");
    field_is("authorization", "", "********");
    field_is("Cookie", "sid=1; theme=dark=2;  lone;", "sid=********; theme=********;  ********;********");
    field_is("Set-Cookie", "sid=a%20b; Path=/; HttpOnly", "sid=********; Path=/; HttpOnly");
    field_is("x-api-key", "k-1", "********");
    field_is("accept", "text/html;q=0.8", "text/html;q=0.8");
}

static void of_urls_only_the_values_of_such_parameters_are_hidden(void **state)
{
    (void)state;
    field_is("location", "https://a.test/cb?code=1&state=2#access_token=3&token_type=b",
             "https://a.test/cb?code=********&state=2#access_token=********&token_type=********");
    field_is("referer", "http://a.test/?page=1", "http://a.test/?page=1");
    char *target = sensitive_hide_in_target("/p;key=1/key=2?q=key=3&api%4bey=4&token&token=&;sig=5?sig=6");
    assert_string_equal(target,
                        "/p;key=1/key=2?q=key=3&api%4bey=********&token&token=********&;sig=********?sig=********");
    free(target);
    target = sensitive_hide_in_target("*");
    assert_string_equal(target, "*");
    free(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_let_in_are_known_however_they_are_written),
        cmocka_unit_test(of_a_field_that_lets_in_only_what_helps_is_shown),
        cmocka_unit_test(of_urls_only_the_values_of_such_parameters_are_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
