/* The JSON bodies of the admin API (protocol section 8), merged of what the actors answered. Pure. Every function
 * returns a malloc'd NUL-terminated text that the caller frees. */
#ifndef HOODY_ACTORS_API_JSON_H
#define HOODY_ACTORS_API_JSON_H

#include <time.h>

#include "message.h"

/* What was heard for one call. Zero-initialised is nothing. */
struct api_facts {
    uint32_t orphaned_sessions;
    uint64_t fd_permits_available;  /* of all shards */
    struct message_buffer sessions; /* session_row */
    struct message_buffer bindings; /* binding_row; those of parked sessions too */
    struct message_buffer streams;  /* stream_count_row of all shards; a session without one has no streams */
};
void api_facts_done(struct api_facts *facts);

/* NULL: out of memory, or rows that are not what they should be. */
char *api_json_tunnels(const struct api_facts *facts);
char *api_json_sessions(const struct api_facts *facts);
char *api_json_bindings(const struct api_facts *facts);

/* Negative numbers and tv_nsec: not known, null in the answer. */
struct api_health {
    struct timespec built; /* wall clock */
    struct timespec started;
    int64_t rss_bytes;
    int64_t fds;
    int64_t pid;
    const char *ip;
    const char *user_agent; /* any bytes: what is no UTF-8 is read as Latin-1 */
};
/* NULL: out of memory, for these too. */
char *api_json_health(const struct api_health *health);
char *api_json_closing(const struct session_id *session);
char *api_json_error(const char *text);

#endif
