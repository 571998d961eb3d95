/* Mailboxes without threads and sockets, in place of actors/mailbox.c: a message sent is a message that waits, in plain
 * sight. What an actor has heard so far, in its order, is what its state is made of; so the histories of all mailboxes
 * and what waits in them are the state of the whole. */
#ifndef HOODY_TESTS_MODEL_MEMORY_MAILBOX_H
#define HOODY_TESTS_MODEL_MEMORY_MAILBOX_H

#include "mailbox.h"

/* Of the session-manager's and the registry's: everything that was heard; of all mailboxes: everything that waits. */
uint64_t memory_mailboxes_fingerprint(void);
/* That, and these bytes. */
uint64_t memory_mailbox_fold(uint64_t hash, const void *bytes, size_t length);
/* Something happened to this actor that was no message. */
void memory_mailbox_note(enum actor actor, uint64_t event);
bool memory_mailbox_has_mail(enum actor actor, uint32_t shard);
/* While false, nothing that is heard or said counts: a question of the test's own changes nothing. */
void memory_mailboxes_remember(bool remembers);
/* As if nothing had ever happened; there must be no mailbox. */
void memory_mailboxes_reset(void);

#endif
