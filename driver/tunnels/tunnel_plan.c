#include "tunnel_plan.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool host_is_address(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static bool host_header_is_sane(const char *value)
{
    for (const char *c = value; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return *value != '\0';
}

bool tunnel_plans_of_options(const struct options *options, struct tunnel_plans *ret_plans,
                             char ret_why[PLAN_WHY_BYTES])
{
    struct tunnel_plan plan = {
        .kind = options->command == COMMAND_pull ? TUNNEL_PULL : TUNNEL_EXPOSE,
        .port = options->port,
        .label = *options->label != '\0' ? options->label : NULL,
        .takeover = options->takeover,
        .host_header = options->host_header,
        .host = options->command == COMMAND_pull ? options->host : NULL,
        .connect_timeout_ms = options->connect_timeout_ms,
    };
    const char *why = NULL;
    if (plan.kind == TUNNEL_EXPOSE && !host_header_is_sane(plan.host_header)) {
        snprintf(ret_why, PLAN_WHY_BYTES,
                 "--host-header must be preserve, rewrite, or a Host such as example.com:8080");
        return false;
    }
    if (plan.kind == TUNNEL_PULL && !host_is_address(plan.host)) {
        snprintf(ret_why, PLAN_WHY_BYTES, "--host must be a loopback address, such as 127.0.0.1 or ::1, not '%.100s'",
                 plan.host);
        return false;
    }
    if (!target_parse(options->argument, &plan.target, &why)) {
        snprintf(ret_why, PLAN_WHY_BYTES, "TARGET '%.100s' is not understood: %s", options->argument, why);
        return false;
    }
    ret_plans->count = 1;
    ret_plans->items[0] = plan;
    return true;
}
