/* The guard against browsers. Input: the Origin or Host on the first line, then what the flags gave, a line each. */
#include "fuzz_input.h"

#include "browser_guard.h"
#include "check.h"

#include <stdlib.h>

enum { LIST_MAX = 8, TEXT_BYTES = 512 };

/* Without port and root dot. */
static struct span name_of(struct span host)
{
    size_t length = host.length;
    while (length > 0 && host.data[length - 1] >= '0' && host.data[length - 1] <= '9')
        length--;
    if (length > 0 && host.data[length - 1] == ':')
        host.length = length - 1;
    if (host.length > 0 && host.data[host.length - 1] == '.')
        host.length--;
    return host;
}

/* Of what IP literals are made. */
static bool may_be_address(struct span name)
{
    for (size_t i = 0; i < name.length; i++)
        if (name.data[i] == '\0' || strchr("0123456789abcdefABCDEF.:[]", name.data[i]) == NULL)
            return false;
    return true;
}

static bool is_named(struct span host, char *const *list, size_t count)
{
    char *name = fuzz_text(host);
    bool is_named = false;
    for (size_t i = 0; i < count; i++) {
        char *pattern = fuzz_text(span_of_string(list[i]));
        const size_t length = strlen(pattern);
        if (length > 0 && pattern[length - 1] == '.')
            pattern[length - 1] = '\0';
        const char *suffix = pattern + 1;
        const bool is_suffix = strncmp(list[i], "*.", 2) == 0;
        if (!is_suffix)
            is_named |= strcasecmp(name, pattern) == 0;
        else if (strlen(suffix) > 1 && strlen(name) > strlen(suffix))
            is_named |= strcasecmp(name + strlen(name) - strlen(suffix), suffix) == 0;
        free(pattern);
    }
    free(name);
    return is_named;
}

/* Case has no meaning. */
static struct span other_case(struct span text, uint8_t bytes[TEXT_BYTES])
{
    for (size_t i = 0; i < text.length; i++) {
        const uint8_t byte = text.data[i];
        const bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        bytes[i] = is_letter ? byte ^ 0x20 : byte;
    }
    return span_of(bytes, text.length);
}

/* A list that names more admits no less. */
static void check_host(struct span host, char *const *list, size_t count)
{
    uint8_t bytes[TEXT_BYTES];
    const struct span name = name_of(host);
    bool admits = browser_guard_admits_host(host, true, NULL, 0);
    const bool admits_anyway = admits;
    for (size_t i = 0; i < count; i++) {
        const bool admits_more = browser_guard_admits_host(host, true, list, i + 1);
        check(!admits || admits_more);
        admits = admits_more;
    }
    check(browser_guard_admits_host(host, false, list, count));
    if (name.length == 0 || memchr(name.data, '\0', name.length) == NULL) /* no flag can hold one */
        check(admits == (admits_anyway || is_named(name, list, count)));
    const bool has_dot = name.length > 0 && memchr(name.data, '.', name.length) != NULL;
    check(has_dot ? !admits_anyway || may_be_address(name) : admits_anyway);
    check(browser_guard_admits_host(other_case(host, bytes), true, list, count) == admits);
}

static void check_origin(struct span origin, char *const *list, size_t count)
{
    bool is_named = false;
    for (size_t i = 0; i < count; i++)
        is_named |= span_equals_nocase(origin, list[i]);
    check(browser_guard_admits_origin(origin, list, count) == is_named);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct span asked = fuzz_take_line(&input);
    char *list[LIST_MAX];
    size_t count = 0;
    while (count < LIST_MAX && input.length > 0)
        list[count++] = fuzz_text(fuzz_take_line(&input));
    if (asked.length > TEXT_BYTES)
        asked.length = TEXT_BYTES;
    check_host(asked, list, count);
    check_origin(asked, list, count);
    while (count > 0)
        free(list[--count]);
    return 0;
}
