/* A look of `top` as a line of JSON, for programs. Pure. */
#ifndef HOODY_DRIVER_TOP_JSON_H
#define HOODY_DRIVER_TOP_JSON_H

#include "admin/rates.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

/* {"ts": RFC 3339 in UTC, "tunnels", "bindings": what the API answers to these, "rates": {"bytesToVisitors",
 * "bytesToDrivers", "requests", "streams", "cpu"}, each for a second, "bufferedBytes", "memoryBytes"}; numbers that are
 * not known are null, as rates are at the first look. */
void top_json_print(time_t at, const json_t *tunnels, const json_t *bindings, const struct metrics_look *look,
                    const struct metrics_rates *rates, FILE *out);

#endif
