/* The command line (options.def). Pure: argument vector and environment in, options or a usage error out. */
#ifndef HOODY_DRIVER_OPTIONS_H
#define HOODY_DRIVER_OPTIONS_H

#include "option_values.h"

#include <stdio.h>

enum command {
#define COMMAND(name, argument, summary, example) COMMAND_##name,
#include "options.def"
    COMMAND_COUNT /* none: only --help or --version */
};

enum option_id {
#define OPTION(commands, page, name, field, kind, placeholder, environment, initial, help) OPTION_##field,
#include "options.def"
    OPTION_COUNT_OF_ALL
};

/* Who said it; the later ones win. */
enum option_source { SOURCE_INITIAL, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG };

enum { OPTION_ARGUMENTS_MAX = 64 };

struct options {
    enum command command;
    bool wants_help;     /* of `command`, or of the program */
    bool wants_all_help; /* with every flag */
    bool wants_version;
    const char *arguments[OPTION_ARGUMENTS_MAX]; /* the positional ones; borrowed */
    size_t argument_count;
    enum option_source sources[OPTION_COUNT_OF_ALL];
#define OPTION(commands, page, name, field, kind, placeholder, environment, initial, help) option_##kind field;
#include "options.def"
};

/* `environment(name)` is getenv or a test's. false: ret_error says what is wrong, in one line. */
bool options_parse(int argc, char *const argv[], char *(*environment)(const char *name), struct options *ret_options,
                   char ret_error[USAGE_ERROR_BYTES]);

/* What the list says of an option. */
struct option_text {
    const char *name; /* without the dashes */
    enum option_kind kind;
    const char *placeholder;
    const char *initial;
    const char *help;
};

/* NULL: it is not of that command. */
const struct option_text *options_text(enum option_id id, enum command command);

/* What a configuration file says of an option, unless flag or environment say otherwise; `value` is borrowed, `where`
 * names its key. false: ret_error says what is wrong, in one line. */
bool options_assign_from_file(struct options *options, enum option_id id, const char *value, const char *where,
                              char ret_error[USAGE_ERROR_BYTES]);

/* The help of one command, or of the program for COMMAND_COUNT: as much as fits a screen, or the whole of it. */
void options_print_help(enum command command, bool is_whole, FILE *out);
void options_print_version(FILE *out);
/* "hoody-tunnel expose --help": where to look after a usage error. */
const char *options_help_hint(enum command command);

#endif
