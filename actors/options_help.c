/* --help, from the table. */
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

#include "option_values.h"

enum {
    HELP_COLUMN = 36, /* where the explanations begin */
    LINE_WIDTH = 100,
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

static void explain(const struct option_spec *spec, char ret_text[EXPLANATION_MAX])
{
    char range[2 * OPTION_NUMBER_MAX + 8] = "";
    if (spec->maximum > 0) {
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

void options_print_help(struct evbuffer *out)
{
    evbuffer_add_printf(out,
                        "Usage: hoody-tunneld [--flag value | --flag=value]...\n\n"
                        "Publishes services of developers' machines on ports of this container: drivers dial in over\n"
                        "WebSocket, visitors connect to the ports that drivers bind.\n\n");
    for (size_t i = 0; i < OPTION_ID_COUNT; i++) {
        char explanation[EXPLANATION_MAX];
        explain(&option_specs[i], explanation);
        print_flag(out, option_specs[i].flag, option_specs[i].argument);
        print_explanation(out, explanation);
        evbuffer_add_printf(out, "\n");
    }
    print_flag(out, "help", "");
    evbuffer_add_printf(out, "this text\n");
    print_flag(out, "version", "");
    evbuffer_add_printf(out, "the version\n\n");
    evbuffer_add_printf(out, "TIME: 1500ms, 30s, 2m, 1h; a bare number is seconds. SIZE: bytes, 64KiB, 16MiB, 1GiB.\n"
                             "Every flag can be given as a variable too, --max-sessions as HOODY_TUNNEL_MAX_SESSIONS:\n"
                             "flags without a value as 1 or 0, repeatable ones separated by commas. The flag wins.\n\n"
                             "Example: hoody-tunneld --admin-host '*.example.com' --takeover-grace 2m\n");
}
