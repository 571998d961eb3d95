#include "admin/top_json.h"

#include "admin/metrics_text.h"
#include "check.h"

enum { REAL_DIGITS = 6 }; /* of a rate: a clock's ticks are no better */

void top_json_print(time_t at, const json_t *tunnels, const json_t *bindings, const struct metrics_look *look,
                    const struct metrics_rates *rates, FILE *out)
{
    char ts[32];
    struct tm utc;
    check(gmtime_r(&at, &utc) != NULL && strftime(ts, sizeof ts, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0);
    json_t *line = json_pack(
        "{s:s, s:O, s:O, s:{s:o, s:o, s:o, s:o, s:o}, s:o, s:o}", "ts", ts, "tunnels", tunnels, "bindings", bindings,
        "rates", "bytesToVisitors", metrics_number_json(rates->bytes_to_visitors), "bytesToDrivers",
        metrics_number_json(rates->bytes_to_drivers), "requests", metrics_number_json(rates->requests), "streams",
        metrics_number_json(rates->streams), "cpu", metrics_number_json(rates->cpu), "bufferedBytes",
        metrics_number_json(look->buffered_bytes), "memoryBytes", metrics_number_json(look->memory_bytes));
    check(line != NULL);
    (void)json_dumpf(line, out, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS)); /* whoever flushes sees failures */
    fputc('\n', out);
    json_decref(line);
}
