/* Which configuration file is meant, and what is in it. */
#ifndef HOODY_DRIVER_CONFIG_FILE_H
#define HOODY_DRIVER_CONFIG_FILE_H

#include "config.h"

struct config_file {
    char path[PATH_MAX]; /* as people know it */
    char *text;
    struct config *config;
};

/* Of the arguments of `up`: the first one is the file's path when it has a dot or a slash, which no name of a tunnel
 * has; else it is hoody-tunnel.yaml here, or tunnels.yaml in the user's folder of settings. The options get what the
 * file says, the others are names of tunnels. `environment(name)` is getenv or a test's. false: ret_why says what is
 * wrong, in one line. */
bool config_file_open(struct options *options, char *(*environment)(const char *name), struct config_file *ret_file,
                      struct tunnel_plans *ret_plans, char ret_why[CONFIG_WHY_BYTES]);
void config_file_close(struct config_file *file);

#endif
