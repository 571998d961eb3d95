/* --help, from the table. */
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

#include "option_values.h"

enum {
    HELP_COLUMN = 25, /* where the explanations begin */
    LINE_WIDTH = 80,
    EXPLANATION_MAX = 256, /* bytes */
};

static void print_flag(struct evbuffer *out, const char *flag, const char *argument)
{
    int used = evbuffer_add_printf(out, "  --%s%s%s", flag, *argument != '\0' ? " " : "", argument);
    if (used < HELP_COLUMN)
        evbuffer_add_printf(out, "%*s", HELP_COLUMN - used, "");
    else
        evbuffer_add_printf(out, "\n%*s", HELP_COLUMN, "");
}

/* Words from HELP_COLUMN on, broken before LINE_WIDTH. */
static void print_explanation(struct evbuffer *out, const char *text)
{
    size_t column = HELP_COLUMN;
    for (const char *word = text; *word != '\0';) {
        size_t length = strcspn(word, " ");
        bool begins_line = column == HELP_COLUMN;
        if (!begins_line && column + 1 + length > LINE_WIDTH) {
            evbuffer_add_printf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
            begins_line = true;
        }
        column += (size_t)evbuffer_add_printf(out, "%s%.*s", begins_line ? "" : " ", (int)length, word);
        word += length + strspn(word + length, " ");
    }
}

/* `is_whole`: with the range of its values. */
static void explain(const struct option_spec *spec, bool is_whole, char ret_text[EXPLANATION_MAX])
{
    char range[2 * OPTION_NUMBER_MAX + 8] = "";
    if (is_whole && spec->maximum > 0) {
        char minimum[OPTION_NUMBER_MAX], maximum[OPTION_NUMBER_MAX];
        option_number_print(spec, spec->minimum, minimum);
        option_number_print(spec, spec->maximum, maximum);
        snprintf(range, sizeof range, "; %s to %s", minimum, maximum);
    }
    if (spec->kind == OPTION_KIND_flag || *spec->default_text == '\0')
        snprintf(ret_text, EXPLANATION_MAX, "%s", spec->help);
    else
        snprintf(ret_text, EXPLANATION_MAX, "%s (default %s%s)", spec->help, spec->default_text, range);
}

static void print_option(struct evbuffer *out, const struct option_spec *spec, bool is_whole)
{
    char explanation[EXPLANATION_MAX];
    explain(spec, is_whole, explanation);
    print_flag(out, spec->flag, spec->argument);
    print_explanation(out, explanation);
    evbuffer_add_printf(out, "\n");
}

/* With the heading of their group before the first of each. */
static void print_all_options(struct evbuffer *out)
{
    static const struct {
        const char *title; /* NULL: an option */
        enum option_id id;
    } LINES[] = {
#define GROUP(title)                                                                   {title, 0},
#define OPTION(kind, page, name, flag, default_text, minimum, maximum, argument, help) {NULL, OPTION_ID_##name},
#include "options.def"
    };
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++)
        if (LINES[i].title != NULL)
            evbuffer_add_printf(out, "%s%s:\n", i > 0 ? "\n" : "", LINES[i].title);
        else
            print_option(out, &option_specs[LINES[i].id], true);
    evbuffer_add_printf(out, "\nQuestions:\n");
    print_flag(out, "help", "[all]");
    evbuffer_add_printf(out, "how the program is used; all: this text\n");
    print_flag(out, "version", "");
    evbuffer_add_printf(out, "the version\n");
}

static void print_first_options(struct evbuffer *out)
{
    for (size_t i = 0; i < OPTION_ID_COUNT; i++)
        if (option_specs[i].page == OPTION_PAGE_first)
            print_option(out, &option_specs[i], false);
}

void options_print_help(struct evbuffer *out, bool is_whole)
{
    evbuffer_add_printf(out, "Usage: hoody-tunneld [--flag value | --flag=value]...\n\n"
                             "Publishes services of developers' machines on ports of this container: drivers\n"
                             "dial in over WebSocket, visitors connect to the ports that drivers bind.\n\n");
    if (is_whole)
        print_all_options(out);
    else
        print_first_options(out);
    if (is_whole)
        evbuffer_add_printf(out, "\nTIME: 1500ms, 30s, 2m, 1h; a bare number is seconds. SIZE: bytes, 64KiB, 16MiB,\n"
                                 "1GiB. Every flag can be given as a variable too, --max-sessions as\n"
                                 "HOODY_TUNNEL_MAX_SESSIONS: flags without a value as 1 or 0, repeatable ones\n"
                                 "separated by commas. The flag wins.\n");
    evbuffer_add_printf(out, "\nExample: hoody-tunneld --admin-host '*.example.com' --takeover-grace 2m\n");
    if (!is_whole)
        evbuffer_add_printf(out, "All flags, their limits and variables: hoody-tunneld --help all\n");
}
