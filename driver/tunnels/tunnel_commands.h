/* `hoody-tunnel expose` and `pull`: they hold tunnels until they are told to stop. */
#ifndef HOODY_DRIVER_TUNNEL_COMMANDS_H
#define HOODY_DRIVER_TUNNEL_COMMANDS_H

#include "exit_status.h"
#include "options.h"

enum exit_status tunnels_run(const struct options *options);

#endif
