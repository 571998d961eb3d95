/* What the inspection page makes of outside bytes. Input: a method, a target, a Host, an Origin, a field's name, a line
 * each; the rest is that field's value. */
#include "fuzz_input.h"

#include "check.h"
#include "inspect_guard.h"
#include "inspect_route.h"
#include "sensitive.h"

#include <stdlib.h>

/* What was hidden once has nothing left to hide, and no secret follows `token=`. */
static void check_hiding(const char *name, const char *value)
{
    char *once = sensitive_hide_in_field(name, value);
    char *twice = sensitive_hide_in_field(name, once);
    check(strcmp(once, twice) == 0);
    if (sensitive_is_name(span_of_string(name)))
        check(strstr(once, SENSITIVE_HIDDEN) != NULL);
    free(once);
    free(twice);

    char *target = sensitive_hide_in_target(value);
    const char *query = strpbrk(target, "?#");
    for (const char *found = query; found != NULL && (found = strstr(found, "&token=")) != NULL; found++)
        check(strncmp(found + strlen("&token="), SENSITIVE_HIDDEN, strlen(SENSITIVE_HIDDEN)) == 0);
    free(target);
}

static void check_route(struct span method, struct span target)
{
    struct inspect_route route = {0};
    if (!inspect_route_find(method, target, &route))
        return;
    check((route.call == INSPECT_FILE) == (route.file != NULL));
    if (route.has_effect && !route.is_wrong_method)
        check(span_equals(method, "POST"));
}

static void check_guard(struct span host, struct span origin)
{
    struct http_head head = {.method = span_of_string("GET"), .host = host, .field_count = 1};
    struct inspect_guard guard;
    const struct host_port where = {.host = "127.0.0.1", .port = 4040};
    inspect_guard_init(&guard, &where);
    head.fields[0] = (struct http_field){.name = span_of_string("origin"), .value = origin};
    const bool is_address =
        span_equals_nocase(host, "127.0.0.1:4040") && span_equals_nocase(origin, "http://127.0.0.1:4040");
    const bool is_name =
        span_equals_nocase(host, "localhost:4040") && span_equals_nocase(origin, "http://localhost:4040");
    if (inspect_guard_refuses(&guard, &head) == NULL)
        check(is_address || is_name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct span method = fuzz_take_line(&input);
    check_route(method, fuzz_take_line(&input));
    struct span host = fuzz_take_line(&input);
    check_guard(host, fuzz_take_line(&input));
    char *name = fuzz_text(fuzz_take_line(&input)), *value = fuzz_text(input);
    check_hiding(name, value);
    free(name);
    free(value);
    return 0;
}
