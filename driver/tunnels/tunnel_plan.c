#include "tunnel_plan.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool tunnel_host_check(const char *value, const char *where, char ret_why[PLAN_WHY_BYTES])
{
    struct in6_addr address;
    if (inet_pton(AF_INET, value, &address) == 1 || inet_pton(AF_INET6, value, &address) == 1)
        return true;
    snprintf(ret_why, PLAN_WHY_BYTES, "%s must be a loopback address, such as 127.0.0.1 or ::1, not '%.100s'", where,
             value);
    return false;
}

bool tunnel_host_header_check(const char *value, const char *where, char ret_why[PLAN_WHY_BYTES])
{
    bool is_sane = *value != '\0';
    for (const char *c = value; *c != '\0'; c++)
        is_sane = is_sane && *c > ' ' && *c <= '~';
    if (!is_sane)
        snprintf(ret_why, PLAN_WHY_BYTES, "%s must be preserve, rewrite, or a Host such as example.com:8080", where);
    return is_sane;
}

const struct tunnel_plan *tunnel_plans_find_rival(const struct tunnel_plans *plans, size_t index)
{
    const struct tunnel_plan *plan = &plans->items[index];
    for (size_t i = 0; i < index && plan->port != 0; i++) {
        const struct tunnel_plan *other = &plans->items[i];
        if (other->kind == plan->kind && other->port == plan->port &&
            (plan->kind == TUNNEL_EXPOSE || strcmp(plan->host, other->host) == 0))
            return other;
    }
    return NULL;
}

/* ---- `expose` and `pull` ---- */

/* [PORT=]TARGET into a plan that holds what else is known of it. */
static bool parse_word(const char *word, const char *placeholder, struct tunnel_plan *plan,
                       char ret_why[PLAN_WHY_BYTES])
{
    const char *why = NULL;
    const char *equals = strchr(word, '=');
    const char *target = equals != NULL ? equals + 1 : word;
    if (equals != NULL) {
        char port[16], where[64];
        snprintf(port, sizeof port, "%.*s", (int)(equals - word), word);
        snprintf(where, sizeof where, "what stands before = in '%.32s'", word);
        if (!option_value_read(PORT, port, "", where, &plan->port, ret_why))
            return false;
    }
    if (target_parse(target, &plan->target, &why))
        return true;
    snprintf(ret_why, PLAN_WHY_BYTES, "%s '%.100s' is not understood: %s", placeholder, target, why);
    return false;
}

static bool add_plan(const struct tunnel_plan *common, const char *word, const char *placeholder,
                     struct tunnel_plans *plans, char ret_why[PLAN_WHY_BYTES])
{
    if (plans->count == SESSION_BINDINGS_MAX) {
        snprintf(ret_why, PLAN_WHY_BYTES, "one session takes %d tunnels at most", SESSION_BINDINGS_MAX);
        return false;
    }
    struct tunnel_plan *plan = &plans->items[plans->count];
    *plan = *common;
    plan->name = word;
    if (!parse_word(word, placeholder, plan, ret_why))
        return false;
    if (tunnel_plans_find_rival(plans, plans->count++) == NULL)
        return true;
    snprintf(ret_why, PLAN_WHY_BYTES, "port %u is asked for twice", (unsigned)plan->port);
    return false;
}

/* Flags that can mean one tunnel only. */
static bool flags_fit(const struct options *options, char ret_why[PLAN_WHY_BYTES])
{
    bool is_one = options->argument_count == 1;
    if (!is_one && options->sources[OPTION_port] == SOURCE_FLAG)
        snprintf(ret_why, PLAN_WHY_BYTES, "--port is for one TARGET; of several, each has its own: 8080=3000");
    else if (!is_one && options->sources[OPTION_label] == SOURCE_FLAG)
        snprintf(ret_why, PLAN_WHY_BYTES, "--label is for one TARGET; a file for `up` gives each its own");
    else if (options->sources[OPTION_port] == SOURCE_FLAG && strchr(options->arguments[0], '=') != NULL)
        snprintf(ret_why, PLAN_WHY_BYTES, "the port is said twice: by --port and by '%.100s'", options->arguments[0]);
    else
        return true;
    return false;
}

bool tunnel_plans_of_options(const struct options *options, struct tunnel_plans *ret_plans,
                             char ret_why[PLAN_WHY_BYTES])
{
    const struct tunnel_plan pull = {
        .kind = TUNNEL_PULL,
        .host = options->host,
        .connect_timeout_ms = options->connect_timeout_ms,
    };
    struct tunnel_plan common = pull;
    struct tunnel_plans plans = {0};
    if (options->command == COMMAND_expose)
        common = (struct tunnel_plan){
            .kind = TUNNEL_EXPOSE,
            .takeover = options->takeover,
            .host_header = options->host_header,
        };
    common.port = options->port;
    common.label = *options->label != '\0' ? options->label : NULL;
    if (!tunnel_host_header_check(options->host_header, "--host-header", ret_why) ||
        !tunnel_host_check(options->host, "--host", ret_why) || !flags_fit(options, ret_why))
        return false;
    for (size_t i = 0; i < options->argument_count; i++)
        if (!add_plan(&common, options->arguments[i], "TARGET", &plans, ret_why))
            return false;
    for (size_t i = 0; i < options->pull.count; i++)
        if (!add_plan(&pull, options->pull.items[i], "the TARGET of --pull", &plans, ret_why))
            return false;
    if (plans.count == 1)
        plans.items[0].name = NULL;
    *ret_plans = plans;
    return true;
}
