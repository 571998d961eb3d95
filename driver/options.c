#include "options_table.h"

#include <stdlib.h>
#include <string.h>

#define IN(command) (1U << COMMAND_##command)

const struct option OPTIONS[] = {
#define OPTION(commands, name, field, kind, placeholder, environment, initial, help)                                   \
    {{name, kind, placeholder, initial, help}, commands, offsetof(struct options, field), environment},
#include "options.def"
};

const struct command_text COMMANDS[] = {
#define COMMAND(name, argument, summary, example) {#name, argument, summary, example, PROGRAM " " #name " --help"},
#include "options.def"
};

static bool assign(enum option_id id, const char *value, const char *where, enum option_source source,
                   struct options *options, char ret_error[USAGE_ERROR_BYTES])
{
    options->sources[id] = source;
    return option_value_read(OPTIONS[id].text.kind, value, OPTIONS[id].text.initial, where,
                             (char *)options + OPTIONS[id].offset, ret_error);
}

const struct option_text *options_text(enum option_id id, enum command command)
{
    return IS_IN(OPTIONS[id].commands, command) ? &OPTIONS[id].text : NULL;
}

bool options_assign_from_file(struct options *options, enum option_id id, const char *value, const char *where,
                              char ret_error[USAGE_ERROR_BYTES])
{
    struct options ignored = *options; /* also what does not count must make sense */
    bool counts = options->sources[id] <= SOURCE_FILE;
    return assign(id, value, where, SOURCE_FILE, counts ? options : &ignored, ret_error);
}

/* Before the command line is read: what the environment says, else the initial value. */
static bool assign_initial(struct options *options, char *(*environment)(const char *name),
                           char ret_error[USAGE_ERROR_BYTES])
{
    for (enum option_id id = 0; id < OPTION_COUNT_OF_ALL; id++) {
        const struct option *option = &OPTIONS[id];
        const char *value = *option->environment != '\0' ? environment(option->environment) : NULL;
        bool is_set = value != NULL && *value != '\0';
        if (option->text.kind == FLAG || option->text.kind == LIST || option->text.kind == PLACE)
            continue;
        if (!assign(id, is_set ? value : option->text.initial, is_set ? option->environment : option->text.name,
                    is_set ? SOURCE_ENVIRONMENT : SOURCE_INITIAL, options, ret_error))
            return false;
    }
    return true;
}

/* OPTION_COUNT_OF_ALL: there is no such flag. */
static enum option_id find_option(const char *name, size_t length, enum command command)
{
    enum option_id id = 0;
    for (; id < OPTION_COUNT_OF_ALL; id++) {
        const char *known = OPTIONS[id].text.name;
        if (strlen(known) == length && memcmp(known, name, length) == 0 && command != COMMAND_COUNT &&
            IS_IN(OPTIONS[id].commands, command))
            break;
    }
    return id;
}

/* An address with its port, which can't be a TARGET any more. */
static bool is_place(const char *word, const struct options *options)
{
    struct host_port where;
    const char *why = NULL;
    return options->argument_count > 0 && *word != ':' && strchr(word, ':') != NULL &&
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
    enum option_id id = find_option(name, length, options->command);

    if (id == OPTION_COUNT_OF_ALL) {
        snprintf(ret_error, USAGE_ERROR_BYTES, "unknown flag '%.100s'", text);
        return false;
    }
    const struct option_text *option = &OPTIONS[id].text;
    if (option->kind == FLAG && value != NULL) {
        snprintf(ret_error, USAGE_ERROR_BYTES, "--%s takes no value", option->name);
        return false;
    }
    if (option->kind == FLAG)
        value = "true";
    if (option->kind == PLACE && value == NULL) {
        bool is_next = *p_index + 1 < argc && is_place(argv[*p_index + 1], options);
        value = is_next ? argv[++*p_index] : option->initial;
    }
    if (value == NULL && *p_index + 1 >= argc) {
        snprintf(ret_error, USAGE_ERROR_BYTES, "--%s needs a value: %s", option->name, option->placeholder);
        return false;
    }
    if (value == NULL)
        value = argv[++*p_index];
    char where[64];
    snprintf(where, sizeof where, "--%s", option->name);
    return assign(id, value, where, SOURCE_FLAG, options, ret_error);
}

static bool parse_command(const char *word, struct options *options, char ret_error[USAGE_ERROR_BYTES])
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i].name, word) == 0) {
            options->command = (enum command)i;
            return true;
        }
    snprintf(ret_error, USAGE_ERROR_BYTES, "unknown command '%.100s'", word);
    return false;
}

static bool parse_word(const char *word, struct options *options, char ret_error[USAGE_ERROR_BYTES])
{
    if (options->command == COMMAND_COUNT)
        return parse_command(word, options, ret_error);
    const char *argument = COMMANDS[options->command].argument;
    size_t max = strstr(argument, "...") != NULL ? OPTION_ARGUMENTS_MAX : *argument != '\0';
    if (options->argument_count == max) {
        snprintf(ret_error, USAGE_ERROR_BYTES, "one argument too many: '%.100s'", word);
        return false;
    }
    options->arguments[options->argument_count++] = word;
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
    if (*argument != '\0' && *argument != '[' && options->argument_count == 0) {
        snprintf(ret_error, USAGE_ERROR_BYTES, "%.*s is missing", (int)strcspn(argument, "."), argument);
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

const char *options_help_hint(enum command command)
{
    return command == COMMAND_COUNT ? PROGRAM " --help" : COMMANDS[command].hint;
}
