/* How long to wait before trying again what has failed: at once first, then at random within a bound that doubles (full
 * jitter), so that drivers which lost the same daemon don't come back together. Pure. */
#ifndef HOODY_DRIVER_BACKOFF_H
#define HOODY_DRIVER_BACKOFF_H

#include <stdint.h>

enum {
    BACKOFF_FIRST_MS = 250, /* the bound after one failure */
    BACKOFF_MAX_MS = 5000,
};

/* `failures` in a row, 0: none yet. `random`: 32 random bits. */
uint32_t backoff_delay_ms(unsigned failures, uint32_t random);

#endif
