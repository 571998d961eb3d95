/* What RFC 8259 lets a sender write and Jansson refuses to load. An unknown field may hold any of it (protocol section
 * 2), so a text that failed to load is amended and loaded once more. Private to proto/. */
#ifndef HOODY_PROTO_JSON_AMEND_H
#define HOODY_PROTO_JSON_AMEND_H

#include <stdbool.h>
#include <stddef.h>

/* Rewrites in place, the length stays: numbers out of range become 0.5, which is a number and no integer; lone
 * surrogate escapes in values become \u0000, which no string that is used may hold; both in keys become \uffff, a
 * noncharacter that is in no key of ours (two such keys in one object then pass for duplicates). Takes any bytes; what
 * is not JSON stays not JSON. false: nothing was changed. */
bool json_amend(char *text, size_t length);

#endif
