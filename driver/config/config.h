/* The configuration file of `hoody-tunnel up`: what its keys mean, checked as flags are (hoody-tunnel.yaml(5)). */
#ifndef HOODY_DRIVER_CONFIG_H
#define HOODY_DRIVER_CONFIG_H

#include "config_yaml.h"
#include "tunnel_plan.h"

#include <limits.h>

struct config {
    const char *path;      /* as people know it; borrowed */
    char folder[PATH_MAX]; /* of the file, "" when it is the working one: names of files are meant from there */
    struct config_yaml *yaml;
    char *files[OPTION_COUNT_OF_ALL]; /* values that are names of files, as seen from the working folder */
    struct tunnel_plans plans;        /* of all tunnels, in the file's order */
};

/* All that `text` says; options that were not given otherwise get it, which borrow from the config. Pure. `path` must
 * outlive it. false: ret_why says in one line what is wrong, and where. */
bool config_read(struct span text, const char *path, struct options *options, struct config **ret_config,
                 char ret_why[CONFIG_WHY_BYTES]);
void config_destroy(struct config **p_config);

/* The tunnels of these names, in the file's order; all for none. false: ret_why says which one there is not. */
bool config_choose(const struct config *config, const char *const names[], size_t count, struct tunnel_plans *ret_plans,
                   char ret_why[CONFIG_WHY_BYTES]);

#endif
