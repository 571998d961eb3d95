/* What must be true of the model whenever nothing is under way any more: the session-manager, the registry, the
 * gateway's shards and the drivers agree who holds what. */
#ifndef HOODY_TESTS_TESTS_KIT_CENSUS_H
#define HOODY_TESTS_TESTS_KIT_CENSUS_H

#include "kit_model.h"

struct census {
    size_t live_bindings;
    size_t parked_bindings;
    size_t parked_sessions;
};

/* Comes to rest first. */
struct census kit_take_census(void);

#endif
