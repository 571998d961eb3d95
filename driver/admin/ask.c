#include "admin/ask.h"

#include "admin/api_reader.h"
#include "terminal/shown_text.h"

#include <stdarg.h>
#include <stdlib.h>

void ask_fail(struct ask_failure *ret_failure, enum exit_status status, const char *format, ...)
{
    va_list arguments;
    *ret_failure = (struct ask_failure){.status = status};
    va_start(arguments, format);
    vsnprintf(ret_failure->text, sizeof ret_failure->text, format, arguments);
    va_end(arguments);
}

void ask_fail_field(struct ask_failure *ret_failure, const char *path, const char *field)
{
    ask_fail(ret_failure, EXIT_FAILED, "the answer to %s is not understood: its '%s' is missing or of another kind",
             path, field);
}

/* Another status than was hoped for; errors of the API say why. */
static void fail_status(const struct api_answer *answer, const char *path, struct ask_failure *ret_failure)
{
    int line = 0;
    json_t *root = answer->is_json ? api_parse(span_of(answer->body, answer->length), &line) : NULL;
    const json_t *error = json_object_get(root, "error");
    if (json_is_string(error)) {
        char *shown = shown_text_new(span_of(json_string_value(error), json_string_length(error)));
        ask_fail(ret_failure, EXIT_FAILED, "the daemon refuses %s: %s (%u)", path, shown, answer->status);
        free(shown);
    } else if (answer->status == 403 && answer->length == 0) {
        ask_fail(ret_failure, EXIT_FAILED,
                 "the daemon refuses %s (403): it takes callers from loopback and from its --trusted-source only",
                 path);
    } else {
        ask_fail(ret_failure, EXIT_FAILED, "%s is answered with status %u: is it a hoody-tunneld?", path,
                 answer->status);
    }
    json_decref(root);
}

/* false: no whole answer of that status. */
static bool ask(struct api_client *client, const char *method, const char *path, const char *query, unsigned status,
                struct api_answer *ret_answer, struct ask_failure *ret_failure)
{
    api_client_ask(client, method, path, query, ret_answer);
    switch (ret_answer->outcome) {
    case API_ANSWERED:
        if (ret_answer->status == status)
            return true;
        fail_status(ret_answer, path, ret_failure);
        return false;
    case API_UNREACHABLE:
        ask_fail(ret_failure, EXIT_UNREACHABLE, "%s", ret_answer->reason);
        return false;
    case API_FAILED:
        ask_fail(ret_failure, EXIT_FAILED, "%s", ret_answer->reason);
        return false;
    case API_INTERRUPTED:
        *ret_failure = (struct ask_failure){.status = EXIT_FAILED, .is_interrupted = true};
        return false;
    }
    return false;
}

static json_t *parse(const struct api_answer *answer, const char *path, struct ask_failure *ret_failure)
{
    int line = 0;
    json_t *root = answer->is_json ? api_parse(span_of(answer->body, answer->length), &line) : NULL;
    if (json_is_object(root))
        return root;
    json_decref(root);
    if (!answer->is_json)
        ask_fail(ret_failure, EXIT_FAILED, "the answer to %s is no JSON: is it a hoody-tunneld?", path);
    else if (root != NULL)
        ask_fail(ret_failure, EXIT_FAILED, "the answer to %s is no JSON object", path);
    else
        ask_fail(ret_failure, EXIT_FAILED, "the answer to %s is broken JSON, in line %d", path, line);
    return NULL;
}

json_t *ask_json(struct api_client *client, const char *path, struct api_answer *ret_answer,
                 struct ask_failure *ret_failure)
{
    return ask(client, "GET", path, "", 200, ret_answer, ret_failure) ? parse(ret_answer, path, ret_failure) : NULL;
}

json_t *ask_close(struct api_client *client, const char *path, const char *query, struct api_answer *ret_answer,
                  struct ask_failure *ret_failure)
{
    return ask(client, "DELETE", path, query, 202, ret_answer, ret_failure) ? parse(ret_answer, path, ret_failure)
                                                                            : NULL;
}

bool ask_metrics(struct api_client *client, struct api_answer *ret_answer, struct ask_failure *ret_failure)
{
    if (!ask(client, "GET", "/metrics", "", 200, ret_answer, ret_failure))
        return false;
    if (ret_answer->is_text && shown_text_is_harmless(span_of(ret_answer->body, ret_answer->length)))
        return true;
    ask_fail(ret_failure, EXIT_FAILED, "the answer to /metrics is no text of Prometheus: is it a hoody-tunneld?");
    return false;
}
