/* hoody-tunnel: the laptop side of the tunnel. */
#include "admin/operator.h"
#include "crash.h"
#include "heap.h"
#include "options.h"
#include "tunnel_commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Every visitor may take a connection to the local service: what the system allows at most is just enough. */
static void raise_fd_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* What is printed must arrive: a full disk is a failure, too. */
static enum exit_status answer(const struct options *options)
{
    if (options->wants_version)
        options_print_version(stdout);
    else
        options_print_help(options->command, options->wants_all_help, stdout);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_ENDED;
    fprintf(stderr, "hoody-tunnel: standard output can't be written: %s\n", strerror(errno));
    return EXIT_FAILED;
}

int main(int argc, char *argv[])
{
    struct options options = {0};
    char error[USAGE_ERROR_BYTES];

    crash_is_told("hoody-tunnel");
    heap_keep_freed();
    if (!options_parse(argc, argv, getenv, &options, error)) {
        fprintf(stderr, "hoody-tunnel: %s\nTry: %s\n", error, options_help_hint(options.command));
        return EXIT_USAGE;
    }
    if (options.wants_version || options.wants_help)
        return (int)answer(&options);
    raise_fd_limit();
    switch (options.command) {
    case COMMAND_expose:
    case COMMAND_pull:
        return (int)tunnels_run(&options);
    case COMMAND_up:
        return (int)up_run(&options);
    case COMMAND_list:
    case COMMAND_sessions:
    case COMMAND_bindings:
    case COMMAND_close:
    case COMMAND_health:
    case COMMAND_metrics:
    case COMMAND_top:
        return (int)operator_run(&options);
    case COMMAND_help: /* wants_help */
    case COMMAND_COUNT:
        break;
    }
    return EXIT_USAGE;
}
