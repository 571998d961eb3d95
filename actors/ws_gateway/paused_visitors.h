/* Visitors that are not read from while their upload waits for credit. epoll cannot tell us that such a peer has left
 * without waking up for its unread bytes too, so they are looked at once a second while there are any. */
#ifndef HOODY_ACTORS_PAUSED_VISITORS_H
#define HOODY_ACTORS_PAUSED_VISITORS_H

#include "visitor.h"

/* false: out of memory. */
bool paused_visitors_init(struct gateway *gateway);
void paused_visitors_done(struct gateway *gateway);

/* Idempotent, both. */
void paused_visitors_add(struct visitor *visitor);
void paused_visitors_remove(struct visitor *visitor);

#endif
