#include "config_lines.h"

#include "check.h"

#include <yaml.h>

struct walk {
    size_t tunnel; /* whose key is looked for; 0: beside `tunnels` */
    const char *key;
    unsigned depth;   /* of open collections */
    bool is_value[2]; /* beside `tunnels`, in a tunnel: the key was there, its value comes */
    bool in_tunnels;
    size_t entry; /* of `tunnels`, from 1 on */
    unsigned line, entry_line;
};

enum { DEPTH_FILE = 1, DEPTH_TUNNELS, DEPTH_TUNNEL };

static unsigned line_of(const yaml_event_t *event)
{
    return (unsigned)event->start_mark.line + 1;
}

static bool is_text(const yaml_event_t *event, const char *text)
{
    return event->type == YAML_SCALAR_EVENT && strcmp((const char *)event->data.scalar.value, text) == 0;
}

/* A key or its value begins, of the mapping at this depth. */
static void walk_pair(struct walk *walk, const yaml_event_t *event, bool *p_is_value, size_t tunnel)
{
    if (!*p_is_value && tunnel == walk->tunnel && is_text(event, walk->key))
        walk->line = line_of(event);
    *p_is_value = !*p_is_value;
}

static void walk_node(struct walk *walk, const yaml_event_t *event)
{
    if (walk->depth == DEPTH_FILE) {
        if (!walk->is_value[0])
            walk->in_tunnels = is_text(event, "tunnels");
        walk_pair(walk, event, &walk->is_value[0], 0);
    } else if (walk->depth == DEPTH_TUNNELS && walk->in_tunnels) {
        walk->is_value[1] = false;
        walk->entry++;
        if (walk->entry == walk->tunnel)
            walk->entry_line = line_of(event);
    } else if (walk->depth == DEPTH_TUNNEL && walk->in_tunnels) {
        walk_pair(walk, event, &walk->is_value[1], walk->entry);
    }
}

static void walk_event(struct walk *walk, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
    case YAML_ALIAS_EVENT:
        walk_node(walk, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        walk_node(walk, event);
        walk->depth++;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        walk->depth--;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

static void parser_begin(yaml_parser_t *parser, struct span text)
{
    check(yaml_parser_initialize(parser));
    yaml_parser_set_input_string(parser, text.data != NULL ? text.data : (const uint8_t *)"", text.length);
}

unsigned config_line_of(struct span text, size_t tunnel, const char *key)
{
    struct walk walk = {.tunnel = tunnel, .key = key};
    yaml_parser_t parser;
    yaml_event_t event;
    bool is_over = false;
    parser_begin(&parser, text);
    while (!is_over && yaml_parser_parse(&parser, &event)) {
        walk_event(&walk, &event);
        is_over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return walk.line != 0 ? walk.line : walk.entry_line;
}

/* libyaml counts no lines in what it can't decode. */
static unsigned line_of_problem(const yaml_parser_t *parser, struct span text)
{
    unsigned line = (unsigned)parser->problem_mark.line + 1;
    for (size_t i = 0; parser->error == YAML_READER_ERROR && i < parser->problem_offset && i < text.length; i++)
        line += text.data[i] == '\n';
    return line;
}

/* Whether a tab is among what a line is indented by. */
static bool has_tab(struct span text, unsigned line)
{
    size_t i = 0;
    for (; line > 1 && i < text.length; i++)
        line -= text.data[i] == '\n';
    while (i < text.length && text.data[i] == ' ')
        i++;
    return i < text.length && text.data[i] == '\t';
}

static const char *find_fault(const yaml_event_t *event, bool *p_has_document)
{
    bool is_second = event->type == YAML_DOCUMENT_START_EVENT && *p_has_document;
    if (event->type == YAML_DOCUMENT_START_EVENT)
        *p_has_document = true;
    if (is_second)
        return "a second document begins here: one is enough";
    bool is_scalar = event->type == YAML_SCALAR_EVENT;
    if (is_scalar && strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
        return "a text with a NUL in it";
    return NULL;
}

bool config_is_yaml(struct span text, const char **ret_why, unsigned *ret_line)
{
    yaml_parser_t parser;
    yaml_event_t event;
    const char *fault = NULL;
    bool is_over = false, has_document = false;
    parser_begin(&parser, text);
    while (!is_over && fault == NULL) {
        if (!yaml_parser_parse(&parser, &event)) {
            fault = parser.problem != NULL ? parser.problem : "it is not understood";
            *ret_line = line_of_problem(&parser, text);
            if (has_tab(text, *ret_line))
                fault = "a tab is no indentation, take blanks";
            break;
        }
        fault = find_fault(&event, &has_document);
        if (fault != NULL)
            *ret_line = line_of(&event);
        is_over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (fault != NULL)
        *ret_why = fault;
    return fault == NULL;
}
