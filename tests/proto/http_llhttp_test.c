/* What we ask of llhttp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_llhttp.h"

static bool views(bool is_request, const char *head, struct http_llhttp_view *ret_view)
{
    const struct span piece = span_of_string(head);
    return http_llhttp_view_head(is_request, &piece, 1, ret_view);
}

static void it_says_how_a_message_is_framed(void **state)
{
    (void)state;
    struct http_llhttp_view view;
    assert_true(views(true, "POST / HTTP/1.0\r\nContent-Length: 7\r\n\r\n", &view));
    assert_int_equal(view.version_minor, 0);
    assert_int_equal(view.content_length, 7);
    assert_false(view.is_chunked);
    assert_true(views(false, "HTTP/1.1 203 Some\r\nTransfer-Encoding: chunked\r\n\r\n", &view));
    assert_int_equal(view.version_minor, 1);
    assert_int_equal(view.status, 203);
    assert_int_equal(view.content_length, 0);
    assert_true(view.is_chunked);
}

static void a_head_may_come_in_pieces(void **state)
{
    (void)state;
    static const char head[] = "POST /long/target HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n";
    for (size_t cut = 0; cut < sizeof head; cut++) {
        const struct span pieces[] = {span_of(head, cut), span_of(head + cut, strlen(head) - cut)};
        struct http_llhttp_view view;
        assert_true(http_llhttp_view_head(true, pieces, 2, &view));
        assert_int_equal(view.content_length, 12);
    }
}

static void upgrades_are_no_error(void **state)
{
    (void)state;
    struct http_llhttp_view view;
    assert_true(views(true, "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", &view));
    assert_true(views(false, "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", &view));
}

static void half_a_head_and_nonsense_are_refused(void **state)
{
    (void)state;
    struct http_llhttp_view view = {.status = 77};
    assert_false(views(true, "GET / HTTP/1.1\r\nHost: a\r\n", &view));
    assert_false(views(true, "GET relative HTTP/1.1\r\n\r\n", &view));
    assert_false(views(true, "GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", &view));
    assert_false(views(false, "GET / HTTP/1.1\r\n\r\n", &view));
    assert_int_equal(view.status, 77);
}

static void it_knows_the_methods_of_http(void **state)
{
    (void)state;
    static const char *const known[] = {"GET",   "HEAD",  "POST",    "PUT",       "DELETE", "OPTIONS",
                                        "PATCH", "TRACE", "CONNECT", "M-SEARCH",  "SOURCE", "PROPFIND",
                                        "PURGE", "MKCOL", "LINK",    "SUBSCRIBE", "ACL",    "UNLOCK"};
    static const char *const unknown[] = {"",    "get",      "GETS", "GE",    "MSEARCH",
                                          "PRI", "DESCRIBE", "PLAY", "FLUSH", "QUERY"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_true(http_llhttp_knows_method(span_of_string(known[i])));
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_false(http_llhttp_knows_method(span_of_string(unknown[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_how_a_message_is_framed), cmocka_unit_test(a_head_may_come_in_pieces),
        cmocka_unit_test(upgrades_are_no_error),           cmocka_unit_test(half_a_head_and_nonsense_are_refused),
        cmocka_unit_test(it_knows_the_methods_of_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
