#include "admin/operator.h"

#include "admin/operator_commands.h"
#include "admin/shown_text.h"
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

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

static bool parse_url(const struct options *options, struct server_url *ret_server, struct ask_failure *ret_failure)
{
    const char *why = NULL;
    if (server_url_parse(options->url, ret_server, &why)) {
        if (*options->cacert == '\0' || access(options->cacert, R_OK) == 0)
            return true;
        ask_fail(ret_failure, EXIT_USAGE, "--cacert %s can't be read: %s", options->cacert, strerror(errno));
        return false;
    }
    char *shown = shown_text_new(span_of_string(options->url));
    ask_fail(ret_failure, EXIT_USAGE, "the URL '%.200s' is not understood: %s\nTry: --url ws://127.0.0.1:7080", shown,
             why);
    free(shown);
    return false;
}

enum exit_status operator_run(const struct options *options)
{
    struct ask_failure failure = {0};
    struct server_url server = {0};
    struct operator_call call = {.options = options, .server = &server};
    bool is_done = parse_url(options, &server, &failure);
    if (is_done) {
        if (options->command != COMMAND_top)
            call.client = api_client_new(&server, options, -1);
        is_done = run(&call, &failure) && flush(&failure);
        api_client_destroy(&call.client);
    }
    if (is_done)
        return EXIT_ENDED;
    fprintf(stderr, "hoody-tunnel: %s\n", failure.text);
    return failure.status;
}
