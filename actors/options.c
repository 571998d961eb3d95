/* Where options come from: defaults, then the environment, then the flags. What their values mean is in
 * option_values.c. */
#include "options.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "nearest_word.h"
#include "option_values.h"

enum { VARIABLE_MAX = 64 }; /* bytes of a variable's name, with its NUL */

static const char variable_prefix[] = "HOODY_TUNNEL_";

const struct option_spec option_specs[OPTION_ID_COUNT] = {
#define OPTION(kind, page, name, flag, default_text, minimum, maximum, argument, help)                                 \
    {OPTION_KIND_##kind,                                                                                               \
     OPTION_PAGE_##page,                                                                                               \
     offsetof(struct options, name),                                                                                   \
     flag,                                                                                                             \
     default_text,                                                                                                     \
     minimum,                                                                                                          \
     maximum,                                                                                                          \
     argument,                                                                                                         \
     help},
#include "options.def"
};

/* A reading under way. */
struct reading {
    struct options *options;
    bool flag_was_seen[OPTION_ID_COUNT]; /* on the command line */
    char *error;
    size_t error_capacity;
};

static void *value_of(struct options *options, const struct option_spec *spec)
{
    return (char *)options + spec->offset;
}

/* Always OPTIONS_BAD, for returning. One line, whatever the arguments hold. */
static enum options_verdict fail(struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static enum options_verdict fail(struct reading *reading, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reading->error, reading->error_capacity, format, arguments);
    va_end(arguments);
    for (char *c = reading->error; *c != '\0'; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    return OPTIONS_BAD;
}

/* `source` is the flag or the variable, for the error. */
static enum options_verdict option_set(struct reading *reading, const struct option_spec *spec, const char *source,
                                       const char *text)
{
    char why[OPTION_WHY_MAX];
    if (option_value_set(spec, text, value_of(reading->options, spec), why))
        return OPTIONS_OK;
    return fail(reading, "%s: %s", source, why);
}

/* ---- defaults
 * ---------------------------------------------------------------------------------------------------------- */

bool options_init(struct options *options)
{
    *options = (struct options){0};
    for (size_t i = 0; i < OPTION_ID_COUNT; i++) {
        const struct option_spec *spec = &option_specs[i];
        char why[OPTION_WHY_MAX];
        if (option_kind_is_list(spec->kind))
            continue;
        if (!option_value_set(spec, spec->default_text, value_of(options, spec), why))
            return false;
    }
    return true;
}

void options_done(struct options *options)
{
    for (size_t i = 0; i < OPTION_ID_COUNT; i++)
        option_value_clear(&option_specs[i], value_of(options, &option_specs[i]));
}

/* ---- environment
 * ------------------------------------------------------------------------------------------------------- */

/* --max-sessions: HOODY_TUNNEL_MAX_SESSIONS */
static void variable_name(const struct option_spec *spec, char ret_name[VARIABLE_MAX])
{
    int length = snprintf(ret_name, VARIABLE_MAX, "%s%s", variable_prefix, spec->flag);
    check(length < VARIABLE_MAX);
    for (char *c = ret_name + strlen(variable_prefix); *c != '\0'; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* NULL: not set. */
static const char *environment_find(char *const environment[], const char *name)
{
    size_t length = strlen(name);
    for (; environment != NULL && *environment != NULL; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

/* Items between commas, spaces around them and empty ones left out. */
static enum options_verdict read_list_variable(struct reading *reading, const struct option_spec *spec,
                                               const char *name, const char *text)
{
    char *copy = strdup(text), *rest = NULL;
    if (copy == NULL)
        return fail(reading, "%s: out of memory", name);
    enum options_verdict verdict = OPTIONS_OK;
    for (char *item = strtok_r(copy, ", ", &rest); item != NULL && verdict == OPTIONS_OK;
         item = strtok_r(NULL, ", ", &rest))
        verdict = option_set(reading, spec, name, item);
    free(copy);
    return verdict;
}

static enum options_verdict read_environment(struct reading *reading, char *const environment[])
{
    enum options_verdict verdict = OPTIONS_OK;
    for (size_t i = 0; i < OPTION_ID_COUNT && verdict == OPTIONS_OK; i++) {
        const struct option_spec *spec = &option_specs[i];
        char name[VARIABLE_MAX];
        variable_name(spec, name);
        const char *text = environment_find(environment, name);
        if (text == NULL)
            continue;
        verdict = option_kind_is_list(spec->kind) ? read_list_variable(reading, spec, name, text)
                                                  : option_set(reading, spec, name, text);
    }
    return verdict;
}

/* ---- flags
 * ------------------------------------------------------------------------------------------------------------- */

/* A flag's name ends where the argument does or at `=`. OPTION_ID_COUNT: no flag of ours. */
static size_t flag_find(const char *name, size_t length)
{
    size_t i = 0;
    while (i < OPTION_ID_COUNT &&
           (strlen(option_specs[i].flag) != length || memcmp(option_specs[i].flag, name, length) != 0))
        i++;
    return i;
}

static enum options_verdict fail_unknown_flag(struct reading *reading, const char *name, size_t length)
{
    enum { SHOWN_MAX = 80 };
    struct nearest_word nearest = nearest_word_to(span_of(name, length));
    int shown = length < SHOWN_MAX ? (int)length : SHOWN_MAX;
    for (size_t i = 0; i < OPTION_ID_COUNT; i++)
        nearest_word_look_at(&nearest, option_specs[i].flag);
    if (nearest.word != NULL)
        return fail(reading, "--%.*s: no such flag, did you mean --%s?", shown, name, nearest.word);
    return fail(reading, "--%.*s: no such flag, see --help", shown, name);
}

/* One flag at argv[*index], which moves to the last argument that was used. */
static enum options_verdict read_flag(struct reading *reading, int argc, char *const argv[], int *index)
{
    const char *argument = argv[*index];
    if (strncmp(argument, "--", 2) != 0 || argument[2] == '\0')
        return fail(reading, "\"%.80s\": what is this? Flags begin with --, see --help", argument);
    const char *name = argument + 2;
    size_t name_length = strcspn(name, "=");
    const char *text = name[name_length] == '=' ? name + name_length + 1 : NULL;
    size_t id = flag_find(name, name_length);
    if (id == OPTION_ID_COUNT)
        return fail_unknown_flag(reading, name, name_length);
    const struct option_spec *spec = &option_specs[id];
    char source[VARIABLE_MAX];
    snprintf(source, sizeof source, "--%s", spec->flag);
    if (spec->kind == OPTION_KIND_flag)
        return text == NULL ? option_set(reading, spec, source, "1") : fail(reading, "%s takes no value", source);
    if (text == NULL && *index + 1 == argc)
        return fail(reading, "%s needs a value: %s", source, spec->argument);
    if (text == NULL)
        text = argv[++*index];
    if (option_kind_is_list(spec->kind) && !reading->flag_was_seen[id])
        option_value_clear(spec, value_of(reading->options, spec));
    reading->flag_was_seen[id] = true;
    return option_set(reading, spec, source, text);
}

/* --help and --version win over everything: whoever asks wants to know how it is done right. */
static enum options_verdict find_question(int argc, char *const argv[])
{
    for (int i = 1; i < argc; i++) {
        bool is_help = strcmp(argv[i], "--help") == 0;
        if (strcmp(argv[i], "--help=all") == 0 || (is_help && i + 1 < argc && strcmp(argv[i + 1], "all") == 0))
            return OPTIONS_HELP_ALL;
        if (is_help)
            return OPTIONS_HELP;
        if (strcmp(argv[i], "--version") == 0)
            return OPTIONS_VERSION;
    }
    return OPTIONS_OK;
}

static enum options_verdict check_pairs(struct reading *reading)
{
    const struct options *options = reading->options;
    if ((*options->tls_cert == '\0') == (*options->tls_key == '\0'))
        return OPTIONS_OK;
    return fail(reading, "--tls-cert and --tls-key belong together: %s is missing",
                *options->tls_cert == '\0' ? "--tls-cert" : "--tls-key");
}

enum options_verdict options_read(struct options *options, int argc, char *const argv[], char *const environment[],
                                  char *ret_error, size_t error_capacity)
{
    struct reading reading = {.options = options, .error = ret_error, .error_capacity = error_capacity};
    if (!options_init(options))
        return fail(&reading, "out of memory");
    enum options_verdict verdict = find_question(argc, argv);
    if (verdict == OPTIONS_OK)
        verdict = read_environment(&reading, environment);
    for (int i = 1; i < argc && verdict == OPTIONS_OK; i++)
        verdict = read_flag(&reading, argc, argv, &i);
    if (verdict == OPTIONS_OK)
        verdict = check_pairs(&reading);
    return verdict;
}
