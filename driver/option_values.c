#include "option_values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A number of digits at the front of `text`; *ret_rest is what follows. */
static bool parse_number(const char *text, unsigned long max, unsigned long *ret_value, const char **ret_rest)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9)
        return false;
    *ret_value = strtoul(text, NULL, 10);
    *ret_rest = text + digits;
    return *ret_value <= max;
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
    unsigned long value = 0;
    const char *rest = NULL;
    if (!parse_number(text, UINT16_MAX, &value, &rest) || *rest != '\0')
        return false;
    *ret_port = (uint16_t)value;
    return true;
}

static bool parse_count(const char *text, unsigned long min, unsigned long max, uint32_t *ret_count)
{
    unsigned long value = 0;
    const char *rest = NULL;
    if (!parse_number(text, max, &value, &rest) || *rest != '\0' || value < min)
        return false;
    *ret_count = (uint32_t)value;
    return true;
}

static bool parse_time(const char *text, unsigned long min_ms, unsigned long max_ms, uint32_t *ret_ms)
{
    static const struct {
        const char *unit;
        unsigned ms;
    } UNITS[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}};
    unsigned long value = 0;
    const char *rest = NULL;
    if (!parse_number(text, max_ms, &value, &rest))
        return false;
    for (size_t i = 0; i < COUNT_OF(UNITS); i++)
        if (strcmp(UNITS[i].unit, rest) == 0 && value <= max_ms / UNITS[i].ms && value * UNITS[i].ms >= min_ms) {
            *ret_ms = (uint32_t)value * UNITS[i].ms;
            return true;
        }
    return false;
}

static bool parse_flag(const char *text, bool *ret_flag)
{
    bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0)
        return false;
    *ret_flag = is_true;
    return true;
}

static bool add_to_list(option_LIST *list, const char *text)
{
    if (list->count == OPTION_LIST_MAX)
        return false;
    list->items[list->count++] = text;
    return true;
}

/* What it lacks, `initial` has. */
static bool parse_place(const char *text, const char *initial, option_PLACE *ret_place)
{
    struct host_port usual;
    const char *why = NULL;
    ret_place->is_given =
        loopback_parse(initial, 0, &usual, &why) && loopback_parse(text, usual.port, &ret_place->where, &why);
    return ret_place->is_given;
}

static bool parse(enum option_kind kind, const char *value, const char *initial, void *field)
{
    switch (kind) {
    case TEXT:
        *(option_TEXT *)field = value;
        return true;
    case PORT:
        return parse_port(value, field);
    case COUNT:
        return parse_count(value, 1, OPTION_COUNT_MAX, field);
    case TIMES:
        return parse_count(value, 0, OPTION_TIMES_MAX, field);
    case GRACE:
        return parse_time(value, 0, OPTION_GRACE_MAX_MS, field);
    case TIME:
        return parse_time(value, 1, OPTION_TIME_MAX_MS, field);
    case FLAG:
        return parse_flag(value, field);
    case LIST:
        return add_to_list(field, value);
    case PLACE:
        return parse_place(value, initial, field);
    }
    return false;
}

static const char *const EXPECTED[] = {
    [TEXT] = "text",
    [PORT] = "a number from 0 to 65535",
    [COUNT] = "a number from 1 to 16",
    [TIMES] = "a number from 0 to 999999",
    [TIME] = "a time from 1ms to a day, such as 10s",
    [GRACE] = "a time from 0 to 5s, such as 500ms",
    [FLAG] = "true or false",
    [LIST] = "given no more than 32 times",
    [PLACE] = "a loopback address and port",
};

_Static_assert(OPTION_COUNT_MAX == 16 && OPTION_TIMES_MAX == 999999 && OPTION_LIST_MAX == 32, "EXPECTED says them");

bool option_value_read(enum option_kind kind, const char *value, const char *initial, const char *where, void *field,
                       char ret_error[USAGE_ERROR_BYTES])
{
    if (parse(kind, value, initial, field))
        return true;
    if (kind == LIST)
        snprintf(ret_error, USAGE_ERROR_BYTES, "%s must be %s", where, EXPECTED[kind]);
    else
        snprintf(ret_error, USAGE_ERROR_BYTES, "%s must be %s%s%s, not '%.100s'", where, EXPECTED[kind],
                 kind == PLACE ? ", such as " : "", kind == PLACE ? initial : "", value);
    return false;
}
