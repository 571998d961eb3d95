/* Numbers of `top`: sums of samples and rates (driver/admin/rates.h), and how people read them (quantity.h). */
#include "admin/rates.h"
#include "terminal/quantity.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char TEXT[] = "# HELP bytes_total Some {braces} 1\n"
                           "# TYPE bytes_total counter\n"
                           "bytes_total{direction=\"in\",mode=\"a\"} 1\n"
                           "bytes_total{direction=\"in\",mode=\"b\"} 2.5\n"
                           "bytes_total{direction=\"out\",mode=\"a\"} 4e2\n"
                           "bytes_total_more 8\n"
                           "bytes 16\n"
                           "other{say=\"a } b\"} 32 1700000000\n"
                           "broken{say=\"x\" 64\n"
                           "broken x64\n"
                           "broken\n"
                           "last 128";

static double sum(const char *family, const char *label)
{
    return metrics_sum(span_of_string(TEXT), family, label);
}

static void same(double value, double expected)
{
    if (isnan(expected) ? !isnan(value) : value != expected)
        fail_msg("%g, not %g", value, expected);
}

static void samples_of_a_family_are_added_up(void **state)
{
    (void)state;
    same(sum("bytes_total", ""), 403.5);
    same(sum("bytes_total", "direction=\"in\""), 3.5);
    same(sum("bytes_total", "direction=\"out\""), 400);
    same(sum("bytes", ""), 16);
    same(sum("other", ""), 32);
    same(sum("last", ""), 128);
}

static void what_is_not_there_is_no_number(void **state)
{
    (void)state;
    same(sum("bytes_total", "direction=\"up\""), NAN);
    same(sum("byte", ""), NAN);
    same(sum("bytes", "direction=\"in\""), NAN);
    same(sum("broken", ""), NAN);
    same(sum("absent", ""), NAN);
    same(metrics_sum(span_of("", 0), "last", ""), NAN);
}

static void a_text_cut_anywhere_is_read_to_its_end(void **state)
{
    (void)state;
    for (size_t length = 0; length < sizeof TEXT; length++) {
        char *cut = test_malloc(length + 1); /* the sanitizer watches its end */
        memcpy(cut, TEXT, length);
        double bytes = metrics_sum(span_of(cut, length), "bytes_total", "");
        assert_true(isnan(bytes) || bytes <= 403.5);
        test_free(cut);
    }
}

static const char LOOK[] = "hoody_tunnel_stream_bytes_total{direction=\"to_driver\",mode=\"expose\"} 10\n"
                           "hoody_tunnel_stream_bytes_total{direction=\"to_visitor\",mode=\"expose\"} 200\n"
                           "hoody_tunnel_stream_bytes_total{direction=\"to_driver\",mode=\"pull\"} 30\n"
                           "hoody_tunnel_stream_bytes_total{direction=\"to_visitor\",mode=\"pull\"} 400\n"
                           "hoody_tunnel_http_answers_total{class=\"1xx\"} 5\n"
                           "hoody_tunnel_http_answers_total{class=\"2xx\"} 6\n"
                           "hoody_tunnel_http_answers_total{class=\"5xx\"} 1\n"
                           "hoody_tunnel_streams_opened_total 8\n"
                           "process_cpu_seconds_total 1.5\n"
                           "process_start_time_seconds 99\n"
                           "process_resident_memory_bytes 1024\n"
                           "hoody_tunnel_buffered_bytes{direction=\"to_driver\"} 1\n"
                           "hoody_tunnel_buffered_bytes{direction=\"to_visitor\"} 2\n";

static struct metrics_look look_at(double seconds)
{
    struct metrics_look look;
    metrics_look_read(span_of_string(LOOK), seconds, &look);
    return look;
}

static void a_look_takes_what_top_shows(void **state)
{
    (void)state;
    struct metrics_look look = look_at(7);
    same(look.seconds, 7);
    same(look.started, 99);
    same(look.bytes_to_drivers, 40);
    same(look.bytes_to_visitors, 600);
    same(look.requests, 7);
    same(look.streams, 8);
    same(look.cpu_seconds, 1.5);
    same(look.memory_bytes, 1024);
    same(look.buffered_bytes, 3);
}

static void rates_are_of_a_second(void **state)
{
    (void)state;
    struct metrics_look before = look_at(10), after = look_at(14);
    after.bytes_to_visitors += 400;
    after.bytes_to_drivers += 40;
    after.requests += 2;
    after.cpu_seconds += 1;
    struct metrics_rates rates = metrics_rates_between(&before, &after);
    same(rates.bytes_to_visitors, 100);
    same(rates.bytes_to_drivers, 10);
    same(rates.requests, 0.5);
    same(rates.streams, 0);
    same(rates.cpu, 0.25);
}

static void between_two_daemons_there_is_no_rate(void **state)
{
    (void)state;
    struct metrics_look none = {0}, before = look_at(10), after = look_at(14), same_time = look_at(10);
    same(metrics_rates_between(&none, &after).requests, NAN);
    after.started++;
    same(metrics_rates_between(&before, &after).requests, NAN);
    same(metrics_rates_between(&before, &same_time).requests, NAN);
    same(metrics_rates_between(&after, &before).requests, NAN);
}

static void bytes_are(double bytes, const char *expected)
{
    char text[QUANTITY_BYTES];
    quantity_format_bytes(bytes, text);
    assert_string_equal(text, expected);
}

static void bytes_have_binary_units(void **state)
{
    (void)state;
    bytes_are(0, "0 B");
    bytes_are(1023, "1023 B");
    bytes_are(1023.4, "1023 B");
    bytes_are(1023.6, "1.0 KiB");
    bytes_are(1024, "1.0 KiB");
    bytes_are(10.25 * 1024, "10.2 KiB");
    bytes_are(1048575, "1.0 MiB");
    bytes_are(1048576, "1.0 MiB");
    bytes_are(1.5 * (1 << 30), "1.5 GiB");
    bytes_are(0x1p40, "1.0 TiB");
    bytes_are(0x1p62, "4096.0 PiB");
    bytes_are(1e300, "1000000000000.0 PiB");
    bytes_are(-1, "-");
    bytes_are(NAN, "-");
    bytes_are(INFINITY, "-");
}

static void number_is(double number, const char *expected)
{
    char text[QUANTITY_BYTES];
    quantity_format_number(number, text);
    assert_string_equal(text, expected);
}

static void small_numbers_have_a_decimal(void **state)
{
    (void)state;
    number_is(0, "0");
    number_is(0.04, "0.0");
    number_is(0.5, "0.5");
    number_is(12, "12");
    number_is(99.94, "99.9");
    number_is(99.95, "100");
    number_is(4500.4, "4500");
    number_is(1e300, "1000000000000000");
    number_is(-0.1, "-");
    number_is(NAN, "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_a_family_are_added_up),
        cmocka_unit_test(what_is_not_there_is_no_number),
        cmocka_unit_test(a_text_cut_anywhere_is_read_to_its_end),
        cmocka_unit_test(a_look_takes_what_top_shows),
        cmocka_unit_test(rates_are_of_a_second),
        cmocka_unit_test(between_two_daemons_there_is_no_rate),
        cmocka_unit_test(bytes_have_binary_units),
        cmocka_unit_test(small_numbers_have_a_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
