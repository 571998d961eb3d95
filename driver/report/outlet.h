/* A way out for text, to a terminal, a pipe or a file. Its reader may have stopped: what can't leave now waits, up to a
 * limit, and nobody waits for it. */
#ifndef HOODY_DRIVER_OUTLET_H
#define HOODY_DRIVER_OUTLET_H

#include "loop.h"

#include <stdbool.h>
#include <stddef.h>

enum { OUTLET_WAITING_MAX = 1048576 }; /* bytes; what would go beyond is not taken */

struct outlet;

/* `fd` is borrowed and stays as it is: its mode is shared with whoever else has it. */
struct outlet *outlet_new(int fd);
void outlet_destroy(struct outlet **p_outlet);

/* From now on what waits leaves by itself. on_empty: nothing waits any more. Until outlet_detach. */
void outlet_attach(struct outlet *outlet, struct loop *loop, void (*on_empty)(void *owner), void *owner);
void outlet_detach(struct outlet *outlet);

/* All of it or nothing. false: too much waits, or nobody can read it any more. */
bool outlet_add(struct outlet *outlet, const char *bytes, size_t length);
/* As many bytes are taken now. */
size_t outlet_room(const struct outlet *outlet);
bool outlet_is_empty(const struct outlet *outlet);
/* Why nothing leaves any more, as errno says it, such as a full disk; 0: all is well, or its reader has left. */
int outlet_error(const struct outlet *outlet);
/* What waits is forgotten. */
void outlet_clear(struct outlet *outlet);
/* At the end: waits so long at most. */
void outlet_flush(struct outlet *outlet, unsigned ms);

#endif
