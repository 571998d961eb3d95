#include "tunnel_commands.h"

#include "report/report.h"
#include "tunnel_set.h"

#include <stdio.h>

static enum exit_status complain(const struct options *options, const char *why)
{
    fprintf(stderr, "hoody-tunnel: %s\nTry: %s\n", why, options_help_hint(options->command));
    return EXIT_USAGE;
}

enum exit_status tunnels_run(const struct options *options)
{
    struct tunnel_plans plans;
    char why[PLAN_WHY_BYTES];
    const char *conflict = report_flags_conflict(options);
    if (conflict != NULL)
        return complain(options, conflict);
    if (!tunnel_plans_of_options(options, &plans, why))
        return complain(options, why);
    return tunnel_set_run(options, &plans);
}
