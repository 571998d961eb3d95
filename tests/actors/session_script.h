/* What the tests of the session-manager say and hear again and again: HELLOs, and the ends of sessions. */
#ifndef HOODY_TESTS_TESTS_SESSION_SCRIPT_H
#define HOODY_TESTS_TESTS_SESSION_SCRIPT_H

#include "options.h"
#include "session_payloads.h"
#include "stage.h"

#define HELLO_V1 "{\"version\":\"hoody-tunnel.v1\"}"
#define HELLO_V2 "{\"version\":\"hoody-tunnel.v2\",\"capabilities\":[\"multi-ws\"],\"maxConnections\":4}"

/* Setup and teardown of each test: *state is a struct play. */
struct play {
    struct options options;
    struct stage *stage; /* raised by play_raise */
};
int play_setup(void **state);
int play_teardown(void **state);
/* The session-manager begins, with the play's options. */
struct stage *play_raise(void **state);

void say_hello(struct stage *stage, uint64_t connection, uint32_t subprotocol, const char *hello);
/* A v1 session on this connection. */
struct session_id open_one(struct stage *stage, uint64_t connection);
/* The driver leaves: a close frame with 1000. */
void say_connection_closed(struct stage *stage, uint64_t connection);
/* It is cut off: no close frame. */
void say_connection_lost(struct stage *stage, uint64_t connection);
void say_counted(struct stage *stage, struct session_id session, uint32_t bindings);
void say_session_released(struct stage *stage, struct session_id session);
void say_close_session(struct stage *stage, const char *session, uint64_t ref, uint64_t grace_ms);

void hear_session_refused(struct stage *stage, uint64_t connection, uint32_t goaway_code, const char *goaway_message,
                          uint32_t close_code);
void hear_release_session(struct stage *stage, struct session_id session, bool streams_may_end);
void hear_park_session(struct stage *stage, struct session_id session);
void hear_end_session(struct stage *stage, const struct message_end_session *expected);
void hear_session_closing(struct stage *stage, uint64_t ref, bool found);

/* The sessions in the list. */
size_t count_listed(struct stage *stage);
/* The parked ones. */
uint32_t count_orphaned(struct stage *stage);

/* ---- further connections ---- */

void say_join(struct stage *stage, uint64_t connection, const char *join);
/* JOIN with this ticket of this session. */
void say_join_with(struct stage *stage, uint64_t connection, struct session_id session,
                   const struct join_ticket *ticket);
void say_secondary_closed(struct stage *stage, uint64_t connection);
/* code NULL: with no word. */
void hear_join_refused(struct stage *stage, uint64_t connection, const char *code);
void hear_joined(struct stage *stage, uint64_t connection, uint64_t primary, uint32_t index);

/* ---- parking and resume ---- */

enum { RESUMED_PORT = 8000 };

/* A HELLO that resumes. */
void say_hello_again(struct stage *stage, uint64_t connection, uint32_t subprotocol, const char *session);
void hear_resume_session(struct stage *stage, struct session_id session, uint64_t connection);
/* The registry's answer: bindings 1..count, at RESUMED_PORT + 1 and up. */
void say_resumed(struct stage *stage, struct session_id session, uint64_t connection, uint32_t count);
/* To be given to hello_ok_done. */
struct hello_ok hear_opened(struct stage *stage, uint64_t connection);
/* session_opened, with resumed and that id; with neither. */
void hear_resumed(struct stage *stage, struct session_id session, uint64_t connection);
void hear_fresh(struct stage *stage, struct session_id not_this, uint64_t connection);
/* A session on this connection, with a port. */
struct session_id open_bound(struct stage *stage, uint64_t connection);
/* A session that had this connection, and whose registry keeps a port. */
struct session_id park_one(struct stage *stage, uint64_t connection);
/* park_one, and its driver is back on the next connection, not let in yet. */
struct session_id resume_one(struct stage *stage, uint64_t connection);

#endif
