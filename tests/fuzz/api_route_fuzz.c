/* From a request line to a call of the admin API. Input: the method on the first line, the target on the second. */
#include "fuzz_input.h"

#include "admin_http/api_route.h"
#include "check.h"

#include <stdlib.h>

static bool is_within(struct span part, struct span whole)
{
    return part.length == 0 || (part.data >= whole.data && part.data + part.length <= whole.data + whole.length);
}

static void check_route(const char *method, struct span path)
{
    struct api_route route = {0};
    switch (api_route_find(method, path, &route)) {
    case ROUTE_CALL:
        check(route.allow != NULL);
        if (route.id.data != NULL) {
            check(route.id.length > 0 && is_within(route.id, path));
            check(memchr(route.id.data, '/', route.id.length) == NULL);
        }
        break;
    case ROUTE_OPTIONS:
        check(strcmp(method, "OPTIONS") == 0 && strlen(route.allow) > 0);
        break;
    case ROUTE_WRONG_METHOD:
        check(strlen(route.allow) > 0);
        break;
    case ROUTE_UNKNOWN_PATH:
        check(route.allow == NULL && route.id.data == NULL);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    char *method = fuzz_text(fuzz_take_line(&input));
    const struct span written = fuzz_take_line(&input);
    const struct api_target target = api_target_split(written);
    uint64_t grace_ms = UINT64_MAX;

    check(is_within(target.authority, written) && is_within(target.path, written) && is_within(target.query, written));
    if (api_query_grace(target.query, &grace_ms))
        check(grace_ms <= GRACE_MAX_MS);
    else
        check(grace_ms == UINT64_MAX);
    check_route(method, target.path);
    free(method);
    return 0;
}
