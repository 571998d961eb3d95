#include "options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM "hoody-tunnel"

enum {
    HELP_COLUMN = 40, /* where the explanations begin */
    LINE_WIDTH = 100,
    EXPLANATION_BYTES = 512,
};

#define IN(command) (1U << COMMAND_##command)

enum option_kind { TEXT, PORT, COUNT, TIMES, TIME, GRACE, FLAG, PLACE };

struct option {
    unsigned commands;
    const char *name;
    enum option_kind kind;
    size_t offset; /* in struct options */
    const char *placeholder;
    const char *environment;
    const char *initial;
    const char *help;
};

static const struct option OPTIONS[] = {
#define OPTION(commands, name, field, kind, placeholder, environment, initial, help)                                   \
    {commands, name, kind, offsetof(struct options, field), placeholder, environment, initial, help},
#include "options.def"
};

struct command_text {
    const char *name;
    const char *argument;
    const char *summary;
    const char *example;
    const char *hint;
};

static const struct command_text COMMANDS[] = {
#define COMMAND(name, argument, summary, example) {#name, argument, summary, example, PROGRAM " " #name " --help"},
#include "options.def"
};

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

/* What it lacks, `initial` has. */
static bool parse_place(const char *text, const char *initial, option_PLACE *ret_place)
{
    struct host_port usual;
    const char *why = NULL;
    ret_place->is_given =
        loopback_parse(initial, 0, &usual, &why) && loopback_parse(text, usual.port, &ret_place->where, &why);
    return ret_place->is_given;
}

/* `where` names the flag or the variable that the value came from. */
static bool assign(const struct option *option, const char *value, const char *where, struct options *options,
                   char ret_error[USAGE_ERROR_BYTES])
{
    void *field = (char *)options + option->offset;
    switch (option->kind) {
    case TEXT:
        *(option_TEXT *)field = value;
        return true;
    case PORT:
        if (parse_port(value, field))
            return true;
        snprintf(ret_error, USAGE_ERROR_BYTES, "%s must be a number from 0 to 65535, not '%.100s'", where, value);
        return false;
    case COUNT:
        if (parse_count(value, 1, OPTION_COUNT_MAX, field))
            return true;
        snprintf(ret_error, USAGE_ERROR_BYTES, "%s must be a number from 1 to %d, not '%.100s'", where,
                 OPTION_COUNT_MAX, value);
        return false;
    case TIMES:
        if (parse_count(value, 0, OPTION_TIMES_MAX, field))
            return true;
        snprintf(ret_error, USAGE_ERROR_BYTES, "%s must be a number from 0 to %d, not '%.100s'", where,
                 OPTION_TIMES_MAX, value);
        return false;
    case GRACE:
        if (parse_time(value, 0, OPTION_GRACE_MAX_MS, field))
            return true;
        snprintf(ret_error, USAGE_ERROR_BYTES, "%s must be a time from 0 to 5s, such as 500ms, not '%.100s'", where,
                 value);
        return false;
    case TIME:
        if (parse_time(value, 1, OPTION_TIME_MAX_MS, field))
            return true;
        snprintf(ret_error, USAGE_ERROR_BYTES, "%s must be a time from 1ms to a day, such as 10s, not '%.100s'", where,
                 value);
        return false;
    case FLAG:
        *(option_FLAG *)field = true;
        return true;
    case PLACE:
        if (parse_place(value, option->initial, field))
            return true;
        snprintf(ret_error, USAGE_ERROR_BYTES, "%s must be a loopback address and port, such as %s, not '%.100s'",
                 where, option->initial, value);
        return false;
    }
    return false;
}

/* What holds when nobody says anything. */
static bool has_initial(const struct option *option)
{
    return option->kind != FLAG && option->kind != PLACE;
}

/* Before the command line is read: what the environment says, else the initial value. */
static bool assign_initial(struct options *options, char *(*environment)(const char *name),
                           char ret_error[USAGE_ERROR_BYTES])
{
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++) {
        const struct option *option = &OPTIONS[i];
        const char *value = *option->environment != '\0' ? environment(option->environment) : NULL;
        const char *where = option->environment;
        if (value == NULL || *value == '\0') {
            value = option->initial;
            where = option->name;
        }
        if (has_initial(option) && !assign(option, value, where, options, ret_error))
            return false;
    }
    return true;
}

static const struct option *find_option(const char *name, size_t length, enum command command)
{
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++)
        if (strlen(OPTIONS[i].name) == length && memcmp(OPTIONS[i].name, name, length) == 0 &&
            command != COMMAND_COUNT && (OPTIONS[i].commands & (1U << command)) != 0)
            return &OPTIONS[i];
    return NULL;
}

/* An address with its port, which can't be a TARGET any more. */
static bool is_place(const char *word, const struct options *options)
{
    struct host_port where;
    const char *why = NULL;
    return options->argument != NULL && *word != ':' && strchr(word, ':') != NULL &&
           loopback_parse(word, 0, &where, &why);
}

/* `text` is argv[*p_index], which begins with "--"; its value may be the next argument. */
static bool parse_flag(int argc, char *const argv[], int *p_index, struct options *options,
                       char ret_error[USAGE_ERROR_BYTES])
{
    const char *text = argv[*p_index];
    const char *name = text + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    const struct option *option = find_option(name, length, options->command);

    if (option == NULL) {
        snprintf(ret_error, USAGE_ERROR_BYTES, "unknown flag '%.100s'", text);
        return false;
    }
    if (option->kind == FLAG && value != NULL) {
        snprintf(ret_error, USAGE_ERROR_BYTES, "--%s takes no value", option->name);
        return false;
    }
    if (option->kind == PLACE && value == NULL) {
        bool is_next = *p_index + 1 < argc && is_place(argv[*p_index + 1], options);
        value = is_next ? argv[++*p_index] : option->initial;
    }
    if (option->kind != FLAG && value == NULL) {
        if (*p_index + 1 >= argc) {
            snprintf(ret_error, USAGE_ERROR_BYTES, "--%s needs a value: %s", option->name, option->placeholder);
            return false;
        }
        value = argv[++*p_index];
    }
    char where[64];
    snprintf(where, sizeof where, "--%s", option->name);
    return assign(option, value, where, options, ret_error);
}

static bool parse_word(const char *word, struct options *options, char ret_error[USAGE_ERROR_BYTES])
{
    if (options->command == COMMAND_COUNT) {
        for (size_t i = 0; i < COUNT_OF(COMMANDS); i++)
            if (strcmp(COMMANDS[i].name, word) == 0) {
                options->command = (enum command)i;
                return true;
            }
        snprintf(ret_error, USAGE_ERROR_BYTES, "unknown command '%.100s'", word);
        return false;
    }
    if (options->argument != NULL || *COMMANDS[options->command].argument == '\0') {
        snprintf(ret_error, USAGE_ERROR_BYTES, "one argument too many: '%.100s'", word);
        return false;
    }
    options->argument = word;
    return true;
}

static bool is_complete(const struct options *options, char ret_error[USAGE_ERROR_BYTES])
{
    if (options->wants_help || options->wants_version)
        return true;
    if (options->command == COMMAND_COUNT) {
        snprintf(ret_error, USAGE_ERROR_BYTES, "a command is missing");
        return false;
    }
    const char *argument = COMMANDS[options->command].argument;
    if (*argument != '\0' && options->argument == NULL) {
        snprintf(ret_error, USAGE_ERROR_BYTES, "%s is missing", argument);
        return false;
    }
    return true;
}

bool options_parse(int argc, char *const argv[], char *(*environment)(const char *name), struct options *ret_options,
                   char ret_error[USAGE_ERROR_BYTES])
{
    struct options options = {.command = COMMAND_COUNT};
    bool flags_ended = false;

    if (!assign_initial(&options, environment, ret_error))
        return false;
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        bool ok = true;
        if (flags_ended || text[0] != '-')
            ok = parse_word(text, &options, ret_error);
        else if (strcmp(text, "--") == 0)
            flags_ended = true;
        else if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)
            options.wants_help = true;
        else if (strcmp(text, "--version") == 0)
            options.wants_version = true;
        else if (text[1] == '-')
            ok = parse_flag(argc, argv, &i, &options, ret_error);
        else {
            snprintf(ret_error, USAGE_ERROR_BYTES, "unknown flag '%.100s'", text);
            ok = false;
        }
        if (!ok) {
            ret_options->command = options.command; /* for the hint */
            return false;
        }
    }
    ret_options->command = options.command;
    if (!is_complete(&options, ret_error))
        return false;
    *ret_options = options;
    return true;
}

/* Words from HELP_COLUMN on, where the line now is, broken before LINE_WIDTH. */
static void print_explanation(const char *text, FILE *out)
{
    size_t column = HELP_COLUMN;
    for (const char *word = text; *word != '\0';) {
        size_t length = strcspn(word, " ");
        bool begins_line = column == HELP_COLUMN;
        if (!begins_line && column + 1 + length > LINE_WIDTH) {
            fprintf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
            begins_line = true;
        }
        fprintf(out, "%s%.*s", begins_line ? "" : " ", (int)length, word);
        column += length + !begins_line;
        word += length + strspn(word + length, " ");
    }
    fputc('\n', out);
}

static void print_flag(const struct option *option, FILE *out)
{
    char text[EXPLANATION_BYTES];
    bool has_default = option->kind != FLAG && *option->initial != '\0';
    bool has_both = has_default && *option->environment != '\0';
    int used = fprintf(out, "  --%s%s%s", option->name, *option->placeholder != '\0' ? " " : "", option->placeholder);
    if (used < HELP_COLUMN)
        fprintf(out, "%*s", HELP_COLUMN - used, "");
    else
        fprintf(out, "\n%*s", HELP_COLUMN, "");
    if (has_default || *option->environment != '\0')
        snprintf(text, sizeof text, "%s (%s%s%s%s)", option->help, option->environment, has_both ? ", " : "",
                 has_default ? "default " : "", has_default ? option->initial : "");
    else
        snprintf(text, sizeof text, "%s", option->help);
    print_explanation(text, out);
}

static void print_command_help(enum command command, FILE *out)
{
    const struct command_text *text = &COMMANDS[command];
    bool has_target = strcmp(text->argument, "TARGET") == 0;
    fprintf(out, "%s %s: %s\n\nUsage: %s %s%s%s [flags]\n", PROGRAM, text->name, text->summary, PROGRAM, text->name,
            *text->argument != '\0' ? " " : "", text->argument);
    if (has_target)
        fputs("  TARGET is 3000, :3000, host:3000 or [::1]:3000; without a host: 127.0.0.1\n", out);
    else if (*text->argument != '\0')
        fputs("  SESSION is an id as `list` shows it, or the beginning of just one\n", out);
    fputs("\nFlags:\n", out);
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++)
        if ((OPTIONS[i].commands & (1U << command)) != 0)
            print_flag(&OPTIONS[i], out);
    fprintf(out, "\nExample: %s\n\nExit status: 0 %s, 1 failed, 2 wrong usage, 3 daemon not reachable\n", text->example,
            has_target ? "ended by Ctrl-C" : "fine");
}

void options_print_help(enum command command, FILE *out)
{
    if (command != COMMAND_COUNT) {
        print_command_help(command, out);
        return;
    }
    fprintf(out, "%s leads ports of a container to services of this machine.\n\nUsage: %s COMMAND [flags]\n\n", PROGRAM,
            PROGRAM);
    fputs("Commands:\n", out);
    for (size_t i = 0; i < COUNT_OF(COMMANDS); i++)
        fprintf(out, "  %-8s %-8s  %s\n", COMMANDS[i].name, COMMANDS[i].argument, COMMANDS[i].summary);
    fprintf(out, "\n`%s COMMAND --help` tells more of one, `--version` which version this is.\n", PROGRAM);
    fprintf(out, "\nExample: %s\n", COMMANDS[0].example);
}

void options_print_version(FILE *out)
{
    fputs(PROGRAM " " HOODY_VERSION "\n", out);
}

const char *options_help_hint(enum command command)
{
    return command == COMMAND_COUNT ? PROGRAM " --help" : COMMANDS[command].hint;
}
