/* What all fuzz targets share: taking an input apart, cutting bytes into pieces, and comparing what came of it. Every
 * target is one <target>_fuzz.c; build with -DHOODY_FUZZ=ON for libFuzzer, otherwise replay.c runs its corpus. */
#ifndef HOODY_TESTS_FUZZ_INPUT_H
#define HOODY_TESTS_FUZZ_INPUT_H

#include "span.h"

struct evbuffer;

/* libFuzzer's entry. Always returns 0; a broken property ends the process by check(). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes from the front; once the input is used up everything is 0 and empty. */
uint8_t fuzz_take_u8(struct span *input);
uint16_t fuzz_take_u16(struct span *input);
uint32_t fuzz_take_u32(struct span *input);
/* A length byte, then as many bytes as it says or are left. Borrowed. */
struct span fuzz_take_bytes(struct span *input);
/* Up to a line feed, which is taken too, or all that is left. Borrowed. */
struct span fuzz_take_line(struct span *input);

/* A malloc'd C string: the bytes up to the first NUL; in fuzz_text_utf8, what is not UTF-8 read as Latin-1. */
char *fuzz_text(struct span bytes);
char *fuzz_text_utf8(struct span bytes);

/* How bytes reach a reader. Lengths of pieces are a function of the bytes themselves, so that a finding is repeatable.
 */
enum fuzz_cut {
    FUZZ_WHOLE,
    FUZZ_BYTES,  /* one at a time */
    FUZZ_PIECES, /* short and long ones */
    FUZZ_CHAINS, /* all at once, in an evbuffer of many short chains */
};
enum { FUZZ_CUT_COUNT = FUZZ_CHAINS + 1 };
struct fuzz_feed {
    enum fuzz_cut cut;
    struct span left; /* not fed yet */
    uint64_t state;
};
void fuzz_feed_begin(struct fuzz_feed *feed, enum fuzz_cut cut, struct span bytes);
/* Appends copies of the next piece to `in`. false: nothing was left. */
bool fuzz_feed_next(struct fuzz_feed *feed, struct evbuffer *in);

/* All bytes in one run, borrowed until the buffer changes. */
struct span fuzz_span(struct evbuffer *buffer);
bool fuzz_span_is(struct span a, struct span b);
/* Ends the process, both shown, unless they hold the same. */
void fuzz_check_same(struct evbuffer *got, struct evbuffer *expected, const char *what);

#endif
