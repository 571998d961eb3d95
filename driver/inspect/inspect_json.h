/* The store's entries as the page reads them. Secrets are hidden here unless `shows_secrets`. Pure.
 *
 * Of a request, short: {"id", "revision", "replayOf", "tunnel", "method", "target", "status", "state", "startedAt",
 * "durationMs", "requestBytes", "responseBytes", "contentType"}; what is not there yet is null, and milliseconds are
 * told to the microsecond, as 12.345. One has "peer", "why", "answeredMs", "isUpgrade", "refusal" (why it cannot be
 * replayed), "request" and "response", each {"fields": [[name, value]...], "body": {"bytes", "kept"}}, beside them.
 */
#ifndef HOODY_DRIVER_INSPECT_JSON_H
#define HOODY_DRIVER_INSPECT_JSON_H

#include "inspect_store.h"

struct inspect_view {
    const struct inspect_store *store;
    bool shows_secrets;
};

/* Malloc'd. Of those that changed after `revision` (0: all): {"oldest", "requests": [short...]}, by id; who is older
 * than the oldest is gone. */
char *inspect_json_list(const struct inspect_view *view, uint64_t revision);
char *inspect_json_entry(const struct inspect_view *view, const struct inspect_entry *entry, const char *refusal);

#endif
