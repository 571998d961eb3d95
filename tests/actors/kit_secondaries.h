/* The model's connections beyond the primary: as the gateway sees them, and the drivers who open and lose them, with
 * tickets that are good, old or wrong. */
#ifndef HOODY_TESTS_TESTS_KIT_SECONDARIES_H
#define HOODY_TESTS_TESTS_KIT_SECONDARIES_H

#include "kit_model.h"

/* A driver was let in: these are its tickets. */
void kit_secondaries_begin(struct connection *primary, const struct hello_ok *ok);
/* A primary is gone, or ends: so are those that joined it. */
void kit_secondaries_lose(uint64_t primary);
/* All of them. */
void kit_secondaries_lose_all(void);
/* What the session-manager says; false: it is not about them. */
bool kit_secondaries_hear(const struct message *message);
/* One joins or leaves, or tickets are asked for. */
void kit_secondary_acts(void);

#endif
