#include "fuzz_input.h"

#include "check.h"
#include "utf8.h"

#include <event2/buffer.h>

/* ---- taking an input apart ---- */

static struct span take(struct span *input, size_t length)
{
    const struct span taken = span_of(input->data, length < input->length ? length : input->length);
    if (taken.length > 0)
        *input = span_of(input->data + taken.length, input->length - taken.length);
    return taken;
}

uint8_t fuzz_take_u8(struct span *input)
{
    const struct span byte = take(input, 1);
    return byte.length > 0 ? byte.data[0] : 0;
}

uint16_t fuzz_take_u16(struct span *input)
{
    const unsigned high = fuzz_take_u8(input);
    return (uint16_t)(high << 8 | fuzz_take_u8(input));
}

uint32_t fuzz_take_u32(struct span *input)
{
    const uint32_t high = fuzz_take_u16(input);
    return high << 16 | fuzz_take_u16(input);
}

struct span fuzz_take_bytes(struct span *input)
{
    const size_t length = fuzz_take_u8(input);
    return take(input, length);
}

struct span fuzz_take_line(struct span *input)
{
    const uint8_t *feed = input->length > 0 ? memchr(input->data, '\n', input->length) : NULL;
    const struct span line = take(input, feed != NULL ? (size_t)(feed - input->data) : input->length);
    if (feed != NULL)
        (void)take(input, 1);
    return line;
}

char *fuzz_text(struct span bytes)
{
    char *text = strndup(bytes.length > 0 ? (const char *)bytes.data : "", bytes.length);
    check(text != NULL);
    return text;
}

char *fuzz_text_utf8(struct span bytes)
{
    char *text = fuzz_text(bytes);
    if (utf8_is_valid(span_of_string(text)))
        return text;
    char *mended = calloc(strlen(text) + 1, 2);
    check(mended != NULL);
    char *to = mended;
    for (const char *from = text; *from != '\0'; from++) {
        const uint8_t byte = (uint8_t)*from;
        if (byte >= 0x80)
            *to++ = (char)(0xC0 | byte >> 6);
        *to++ = (char)(byte >= 0x80 ? 0x80 | (byte & 0x3F) : byte);
    }
    free(text);
    return mended;
}

/* ---- cutting bytes into pieces ---- */

/* FNV-1a */
static uint64_t hash_of(struct span bytes)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < bytes.length; i++)
        hash = (hash ^ bytes.data[i]) * UINT64_C(1099511628211);
    return hash | 1; /* xorshift stays at 0 */
}

static uint64_t feed_random(struct fuzz_feed *feed)
{
    feed->state ^= feed->state << 13;
    feed->state ^= feed->state >> 7;
    feed->state ^= feed->state << 17;
    return feed->state;
}

void fuzz_feed_begin(struct fuzz_feed *feed, enum fuzz_cut cut, struct span bytes)
{
    *feed = (struct fuzz_feed){.cut = cut, .left = bytes, .state = hash_of(bytes)};
}

enum { LONGEST_COUNT = 8 };

/* Mostly short, where the states of a reader change; chains always, so that few payloads lie in one. */
static size_t random_length(struct fuzz_feed *feed)
{
    static const size_t longest_pieces[LONGEST_COUNT] = {1, 2, 3, 5, 9, 17, 33, 500};
    static const size_t longest_chains[LONGEST_COUNT] = {1, 2, 3, 5, 7, 9, 13, 33};
    const size_t *longest = feed->cut == FUZZ_CHAINS ? longest_chains : longest_pieces;
    const uint64_t random = feed_random(feed);
    return 1 + (size_t)((random >> 8) % longest[(random >> 32) % LONGEST_COUNT]);
}

static void append(struct span bytes, struct evbuffer *in)
{
    check(evbuffer_add(in, bytes.data, bytes.length) == 0);
}

static void append_chain(struct span bytes, struct evbuffer *in)
{
    struct evbuffer *chain = evbuffer_new();
    check(chain != NULL && evbuffer_add(chain, bytes.data, bytes.length) == 0);
    check(evbuffer_add_buffer(in, chain) == 0);
    evbuffer_free(chain);
}

bool fuzz_feed_next(struct fuzz_feed *feed, struct evbuffer *in)
{
    if (feed->left.length == 0)
        return false;
    switch (feed->cut) {
    case FUZZ_WHOLE:
        append(take(&feed->left, feed->left.length), in);
        break;
    case FUZZ_BYTES:
        append(take(&feed->left, 1), in);
        break;
    case FUZZ_PIECES:
        append(take(&feed->left, random_length(feed)), in);
        break;
    case FUZZ_CHAINS:
        while (feed->left.length > 0)
            append_chain(take(&feed->left, random_length(feed)), in);
        break;
    }
    return true;
}

/* ---- comparing ---- */

struct span fuzz_span(struct evbuffer *buffer)
{
    const size_t length = evbuffer_get_length(buffer);
    return span_of(length > 0 ? evbuffer_pullup(buffer, -1) : NULL, length);
}

bool fuzz_span_is(struct span a, struct span b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static void show(const char *title, struct span bytes)
{
    fprintf(stderr, "---- %s, %zu bytes:\n", title, bytes.length);
    fwrite(bytes.data, 1, bytes.length, stderr);
    fputc('\n', stderr);
}

void fuzz_check_same(struct evbuffer *got, struct evbuffer *expected, const char *what)
{
    const struct span a = fuzz_span(got), b = fuzz_span(expected);
    if (fuzz_span_is(a, b))
        return;
    fprintf(stderr, "%s\n", what);
    show("got", a);
    show("expected", b);
    abort();
}
