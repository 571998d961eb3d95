/* Rows of an actor's answer, kept beyond the message that brought them. */
#ifndef HOODY_ACTORS_ROWS_H
#define HOODY_ACTORS_ROWS_H

#include "message.h"

/* Appends a copy of a rows field; read back with message_rows_next on message_buffer_span. false: out of memory,
 * nothing changed. */
bool rows_append(struct message_buffer *kept, struct span rows);

#endif
