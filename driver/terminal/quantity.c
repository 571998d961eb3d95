#include "terminal/quantity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

void quantity_format_bytes(double bytes, char ret_text[QUANTITY_BYTES])
{
    static const char *const UNITS[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    if (!isfinite(bytes) || bytes < 0) {
        strcpy(ret_text, "-");
        return;
    }
    if (round(bytes) < 1024) {
        snprintf(ret_text, QUANTITY_BYTES, "%.0f B", bytes);
        return;
    }
    size_t unit = 0;
    bytes /= 1024;
    /* What would be rounded to 1024.0 is 1.0 of the next. */
    for (; bytes >= 1023.95 && unit + 1 < COUNT_OF(UNITS); unit++)
        bytes /= 1024;
    snprintf(ret_text, QUANTITY_BYTES, "%.1f %s", bytes < 1e12 ? bytes : 1e12, UNITS[unit]);
}

void quantity_format_number(double number, char ret_text[QUANTITY_BYTES])
{
    if (!isfinite(number) || number < 0) {
        strcpy(ret_text, "-");
        return;
    }
    double capped = number < 1e15 ? number : 1e15;
    snprintf(ret_text, QUANTITY_BYTES, capped == round(capped) || capped >= 99.95 ? "%.0f" : "%.1f", capped);
}
