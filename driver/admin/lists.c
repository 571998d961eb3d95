/* list, sessions, bindings: what there is. */
#include "admin/operator_commands.h"

#include "admin/api_tables.h"
#include "terminal/terminal.h"

#include <unistd.h>

void operator_print_json(const struct api_answer *answer)
{
    fwrite(answer->body, 1, answer->length, stdout);
    if (answer->length == 0 || answer->body[answer->length - 1] != '\n')
        fputc('\n', stdout);
}

static void print_table(const struct table *table, const char *nothing)
{
    struct table_look look = {.width = terminal_size().columns, .is_bold = terminal_may_be_adorned(STDOUT_FILENO)};
    if (table_row_count(table) > 0)
        table_print(table, &look, stdout);
    else
        puts(nothing);
}

static const char *plural(json_int_t count)
{
    return count == 1 ? "" : "s";
}

/* One document, one table. */
static bool print_list(const struct operator_call *call, const char *path, const char *nothing,
                       void (*tabulate)(struct api_reader *reader, const json_t *document, struct table *ret_table),
                       struct ask_failure *ret_failure)
{
    struct api_answer answer;
    struct api_reader reader = {0};
    struct table table;
    json_t *document = ask_json(call->client, path, &answer, ret_failure);
    if (document == NULL)
        return false;
    tabulate(&reader, document, &table);
    if (reader.bad_field != NULL)
        ask_fail_field(ret_failure, path, reader.bad_field);
    else if (call->options->json)
        operator_print_json(&answer);
    else
        print_table(&table, nothing);
    table_done(&table);
    json_decref(document);
    return reader.bad_field == NULL;
}

bool operator_sessions(const struct operator_call *call, struct ask_failure *ret_failure)
{
    return print_list(call, "/sessions", "no sessions", api_tables_sessions, ret_failure);
}

bool operator_bindings(const struct operator_call *call, struct ask_failure *ret_failure)
{
    return print_list(call, "/bindings", "no bindings", api_tables_bindings, ret_failure);
}

/* false: reader says what is missing. */
static bool print_all(const json_t *tunnels, const json_t *bindings, struct api_reader *reader)
{
    struct table table;
    api_tables_all(reader, tunnels, bindings, &table);
    json_int_t live = (json_int_t)json_array_size(api_list(reader, tunnels, "sessions"));
    json_int_t parked = api_count(reader, tunnels, "orphanedSessions");
    json_int_t held = api_count(reader, tunnels, "totalBindings"), streams = api_count(reader, tunnels, "totalStreams");
    json_int_t permits = api_count(reader, tunnels, "fdPermitsAvailable");
    if (reader->bad_field == NULL) {
        print_table(&table, "no sessions");
        printf("\n%" JSON_INTEGER_FORMAT " live session%s, %" JSON_INTEGER_FORMAT " parked; %" JSON_INTEGER_FORMAT
               " binding%s, %" JSON_INTEGER_FORMAT " stream%s; %" JSON_INTEGER_FORMAT " descriptors left\n",
               live, plural(live), parked, held, plural(held), streams, plural(streams), permits);
    }
    table_done(&table);
    return reader->bad_field == NULL;
}

bool operator_list(const struct operator_call *call, struct ask_failure *ret_failure)
{
    struct api_answer answer;
    struct api_reader reader = {0};
    json_t *tunnels = ask_json(call->client, "/tunnels", &answer, ret_failure);
    if (tunnels == NULL)
        return false;
    if (call->options->json) {
        operator_print_json(&answer);
        json_decref(tunnels);
        return true;
    }
    json_t *bindings = ask_json(call->client, "/bindings", &answer, ret_failure); /* the parked ones are here only */
    bool is_done = bindings != NULL && print_all(tunnels, bindings, &reader);
    if (bindings != NULL && !is_done)
        ask_fail_field(ret_failure, "/tunnels", reader.bad_field);
    json_decref(bindings);
    json_decref(tunnels);
    return is_done;
}
