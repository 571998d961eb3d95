#include "admin/api_tables.h"

#include "check.h"

#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define NOTHING         "-"
#define PARKED          "(parked)"

static struct span text_of(const char *text)
{
    return span_of_string(text);
}

/* "8080", or of a pull "127.0.0.1:5432"; IPv6 in brackets. */
static void print_port(struct api_reader *reader, const json_t *binding, const char *field, FILE *out)
{
    json_int_t port = api_count(reader, binding, field);
    if (api_has(binding, "bindAddr")) {
        struct span address = api_text(reader, binding, "bindAddr");
        bool is_ipv6 = memchr(address.data, ':', address.length) != NULL;
        fputs(is_ipv6 ? "[" : "", out);
        fwrite(address.data, 1, address.length, out);
        fputs(is_ipv6 ? "]:" : ":", out);
    }
    fprintf(out, "%" JSON_INTEGER_FORMAT, port);
}

static void add_port(struct api_reader *reader, const json_t *binding, const char *field, struct table *table)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    check(out != NULL);
    print_port(reader, binding, field, out);
    check(fclose(out) == 0);
    table_add(table, span_of(text, length));
    free(text);
}

/* The ports of some lists of bindings in one cell. */
static void add_ports(struct api_reader *reader, const json_t *const *lists, size_t list_count, const char *field,
                      struct table *table)
{
    char *text = NULL;
    size_t length = 0, count = 0, i = 0;
    FILE *out = open_memstream(&text, &length);
    check(out != NULL);
    for (size_t list = 0; list < list_count; list++) {
        const json_t *binding = NULL;
        json_array_foreach(lists[list], i, binding)
        {
            fputs(count++ > 0 ? " " : "", out);
            print_port(reader, binding, field, out);
        }
    }
    fputs(count == 0 ? NOTHING : "", out);
    check(fclose(out) == 0);
    table_add(table, span_of(text, length));
    free(text);
}

/* ---- sessions ---- */

static const struct table_column SESSION_COLUMNS[] = {
    {.title = "SESSION", .fit = TABLE_ID},     {.title = "PEER", .fit = TABLE_WHOLE},
    {.title = "PROTOCOL", .fit = TABLE_WHOLE}, {.title = "SOCKETS", .fit = TABLE_WHOLE, .is_right = true},
    {.title = "STREAMS", .fit = TABLE_WHOLE},  {.title = "PORTS", .fit = TABLE_CUT},
};

void api_tables_sessions(struct api_reader *reader, const json_t *sessions, struct table *ret_table)
{
    const json_t *session = NULL;
    size_t i = 0;
    table_init(ret_table, SESSION_COLUMNS, COUNT_OF(SESSION_COLUMNS));
    json_array_foreach(api_list(reader, sessions, "sessions"), i, session)
    {
        const json_t *bindings = api_list(reader, session, "bindings");
        table_add(ret_table, api_text(reader, session, "sessionId"));
        table_add(ret_table, api_text(reader, session, "peerAddr"));
        table_add(ret_table, text_of(api_flag(reader, session, "isV2") ? "v2" : "v1"));
        table_addf(ret_table, "%" JSON_INTEGER_FORMAT, api_count(reader, session, "connectionsGranted"));
        table_addf(ret_table, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
                   api_count(reader, session, "activeStreams"), api_count(reader, session, "maxStreams"));
        add_ports(reader, &bindings, 1, "containerPort", ret_table);
    }
}

/* ---- bindings ---- */

static const struct table_column BINDING_COLUMNS[] = {
    {.title = "PORT", .fit = TABLE_WHOLE}, {.title = "KIND", .fit = TABLE_WHOLE},
    {.title = "MODE", .fit = TABLE_WHOLE}, {.title = "BINDING", .fit = TABLE_WHOLE, .is_right = true},
    {.title = "SESSION", .fit = TABLE_ID}, {.title = "STATE", .fit = TABLE_WHOLE},
};

static bool is_parked(struct api_reader *reader, const json_t *binding)
{
    return api_has(binding, "parked") && api_flag(reader, binding, "parked");
}

void api_tables_bindings(struct api_reader *reader, const json_t *bindings, struct table *ret_table)
{
    const json_t *binding = NULL;
    size_t i = 0;
    table_init(ret_table, BINDING_COLUMNS, COUNT_OF(BINDING_COLUMNS));
    json_array_foreach(api_list(reader, bindings, "bindings"), i, binding)
    {
        add_port(reader, binding, "port", ret_table);
        table_add(ret_table, api_text(reader, binding, "kind"));
        table_add(ret_table, api_text(reader, binding, "mode"));
        table_addf(ret_table, "%" JSON_INTEGER_FORMAT, api_count(reader, binding, "bindId"));
        table_add(ret_table, api_text(reader, binding, "sessionId"));
        table_add(ret_table, text_of(is_parked(reader, binding) ? "parked" : "live"));
    }
}

/* ---- parked sessions, which are seen by their bindings only ---- */

/* {sessionId: [binding...]}, in the order of the bindings; owned by the caller. */
static json_t *parked_sessions(struct api_reader *reader, const json_t *bindings)
{
    json_t *parked = json_object(), *binding = NULL;
    size_t i = 0;
    check(parked != NULL);
    json_array_foreach(api_list(reader, bindings, "bindings"), i, binding)
    {
        if (!is_parked(reader, binding))
            continue;
        struct span id = api_text(reader, binding, "sessionId");
        json_t *held = json_object_getn(parked, (const char *)id.data, id.length);
        if (held == NULL) {
            held = json_array();
            check(json_object_setn_new(parked, (const char *)id.data, id.length, held) == 0);
        }
        check(json_array_append(held, binding) == 0);
    }
    return parked;
}

/* ---- everything ---- */

static const struct table_column ALL_COLUMNS[] = {
    {.title = "SESSION", .fit = TABLE_ID},
    {.title = "PEER", .fit = TABLE_WHOLE},
    {.title = "STREAMS", .fit = TABLE_WHOLE, .is_right = true},
    {.title = "PORT", .fit = TABLE_WHOLE},
    {.title = "MODE", .fit = TABLE_WHOLE},
    {.title = "BINDING", .fit = TABLE_WHOLE, .is_right = true},
};

static void add_live_start(struct api_reader *reader, const json_t *session, bool is_first, struct table *table)
{
    table_add(table, is_first ? api_text(reader, session, "sessionId") : text_of(""));
    table_add(table, is_first ? api_text(reader, session, "peerAddr") : text_of(""));
    if (is_first)
        table_addf(table, "%" JSON_INTEGER_FORMAT, api_count(reader, session, "activeStreams"));
    else
        table_add(table, text_of(""));
}

/* What a session holds in one of its lists; *p_is_first: the session has not been named yet. */
static void add_held(struct api_reader *reader, const json_t *session, const char *list, const char *mode,
                     bool *p_is_first, struct table *table)
{
    const json_t *binding = NULL;
    size_t i = 0;
    json_array_foreach(api_list(reader, session, list), i, binding)
    {
        add_live_start(reader, session, *p_is_first, table);
        *p_is_first = false;
        add_port(reader, binding, "containerPort", table);
        table_add(table, text_of(mode));
        table_addf(table, "%" JSON_INTEGER_FORMAT, api_count(reader, binding, "bindId"));
    }
}

static void add_parked_bindings(struct api_reader *reader, const char *id, const json_t *held, struct table *table)
{
    const json_t *binding = NULL;
    size_t i = 0;
    json_array_foreach(held, i, binding)
    {
        table_add(table, text_of(i == 0 ? id : ""));
        table_add(table, text_of(i == 0 ? PARKED : ""));
        table_add(table, text_of(i == 0 ? NOTHING : ""));
        add_port(reader, binding, "port", table);
        table_add(table, api_text(reader, binding, "mode"));
        table_addf(table, "%" JSON_INTEGER_FORMAT, api_count(reader, binding, "bindId"));
    }
}

void api_tables_all(struct api_reader *reader, const json_t *tunnels, const json_t *bindings, struct table *ret_table)
{
    const json_t *session = NULL;
    size_t i = 0;
    table_init(ret_table, ALL_COLUMNS, COUNT_OF(ALL_COLUMNS));
    json_array_foreach(api_list(reader, tunnels, "sessions"), i, session)
    {
        bool is_first = true;
        add_held(reader, session, "exposeBindings", "expose", &is_first, ret_table);
        add_held(reader, session, "pullBindings", "pull", &is_first, ret_table);
        if (!is_first)
            continue;
        add_live_start(reader, session, true, ret_table);
        for (size_t empty = 0; empty < 3; empty++)
            table_add(ret_table, text_of(NOTHING));
    }
    json_t *parked = parked_sessions(reader, bindings), *held = NULL;
    const char *id = NULL;
    json_object_foreach(parked, id, held) add_parked_bindings(reader, id, held, ret_table);
    json_decref(parked);
}

/* ---- activity ---- */

static const struct table_column ACTIVITY_COLUMNS[] = {
    {.title = "SESSION", .fit = TABLE_ID},
    {.title = "PEER", .fit = TABLE_WHOLE},
    {.title = "SOCKETS", .fit = TABLE_WHOLE, .is_right = true},
    {.title = "STREAMS", .fit = TABLE_WHOLE, .is_right = true},
    {.title = "PORTS", .fit = TABLE_CUT},
};

struct busy_session {
    const json_t *session;
    json_int_t streams;
    size_t place; /* in the document: ties stay as they were */
};

static int compare_busy(const void *left, const void *right)
{
    const struct busy_session *a = left, *b = right;
    if (a->streams != b->streams)
        return a->streams > b->streams ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

static void add_activity(struct api_reader *reader, const struct busy_session *busy, struct table *table)
{
    const json_t *const held[] = {api_list(reader, busy->session, "exposeBindings"),
                                  api_list(reader, busy->session, "pullBindings")};
    table_add(table, api_text(reader, busy->session, "sessionId"));
    table_add(table, api_text(reader, busy->session, "peerAddr"));
    table_addf(table, "%" JSON_INTEGER_FORMAT, api_count(reader, busy->session, "connectionsGranted"));
    table_addf(table, "%" JSON_INTEGER_FORMAT, busy->streams);
    add_ports(reader, held, 2, "containerPort", table);
}

void api_tables_activity(struct api_reader *reader, const json_t *tunnels, const json_t *bindings,
                         struct table *ret_table)
{
    const json_t *sessions = api_list(reader, tunnels, "sessions"), *session = NULL;
    size_t count = json_array_size(sessions), i = 0;
    struct busy_session *busy = calloc(count + 1, sizeof *busy);
    check(busy != NULL);
    table_init(ret_table, ACTIVITY_COLUMNS, COUNT_OF(ACTIVITY_COLUMNS));
    json_array_foreach(sessions, i, session) busy[i] =
        (struct busy_session){.session = session, .streams = api_count(reader, session, "activeStreams"), .place = i};
    qsort(busy, count, sizeof *busy, compare_busy);
    for (i = 0; i < count; i++)
        add_activity(reader, &busy[i], ret_table);
    free(busy);

    json_t *parked = parked_sessions(reader, bindings), *held = NULL;
    const char *id = NULL;
    json_object_foreach(parked, id, held)
    {
        const json_t *const lists[] = {held};
        table_add(ret_table, text_of(id));
        table_add(ret_table, text_of(PARKED));
        table_add(ret_table, text_of(NOTHING));
        table_add(ret_table, text_of(NOTHING));
        add_ports(reader, lists, 1, "port", ret_table);
    }
    json_decref(parked);
}
