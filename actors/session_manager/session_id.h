/* Session ids: "S-" and a lower-case UUIDv4 (protocol section 3; RFC 9562 section 5.4). The id is the credential. */
#ifndef HOODY_ACTORS_SESSION_ID_H
#define HOODY_ACTORS_SESSION_ID_H

#include "ids.h"

enum { SESSION_ID_RANDOM_BYTES = 16 };

/* Pure: 122 of the 128 bits are used. */
struct session_id session_id_of(const uint8_t random[SESSION_ID_RANDOM_BYTES]);
/* A fresh one, from the kernel's random source. */
struct session_id session_id_new(void);

#endif
