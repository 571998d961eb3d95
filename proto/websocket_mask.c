#include "websocket.h"

/* One vector register on most machines. An array of words instead, however its loops are written, goes over the stack:
 * a third of the speed. */
typedef uint64_t lane __attribute__((vector_size(16)));

enum { LANE_BYTES = sizeof(lane), BLOCK_BYTES = 4 * LANE_BYTES };

static inline lane load(const uint8_t *from)
{
    lane bytes;
    memcpy(&bytes, from, sizeof bytes);
    return bytes;
}

static inline void store(uint8_t *to, lane bytes)
{
    memcpy(to, &bytes, sizeof bytes);
}

void websocket_mask_copy(uint8_t *to, const uint8_t *from, size_t length, const uint8_t key[4], size_t offset)
{
    uint8_t turned[LANE_BYTES]; /* the key again and again, from the byte that meets from[0] on */
    for (size_t i = 0; i < sizeof turned; i++)
        turned[i] = key[(offset + i) % 4];
    const lane mask = load(turned);

    size_t done = 0;
    for (; length - done >= BLOCK_BYTES; done += BLOCK_BYTES) {
        const uint8_t *block = from + done;
        const lane first = load(block), second = load(block + LANE_BYTES);
        const lane third = load(block + 2 * LANE_BYTES), fourth = load(block + 3 * LANE_BYTES);
        store(to + done, first ^ mask);
        store(to + done + LANE_BYTES, second ^ mask);
        store(to + done + 2 * LANE_BYTES, third ^ mask);
        store(to + done + 3 * LANE_BYTES, fourth ^ mask);
    }
    for (; length - done >= LANE_BYTES; done += LANE_BYTES)
        store(to + done, load(from + done) ^ mask);
    for (; done < length; done++)
        to[done] = from[done] ^ turned[done % LANE_BYTES];
}

void websocket_mask(uint8_t *bytes, size_t length, const uint8_t key[4], size_t offset)
{
    websocket_mask_copy(bytes, bytes, length, key, offset);
}
