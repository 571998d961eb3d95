/* Raw bytes both ways between a stream and a local connection, each direction ending on its own (protocol section 6,
 * upgrades after the 101). */
#ifndef HOODY_DRIVER_RELAY_H
#define HOODY_DRIVER_RELAY_H

#include "exchange_watch.h"
#include "local_connection.h"
#include "stream.h"

/* Takes the connection, the watch, and the stream's handler place. `held`: bytes of the stream that came before; all
 * are taken, the watch has heard of them. `kit_ended`: its EOF came before, too. Input left in the connection goes
 * first. */
void relay_start(struct loop *loop, struct stream *stream, struct local_connection **p_connection,
                 struct evbuffer *held, bool kit_ended, struct exchange_watch **p_watch);

#endif
