#include "tunnel_commands.h"

#include "tunnel_report.h"

enum exit_status tunnels_run(const struct options *options)
{
    struct tunnel_plans plans;
    char why[PLAN_WHY_BYTES];
    if (!tunnel_plans_of_options(options, &plans, why)) {
        report_note("%s\nTry: %s", why, options_help_hint(options->command));
        return EXIT_USAGE;
    }
    return tunnel_set_run(options, &plans);
}
