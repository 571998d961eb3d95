/* `hoody-tunnel expose TARGET`: publishes one local web service until it is told to stop. */
#ifndef HOODY_DRIVER_EXPOSE_H
#define HOODY_DRIVER_EXPOSE_H

#include "options.h"

enum exit_status {
    EXIT_ENDED = 0, /* as asked, by a signal */
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3, /* the daemon */
};

/* Prints the public URL on stdout as soon as it is bound, everything else on stderr. */
enum exit_status expose_run(const struct options *options);

#endif
