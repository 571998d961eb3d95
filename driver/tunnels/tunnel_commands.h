/* `hoody-tunnel expose`, `pull` and `up`: they hold tunnels until they are told to stop. */
#ifndef HOODY_DRIVER_TUNNEL_COMMANDS_H
#define HOODY_DRIVER_TUNNEL_COMMANDS_H

#include "exit_status.h"
#include "options.h"

enum exit_status tunnels_run(const struct options *options);
/* The options get what the file says. */
enum exit_status up_run(struct options *options);

#endif
