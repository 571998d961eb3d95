/* The session-manager's handlers of what a session has beyond its primary connection (protocol section 4). */
#ifndef HOODY_ACTORS_JOINING_H
#define HOODY_ACTORS_JOINING_H

#include "session_manager/session_steps.h"

/* Of min(maxConnections or 1, --max-connections-per-session); 1 without multi-ws. */
uint32_t joining_grant(const struct options *options, const struct hello *hello);
/* The session is let in: all its seats are free. Fills the tickets for them and returns how many. */
size_t joining_begin(struct session_manager *self, struct session *session, uint64_t now_ms,
                     struct join_ticket ret_tickets[JOIN_SEATS_MAX]);

void on_join_session(struct session_manager *self, const struct message *message, uint64_t now_ms);
void on_secondary_closed(struct session_manager *self, const struct message *message, uint64_t now_ms);
void on_reissue_tickets(struct session_manager *self, const struct message *message, uint64_t now_ms);

#endif
