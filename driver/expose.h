/* `hoody-tunnel expose TARGET`: publishes one local web service until it is told to stop. */
#ifndef HOODY_DRIVER_EXPOSE_H
#define HOODY_DRIVER_EXPOSE_H

#include "tunnel.h"

/* Prints the public URL on stdout as soon as it is bound, everything else on stderr. */
enum exit_status expose_run(const struct options *options);

#endif
