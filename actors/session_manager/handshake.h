/* The session-manager's handlers of the handshake (protocol section 3). */
#ifndef HOODY_ACTORS_HANDSHAKE_H
#define HOODY_ACTORS_HANDSHAKE_H

#include "session_manager/session_steps.h"

void on_open_session(struct session_manager *self, const struct message *message, uint64_t now_ms);
void on_session_resumed(struct session_manager *self, const struct message *message, uint64_t now_ms);

/* Reads the file of --auth-token-file, if there is one, and takes its tokens. false: it could not, those that it had
 * stay; ret_why says why. */
bool handshake_load_tokens(struct session_manager *self, char ret_why[AUTH_TOKENS_WHY_MAX]);

#endif
