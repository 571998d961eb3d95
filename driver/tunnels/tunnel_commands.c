#include "tunnel_commands.h"

#include "config_file.h"
#include "report/report.h"
#include "tunnel_set.h"

#include <stdio.h>
#include <stdlib.h>

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

enum exit_status up_run(struct options *options)
{
    struct config_file file;
    struct tunnel_plans plans;
    char why[CONFIG_WHY_BYTES];
    if (!config_file_open(options, getenv, &file, &plans, why))
        return complain(options, why);
    report_flags_settle(options);
    const char *conflict = report_flags_conflict(options);
    enum exit_status status = conflict != NULL ? complain(options, conflict) : tunnel_set_run(options, &plans);
    config_file_close(&file);
    return status;
}
