#include "inspect_json.h"

#include "check.h"
#include "sensitive.h"
#include "utf8.h"

#include <jansson.h>

enum {
    /* bytes in the list, which is told again and again; the detail has all of the target */
    SHORT_TARGET_MAX = 1024,
    SHORT_TEXT_MAX = 128,
    TIME_BYTES = 40,
};

static const char *const STATES[] = {
    [INSPECT_RUNNING] = "running",
    [INSPECT_COMPLETE] = "complete",
    [INSPECT_FAILED] = "failed",
};

/* Heads are UTF-8: they came out of JSON, or were made to go into it. */
static void set(json_t *object, const char *key, json_t *value)
{
    check(value != NULL && json_object_set_new(object, key, value) == 0);
}

/* Of what a peer may have said: not UTF-8, perhaps. */
static json_t *peers_text(const char *text)
{
    return utf8_is_valid(span_of_string(text)) ? json_string(text) : json_string("(said in bytes that are no text)");
}

static void set_number(json_t *object, const char *key, uint64_t number)
{
    set(object, key, json_integer((json_int_t)number));
}

static void set_ms(json_t *object, const char *key, int64_t from_us, int64_t to_us)
{
    set(object, key, to_us > 0 ? json_real((double)(to_us - from_us) / 1000) : json_null());
}

static void set_time(json_t *object, const char *key, const struct timespec *at)
{
    char text[TIME_BYTES];
    struct tm utc;
    gmtime_r(&at->tv_sec, &utc);
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + length, sizeof text - length, ".%03uZ", (unsigned)(at->tv_nsec / 1000000) % 1000);
    set(object, key, json_string(text));
}

static char *target_of(const struct inspect_view *view, const struct inspect_entry *entry)
{
    char *target = view->shows_secrets ? strdup(entry->open.target) : sensitive_hide_in_target(entry->open.target);
    check(target != NULL);
    return target;
}

static void set_cut(json_t *object, const char *key, const char *text, size_t max)
{
    set(object, key, json_stringn(text, utf8_cut(span_of_string(text), max)));
}

static void set_target(json_t *object, const struct inspect_view *view, const struct inspect_entry *entry, size_t max)
{
    char *target = target_of(view, entry);
    set_cut(object, "target", target, max);
    free(target);
}

static void set_short(json_t *object, const struct inspect_view *view, const struct inspect_entry *entry,
                      size_t target_max)
{
    const char *type = field_list_find(&entry->fields, "content-type");
    set_number(object, "id", entry->id);
    set_number(object, "revision", entry->revision);
    set(object, "replayOf", entry->replay_of != 0 ? json_integer((json_int_t)entry->replay_of) : json_null());
    set_cut(object, "tunnel", entry->tunnel, SHORT_TEXT_MAX);
    set_cut(object, "method", entry->open.method, SHORT_TEXT_MAX);
    set_target(object, view, entry, target_max);
    set(object, "status", entry->status != 0 ? json_integer(entry->status) : json_null());
    set(object, "state", json_string(STATES[entry->state]));
    set_time(object, "startedAt", &entry->started_at);
    set_ms(object, "durationMs", entry->started_us, entry->ended_us);
    set_number(object, "requestBytes", entry->request.total);
    set_number(object, "responseBytes", entry->answer.total);
    if (type != NULL)
        set_cut(object, "contentType", type, SHORT_TEXT_MAX);
    else
        set(object, "contentType", json_null());
}

static json_t *fields_json(const struct inspect_view *view, const struct field_list *fields)
{
    json_t *list = json_array();
    check(list != NULL);
    for (size_t i = 0; i < fields->count; i++) {
        const struct field_pair *pair = &fields->pairs[i];
        char *value = view->shows_secrets ? strdup(pair->value) : sensitive_hide_in_field(pair->name, pair->value);
        check(value != NULL);
        check(json_array_append_new(list, json_pack("[ss]", pair->name, value)) == 0);
        free(value);
    }
    return list;
}

static json_t *side_json(const struct inspect_view *view, const struct field_list *fields,
                         const struct inspect_body *body)
{
    return json_pack("{s:o, s:{s:I, s:I}}", "fields", fields_json(view, fields), "body", "bytes",
                     (json_int_t)body->total, "kept", (json_int_t)body->kept);
}

static char *dump(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    check(text != NULL);
    json_decref(json);
    return text;
}

char *inspect_json_list(const struct inspect_view *view, uint64_t revision)
{
    json_t *list = json_object(), *requests = json_array();
    check(list != NULL && requests != NULL);
    uint64_t oldest = inspect_store_oldest(view->store), next = inspect_store_next(view->store);
    for (uint64_t id = oldest; id < next; id++) {
        const struct inspect_entry *entry = inspect_store_find(view->store, id);
        if (entry->revision <= revision)
            continue;
        json_t *item = json_object();
        check(item != NULL);
        set_short(item, view, entry, SHORT_TARGET_MAX);
        check(json_array_append_new(requests, item) == 0);
    }
    set_number(list, "oldest", oldest);
    set(list, "requests", requests);
    return dump(list);
}

char *inspect_json_entry(const struct inspect_view *view, const struct inspect_entry *entry, const char *refusal)
{
    json_t *detail = json_object();
    check(detail != NULL);
    set_short(detail, view, entry, SIZE_MAX);
    set(detail, "peer", entry->replay_of == 0 ? json_string(entry->open.peer_address) : json_null());
    set(detail, "why", peers_text(entry->why));
    set_ms(detail, "answeredMs", entry->started_us, entry->answered_us);
    set(detail, "isUpgrade", json_boolean(entry->open.is_upgrade));
    set(detail, "refusal", refusal != NULL ? json_string(refusal) : json_null());
    set(detail, "request", side_json(view, &entry->open.fields, &entry->request));
    set(detail, "response", entry->status != 0 ? side_json(view, &entry->fields, &entry->answer) : json_null());
    return dump(detail);
}
