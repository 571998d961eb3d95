#include "hoody_tunnel/utf8.h"

enum { CONTINUATION_LOWEST = 0x80, CONTINUATION_HIGHEST = 0xBF, CHARACTER_BYTES_MAX = 4 };

static bool is_continuation(uint8_t byte)
{
    return byte >= CONTINUATION_LOWEST && byte <= CONTINUATION_HIGHEST;
}

/* The table of RFC 3629 section 4: which second bytes a lead byte allows keeps out overlong forms and surrogates. */
static bool begin_character(struct utf8_check *check, uint8_t lead)
{
    check->lowest = CONTINUATION_LOWEST;
    check->highest = CONTINUATION_HIGHEST;
    if (lead < 0x80) {
        check->missing = 0;
    } else if (lead >= 0xC2 && lead <= 0xDF) {
        check->missing = 1;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        check->missing = 2;
        check->lowest = lead == 0xE0 ? 0xA0 : CONTINUATION_LOWEST;
        check->highest = lead == 0xED ? 0x9F : CONTINUATION_HIGHEST;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        check->missing = 3;
        check->lowest = lead == 0xF0 ? 0x90 : CONTINUATION_LOWEST;
        check->highest = lead == 0xF4 ? 0x8F : CONTINUATION_HIGHEST;
    } else {
        return false;
    }
    return true;
}

/* How many bytes at the front are ASCII, or somewhat fewer. */
static size_t ascii_run(struct span text)
{
    const uint64_t upper_bits = UINT64_C(0x8080808080808080);
    size_t run = 0;
    for (uint64_t word; text.length - run >= sizeof word; run += sizeof word) {
        memcpy(&word, text.data + run, sizeof word);
        if (word & upper_bits)
            break;
    }
    return run;
}

bool utf8_check_add(struct utf8_check *check, struct span piece)
{
    for (size_t i = check->missing == 0 ? ascii_run(piece) : 0; i < piece.length; i++) {
        uint8_t byte = piece.data[i];
        if (check->missing == 0) {
            if (!begin_character(check, byte))
                return false;
            continue;
        }
        if (byte < check->lowest || byte > check->highest)
            return false;
        check->missing--;
        check->lowest = CONTINUATION_LOWEST;
        check->highest = CONTINUATION_HIGHEST;
    }
    return true;
}

bool utf8_check_is_complete(const struct utf8_check *check)
{
    return check->missing == 0;
}

bool utf8_is_valid(struct span text)
{
    struct utf8_check check = {0};
    return utf8_check_add(&check, text) && utf8_check_is_complete(&check);
}

size_t utf8_cut(struct span text, size_t length_max)
{
    if (text.length <= length_max)
        return text.length;
    size_t length = length_max;
    for (int back = 1; back < CHARACTER_BYTES_MAX && length > 0 && is_continuation(text.data[length]); back++)
        length--;
    return is_continuation(text.data[length]) ? length_max : length;
}
