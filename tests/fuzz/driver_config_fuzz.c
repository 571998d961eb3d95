/* The driver's configuration file: the input is the file. What is taken makes sense, what is refused is so in one line.
 */
#include "fuzz_input.h"

#include "check.h"
#include "config.h"

static char *no_environment(const char *name)
{
    (void)name;
    return NULL;
}

static void check_plan(const struct tunnel_plans *plans, size_t index)
{
    const struct tunnel_plan *plan = &plans->items[index];
    check(strlen(plan->name) > 0 && strpbrk(plan->name, " ./\n") == NULL);
    for (size_t i = 0; i < index; i++)
        check(strcmp(plans->items[i].name, plan->name) != 0);
    check(tunnel_plans_find_rival(plans, index) == NULL);
    check(plan->target.port > 0 && strlen(plan->target.host) > 0);
    check(plan->label == NULL || strlen(plan->label) > 0);
    switch (plan->kind) {
    case TUNNEL_EXPOSE:
        check(strlen(plan->host_header) > 0 && plan->host == NULL);
        break;
    case TUNNEL_PULL:
        check(strlen(plan->host) > 0 && plan->connect_timeout_ms > 0 && !plan->takeover);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char program[] = "hoody-tunnel", command[] = "up", error[USAGE_ERROR_BYTES], why[CONFIG_WHY_BYTES] = "";
    char *argv[] = {program, command, NULL};
    struct options options = {0};
    struct config *config = NULL;
    struct tunnel_plans chosen;
    check(options_parse(2, argv, no_environment, &options, error));
    if (size > CONFIG_BYTES_MAX)
        return 0;
    if (!config_read(span_of(data, size), "f.yaml", &options, &config, why)) {
        check(config == NULL && strncmp(why, "f.yaml:", 7) == 0 && strlen(why) > 8);
        check(strpbrk(why, "\n\r\x1b\b\t") == NULL);
        return 0;
    }
    check(config->plans.count >= 1 && config->plans.count <= SESSION_BINDINGS_MAX);
    for (size_t i = 0; i < config->plans.count; i++)
        check_plan(&config->plans, i);
    check(options.connections >= 1 && options.connections <= OPTION_COUNT_MAX);
    check(options.ping_timeout_ms >= 1 && options.ping_timeout_ms <= OPTION_TIME_MAX_MS);
    check(config_choose(config, &config->plans.items[0].name, 1, &chosen, why) && chosen.count == 1);
    config_destroy(&config);
    return 0;
}
