/* `hoody-tunnel pull TARGET`: leads a loopback port of the container to one local TCP service until it is told to stop.
 */
#ifndef HOODY_DRIVER_PULL_H
#define HOODY_DRIVER_PULL_H

#include "tunnel.h"

/* Prints tcp://HOST:PORT, which is good in the container, on stdout as soon as it is bound, everything else on stderr.
 */
enum exit_status pull_run(const struct options *options);

#endif
