#include "options_table.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

enum {
    HELP_COLUMN = 25, /* where the explanations begin */
    LINE_WIDTH = 79,
    SCREEN_LINES = 23, /* of 24: the prompt comes back below */
    EXPLANATION_BYTES = 512,
};

/* Words from column `indent` on, where the line now is, broken before LINE_WIDTH. */
static void print_wrapped(const char *text, int indent, FILE *out)
{
    size_t column = (size_t)indent;
    for (const char *word = text; *word != '\0';) {
        size_t length = strcspn(word, " ");
        bool begins_line = column == (size_t)indent;
        if (!begins_line && column + 1 + length > LINE_WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = (size_t)indent;
            begins_line = true;
        }
        fprintf(out, "%s%.*s", begins_line ? "" : " ", (int)length, word);
        column += length + !begins_line;
        word += length + strspn(word + length, " ");
    }
    fputc('\n', out);
}

/* ---- flags ---- */

/* "; of expose, up": where not all commands have it. */
static void append_commands(unsigned commands, char text[EXPLANATION_BYTES])
{
    const unsigned all_but_help = ((1U << COMMAND_COUNT) - 1) & ~(1U << COMMAND_help);
    const char *separator = "; of ";
    for (size_t i = 0; commands != all_but_help && i < COUNT_OF(COMMANDS); i++) {
        size_t used = strlen(text);
        if (!IS_IN(commands, i))
            continue;
        snprintf(text + used, EXPLANATION_BYTES - used, "%s%s", separator, COMMANDS[i].name);
        separator = ", ";
    }
}

/* `command` COMMAND_COUNT: of all of them, and it is said which have it. */
static void print_flag(const struct option *option, enum command command, FILE *out)
{
    const struct option_text *flag = &option->text;
    char text[EXPLANATION_BYTES];
    bool has_default = flag->kind != FLAG && *flag->initial != '\0' && strcmp(flag->initial, "0") != 0;
    int used = fprintf(out, "  --%s%s%s", flag->name, *flag->placeholder != '\0' ? " " : "", flag->placeholder);
    if (used < HELP_COLUMN)
        fprintf(out, "%*s", HELP_COLUMN - used, "");
    else
        fprintf(out, "\n%*s", HELP_COLUMN, "");
    snprintf(text, sizeof text, "%s%s%s%s", flag->help, has_default ? " (default " : "",
             has_default ? flag->initial : "", has_default ? ")" : "");
    if (command == COMMAND_COUNT)
        append_commands(option->commands, text);
    print_wrapped(text, HELP_COLUMN, out);
}

static bool is_of(const struct option *option, enum command command)
{
    return command == COMMAND_COUNT || IS_IN(option->commands, command);
}

static void print_first_flags(enum command command, FILE *out)
{
    fputs("\nFlags:\n", out);
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++)
        if (OPTIONS[i].page == FIRST && is_of(&OPTIONS[i], command))
            print_flag(&OPTIONS[i], command, out);
}

/* With the heading of their group before the first of each. */
static void print_all_flags(enum command command, FILE *out)
{
    static const struct {
        const char *title; /* NULL: an option */
        enum option_id id;
    } LINES[] = {
#define GROUP(title)                                                                       {title, 0},
#define OPTION(commands, page, name, field, kind, placeholder, environment, initial, help) {NULL, OPTION_##field},
#include "options.def"
    };
    const char *title = NULL;
    for (size_t i = 0; i < COUNT_OF(LINES); i++) {
        if (LINES[i].title != NULL)
            title = LINES[i].title;
        if (LINES[i].title != NULL || !is_of(&OPTIONS[LINES[i].id], command))
            continue;
        if (title != NULL)
            fprintf(out, "\n%s:\n", title);
        title = NULL;
        print_flag(&OPTIONS[LINES[i].id], command, out);
    }
}

static void print_variables(enum command command, FILE *out)
{
    char text[EXPLANATION_BYTES] = "";
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++) {
        size_t used = strlen(text);
        if (is_of(&OPTIONS[i], command) && *OPTIONS[i].environment != '\0')
            snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "", OPTIONS[i].environment);
    }
    if (*text != '\0')
        print_wrapped(text, fprintf(out, "Variables: "), out);
}

/* ---- of a command ---- */

/* What the positional arguments are, "" when there are none. */
static const char *arguments_help(enum command command)
{
    const char *argument = COMMANDS[command].argument;
    if (strcmp(argument, "TARGET...") == 0)
        return "  TARGET is 3000, host:3000 or [::1]:3000; without a host: 127.0.0.1.\n"
               "  8080=3000 asks for the container's port 8080. Several make one session.\n";
    if (strcmp(argument, "SESSION") == 0)
        return "  SESSION is an id as `list` shows it, or the beginning of just one.\n";
    if (strcmp(argument, "[FILE] [NAME...]") == 0)
        return "  FILE has a dot or a slash; without one it is ./hoody-tunnel.yaml, else\n"
               "  ~/.config/hoody-tunnel/tunnels.yaml. NAMEs choose some of its tunnels.\n"
               "    url: ws://127.0.0.1:7080         # other flags likewise, with _ for -\n"
               "    tunnels:\n"
               "      - {name: web, expose: 3000, port: 8080}\n"
               "      - {name: db, pull: db.local:5432}\n"
               "  All keys: man hoody-tunnel.yaml\n";
    if (strcmp(argument, "[COMMAND]") == 0)
        return "  The same as `" PROGRAM " COMMAND --help`. With `all` behind it: every flag.\n";
    return "";
}

static bool holds_tunnels(enum command command)
{
    return command == COMMAND_expose || command == COMMAND_pull || command == COMMAND_up;
}

static void print_head(enum command command, FILE *out)
{
    const struct command_text *text = &COMMANDS[command];
    fprintf(out, "%s %s: %s\n\nUsage: %s %s%s%s%s\n%s", PROGRAM, text->name, text->summary, PROGRAM, text->name,
            *text->argument != '\0' ? " " : "", text->argument, command != COMMAND_help ? " [flags]" : "",
            arguments_help(command));
}

static void print_example(enum command command, FILE *out)
{
    fprintf(out, "Example: %s\n", COMMANDS[command].example);
}

static void print_whole(enum command command, FILE *out)
{
    print_head(command, out);
    print_all_flags(command, out);
    fputc('\n', out);
    print_variables(command, out);
    print_example(command, out);
    if (command != COMMAND_help)
        fprintf(out, "Exit status: 0 %s, 1 failed, 2 wrong usage, 3 daemon not reachable\n",
                holds_tunnels(command) ? "ended by Ctrl-C" : "fine");
}

static bool fits_a_screen(enum command command)
{
    char *text = NULL;
    size_t length = 0, lines = 0;
    FILE *out = open_memstream(&text, &length);
    check(out != NULL);
    print_whole(command, out);
    check(fclose(out) == 0);
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    free(text);
    return lines <= SCREEN_LINES;
}

static void print_screen(enum command command, FILE *out)
{
    print_head(command, out);
    print_first_flags(command, out);
    fputc('\n', out);
    print_example(command, out);
    fprintf(out, "All flags, variables and exit statuses: %s %s --help all\n", PROGRAM, COMMANDS[command].name);
}

/* ---- of the program ---- */

static void print_program(bool is_whole, FILE *out)
{
    fprintf(out, "%s leads ports of a container to services of this machine.\n\nUsage: %s COMMAND [flags]\n\n", PROGRAM,
            PROGRAM);
    fputs("Commands:\n", out);
    for (size_t i = 0; i < COUNT_OF(COMMANDS); i++)
        fprintf(out, "  %-9s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    fputs("\nFirst steps, all on one machine; --url leads to a daemon elsewhere:\n"
          "  hoody-tunneld &                  # the daemon, as it runs in a container\n"
          "  python3 -m http.server 3000 &    # any web service\n"
          "  " PROGRAM " expose 8080=3000    # serves it at http://127.0.0.1:8080\n",
          out);
    if (is_whole) {
        print_all_flags(COMMAND_COUNT, out);
        fputc('\n', out);
        print_variables(COMMAND_COUNT, out);
        return;
    }
    fputs("\n`" PROGRAM " COMMAND --help` tells more, `" PROGRAM " --help all` all flags.\n", out);
}

void options_print_help(enum command command, bool is_whole, FILE *out)
{
    if (command == COMMAND_COUNT)
        print_program(is_whole, out);
    else if (is_whole || fits_a_screen(command))
        print_whole(command, out);
    else
        print_screen(command, out);
}

void options_print_version(FILE *out)
{
    fputs(PROGRAM " " HOODY_VERSION "\n", out);
}
