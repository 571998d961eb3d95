#include "session_manager/session_id.h"

#include <sys/random.h>

#include "check.h"

struct session_id session_id_of(const uint8_t random[SESSION_ID_RANDOM_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[SESSION_ID_RANDOM_BYTES];
    memcpy(bytes, random, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* the RFC's variant */

    struct session_id id = {.text = "S-"};
    char *next = id.text + 2;
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *next++ = '-';
        *next++ = digits[bytes[i] >> 4];
        *next++ = digits[bytes[i] & 0x0f];
    }
    check(next == id.text + SESSION_ID_LENGTH);
    return id;
}

struct session_id session_id_new(void)
{
    uint8_t random[SESSION_ID_RANDOM_BYTES];
    check(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random);
    return session_id_of(random);
}
