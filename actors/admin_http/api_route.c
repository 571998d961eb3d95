#include "admin_http/api_route.h"

/* ---- the target ----------------------------------------------------------------------------------------------- */

/* Everything before the first `byte`, or all. */
static struct span until(struct span text, uint8_t byte)
{
    const uint8_t *found = text.length > 0 ? memchr(text.data, byte, text.length) : NULL;
    return found != NULL ? span_of(text.data, (size_t)(found - text.data)) : text;
}

static struct span skip(struct span text, size_t length)
{
    return length < text.length ? span_of(text.data + length, text.length - length) : span_of(NULL, 0);
}

static bool begins_with(struct span text, const char *start)
{
    return text.length >= strlen(start) && span_equals_nocase(span_of(text.data, strlen(start)), start);
}

struct api_target api_target_split(struct span target)
{
    static const char *const schemes[] = {"http://", "https://"};
    struct api_target parts = {.path = target};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (!begins_with(target, schemes[i]))
            continue;
        struct span rest = span_of(target.data + strlen(schemes[i]), target.length - strlen(schemes[i]));
        parts.authority = until(until(rest, '/'), '?');
        parts.path = skip(rest, parts.authority.length);
    }
    struct span path = until(parts.path, '?');
    parts.query = skip(parts.path, path.length + 1);
    parts.path = path;
    return parts;
}

/* ---- routes --------------------------------------------------------------------------------------------------- */

#define BASE_PATH "/api/v1/tunnel"

/* The values of Allow, by the method of the route. */
static const char allow_GET[] = "GET, HEAD, OPTIONS";
static const char allow_DELETE[] = "DELETE, OPTIONS";

static const struct {
    enum api_call call;
    unsigned asks;
    const char *method;
    const char *path; /* {id} at its end only */
    const char *allow;
} routes[] = {
#define ROUTE(call, method, path, asks) {CALL_##call, asks, #method, BASE_PATH path, allow_##method},
#include "admin_http/routes.def"
#undef ROUTE
};

/* One segment of what no percent-encoding hides. */
static bool is_id(struct span text)
{
    return text.length > 0 && memchr(text.data, '/', text.length) == NULL &&
           memchr(text.data, '%', text.length) == NULL;
}

static bool path_matches(const char *pattern, struct span path, struct span *ret_id)
{
    const char *hole = strstr(pattern, "{id}");
    if (hole == NULL)
        return span_equals(path, pattern);
    size_t before = (size_t)(hole - pattern);
    if (path.length < before || memcmp(path.data, pattern, before) != 0 || !is_id(skip(path, before)))
        return false;
    *ret_id = skip(path, before);
    return true;
}

enum route_verdict api_route_find(const char *method, struct span path, struct api_route *ret_route)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct span id = {0};
        if (!path_matches(routes[i].path, path, &id))
            continue;
        if (strcmp(method, routes[i].method) != 0 &&
            (strcmp(method, "HEAD") != 0 || strcmp(routes[i].method, "GET") != 0)) {
            ret_route->allow = routes[i].allow;
            return strcmp(method, "OPTIONS") == 0 ? ROUTE_OPTIONS : ROUTE_WRONG_METHOD;
        }
        *ret_route =
            (struct api_route){.call = routes[i].call, .asks = routes[i].asks, .id = id, .allow = routes[i].allow};
        return ROUTE_CALL;
    }
    return ROUTE_UNKNOWN_PATH;
}

/* ---- the query ------------------------------------------------------------------------------------------------ */

static bool parse_grace(struct span text, uint64_t *ret_grace_ms)
{
    enum { DIGITS_MAX = 4 }; /* of GRACE_MAX_MS */
    uint64_t value = 0;
    if (text.length == 0 || text.length > DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (value > GRACE_MAX_MS)
        return false;
    *ret_grace_ms = value;
    return true;
}

bool api_query_grace(struct span query, uint64_t *ret_grace_ms)
{
    uint64_t grace_ms = GRACE_DEFAULT_MS;
    bool is_given = false;
    while (query.length > 0) {
        struct span parameter = until(query, '&');
        struct span name = until(parameter, '=');
        query = skip(query, parameter.length + 1);
        if (!span_equals(name, "grace_ms"))
            continue;
        if (is_given || !parse_grace(skip(parameter, name.length + 1), &grace_ms))
            return false;
        is_given = true;
    }
    *ret_grace_ms = grace_ms;
    return true;
}
