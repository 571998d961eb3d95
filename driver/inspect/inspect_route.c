#include "inspect_route.h"

static const struct {
    enum inspect_call call;
    bool has_effect;
    const char *before; /* the path, or what stands before the id; */
    const char *behind; /* and behind it, NULL: there is none */
} ROUTES[] = {
    {INSPECT_INFO, false, "/api/info", NULL},
    {INSPECT_LIST, false, "/api/requests", NULL},
    {INSPECT_EVENTS, false, "/api/events", NULL},
    {INSPECT_CLEAR, true, "/api/clear", NULL},
    {INSPECT_DETAIL, false, "/api/requests/", ""},
    {INSPECT_REQUEST_BODY, false, "/api/requests/", "/request-body"},
    {INSPECT_RESPONSE_BODY, false, "/api/requests/", "/response-body"},
    {INSPECT_REPLAY, true, "/api/requests/", "/replay"},
};

enum { ID_DIGITS_MAX = 15 };

static size_t digits_of(struct span text)
{
    size_t digits = 0;
    while (digits < text.length && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    return digits;
}

static uint64_t number_of(struct span digits)
{
    uint64_t number = 0;
    if (digits.length > ID_DIGITS_MAX)
        return 0;
    for (size_t i = 0; i < digits.length; i++)
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    return number;
}

static bool path_matches(struct span path, const char *before, const char *behind, uint64_t *ret_id)
{
    if (behind == NULL) {
        *ret_id = 0;
        return span_equals(path, before);
    }
    size_t length = strlen(before);
    if (path.length <= length || memcmp(path.data, before, length) != 0)
        return false;
    struct span rest = span_of(path.data + length, path.length - length);
    size_t digits = digits_of(rest);
    *ret_id = number_of(span_of(rest.data, digits));
    return digits > 0 && span_equals(span_of(rest.data + digits, rest.length - digits), behind);
}

static bool method_matches(struct span method, bool has_effect)
{
    if (has_effect)
        return span_equals(method, "POST");
    return span_equals(method, "GET") || span_equals(method, "HEAD");
}

bool inspect_route_find(struct span method, struct span target, struct inspect_route *ret_route)
{
    const uint8_t *query = target.length > 0 ? memchr(target.data, '?', target.length) : NULL;
    struct span path = query != NULL ? span_of(target.data, (size_t)(query - target.data)) : target;
    const struct inspect_file *file = inspect_page_find(path);
    if (file != NULL) {
        *ret_route = (struct inspect_route){
            .call = INSPECT_FILE, .file = file, .is_wrong_method = !method_matches(method, false)};
        return true;
    }
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++) {
        uint64_t id = 0;
        if (!path_matches(path, ROUTES[i].before, ROUTES[i].behind, &id))
            continue;
        *ret_route = (struct inspect_route){
            .call = ROUTES[i].call,
            .has_effect = ROUTES[i].has_effect,
            .id = id,
            .is_wrong_method = !method_matches(method, ROUTES[i].has_effect),
        };
        return true;
    }
    return false;
}
