/* The scanner of chunk framing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_chunk_scan.h"

#include <inttypes.h>
#include <stdio.h>

/* Plays `bytes` in two pieces, data taken as it comes: "<size of each data run>... done <left>" or "bad <status>". */
static void play(const char *bytes, size_t cut, char *text, size_t text_size)
{
    const size_t length = strlen(bytes);
    struct http_chunk_scan scan = {0};
    struct http_error error;
    uint64_t data = 0;
    size_t end = cut;

    for (size_t at = 0;;) {
        struct span in = span_of(bytes + at, end - at);
        const enum http_chunk_verdict verdict = http_chunk_scan(&scan, &in, &error);
        at = end - in.length;
        switch (verdict) {
        case CHUNK_MORE:
            assert_int_equal(at, end);
            if (end == length) {
                snprintf(text, text_size, "%" PRIu64 " more", data);
                return;
            }
            end = length;
            break;
        case CHUNK_HAS_DATA: {
            const uint64_t take = scan.data_left < end - at ? scan.data_left : end - at;
            if (take == 0 && end == length) {
                snprintf(text, text_size, "%" PRIu64 " of %" PRIu64, data, scan.data_left);
                return;
            }
            end = take == 0 ? length : end;
            http_chunk_take(&scan, take);
            at += (size_t)take;
            data += take;
            break;
        }
        case CHUNK_DONE:
            snprintf(text, text_size, "%" PRIu64 " done, %zu left", data, length - at);
            return;
        case CHUNK_BAD:
            snprintf(text, text_size, "bad %d", error.status);
            return;
        }
    }
}

static void assert_plays(const char *bytes, const char *expected)
{
    for (size_t cut = 0; cut <= strlen(bytes); cut++) {
        char text[64];
        play(bytes, cut, text, sizeof text);
        if (strcmp(text, expected) != 0) {
            print_error("cut at %zu: %s\n", cut, bytes);
        }
        assert_string_equal(text, expected);
    }
}

static void chunks_end_where_their_sizes_say(void **state)
{
    (void)state;
    assert_plays("0\r\n\r\n", "0 done, 0 left");
    assert_plays("5\r\nhello\r\n0\r\n\r\n", "5 done, 0 left");
    assert_plays("5\r\nhello\r\n0000c\r\n hello world\r\n0\r\n\r\nGET", "17 done, 3 left");
    assert_plays("A\r\n0123456789\r\n00\r\n\r\n", "10 done, 0 left");
    assert_plays("4\r\n\r\n\r\n\r\n0\r\n\r\n", "4 done, 0 left");
}

static void extensions_are_skipped(void **state)
{
    (void)state;
    assert_plays("1;a\r\nx\r\n1;b=c;d=\"e;\xFF f\"\r\nx\r\n0;last\r\n\r\n", "2 done, 0 left");
}

static void trailers_are_checked_and_dropped(void **state)
{
    (void)state;
    assert_plays("0\r\nA: b\r\nContent-Length: 7\r\n\r\nrest", "0 done, 4 left");
    assert_plays("0\r\nA: b\r\n c\r\n\r\n", "bad 400");
    assert_plays("0\r\n A: b\r\n\r\n", "bad 400");
    assert_plays("0\r\nA : b\r\n\r\n", "bad 400");
    assert_plays("0\r\n: b\r\n\r\n", "bad 400");
    assert_plays("0\r\nA: b\n\r\n", "bad 400");
    assert_plays("0\r\nA: \x01\r\n\r\n", "bad 400");
    assert_plays("0\r\nA: b\r\n\n", "bad 400");
    assert_plays("0\r\nA: b\r\n\rx", "bad 400");
    assert_plays("0\r\nGET / HTTP/1.1\r\n", "bad 400");
}

static void bad_sizes_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "\r\n",  ";a\r\n", " 1\r\n", "1 \r\n", "1 ;a\r\n", "+1\r\n", "-1\r\n", "0x1\r\n", "1,\r\n",
        "g\r\n", "1\n",    "1\rx",   "1;a\n",  "1;a\rb",   "1;\x01", "\t1",    "1;\x7F",  "1\t\r\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_plays(lines[i], "bad 400");
    }
}

static void data_must_be_followed_by_crlf(void **state)
{
    (void)state;
    assert_plays("1\r\nxy\r\n", "bad 400");
    assert_plays("1\r\nx\n0\r\n\r\n", "bad 400");
    assert_plays("1\r\nx\r0\r\n\r\n", "bad 400");
    assert_plays("1\r\nx0\r\n\r\n", "bad 400");
    assert_plays("0\r\n\n", "bad 400");
}

static void sizes_stay_below_2_to_the_63(void **state)
{
    (void)state;
    assert_plays("7fffFFFFffffffff\r\nx", "1 of 9223372036854775806");
    assert_plays("007fffffffffffffff\r\nx", "1 of 9223372036854775806");
    assert_plays("8000000000000000\r\nx", "bad 400");
    assert_plays("ffffffffffffffff\r\nx", "bad 400");
    assert_plays("10000000000000001\r\nx", "bad 400");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_end_where_their_sizes_say), cmocka_unit_test(extensions_are_skipped),
        cmocka_unit_test(trailers_are_checked_and_dropped), cmocka_unit_test(bad_sizes_are_refused),
        cmocka_unit_test(data_must_be_followed_by_crlf),    cmocka_unit_test(sizes_stay_below_2_to_the_63),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
