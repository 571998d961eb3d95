/* What a word that nobody knows was meant to be: of those that are known the one that a slip of the finger or two leads
 * away from. Pure. */
#ifndef HOODY_NET_NEAREST_WORD_H
#define HOODY_NET_NEAREST_WORD_H

#include "span.h"

#include <stddef.h>

struct nearest_word {
    struct span typed;
    const char *word; /* borrowed; NULL: none of those looked at is near */
    size_t slips;     /* from `typed` to it */
};

/* `typed` is borrowed until the last look. */
struct nearest_word nearest_word_to(struct span typed);
/* Another word that might be meant; of equals the first wins. */
void nearest_word_look_at(struct nearest_word *nearest, const char *word);

#endif
