/* Lists of header fields made of fuzz input: any bytes, but often the names and values that mean something to a proxy.
 */
#ifndef HOODY_TESTS_FUZZ_FIELDS_H
#define HOODY_TESTS_FUZZ_FIELDS_H

#include "fuzz_input.h"
#include "http_reader.h"
#include "stream_payloads.h"

/* Takes a count, then the fields; `list` gets its own copies. */
void fuzz_take_fields(struct span *input, struct field_list *list);

/* What our own reader refuses and the protocol lets pass to whoever asked for it: a control byte in a value (CR, LF
 * and NUL, which must never be written, do not excuse it), more fields or a longer head than it takes. */
bool fuzz_fields_are_beyond_the_reader(const struct field_list *list);

/* As a reader sees a value: without white space around it. Borrowed. */
struct span fuzz_trimmed(const char *value);

/* Each field of the head, but those of framing and connection, is one of the list, unchanged and in its order. */
void fuzz_check_fields_are_from(const struct http_head *head, const struct field_list *list);

#endif
