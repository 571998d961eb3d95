/* options.def as tables, for options.c and options_help.c alone. */
#ifndef HOODY_DRIVER_OPTIONS_TABLE_H
#define HOODY_DRIVER_OPTIONS_TABLE_H

#include "options.h"

#define PROGRAM             "hoody-tunnel"
#define COUNT_OF(array)     (sizeof(array) / sizeof *(array))
#define IS_IN(set, command) (((set) & (1U << (command))) != 0)

enum help_page { FIRST, MORE };

struct option {
    struct option_text text;
    enum help_page page;
    unsigned commands; /* a set of bits */
    size_t offset;     /* in struct options */
    const char *environment;
};

struct command_text {
    const char *name;
    const char *argument;
    const char *summary;
    const char *example;
    const char *hint;
};

extern const struct option OPTIONS[OPTION_COUNT_OF_ALL];
extern const struct command_text COMMANDS[COMMAND_COUNT];

#endif
