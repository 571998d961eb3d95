#include "websocket.h"

/* Blocks of a fixed number of words: compilers turn them into vector registers at -O2 already, without loops for odd
 * ends. */
enum { BLOCK_WORDS = 8, BLOCK_BYTES = BLOCK_WORDS * sizeof(uint64_t) };

void websocket_mask_copy(uint8_t *to, const uint8_t *from, size_t length, const uint8_t key[4], size_t offset)
{
    uint8_t turned[sizeof(uint64_t)]; /* the key twice, from the byte that meets from[0] on */
    for (size_t i = 0; i < sizeof turned; i++)
        turned[i] = key[(offset + i) % 4];
    uint64_t word_key;
    memcpy(&word_key, turned, sizeof word_key);

    size_t done = 0;
    for (; length - done >= BLOCK_BYTES; done += BLOCK_BYTES) {
        uint64_t words[BLOCK_WORDS];
        memcpy(words, from + done, sizeof words);
        for (size_t i = 0; i < BLOCK_WORDS; i++)
            words[i] ^= word_key;
        memcpy(to + done, words, sizeof words);
    }
    for (; length - done >= sizeof(uint64_t); done += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, from + done, sizeof word);
        word ^= word_key;
        memcpy(to + done, &word, sizeof word);
    }
    for (; done < length; done++)
        to[done] = from[done] ^ turned[done % 4];
}

void websocket_mask(uint8_t *bytes, size_t length, const uint8_t key[4], size_t offset)
{
    websocket_mask_copy(bytes, bytes, length, key, offset);
}
