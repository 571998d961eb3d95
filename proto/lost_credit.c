#include "lost_credit.h"

#include <string.h>

void lost_credit_note(struct lost_credit *lost, const char *nonce, uint64_t received_bytes)
{
    struct lost_connection *entry = &lost->connections[lost->next];
    lost->next = (lost->next + 1) % LOST_CONNECTIONS_MAX;
    *entry = (struct lost_connection){.received = received_bytes};
    strncpy(entry->nonce, nonce, JOIN_NONCE_MAX);
}

static struct lost_connection *find(struct lost_credit *lost, const char *nonce)
{
    for (size_t i = 0; i < LOST_CONNECTIONS_MAX; i++)
        if (strcmp(lost->connections[i].nonce, nonce) == 0)
            return &lost->connections[i];
    return NULL;
}

enum lost_credit_verdict lost_credit_settle(struct lost_credit *lost, const struct connection_lost *said,
                                            uint64_t *ret_bytes)
{
    struct lost_connection *entry = said->nonce[0] != '\0' ? find(lost, said->nonce) : NULL;
    if (!entry)
        return LOST_CREDIT_UNKNOWN;
    if (said->data_bytes < entry->received)
        return LOST_CREDIT_ABSURD;
    *ret_bytes = said->data_bytes - entry->received;
    *entry = (struct lost_connection){0};
    return LOST_CREDIT_FOUND;
}
