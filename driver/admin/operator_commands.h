/* The commands of operator.h, one function each. They print what was asked for on stdout. false: *ret_failure says why.
 */
#ifndef HOODY_DRIVER_OPERATOR_COMMANDS_H
#define HOODY_DRIVER_OPERATOR_COMMANDS_H

#include "admin/ask.h"

struct operator_call {
    const struct options *options;
    struct daemon_access *access;
    struct api_client *client;
};

bool operator_list(const struct operator_call *call, struct ask_failure *ret_failure);
bool operator_sessions(const struct operator_call *call, struct ask_failure *ret_failure);
bool operator_bindings(const struct operator_call *call, struct ask_failure *ret_failure);
bool operator_close(const struct operator_call *call, struct ask_failure *ret_failure);
bool operator_health(const struct operator_call *call, struct ask_failure *ret_failure);
bool operator_metrics(const struct operator_call *call, struct ask_failure *ret_failure);
/* Has a client of its own, which its signals interrupt: `client` is NULL. */
bool operator_top(const struct operator_call *call, struct ask_failure *ret_failure);

/* The API's JSON as it came, and an end of line. */
void operator_print_json(const struct api_answer *answer);

#endif
