/* The operator's commands: list, sessions, bindings, close, health, metrics, top. They ask the admin API, tell people
 * what it says on stdout, and what went wrong in one line on stderr. */
#ifndef HOODY_DRIVER_OPERATOR_H
#define HOODY_DRIVER_OPERATOR_H

#include "exit_status.h"
#include "options.h"

enum exit_status operator_run(const struct options *options);

#endif
