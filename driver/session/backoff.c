#include "backoff.h"

uint32_t backoff_delay_ms(unsigned failures, uint32_t random)
{
    if (failures == 0)
        return 0;
    uint64_t bound = failures > 16 ? BACKOFF_MAX_MS : (uint64_t)BACKOFF_FIRST_MS << (failures - 1);
    if (bound > BACKOFF_MAX_MS)
        bound = BACKOFF_MAX_MS;
    return (uint32_t)(random * (bound + 1) >> 32);
}
