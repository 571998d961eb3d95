#include "round_trip.h"

#include <string.h>

bool round_trip_want(struct round_trip *trip, uint64_t now_ms)
{
    bool is_early = trip->token > 0 && now_ms - trip->asked_ms < ROUND_TRIP_INTERVAL_MS;
    if (trip->is_owed || trip->is_asked || is_early)
        return false;
    trip->is_owed = true;
    return true;
}

void round_trip_ask(struct round_trip *trip, uint64_t now_ms, uint8_t ret_token[ROUND_TRIP_TOKEN_BYTES])
{
    trip->is_owed = false;
    trip->is_asked = true;
    trip->asked_ms = now_ms;
    trip->token++;
    memcpy(ret_token, &trip->token, ROUND_TRIP_TOKEN_BYTES);
}

void round_trip_hear(struct round_trip *trip, const uint8_t *token, size_t length, uint64_t now_ms)
{
    if (!trip->is_asked || length != ROUND_TRIP_TOKEN_BYTES || memcmp(token, &trip->token, length) != 0)
        return;
    uint64_t took_ms = now_ms - trip->asked_ms;
    bool is_old = now_ms - trip->best_at_ms >= ROUND_TRIP_MEMORY_MS;
    trip->is_asked = false;
    if (trip->is_known && took_ms > trip->best_ms && !is_old)
        return;
    trip->is_known = true;
    trip->best_ms = took_ms < UINT32_MAX ? (uint32_t)took_ms : UINT32_MAX;
    trip->best_at_ms = now_ms;
}

uint32_t round_trip_ms(const struct round_trip *trip)
{
    return trip->is_known ? trip->best_ms : 0;
}
