#include "options_table.h"

#include "nearest_word.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define IN(command) (1U << COMMAND_##command)

const struct option OPTIONS[] = {
#define OPTION(commands, page, name, field, kind, placeholder, environment, initial, help)                             \
    {{name, kind, placeholder, initial, help}, page, commands, offsetof(struct options, field), environment},
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
static enum option_id find_option(struct span name, enum command command)
{
    enum option_id id = 0;
    while (id < OPTION_COUNT_OF_ALL && (command == COMMAND_COUNT || !IS_IN(OPTIONS[id].commands, command) ||
                                        !span_equals(name, OPTIONS[id].text.name)))
        id++;
    return id;
}

/* ---- what nobody knows, and what may have been meant ---- */

/* "expose, up": who has a flag. */
static void list_commands(unsigned commands, char *ret_text, size_t capacity)
{
    size_t used = 0;
    *ret_text = '\0';
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (IS_IN(commands, i) && used < capacity)
            used += (size_t)snprintf(ret_text + used, capacity - used, "%s%s", used > 0 ? ", " : "", COMMANDS[i].name);
}

/* A flag that exists, but not here. false: there is none of that name. */
static bool complain_of_place(const char *text, struct span name, enum command command,
                              char ret_error[USAGE_ERROR_BYTES])
{
    unsigned commands = 0;
    char others[128];
    for (size_t i = 0; i < OPTION_COUNT_OF_ALL; i++)
        if (span_equals(name, OPTIONS[i].text.name))
            commands |= OPTIONS[i].commands;
    if (commands == 0)
        return false;
    list_commands(commands, others, sizeof others);
    if (command == COMMAND_COUNT)
        snprintf(ret_error, USAGE_ERROR_BYTES, "'%.100s' comes before the command: flags belong behind it", text);
    else
        snprintf(ret_error, USAGE_ERROR_BYTES, "'%.100s' is no flag of %s, but of %s", text, COMMANDS[command].name,
                 others);
    return true;
}

static void complain_of_flag(const char *text, enum command command, char ret_error[USAGE_ERROR_BYTES])
{
    size_t dashes = strncmp(text, "--", 2) == 0 ? 2 : 0;
    struct span name = span_of(text + dashes, strcspn(text + dashes, "="));
    struct nearest_word nearest = nearest_word_to(name);

    if (complain_of_place(text, name, command, ret_error))
        return;
    for (size_t i = 0; command != COMMAND_COUNT && i < OPTION_COUNT_OF_ALL; i++)
        if (IS_IN(OPTIONS[i].commands, command))
            nearest_word_look_at(&nearest, OPTIONS[i].text.name);
    nearest_word_look_at(&nearest, "help");
    nearest_word_look_at(&nearest, "version");
    int used = snprintf(ret_error, USAGE_ERROR_BYTES, "unknown flag '%.100s'", text);
    if (nearest.word != NULL)
        snprintf(ret_error + used, USAGE_ERROR_BYTES - (size_t)used, ": did you mean --%s?", nearest.word);
}

static void complain_of_command(const char *word, char ret_error[USAGE_ERROR_BYTES])
{
    struct nearest_word nearest = nearest_word_to(span_of_string(word));
    int used = snprintf(ret_error, USAGE_ERROR_BYTES, "unknown command '%.100s'", word);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        nearest_word_look_at(&nearest, COMMANDS[i].name);
    if (nearest.word != NULL)
        snprintf(ret_error + used, USAGE_ERROR_BYTES - (size_t)used, ": did you mean %s?", nearest.word);
    else if (isdigit((unsigned char)*word))
        snprintf(ret_error + used, USAGE_ERROR_BYTES - (size_t)used, ": did you mean expose %.100s?", word);
}

/* ---- the arguments, one after the other ---- */

/* An address with its port, which can't be a TARGET any more. Nor is "all addresses" one, but no good place either. */
static bool is_place(const char *word, const struct options *options)
{
    struct host_port where;
    const char *why = NULL;
    bool is_of_all = strncmp(word, "0.0.0.0:", 8) == 0 || strncmp(word, "[::]:", 5) == 0 || strncmp(word, "*:", 2) == 0;
    return options->argument_count > 0 && *word != ':' && strchr(word, ':') != NULL &&
           (is_of_all || loopback_parse(word, 0, &where, &why));
}

/* `text` is argv[*p_index], which begins with "--"; its value may be the next argument. */
static bool parse_flag(int argc, char *const argv[], int *p_index, struct options *options,
                       char ret_error[USAGE_ERROR_BYTES])
{
    const char *text = argv[*p_index];
    const char *name = text + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    enum option_id id = find_option(span_of(name, length), options->command);

    if (id == OPTION_COUNT_OF_ALL) {
        complain_of_flag(text, options->command, ret_error);
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
    complain_of_command(word, ret_error);
    return false;
}

/* --help, -h, --help=all, --help all; false: it is none of them. */
static bool parse_help(int argc, char *const argv[], int *p_index, struct options *options)
{
    const char *text = argv[*p_index];
    bool is_all = strcmp(text, "--help=all") == 0, is_help = strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0;
    if (is_help && *p_index + 1 < argc && strcmp(argv[*p_index + 1], "all") == 0) {
        is_all = true;
        ++*p_index;
    }
    options->wants_help = options->wants_help || is_help || is_all;
    options->wants_all_help = options->wants_all_help || is_all;
    return is_help || is_all;
}

static bool parse_word(const char *word, struct options *options, char ret_error[USAGE_ERROR_BYTES])
{
    if (options->command == COMMAND_COUNT)
        return parse_command(word, options, ret_error);
    if (options->command == COMMAND_help && strcmp(word, "all") == 0) {
        options->wants_all_help = true;
        return true;
    }
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

/* `help COMMAND` is `COMMAND --help`. */
static bool follow_help(struct options *options, char ret_error[USAGE_ERROR_BYTES])
{
    if (options->command != COMMAND_help || options->wants_help)
        return true;
    const char *word = options->argument_count > 0 ? options->arguments[0] : NULL;
    options->command = COMMAND_COUNT;
    options->wants_help = true;
    return word == NULL || parse_command(word, options, ret_error);
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
        else if (parse_help(argc, argv, &i, &options))
            continue;
        else if (strcmp(text, "--version") == 0)
            options.wants_version = true;
        else if (text[1] == '-')
            ok = parse_flag(argc, argv, &i, &options, ret_error);
        else {
            complain_of_flag(text, options.command, ret_error);
            ok = false;
        }
        if (!ok) {
            ret_options->command = options.command; /* for the hint */
            return false;
        }
    }
    bool is_good = follow_help(&options, ret_error) && is_complete(&options, ret_error);
    ret_options->command = options.command;
    if (!is_good)
        return false;
    *ret_options = options;
    return true;
}

const char *options_help_hint(enum command command)
{
    return command == COMMAND_COUNT ? PROGRAM " --help" : COMMANDS[command].hint;
}
