#include "session_manager/expired_sessions.h"

void expired_sessions_add(struct expired_sessions *expired, const struct session_id *id, uint64_t now_ms)
{
    expired->ring[expired->next] = (struct expired_session){.id = *id, .at_ms = now_ms};
    expired->next = (expired->next + 1) % EXPIRED_SESSIONS_MAX;
}

bool expired_sessions_has(const struct expired_sessions *expired, const char *id, uint64_t now_ms)
{
    if (strlen(id) != SESSION_ID_LENGTH)
        return false; /* nor is it the "" of an empty place */
    for (size_t i = 0; i < EXPIRED_SESSIONS_MAX; i++)
        if (strcmp(expired->ring[i].id.text, id) == 0)
            return now_ms - expired->ring[i].at_ms < EXPIRED_SESSION_KEPT_MS;
    return false;
}
