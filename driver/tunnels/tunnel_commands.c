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

/* false: it was told. */
static bool report_is_settled(struct options *options, const char *path)
{
    char why[CONFIG_WHY_BYTES];
    report_flags_settle(options);
    const char *conflict = report_flags_conflict(options);
    if (conflict == NULL)
        return true;
    bool is_in_file = options->sources[OPTION_json_events] == SOURCE_FILE; /* then the other one is, too */
    snprintf(why, sizeof why, "%.400s%s%s", is_in_file ? path : "", is_in_file ? ": " : "", conflict);
    complain(options, why);
    return false;
}

enum exit_status up_run(struct options *options)
{
    struct config_file file;
    struct tunnel_plans plans;
    char why[CONFIG_WHY_BYTES];
    enum exit_status status = EXIT_USAGE;
    if (!config_file_open(options, getenv, &file, &plans, why))
        return complain(options, why);
    if (report_is_settled(options, file.path))
        status = tunnel_set_run(options, &plans);
    config_file_close(&file);
    return status;
}
