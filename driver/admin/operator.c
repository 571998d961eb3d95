#include "admin/operator.h"

#include "admin/operator_commands.h"
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Not called for commands that are no operator's. */
static bool run(const struct operator_call *call, struct ask_failure *ret_failure)
{
    switch (call->options->command) {
    case COMMAND_list:
        return operator_list(call, ret_failure);
    case COMMAND_sessions:
        return operator_sessions(call, ret_failure);
    case COMMAND_bindings:
        return operator_bindings(call, ret_failure);
    case COMMAND_close:
        return operator_close(call, ret_failure);
    case COMMAND_health:
        return operator_health(call, ret_failure);
    case COMMAND_metrics:
        return operator_metrics(call, ret_failure);
    case COMMAND_top:
        return operator_top(call, ret_failure);
    case COMMAND_expose:
    case COMMAND_pull:
    case COMMAND_up:
    case COMMAND_help:
    case COMMAND_COUNT:
        break;
    }
    check(false); /* main knows whose command it is */
    return false;
}

/* What was printed has arrived: a full disk is a failure, too. */
static bool flush(struct ask_failure *ret_failure)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    ask_fail(ret_failure, EXIT_FAILED, "standard output can't be written: %s", strerror(errno));
    return false;
}

static bool find_daemon(const struct options *options, struct daemon_access *ret_access,
                        struct ask_failure *ret_failure)
{
    const struct access_flags flags = {
        .url = options->url,
        .proxy = options->proxy,
        .ca_file = options->cacert,
        .is_insecure = options->insecure,
        .token_file = options->token_file,
        .hint = options_help_hint(options->command),
    };
    char why[ACCESS_WHY_BYTES];
    if (!daemon_access_init(ret_access, &flags, getenv, why)) {
        ask_fail(ret_failure, EXIT_USAGE, "%s", why);
        return false;
    }
    const char *warning = daemon_access_warning(ret_access, &flags);
    if (warning != NULL)
        fprintf(stderr, "hoody-tunnel: %s\n", warning);
    return true;
}

enum exit_status operator_run(const struct options *options)
{
    struct ask_failure failure = {0};
    struct daemon_access access = {0};
    struct operator_call call = {.options = options, .access = &access};
    bool is_done = find_daemon(options, &access, &failure);
    if (is_done) {
        if (options->command != COMMAND_top)
            call.client = api_client_new(&access, options, -1);
        is_done = run(&call, &failure) && flush(&failure);
        api_client_destroy(&call.client);
    }
    daemon_access_done(&access);
    if (is_done)
        return EXIT_ENDED;
    fprintf(stderr, "hoody-tunnel: %s\n", failure.text);
    return failure.status;
}
