/* One sample of every message of the catalogue, made, compared and taken apart by the catalogue itself: a new message
 * is tested as soon as it is declared. */
#ifndef HOODY_TESTS_TESTS_MESSAGE_SAMPLES_H
#define HOODY_TESTS_TESTS_MESSAGE_SAMPLES_H

#include <msgpack.h>

#include "message.h"

enum { SAMPLE_FIELDS_MAX = 16 };

/* Each field with a value of its own; or extremes: the largest numbers, empty texts. Borrows static values only. */
struct message sample_make(enum message_type type, bool wants_extremes);
/* Field by field; the texts and bytes of `b` must be copies. */
void sample_assert_same(const struct message *a, const struct message *b);

/* The kinds of a message's fields, by name. Returns how many. */
size_t sample_kinds(enum message_type type, const char *ret_kinds[SAMPLE_FIELDS_MAX]);

/* Packed; for message_buffer_done. */
struct message_buffer sample_packed(enum message_type type, bool wants_extremes);
/* Packed, its n-th field replaced by raw msgpack; for msgpack_sbuffer_destroy. */
msgpack_sbuffer sample_with_field(enum message_type type, size_t n, struct span raw);

#endif
