/* Runs of bytes that stand for themselves inside a JSON string: all but control characters, quote and backslash. Shared
 * by what writes JSON and what reads it. Private to proto/. */
#ifndef HOODY_PROTO_JSON_PLAIN_H
#define HOODY_PROTO_JSON_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool json_byte_is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

/* A word whose bytes are all `byte`. */
#define JSON_WORD(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Nonzero: one of the word's eight bytes is not plain. */
static inline uint64_t json_word_trouble(uint64_t word)
{
    const uint64_t quote = word ^ JSON_WORD('"');
    const uint64_t backslash = word ^ JSON_WORD('\\');
    const uint64_t below_space = word - JSON_WORD(0x20);
    const uint64_t is_quote = (quote - JSON_WORD(1)) & ~quote;
    const uint64_t is_backslash = (backslash - JSON_WORD(1)) & ~backslash;
    return ((below_space & ~word) | is_quote | is_backslash) & JSON_WORD(0x80);
}

/* How many bytes at the front are plain. */
static inline size_t json_plain_run(const uint8_t *bytes, size_t length)
{
    size_t run = 0;
    for (uint64_t word; length - run >= sizeof word; run += sizeof word) {
        memcpy(&word, bytes + run, sizeof word);
        if (json_word_trouble(word))
            break;
    }
    while (run < length && json_byte_is_plain(bytes[run]))
        run++;
    return run;
}

#endif
