/* The daemon's flags and environment: options_read takes any of them; what it accepts keeps the ranges of options.def,
 * what it refuses it explains in one line. Input: a line each; NAME=VALUE lines that begin with HOODY_TUNNEL_ are the
 * environment, the others the arguments. */
#include "fuzz_input.h"

#include "check.h"
#include "cidr.h"
#include "option_values.h"

#include <stdlib.h>

enum { WORDS_MAX = 32, ERROR_BYTES = 512 };

static void check_number(const struct option_spec *spec, uint64_t number)
{
    char text[OPTION_NUMBER_MAX], why[OPTION_WHY_MAX];
    uint64_t again = 0;
    check(number >= spec->minimum && number <= spec->maximum);
    option_number_print(spec, number, text);
    check(option_value_set(spec, text, &again, why) && again == number);
}

static void check_list(const struct option_spec *spec, const struct option_list *list)
{
    struct cidr cidr;
    for (size_t i = 0; i < list->count; i++)
        check(spec->kind == OPTION_KIND_cidrs ? cidr_parse(list->items[i], &cidr) : strlen(list->items[i]) > 0);
}

static bool is_number(enum option_kind kind)
{
    return kind == OPTION_KIND_count || kind == OPTION_KIND_shards || kind == OPTION_KIND_duration ||
           kind == OPTION_KIND_size || kind == OPTION_KIND_window;
}

static void check_value(const struct option_spec *spec, const void *value)
{
    if (is_number(spec->kind))
        check_number(spec, *(const uint64_t *)value);
    if (spec->kind == OPTION_KIND_window)
        check(*(const uint64_t *)value % 65536 == 0);
    if (option_kind_is_list(spec->kind))
        check_list(spec, value);
    if (spec->kind == OPTION_KIND_address) {
        const struct option_address *address = value;
        check(address->port > 0 && strnlen(address->ip, sizeof address->ip) < sizeof address->ip);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char prefix[] = "HOODY_TUNNEL_";
    struct span input = span_of(data, size);
    char program[] = "hoody-tunneld", error[ERROR_BYTES] = "";
    char *argv[WORDS_MAX + 1] = {program}, *environment[WORDS_MAX + 1] = {NULL};
    int argc = 1;
    size_t variables = 0;
    while (input.length > 0 && argc < WORDS_MAX && variables < WORDS_MAX) {
        char *line = fuzz_text(fuzz_take_line(&input));
        if (strncmp(line, prefix, strlen(prefix)) == 0)
            environment[variables++] = line;
        else
            argv[argc++] = line;
    }

    struct options options;
    const enum options_verdict verdict = options_read(&options, argc, argv, environment, error, sizeof error);
    switch (verdict) {
    case OPTIONS_OK:
        for (size_t i = 0; i < OPTION_ID_COUNT; i++)
            check_value(&option_specs[i], (const char *)&options + option_specs[i].offset);
        break;
    case OPTIONS_HELP:
    case OPTIONS_HELP_ALL:
    case OPTIONS_VERSION:
        break;
    case OPTIONS_BAD:
        check(strlen(error) > 0 && strlen(error) < sizeof error && strchr(error, '\n') == NULL);
        break;
    }
    options_done(&options);
    options_done(&options);
    while (argc > 1)
        free(argv[--argc]);
    while (variables > 0)
        free(environment[--variables]);
    return 0;
}
