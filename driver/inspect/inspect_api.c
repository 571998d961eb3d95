#include "inspect_api.h"

#include "check.h"
#include "inspect_route.h"

#include <inttypes.h>
#include <jansson.h>

#define JSON_TYPE "application/json"

const char INSPECT_FIELDS[] =
    "Cache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "
    "'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n";

static struct inspect_answer json_answer(uint16_t status, char *owned)
{
    return (struct inspect_answer){
        .status = status, .type = JSON_TYPE, .fields = "", .body = span_of_string(owned), .owned = owned};
}

static struct inspect_answer error_answer(uint16_t status, const char *text)
{
    json_t *error = json_pack("{s:s}", "error", text);
    char *dumped = json_dumps(error, JSON_COMPACT);
    check(dumped != NULL);
    json_decref(error);
    return json_answer(status, dumped);
}

static struct inspect_answer file_answer(const struct inspect_file *file)
{
    return (struct inspect_answer){.status = 200, .type = file->type, .fields = "", .body = file->bytes};
}

/* Never shown by a browser, whatever it is. */
static struct inspect_answer body_answer(const struct inspect_body *body)
{
    return (struct inspect_answer){
        .status = 200,
        .type = "application/octet-stream",
        .fields = "Content-Disposition: attachment\r\n",
        .body = span_of(body->bytes, body->kept),
    };
}

static struct inspect_answer info_answer(const struct inspect_api *api)
{
    json_t *info =
        json_pack("{s:s, s:s, s:b, s:i, s:i}", "version", HOODY_VERSION, "token", api->guard.token, "showsSecrets",
                  (int)api->view.shows_secrets, "requestsMax", INSPECT_ENTRIES_MAX, "bodyBytesMax", INSPECT_BODY_MAX);
    char *dumped = json_dumps(info, JSON_COMPACT);
    check(dumped != NULL);
    json_decref(info);
    return json_answer(200, dumped);
}

static struct inspect_answer replay_answer(struct inspect_api *api, const struct inspect_entry *entry)
{
    uint64_t id = 0;
    const char *refusal = replayer_start(api->replayer, entry, &id);
    if (refusal != NULL)
        return error_answer(409, refusal);
    char *text = NULL;
    check(asprintf(&text, "{\"id\":%" PRIu64 "}", id) > 0);
    return json_answer(202, text);
}

static struct inspect_answer clear_answer(struct inspect_api *api)
{
    replayer_abort_all(api->replayer);
    inspect_store_clear(api->store);
    return (struct inspect_answer){.status = 204, .type = "", .fields = ""};
}

static struct inspect_answer entry_answer(struct inspect_api *api, const struct inspect_route *route)
{
    const struct inspect_entry *entry = inspect_store_find(api->store, route->id);
    if (entry == NULL)
        return error_answer(404, "this request is not there, or not any more");
    if (route->call == INSPECT_REQUEST_BODY)
        return body_answer(&entry->request);
    if (route->call == INSPECT_RESPONSE_BODY)
        return body_answer(&entry->answer);
    if (route->call == INSPECT_REPLAY)
        return replay_answer(api, entry);
    return json_answer(200, inspect_json_entry(&api->view, entry, replay_refusal(entry)));
}

static struct inspect_answer call_answer(struct inspect_api *api, const struct inspect_route *route)
{
    switch (route->call) {
    case INSPECT_FILE:
        return file_answer(route->file);
    case INSPECT_INFO:
        return info_answer(api);
    case INSPECT_LIST:
        return json_answer(200, inspect_json_list(&api->view, 0));
    case INSPECT_EVENTS:
        return (struct inspect_answer){.status = 200, .type = "text/event-stream", .fields = "", .is_feed = true};
    case INSPECT_CLEAR:
        return clear_answer(api);
    case INSPECT_DETAIL:
    case INSPECT_REQUEST_BODY:
    case INSPECT_RESPONSE_BODY:
    case INSPECT_REPLAY:
        return entry_answer(api, route);
    }
    return error_answer(404, "there is nothing here");
}

struct inspect_answer inspect_api_answer(struct inspect_api *api, const struct http_head *head)
{
    struct inspect_route route;
    const char *refusal = inspect_guard_refuses(&api->guard, head);
    if (refusal != NULL)
        return error_answer(403, refusal);
    if (!inspect_route_find(head->method, head->target, &route))
        return error_answer(404, "there is nothing here");
    if (route.is_wrong_method) {
        struct inspect_answer answer = error_answer(405, "this is not asked with that method");
        answer.fields = route.has_effect ? "Allow: POST\r\n" : "Allow: GET, HEAD\r\n";
        return answer;
    }
    if (route.has_effect && (refusal = inspect_guard_refuses_effect(&api->guard, head)) != NULL)
        return error_answer(403, refusal);
    return call_answer(api, &route);
}
