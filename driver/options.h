/* The command line (options.def). Pure: argument vector and environment in, options or a usage error out. */
#ifndef HOODY_DRIVER_OPTIONS_H
#define HOODY_DRIVER_OPTIONS_H

#include "target.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum command {
#define COMMAND(name, argument, summary, example) COMMAND_##name,
#include "options.def"
    COMMAND_COUNT /* none: only --help or --version */
};

typedef const char *option_TEXT; /* borrowed from the arguments or the environment; "" when there is none */
typedef uint16_t option_PORT;
typedef uint32_t option_COUNT;
typedef uint32_t option_TIMES;
typedef uint32_t option_TIME;  /* milliseconds, 1 at least */
typedef uint32_t option_GRACE; /* milliseconds */
typedef bool option_FLAG;
typedef struct {
    bool is_given;
    struct host_port where; /* host an address of loopback */
} option_PLACE;

enum {
    OPTION_COUNT_MAX = 16,
    OPTION_TIMES_MAX = 999999,
    OPTION_GRACE_MAX_MS = 5000,    /* the API takes no more */
    OPTION_TIME_MAX_MS = 86400000, /* a day */
};

struct options {
    enum command command;
    bool wants_help; /* of `command`, or of everything */
    bool wants_version;
    const char *argument; /* the positional one; borrowed, NULL: none */
#define OPTION(commands, name, field, kind, placeholder, environment, initial, help) option_##kind field;
#include "options.def"
};

enum { USAGE_ERROR_BYTES = 512 };

/* `environment(name)` is getenv or a test's. false: ret_error says what is wrong, in one line. */
bool options_parse(int argc, char *const argv[], char *(*environment)(const char *name), struct options *ret_options,
                   char ret_error[USAGE_ERROR_BYTES]);

/* The help of one command, or of the program for COMMAND_COUNT. */
void options_print_help(enum command command, FILE *out);
void options_print_version(FILE *out);
/* "hoody-tunnel expose --help": where to look after a usage error. */
const char *options_help_hint(enum command command);

#endif
