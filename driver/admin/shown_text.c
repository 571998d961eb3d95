#include "admin/shown_text.h"

#include "check.h"
#include "utf8.h"

#include <stdlib.h>

enum { ESCAPED_BYTES = 4 }; /* \xNN */

char *shown_text_new(struct span text)
{
    static const char DIGITS[] = "0123456789abcdef";
    check(text.length < SIZE_MAX / ESCAPED_BYTES);
    char *shown = malloc(text.length * ESCAPED_BYTES + 1), *out = shown;
    check(shown != NULL);
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = text.data[i];
        if (byte >= ' ' && byte <= '~') {
            if (byte == '\\')
                *out++ = '\\';
            *out++ = (char)byte;
            continue;
        }
        *out++ = '\\';
        *out++ = 'x';
        *out++ = DIGITS[byte >> 4];
        *out++ = DIGITS[byte & 0xF];
    }
    *out = '\0';
    return shown;
}

bool shown_text_is_harmless(struct span text)
{
    if (!utf8_is_valid(text))
        return false;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = text.data[i];
        bool is_c1 = byte == 0xC2 && text.data[i + 1] < 0xA0; /* U+0080..U+009F; valid, so there is a next */
        if ((byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7F || is_c1)
            return false;
    }
    return true;
}
