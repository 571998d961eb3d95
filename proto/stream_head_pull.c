/* Stream heads as programs write them: each member once, none that is not ours; see stream_head_decoders.h. */
#include "stream_head_decoders.h"

#include "json_pull.h"

#include <stdlib.h>

/* The members of a payload, each a bit: that of keys[i] is 1 << i. */
struct members {
    const char *const *keys;
    unsigned count;
    /* Reads that member's value into `head`. false: decline. */
    bool (*read)(struct json_pull *pull, unsigned member, void *head);
};

/* 0: none of ours. */
static unsigned find_member(const struct members *members, const char *key)
{
    for (unsigned i = 0; i < members->count; i++)
        if (strcmp(key, members->keys[i]) == 0)
            return 1U << i;
    return 0;
}

/* `ret_seen`: the members that were there. */
static bool read_object(struct json_pull *pull, const struct members *members, void *head, unsigned *ret_seen)
{
    unsigned seen = 0;
    if (!json_pull_token(pull, '{'))
        return false;
    do {
        const char *key = json_pull_string(pull);
        const unsigned member = key ? find_member(members, key) : 0;
        if (member == 0 || (seen & member) || !json_pull_token(pull, ':') || !members->read(pull, member, head))
            return false;
        seen |= member;
    } while (json_pull_token(pull, ','));
    *ret_seen = seen;
    return json_pull_token(pull, '}') && json_pull_is_done(pull);
}

/* One piece of text holds all strings of a payload. */
static bool begin(struct json_pull *pull, struct span json, struct field_list *list)
{
    char *room = json.length > 0 ? field_list_room(list, json.length) : NULL;
    if (room)
        json_pull_begin(pull, json, room);
    return room;
}

static bool read_pair(struct json_pull *pull, struct field_list *list)
{
    char *name = NULL, *value = NULL;
    return json_pull_token(pull, '[') && (name = json_pull_string(pull)) && json_pull_token(pull, ',') &&
           (value = json_pull_string(pull)) && json_pull_token(pull, ']') && field_list_add_own(list, name, value);
}

static bool read_headers(struct json_pull *pull, struct field_list *list)
{
    if (!json_pull_token(pull, '['))
        return false;
    if (json_pull_token(pull, ']'))
        return true;
    do {
        if (!read_pair(pull, list))
            return false;
    } while (json_pull_token(pull, ','));
    return json_pull_token(pull, ']');
}

static bool read_number(struct json_pull *pull, int64_t min, int64_t max, int64_t *ret_value)
{
    return json_pull_integer(pull, ret_value) && *ret_value >= min && *ret_value <= max;
}

static bool read_port(struct json_pull *pull, uint16_t *ret_port)
{
    int64_t number = 0;
    if (!read_number(pull, 0, UINT16_MAX, &number))
        return false;
    *ret_port = (uint16_t)number;
    return true;
}

/* ---- STREAM_RESPONSE_HEAD ---- */

static const char *const head_keys[] = {"status", "headers", "final"};
enum { HEAD_STATUS = 1, HEAD_HEADERS = 2, HEAD_FINAL = 4 };

static bool read_status(struct json_pull *pull, uint16_t *ret_status)
{
    int64_t number = 0;
    if (!read_number(pull, 100, 599, &number))
        return false;
    *ret_status = (uint16_t)number;
    return true;
}

static bool read_head_member(struct json_pull *pull, unsigned member, void *into)
{
    struct response_head *head = into;
    switch (member) {
    case HEAD_STATUS:
        return read_status(pull, &head->status);
    case HEAD_HEADERS:
        return read_headers(pull, &head->fields);
    case HEAD_FINAL:
        return json_pull_flag(pull, &head->is_final);
    default:
        return false;
    }
}

bool response_head_pull(struct span json, struct response_head *ret_head)
{
    static const struct members members = {head_keys, sizeof head_keys / sizeof *head_keys, read_head_member};
    struct response_head head = {.is_final = true};
    struct json_pull pull;
    unsigned seen = 0;
    const bool is_read =
        begin(&pull, json, &head.fields) && read_object(&pull, &members, &head, &seen) && (seen & HEAD_STATUS);
    const bool is_interim = head.status < 200 && head.status != 101;
    if (!is_read || head.is_final == is_interim) {
        response_head_done(&head);
        return false;
    }
    *ret_head = head;
    return true;
}

/* ---- STREAM_OPEN ---- */

static const char *const open_keys[] = {"kind",      "method", "target",        "headers",
                                        "isUpgrade", "bindId", "containerPort", "peerAddr"};
enum {
    OPEN_KIND = 1,
    OPEN_METHOD = 2,
    OPEN_TARGET = 4,
    OPEN_HEADERS = 8,
    OPEN_IS_UPGRADE = 16,
    OPEN_BIND = 32,
    OPEN_PORT = 64,
    OPEN_PEER = 128,
};

static bool read_kind(struct json_pull *pull, enum stream_kind *ret_kind)
{
    const char *kind = json_pull_string(pull);
    if (!kind || (strcmp(kind, "http") != 0 && strcmp(kind, "tcp") != 0))
        return false;
    *ret_kind = strcmp(kind, "http") == 0 ? STREAM_HTTP : STREAM_TCP;
    return true;
}

/* A copy of its own. */
static bool read_text(struct json_pull *pull, char **ret_text)
{
    const char *text = json_pull_string(pull);
    return text && (*ret_text = strdup(text));
}

static bool read_bind(struct json_pull *pull, uint32_t *ret_bind)
{
    int64_t number = 0;
    if (!read_number(pull, 1, INT32_MAX, &number))
        return false;
    *ret_bind = (uint32_t)number;
    return true;
}

static bool read_open_member(struct json_pull *pull, unsigned member, void *into)
{
    struct stream_open *open = into;
    switch (member) {
    case OPEN_KIND:
        return read_kind(pull, &open->kind);
    case OPEN_METHOD:
        return read_text(pull, &open->method);
    case OPEN_TARGET:
        return read_text(pull, &open->target);
    case OPEN_HEADERS:
        return read_headers(pull, &open->fields);
    case OPEN_IS_UPGRADE:
        return json_pull_flag(pull, &open->is_upgrade);
    case OPEN_BIND:
        return read_bind(pull, &open->bind);
    case OPEN_PORT:
        return read_port(pull, &open->container_port);
    case OPEN_PEER:
        return read_text(pull, &open->peer_address);
    default:
        return false;
    }
}

/* Of a tcp stream the other decoder does not read what is for http: it may be anything there. */
static bool is_complete(unsigned seen, enum stream_kind kind)
{
    const unsigned http_only = OPEN_METHOD | OPEN_TARGET | OPEN_HEADERS | OPEN_IS_UPGRADE;
    const unsigned needed = OPEN_KIND | OPEN_BIND | (kind == STREAM_HTTP ? OPEN_METHOD | OPEN_TARGET : 0);
    return (seen & needed) == needed && (kind == STREAM_HTTP || !(seen & http_only));
}

bool stream_open_pull(struct span json, struct stream_open *ret_open)
{
    static const struct members members = {open_keys, sizeof open_keys / sizeof *open_keys, read_open_member};
    struct stream_open open = {0};
    struct json_pull pull;
    unsigned seen = 0;
    if (!begin(&pull, json, &open.fields) || !read_object(&pull, &members, &open, &seen) ||
        !is_complete(seen, open.kind)) {
        stream_open_done(&open);
        return false;
    }
    *ret_open = open;
    return true;
}
