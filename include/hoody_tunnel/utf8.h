/* UTF-8 (RFC 3629): checking text that comes in pieces, and cutting it between characters. Overlong forms, surrogates
 * and code points beyond U+10FFFF are not UTF-8. Pure. */
#ifndef HOODY_TUNNEL_UTF8_H
#define HOODY_TUNNEL_UTF8_H

#include "span.h"

/* Where a check stands between two pieces. Zero-initialise it: `struct utf8_check check = {0}`. */
struct utf8_check {
    uint8_t missing; /* bytes of the current character still to come */
    uint8_t lowest;  /* what the next of them may be, for the first one after the lead byte; */
    uint8_t highest; /* 80..BF for the others */
};

/* false: what came so far is no UTF-8, and no more text mends it. */
bool utf8_check_add(struct utf8_check *check, struct span piece);
/* true: the text may end here, no character is cut short. */
bool utf8_check_is_complete(const struct utf8_check *check);

bool utf8_is_valid(struct span text);
/* The length of the longest start of `text` that has at most `length_max` bytes and splits no character. Bytes that are
 * not UTF-8 are cut anywhere. */
size_t utf8_cut(struct span text, size_t length_max);

#endif
