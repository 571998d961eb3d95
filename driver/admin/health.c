/* health, metrics: how the daemon is. */
#include "admin/operator_commands.h"

#include "admin/api_reader.h"
#include "admin/metrics_text.h"
#include "terminal/quantity.h"
#include "terminal/shown_text.h"

#include <stdlib.h>

static void print_facts(const json_t *health)
{
    const json_t *rss = json_object_get(json_object_get(health, "memory"), "rss");
    const json_t *pid = json_object_get(health, "pid"), *fds = json_object_get(health, "fds");
    const json_t *started = json_object_get(health, "started");
    char bytes[QUANTITY_BYTES];
    /* Each of them may be unknown to the daemon. */
    if (json_is_integer(pid))
        printf(", pid %" JSON_INTEGER_FORMAT, json_integer_value(pid));
    if (json_is_string(started)) {
        char *shown = shown_text_new(span_of(json_string_value(started), json_string_length(started)));
        printf(", up since %s", shown);
        free(shown);
    }
    if (json_is_integer(rss)) {
        quantity_format_bytes((double)json_integer_value(rss), bytes);
        printf(", %s of memory", bytes);
    }
    if (json_is_integer(fds))
        printf(", %" JSON_INTEGER_FORMAT " descriptors", json_integer_value(fds));
    putchar('\n');
}

bool operator_health(const struct operator_call *call, struct ask_failure *ret_failure)
{
    struct api_answer answer;
    struct api_reader reader = {0};
    json_t *health = ask_json(call->client, "/health", &answer, ret_failure);
    if (health == NULL)
        return false;
    struct span status = api_text(&reader, health, "status"), service = api_text(&reader, health, "service");
    bool is_ours = span_equals(service, "hoody-tunnel"), is_ok = is_ours && span_equals(status, "ok");
    char *shown = shown_text_new(status);
    if (reader.bad_field != NULL)
        ask_fail_field(ret_failure, "/health", reader.bad_field);
    else if (!is_ours)
        ask_fail(ret_failure, EXIT_FAILED, "what answers there is no hoody-tunneld");
    else if (!is_ok)
        ask_fail(ret_failure, EXIT_FAILED, "the daemon's status is '%.100s', not 'ok'", shown);
    if (is_ours && call->options->json)
        operator_print_json(&answer);
    else if (is_ok) {
        printf("%s", shown);
        print_facts(health);
    }
    free(shown);
    json_decref(health);
    return is_ok;
}

bool operator_metrics(const struct operator_call *call, struct ask_failure *ret_failure)
{
    struct api_answer answer;
    if (!ask_metrics(call->client, &answer, ret_failure))
        return false;
    if (!call->options->json_samples)
        fwrite(answer.body, 1, answer.length, stdout);
    else if (!metrics_text_print_json(span_of(answer.body, answer.length), stdout)) {
        ask_fail(ret_failure, EXIT_FAILED, "the answer to /metrics is not understood: a sample's labels are broken");
        return false;
    }
    return true;
}
