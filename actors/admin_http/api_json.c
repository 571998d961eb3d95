#include "admin_http/api_json.h"

#include <jansson.h>

#include "session_payloads.h"
#include "utf8.h"

void api_facts_done(struct api_facts *facts)
{
    message_buffer_done(&facts->sessions);
    message_buffer_done(&facts->bindings);
    message_buffer_done(&facts->streams);
    *facts = (struct api_facts){0};
}

/* Takes the tree, NULL too. */
static char *print(json_t *tree)
{
    char *text = json_dumps(tree, JSON_COMPACT);
    json_decref(tree);
    return text;
}

/* ---- rows ----------------------------------------------------------------------------------------------------- */

/* false: the row is no good, or memory ran out. */
typedef bool row_reader(const struct message *row, void *context);

/* true: every row is of this type and was read. */
static bool each_row(const struct message_buffer *rows, enum message_type type, row_reader *read, void *context)
{
    struct span rest = message_buffer_span(rows);
    struct message row = {0};
    bool is_read = true;
    while (is_read && message_rows_next(&rest, &row)) {
        is_read = row.type == type && read(&row, context);
        message_done(&row);
    }
    return is_read && rest.length == 0;
}

static bool binding_row_is_good(const struct message_binding_row *row)
{
    return row->kind < BIND_KIND_OTHER && row->mode < BIND_MODE_OTHER;
}

static const char *kind_of(const struct message_binding_row *row)
{
    return bind_kind_name((enum bind_kind)row->kind);
}

static const char *mode_of(const struct message_binding_row *row)
{
    return bind_mode_name((enum bind_mode)row->mode);
}

/* NULL: the key is left out (s* of json_pack). */
static const char *pull_address(const struct message_binding_row *row)
{
    return row->mode == BIND_MODE_PULL ? row->address : NULL;
}

/* ---- /bindings ------------------------------------------------------------------------------------------------ */

static bool read_binding(const struct message *message, void *context)
{
    const struct message_binding_row *row = &message->binding_row;
    json_t *list = context;
    if (!binding_row_is_good(row))
        return false;
    json_t *binding =
        json_pack("{s:I, s:s, s:s, s:s, s:I, s:s*, s:o*}", "port", (json_int_t)row->port, "kind", kind_of(row), "mode",
                  mode_of(row), "sessionId", row->session.text, "bindId", (json_int_t)row->binding.value, "bindAddr",
                  pull_address(row), "parked", row->parked ? json_true() : NULL);
    return json_array_append_new(list, binding) == 0;
}

char *api_json_bindings(const struct api_facts *facts)
{
    json_t *list = json_array();
    if (list == NULL || !each_row(&facts->bindings, MESSAGE_binding_row, read_binding, list)) {
        json_decref(list);
        return NULL;
    }
    return print(json_pack("{s:o, s:I}", "bindings", list, "total", (json_int_t)json_array_size(list)));
}

/* ---- /tunnels and /sessions: rows of three actors, merged by session ------------------------------------------ */

struct merge {
    json_t *sessions; /* array, in the session-manager's order */
    json_t *by_id;    /* object: the same ones by their ids */
    json_int_t total_streams;
    json_int_t total_bindings;
};

static json_t *session_for_tunnels(const struct message_session_row *row)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:[], s:[]}", "sessionId", row->session.text, "peerAddr", row->peer,
                     "protocol", subprotocol_name((enum subprotocol)row->subprotocol), "connectionsGranted",
                     (json_int_t)row->connections_granted, "activeStreams", (json_int_t)0, "exposeBindings",
                     "pullBindings");
}

static json_t *session_for_sessions(const struct message_session_row *row)
{
    return json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:[]}", "sessionId", row->session.text, "peerAddr", row->peer,
                     "isV2", row->subprotocol == SUBPROTOCOL_V2, "connectionsGranted",
                     (json_int_t)row->connections_granted, "activeStreams", (json_int_t)0, "maxStreams",
                     (json_int_t)row->max_streams, "bindings");
}

static bool merge_session(struct merge *merge, const struct message_session_row *row, json_t *session)
{
    return json_array_append_new(merge->sessions, session) == 0 &&
           json_object_set(merge->by_id, row->session.text, session) == 0;
}

static bool merge_session_for_tunnels(const struct message *message, void *context)
{
    const struct message_session_row *row = &message->session_row;
    if (row->subprotocol != SUBPROTOCOL_V1 && row->subprotocol != SUBPROTOCOL_V2)
        return false;
    return merge_session(context, row, session_for_tunnels(row));
}

static bool merge_session_for_sessions(const struct message *message, void *context)
{
    return merge_session(context, &message->session_row, session_for_sessions(&message->session_row));
}

static bool merge_streams(const struct message *message, void *context)
{
    const struct message_stream_count_row *row = &message->stream_count_row;
    struct merge *merge = context;
    merge->total_streams += row->active_streams;
    json_t *count = json_object_get(json_object_get(merge->by_id, row->session.text), "activeStreams");
    if (count != NULL)
        json_integer_set(count, json_integer_value(count) + row->active_streams);
    return true;
}

static bool merge_binding_for_tunnels(const struct message *message, void *context)
{
    const struct message_binding_row *row = &message->binding_row;
    struct merge *merge = context;
    if (!binding_row_is_good(row))
        return false;
    merge->total_bindings++;
    json_t *session = json_object_get(merge->by_id, row->session.text);
    if (session == NULL)
        return true;
    const char *list = row->mode == BIND_MODE_PULL ? "pullBindings" : "exposeBindings";
    json_t *binding = json_pack("{s:I, s:I, s:s*}", "bindId", (json_int_t)row->binding.value, "containerPort",
                                (json_int_t)row->port, "bindAddr", pull_address(row));
    return json_array_append_new(json_object_get(session, list), binding) == 0;
}

static bool merge_binding_for_sessions(const struct message *message, void *context)
{
    const struct message_binding_row *row = &message->binding_row;
    struct merge *merge = context;
    if (!binding_row_is_good(row))
        return false;
    json_t *session = json_object_get(merge->by_id, row->session.text);
    if (session == NULL)
        return true;
    json_t *binding =
        json_pack("{s:I, s:s, s:s, s:I, s:s*}", "bindId", (json_int_t)row->binding.value, "kind", kind_of(row), "mode",
                  mode_of(row), "containerPort", (json_int_t)row->port, "bindAddr", pull_address(row));
    return json_array_append_new(json_object_get(session, "bindings"), binding) == 0;
}

/* false: nothing is left to free. */
static bool merge_facts(const struct api_facts *facts, row_reader *session, row_reader *binding,
                        struct merge *ret_merge)
{
    struct merge merge = {.sessions = json_array(), .by_id = json_object()};
    bool is_merged = merge.sessions != NULL && merge.by_id != NULL &&
                     each_row(&facts->sessions, MESSAGE_session_row, session, &merge) &&
                     each_row(&facts->streams, MESSAGE_stream_count_row, merge_streams, &merge) &&
                     each_row(&facts->bindings, MESSAGE_binding_row, binding, &merge);
    json_decref(merge.by_id);
    merge.by_id = NULL;
    if (is_merged)
        *ret_merge = merge;
    else
        json_decref(merge.sessions);
    return is_merged;
}

char *api_json_tunnels(const struct api_facts *facts)
{
    struct merge merge;
    if (!merge_facts(facts, merge_session_for_tunnels, merge_binding_for_tunnels, &merge))
        return NULL;
    return print(json_pack("{s:o, s:I, s:I, s:I, s:I}", "sessions", merge.sessions, "orphanedSessions",
                           (json_int_t)facts->orphaned_sessions, "totalStreams", merge.total_streams, "totalBindings",
                           merge.total_bindings, "fdPermitsAvailable", (json_int_t)facts->fd_permits_available));
}

char *api_json_sessions(const struct api_facts *facts)
{
    struct merge merge;
    if (!merge_facts(facts, merge_session_for_sessions, merge_binding_for_sessions, &merge))
        return NULL;
    return print(
        json_pack("{s:o, s:I}", "sessions", merge.sessions, "total", (json_int_t)json_array_size(merge.sessions)));
}

/* ---- bodies of no rows ---------------------------------------------------------------------------------------- */

static json_t *text_json(const char *text)
{
    size_t length = strlen(text), used = 0;
    if (utf8_is_valid(span_of(text, length)))
        return json_string(text);
    char *utf8 = malloc(2 * length);
    if (utf8 == NULL)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80)
            utf8[used++] = (char)(0xC0 | c >> 6);
        utf8[used++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3F) : c);
    }
    json_t *string = json_stringn(utf8, used);
    free(utf8);
    return string;
}

static json_t *count_json(int64_t count)
{
    return count < 0 ? json_null() : json_integer(count);
}

/* RFC 3339, UTC, milliseconds. */
static json_t *time_json(struct timespec time)
{
    char seconds[32], text[48];
    struct tm utc;
    if (time.tv_nsec < 0 || gmtime_r(&time.tv_sec, &utc) == NULL ||
        strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        return json_null();
    snprintf(text, sizeof text, "%s.%03ldZ", seconds, time.tv_nsec / 1000000);
    return json_string(text);
}

char *api_json_health(const struct api_health *health)
{
    return print(json_pack("{s:s, s:s, s:o, s:o, s:{s:o, s:n}, s:o, s:I, s:s, s:o}", "status", "ok", "service",
                           "hoody-tunnel", "built", time_json(health->built), "started", time_json(health->started),
                           "memory", "rss", count_json(health->rss_bytes), "heap", "fds", count_json(health->fds),
                           "pid", (json_int_t)health->pid, "ip", health->ip, "userAgent",
                           text_json(health->user_agent)));
}

char *api_json_closing(const struct session_id *session)
{
    return print(json_pack("{s:s, s:s}", "sessionId", session->text, "status", "closing"));
}

char *api_json_error(const char *text)
{
    return print(json_pack("{s:s}", "error", text));
}
