/* The driver's command line. Input: a line each, the first is what every environment variable says (empty: not set),
 * the others are the arguments. */
#include "fuzz_input.h"

#include "check.h"
#include "options.h"

#include <stdlib.h>

enum { WORDS_MAX = 32 };

static char *variable; /* of the run under way: the parser's callback takes no argument */

static char *environment(const char *name)
{
    (void)name;
    return variable;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    char program[] = "hoody-tunnel", error[USAGE_ERROR_BYTES] = "";
    char *argv[WORDS_MAX + 1] = {program};
    int argc = 1;
    char *first = fuzz_text(fuzz_take_line(&input));
    variable = strlen(first) > 0 ? first : NULL;
    while (input.length > 0 && argc < WORDS_MAX)
        argv[argc++] = fuzz_text(fuzz_take_line(&input));

    struct options options = {.command = COMMAND_COUNT};
    if (options_parse(argc, argv, environment, &options, error)) {
        check(options.command <= COMMAND_COUNT);
        check(options.command < COMMAND_COUNT || options.wants_help || options.wants_version);
        check(options.url != NULL && options.label != NULL && options.host_header != NULL);
    } else {
        check(strlen(error) > 0 && strlen(error) < sizeof error);
    }
    check(strlen(options_help_hint(options.command)) > 0);
    while (argc > 1)
        free(argv[--argc]);
    free(first);
    return 0;
}
