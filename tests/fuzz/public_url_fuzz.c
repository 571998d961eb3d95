/* The public URL of a binding: the pattern is the operator's, the label any driver's. Input: the pattern on the first
 * line, then the label. */
#include "fuzz_input.h"

#include "binding_registry/public_url.h"
#include "check.h"
#include "ids.h"

#include <stdlib.h>

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~%", c) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    char *pattern = fuzz_text(fuzz_take_line(&input));
    char *label = fuzz_text(input);
    char url[PUBLIC_URL_MAX];

    memset(url, 'x', sizeof url);
    public_url_write(pattern, 8080, (struct bind_id){7}, label, url);
    check(strnlen(url, sizeof url) < sizeof url);
    check(pattern[0] != '\0' || url[0] == '\0');
    if (public_url_pattern_is_valid(pattern) && url[0] != '\0')
        check(strstr(url, "8080") != NULL);

    /* Alone, the label can be no other part of a URL. */
    public_url_write("{label}", 8080, (struct bind_id){7}, label, url);
    for (const char *at = url; *at != '\0'; at++)
        check(is_unreserved(*at));
    free(pattern);
    free(label);
    return 0;
}
