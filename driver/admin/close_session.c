/* close: ends a session that is named by its id, or by the beginning of one. */
#include "admin/operator_commands.h"

#include "admin/api_reader.h"
#include "check.h"
#include "terminal/shown_text.h"

#include <stdlib.h>

#define ID_PREFIX "S-"

enum {
    ID_BYTES = 38,      /* S- and a UUID */
    CANDIDATES_MAX = 8, /* that are told */
};

/* What the API calls a session; nothing else ever goes into a path. */
static bool is_session_id(struct span text)
{
    if (text.length != ID_BYTES || memcmp(text.data, ID_PREFIX, strlen(ID_PREFIX)) != 0)
        return false;
    for (size_t i = strlen(ID_PREFIX); i < ID_BYTES; i++) {
        size_t place = i - strlen(ID_PREFIX);
        bool is_dash = place == 8 || place == 13 || place == 18 || place == 23;
        if (is_dash ? text.data[i] != '-' : strchr("0123456789abcdef", text.data[i]) == NULL || text.data[i] == '\0')
            return false;
    }
    return true;
}

/* With "S-" before it, or without. */
static bool begins_with(struct span id, const char *prefix)
{
    size_t length = strlen(prefix),
           skipped = strncmp(prefix, ID_PREFIX, strlen(ID_PREFIX)) == 0 ? 0 : strlen(ID_PREFIX);
    return length <= id.length - skipped && memcmp(id.data + skipped, prefix, length) == 0;
}

/* Adds to the keys of `found` each session of `list` that begins so. */
static bool search(const struct operator_call *call, const char *path, const char *list, json_t *found,
                   struct ask_failure *ret_failure)
{
    struct api_answer answer;
    struct api_reader reader = {0};
    const json_t *row = NULL;
    size_t i = 0;
    json_t *document = ask_json(call->client, path, &answer, ret_failure);
    if (document == NULL)
        return false;
    json_array_foreach(api_list(&reader, document, list), i, row)
    {
        struct span id = api_text(&reader, row, "sessionId");
        if (!is_session_id(id))
            reader.bad_field = "sessionId";
        else if (begins_with(id, call->options->arguments[0]))
            check(json_object_setn_new(found, (const char *)id.data, id.length, json_true()) == 0);
    }
    if (reader.bad_field != NULL)
        ask_fail_field(ret_failure, path, reader.bad_field);
    json_decref(document);
    return reader.bad_field == NULL;
}

static void fail_ambiguous(const json_t *found, const char *shown, struct ask_failure *ret_failure)
{
    char candidates[CANDIDATES_MAX * (ID_BYTES + 1) + 8] = "";
    size_t told = 0, left = json_object_size(found);
    for (void *each = json_object_iter((json_t *)(uintptr_t)found); each != NULL && told < CANDIDATES_MAX;
         each = json_object_iter_next((json_t *)(uintptr_t)found, each), told++, left--) {
        strcat(candidates, "\n");
        strcat(candidates, json_object_iter_key(each));
    }
    ask_fail(ret_failure, EXIT_FAILED, "'%.60s' is the beginning of several sessions:%s%s", shown, candidates,
             left > 0 ? "\n..." : "");
}

/* The one session that begins as the argument says. */
static bool find_session(const struct operator_call *call, char ret_id[ID_BYTES + 1], struct ask_failure *ret_failure)
{
    json_t *found = json_object();
    char *shown = shown_text_new(span_of_string(call->options->arguments[0]));
    check(found != NULL);
    bool is_found = search(call, "/sessions", "sessions", found, ret_failure) &&
                    search(call, "/bindings", "bindings", found, ret_failure); /* parked ones are here only */
    if (is_found && json_object_size(found) != 1) {
        is_found = false;
        if (json_object_size(found) == 0)
            ask_fail(ret_failure, EXIT_FAILED, "there is no session that begins with '%.100s'", shown);
        else
            fail_ambiguous(found, shown, ret_failure);
    }
    if (is_found)
        strcpy(ret_id, json_object_iter_key(json_object_iter(found)));
    free(shown);
    json_decref(found);
    return is_found;
}

static bool name_session(const struct operator_call *call, char ret_id[ID_BYTES + 1], struct ask_failure *ret_failure)
{
    const char *argument = call->options->arguments[0];
    if (is_session_id(span_of_string(argument))) {
        strcpy(ret_id, argument);
        return true;
    }
    if (*argument != '\0' && strcmp(argument, ID_PREFIX) != 0)
        return find_session(call, ret_id, ret_failure);
    ask_fail(ret_failure, EXIT_USAGE, "SESSION is an id, or the beginning of one, not '%s'\nTry: %s", argument,
             options_help_hint(COMMAND_close));
    return false;
}

bool operator_close(const struct operator_call *call, struct ask_failure *ret_failure)
{
    struct api_answer answer;
    char id[ID_BYTES + 1], path[64], query[32];
    if (!name_session(call, id, ret_failure))
        return false;
    snprintf(path, sizeof path, "/sessions/%s", id);
    snprintf(query, sizeof query, "grace_ms=%u", (unsigned)call->options->grace_ms);
    json_t *closing = ask_close(call->client, path, query, &answer, ret_failure);
    if (closing == NULL && answer.status == 404)
        ask_fail(ret_failure, EXIT_FAILED, "there is no session %s", id);
    if (closing == NULL)
        return false;
    if (call->options->json)
        operator_print_json(&answer);
    else
        printf("%s is closing\n", id);
    json_decref(closing);
    return true;
}
