/* The session-manager's timers: probes of live sessions, and the end of the parked ones' grace (protocol section 7). */
#ifndef HOODY_ACTORS_SESSION_TIMERS_H
#define HOODY_ACTORS_SESSION_TIMERS_H

#include <stdint.h>

/* An actor's on_time; self is a struct session_manager. */
uint64_t session_timers(void *self, uint64_t now_ms);

#endif
