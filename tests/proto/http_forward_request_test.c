/* What becomes of a visitor's request head on its way to the driver. Heads are read by the real reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_forward.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

static const struct http_forward_policy SILENT = {.peer_ip = "10.0.0.9", .proto = "http"};
static const struct http_forward_policy SILENT_TRUSTED = {
    .peer_ip = "10.0.0.9", .peer_is_trusted = true, .proto = "http"};
static const struct http_forward_policy UNTRUSTED = {
    .peer_ip = "10.0.0.9", .adds_forwarded_fields = true, .proto = "http"};
static const struct http_forward_policy TRUSTED = {
    .peer_ip = "2001:db8::7", .peer_is_trusted = true, .adds_forwarded_fields = true, .proto = "http"};

/* "METHOD target [upgrade]\nname: value\n...". The caller frees it. */
static char *print_open(const struct stream_open *open)
{
    struct evbuffer *out = evbuffer_new();
    evbuffer_add_printf(out, "%s %s%s\n", open->method, open->target, open->is_upgrade ? " upgrade" : "");
    for (size_t i = 0; i < open->fields.count; i++)
        evbuffer_add_printf(out, "%s: %s\n", open->fields.pairs[i].name, open->fields.pairs[i].value);
    const size_t length = evbuffer_get_length(out);
    char *text = calloc(1, length + 1);
    evbuffer_remove(out, text, length);
    evbuffer_free(out);
    return text;
}

static void expect_forwarded_as(const struct http_forward_policy *policy, const char *request, const char *expected)
{
    struct http_reader *reader = http_reader_new(HTTP_REQUESTS);
    struct evbuffer *in = evbuffer_new();
    struct stream_open open = {.bind = 7, .container_port = 8080};
    evbuffer_add(in, request, strlen(request));
    assert_int_equal(http_reader_read(reader, in, NULL, 0), HTTP_HEAD);
    assert_true(http_forward_request(http_reader_head(reader), policy, &open));
    http_reader_destroy(&reader); /* what follows must live on copies */

    char *text = print_open(&open);
    assert_string_equal(text, expected);
    assert_int_equal(open.kind, STREAM_HTTP);
    assert_int_equal(open.bind, 7);
    assert_int_equal(open.container_port, 8080);
    free(text);
    stream_open_done(&open);
    evbuffer_free(in);
}

static void expect_forwarded(const char *request, const char *expected)
{
    expect_forwarded_as(&SILENT, request, expected);
}

static void names_are_lower_case_and_order_and_duplicates_kept(void **state)
{
    (void)state;
    expect_forwarded(
        "POST /p?q=1 HTTP/1.1\r\nX-B: 2\r\nHost: Example.org:80\r\nCOOKIE: a=1\r\nx-a: One\r\ncookie: b=2\r\n"
        "X-A:\r\nContent-Length: 3\r\n\r\n",
        "POST /p?q=1\nx-b: 2\nhost: Example.org:80\ncookie: a=1\nx-a: One\ncookie: b=2\nx-a: \n"
        "content-length: 3\n");
}

static void hop_by_hop_fields_are_removed(void **state)
{
    (void)state;
    expect_forwarded("POST / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=1\r\n"
                     "Proxy-Connection: a\r\nProxy-Authenticate: b\r\nProxy-Authorization: c\r\nTE: trailers\r\n"
                     "Trailer: d\r\nUpgrade: websocket\r\nx-hop: 1\r\nX-Hopper: 2\r\nX-Ho: 3\r\nTe-x: 4\r\n"
                     "connection: other\r\nOther: 5\r\nContent-Length: 0\r\n\r\n",
                     "POST /\nhost: a\nx-hopper: 2\nx-ho: 3\nte-x: 4\ncontent-length: 0\n");
}

static void connection_never_removes_host_or_the_framing(void **state)
{
    (void)state;
    expect_forwarded("POST / HTTP/1.1\r\nHost: a\r\nConnection: host, content-length\r\nContent-Length: 3\r\n\r\n",
                     "POST /\nhost: a\ncontent-length: 3\n");
    expect_forwarded(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /\nhost: a\ntransfer-encoding: chunked\n");
}

static void an_upgrade_keeps_connection_and_upgrade(void **state)
{
    (void)state;
    expect_forwarded("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade, X-Hop\r\nUpgrade: websocket\r\n"
                     "Keep-Alive: 1\r\nX-Hop: 1\r\nSec-WebSocket-Key: k==\r\n\r\n",
                     "GET /ws upgrade\nhost: a\nconnection: keep-alive, Upgrade, X-Hop\nupgrade: websocket\n"
                     "sec-websocket-key: k==\n");
}

static void an_upgrade_cannot_have_the_service_forget_its_visitor(void **state)
{
    (void)state;
    const struct http_forward_policy policy = {.peer_ip = "9.9.9.9", .adds_forwarded_fields = true, .proto = "http"};
    expect_forwarded_as(&policy,
                        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For, Upgrade\r\nUpgrade: websocket\r\n"
                        "Connection: x-forwarded-host , x\r\nx: 1\r\n\r\n",
                        "GET /ws upgrade\nhost: a\nconnection: Upgrade\nupgrade: websocket\n"
                        "x-forwarded-for: 9.9.9.9\nx-forwarded-host: a\nx-forwarded-proto: http\n");
}

static void an_upgrade_with_a_body_or_to_h2c_is_a_plain_request(void **state)
{
    (void)state;
    expect_forwarded("POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n",
                     "POST /\nhost: a\ncontent-length: 1\n");
    expect_forwarded("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                     "HTTP2-Settings: AAMAAABk\r\n\r\n",
                     "GET /\nhost: a\n");
}

static void a_length_goes_on_in_the_fewest_digits(void **state)
{
    (void)state;
    expect_forwarded("POST / HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 0000000000000000000000007\r\nZ: z\r\n\r\n",
                     "POST /\nhost: a\nx: y\ncontent-length: 7\nz: z\n");
    expect_forwarded("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n\r\n",
                     "POST /\nhost: a\ncontent-length: 0\n");
    expect_forwarded("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n",
                     "POST /\nhost: a\ncontent-length: 9223372036854775807\n");
}

static void a_chunked_request_keeps_its_transfer_encoding(void **state)
{
    (void)state;
    expect_forwarded("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\nX: y\r\n\r\n",
                     "PUT /\nhost: a\ntransfer-encoding: chunked\nx: y\n");
}

static void get_and_head_go_without_body_fields(void **state)
{
    (void)state;
    static const char *const METHODS[] = {"GET", "HEAD"};
    for (size_t i = 0; i < 2; i++) {
        char request[200], expected[80];
        (void)snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", METHODS[i]);
        (void)snprintf(expected, sizeof expected, "%s /\nhost: a\n", METHODS[i]);
        expect_forwarded(request, expected);
        (void)snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                       METHODS[i]);
        expect_forwarded(request, expected);
    }
    expect_forwarded("DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
                     "DELETE /\nhost: a\ncontent-length: 3\n");
}

static void expect_100_continue_is_removed(void **state)
{
    (void)state;
    expect_forwarded("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
                     "POST /\nhost: a\ncontent-length: 1\n");
    expect_forwarded("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", "POST /\nhost: a\n");
    expect_forwarded("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
                     "POST /\nhost: a\ncontent-length: 1\n");
    expect_forwarded("POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\n",
                     "POST /\nhost: a\nexpect: x\ncontent-length: 1\n");
}

static void values_are_utf8_or_else_latin_1(void **state)
{
    (void)state;
    expect_forwarded(
        "GET / HTTP/1.1\r\nHost: a\r\nX: gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x8c\r\nY: gr\xfc\xdf \x80\xff\r\n"
        "Z: \xc3\xbc\xff\r\nS: \xed\xa0\x80\r\n\r\n",
        "GET /\nhost: a\nx: gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x8c\n"
        "y: gr\xc3\xbc\xc3\x9f \xc2\x80\xc3\xbf\nz: \xc3\x83\xc2\xbc\xc3\xbf\ns: \xc3\xad\xc2\xa0\xc2\x80\n");
}

/* Every byte that may stand in a value, alone: ASCII stays, the others take two. */
static void every_latin_1_byte_becomes_its_code_point(void **state)
{
    (void)state;
    for (unsigned byte = 0x80; byte < 0x100; byte++) {
        char request[64], expected[64];
        (void)snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\nX: a%cb\r\n\r\n", (int)byte);
        (void)snprintf(expected, sizeof expected, "GET /\nhost: a\nx: a%c%cb\n", (int)(byte < 0xC0 ? 0xC2 : 0xC3),
                       (int)(byte < 0xC0 ? byte : byte - 0x40));
        expect_forwarded(request, expected);
    }
}

/* Heads by hand: the rules for targets hold also for those that the reader refuses. */
static void expect_target(const char *method, const char *target, const char *forwarded, const char *host)
{
    static struct http_head head; /* large */
    head = (struct http_head){
        .method = span_of_string(method),
        .target = span_of_string(target),
        .host = span_of_string("a"),
        .version_minor = 1,
        .fields = {{span_of_string("Host"), span_of_string("a")}},
        .field_count = 1,
    };
    struct stream_open open = {0};
    assert_true(http_forward_request(&head, &SILENT, &open));
    assert_string_equal(open.target, forwarded);
    assert_int_equal(open.fields.count, 1);
    assert_string_equal(open.fields.pairs[0].value, host);
    stream_open_done(&open);
}

static void target_bytes_are_passed_on_unchanged(void **state)
{
    (void)state;
    static const char *const TARGETS[] = {
        "/",          "/a/../b//c?x=%zz&y={}|^`\\",
        "//evil/x",   "*",
        "/http://b/", "/?u=http://b/c",
        "a:b",        "http:/b",
        "http//b/c",  "1ttp://b/c",
        "://b/c",     "http:",
        "h",          "http:/",
        "+x://b/",    "-://b/",
        "http:\\\\b", "ht tp://b",
        "?x",
    };
    for (size_t i = 0; i < sizeof TARGETS / sizeof *TARGETS; i++)
        expect_target("OPTIONS", TARGETS[i], TARGETS[i], "a");
    expect_forwarded("GET /a/../b//c?x=%zz&y={}|^`\\ HTTP/1.1\r\nHost: a\r\n\r\n",
                     "GET /a/../b//c?x=%zz&y={}|^`\\\nhost: a\n");
}

static void absolute_form_becomes_origin_form_and_its_authority_wins(void **state)
{
    (void)state;
    expect_target("GET", "http://b/c?d=e", "/c?d=e", "b");
    expect_target("GET", "http://b:81", "/", "b:81");
    expect_target("GET", "http://b/", "/", "b");
    expect_target("GET", "http://b?q/r", "/?q/r", "b");
    expect_target("GET", "HTTPS://B//x", "//x", "B");
    expect_target("GET", "ws://b/x", "/x", "b");
    expect_target("GET", "http://[::1]:8/x", "/x", "[::1]:8");
    expect_target("GET", "http://u:p@b/x@y", "/x@y", "b");
    expect_target("GET", "http://u@v@b/", "/", "b");
    expect_target("GET", "http://b", "/", "b");
    expect_target("OPTIONS", "http://b", "*", "b");
    expect_target("OPTIONS", "http://b/", "/", "b");
    expect_target("OPTIONS", "http://b?q", "/?q", "b");
}

static void the_host_of_an_absolute_form_takes_the_place_of_host(void **state)
{
    (void)state;
    expect_forwarded("GET http://b:1/c HTTP/1.1\r\nX: y\r\nHost: a\r\nZ: z\r\n\r\n", "GET /c\nx: y\nhost: b:1\nz: z\n");
    expect_forwarded("GET http://b/ HTTP/1.0\r\nX: y\r\n\r\n", "GET /\nhost: b\nx: y\n");
    expect_forwarded("GET / HTTP/1.0\r\nX: y\r\n\r\n", "GET /\nx: y\n");
    expect_forwarded_as(&UNTRUSTED, "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
                        "GET /\nhost: b\nx-forwarded-for: 10.0.0.9\nx-forwarded-host: b\nx-forwarded-proto: http\n");
}

static void forwarded_fields_are_added_last(void **state)
{
    (void)state;
    expect_forwarded_as(&UNTRUSTED, "GET / HTTP/1.1\r\nHost: a:8\r\nX: y\r\n\r\n",
                        "GET /\nhost: a:8\nx: y\nx-forwarded-for: 10.0.0.9\nx-forwarded-host: a:8\n"
                        "x-forwarded-proto: http\n");
    expect_forwarded_as(&TRUSTED, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                        "GET /\nhost: a\nx-forwarded-for: 2001:db8::7\nx-forwarded-host: a\nx-forwarded-proto: http\n");
    expect_forwarded_as(&UNTRUSTED, "GET / HTTP/1.0\r\n\r\n",
                        "GET /\nx-forwarded-for: 10.0.0.9\nx-forwarded-proto: http\n");
    expect_forwarded_as(&UNTRUSTED, "GET / HTTP/1.1\r\nHost:\r\n\r\n",
                        "GET /\nhost: \nx-forwarded-for: 10.0.0.9\nx-forwarded-proto: http\n");
}

#define SPOOFED                                                                                                        \
    "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: pub\r\n"   \
    "X: y\r\nx-forwarded-for: 2.2.2.2, 3.3.3.3\r\nx-forwarded-for:\r\n\r\n"

static void forwarded_fields_of_strangers_are_replaced(void **state)
{
    (void)state;
    expect_forwarded_as(&UNTRUSTED, SPOOFED,
                        "GET /\nhost: a\nx: y\nx-forwarded-for: 10.0.0.9\nx-forwarded-host: a\n"
                        "x-forwarded-proto: http\n");
    expect_forwarded_as(&SILENT, SPOOFED, "GET /\nhost: a\nx: y\n");
}

static void forwarded_fields_of_trusted_peers_are_kept_and_appended_to(void **state)
{
    (void)state;
    expect_forwarded_as(&TRUSTED, SPOOFED,
                        "GET /\nhost: a\nx-forwarded-proto: https\nx-forwarded-host: pub\nx: y\n"
                        "x-forwarded-for: 1.1.1.1, 2.2.2.2, 3.3.3.3, 2001:db8::7\n");
    expect_forwarded_as(&SILENT_TRUSTED, SPOOFED,
                        "GET /\nhost: a\nx-forwarded-for: 1.1.1.1\nx-forwarded-proto: https\nx-forwarded-host: pub\n"
                        "x: y\nx-forwarded-for: 2.2.2.2, 3.3.3.3\nx-forwarded-for: \n");
}

/* A visitor must not make the kit's own fields vanish by naming them in Connection. */
static void connection_does_not_remove_what_the_kit_adds(void **state)
{
    (void)state;
    expect_forwarded_as(&TRUSTED,
                        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n"
                        "Connection: x-forwarded-for, X-Forwarded-Proto, x-forwarded-host\r\n\r\n",
                        "GET /\nhost: a\nx-forwarded-for: 2001:db8::7\nx-forwarded-host: a\nx-forwarded-proto: http\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_lower_case_and_order_and_duplicates_kept),
        cmocka_unit_test(hop_by_hop_fields_are_removed),
        cmocka_unit_test(connection_never_removes_host_or_the_framing),
        cmocka_unit_test(an_upgrade_keeps_connection_and_upgrade),
        cmocka_unit_test(an_upgrade_cannot_have_the_service_forget_its_visitor),
        cmocka_unit_test(an_upgrade_with_a_body_or_to_h2c_is_a_plain_request),
        cmocka_unit_test(a_length_goes_on_in_the_fewest_digits),
        cmocka_unit_test(a_chunked_request_keeps_its_transfer_encoding),
        cmocka_unit_test(get_and_head_go_without_body_fields),
        cmocka_unit_test(expect_100_continue_is_removed),
        cmocka_unit_test(values_are_utf8_or_else_latin_1),
        cmocka_unit_test(every_latin_1_byte_becomes_its_code_point),
        cmocka_unit_test(target_bytes_are_passed_on_unchanged),
        cmocka_unit_test(absolute_form_becomes_origin_form_and_its_authority_wins),
        cmocka_unit_test(the_host_of_an_absolute_form_takes_the_place_of_host),
        cmocka_unit_test(forwarded_fields_are_added_last),
        cmocka_unit_test(forwarded_fields_of_strangers_are_replaced),
        cmocka_unit_test(forwarded_fields_of_trusted_peers_are_kept_and_appended_to),
        cmocka_unit_test(connection_does_not_remove_what_the_kit_adds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
