#include "terminal/shown_text.h"

#include "check.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

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

/* ---- character by character ---- */

/* The bytes of a character that begins so; 0: none does. */
static size_t length_of(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2)
        return 0;
    if (lead < 0xE0)
        return 2;
    return lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
}

static wchar_t code_point(const uint8_t *bytes, size_t length)
{
    static const uint8_t LEAD_BITS[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = bytes[0] & LEAD_BITS[length];
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (bytes[i] & 0x3F);
    return (wchar_t)code;
}

/* Zero-width joiners and spaces, and all that turns the direction of text: a name could pass for another one. */
static bool misleads(wchar_t code)
{
    return (code >= 0x200B && code <= 0x200F) || (code >= 0x202A && code <= 0x202E) ||
           (code >= 0x2060 && code <= 0x206F) || code == 0x061C || code == 0xFEFF;
}

/* The length of the character in front that is shown as it is; 0: none. */
static size_t plain_length(struct span text, bool is_utf8, size_t *ret_columns)
{
    *ret_columns = 1;
    if (text.data[0] >= ' ' && text.data[0] <= '~')
        return 1;
    size_t length = is_utf8 ? length_of(text.data[0]) : 0;
    if (length < 2 || length > text.length || !utf8_is_valid(span_of(text.data, length)))
        return 0;
    wchar_t code = code_point(text.data, length);
    int columns = misleads(code) ? -1 : wcwidth(code);
    *ret_columns = (size_t)columns;
    return columns >= 0 ? length : 0;
}

struct shown_unit shown_text_next(struct span *p_text, bool is_utf8)
{
    struct shown_unit unit = {0};
    struct span text = *p_text;
    size_t length = plain_length(text, is_utf8, &unit.columns);
    if (length == 0) {
        snprintf(unit.text, sizeof unit.text, "\\x%02x", text.data[0]);
        unit.columns = ESCAPED_BYTES;
        length = 1;
    } else if (text.data[0] == '\\') {
        strcpy(unit.text, "\\\\");
        unit.columns = 2;
    } else {
        memcpy(unit.text, text.data, length);
    }
    *p_text = span_of(text.data + length, text.length - length);
    return unit;
}

size_t shown_text_columns(struct span text, bool is_utf8)
{
    size_t columns = 0;
    while (text.length > 0)
        columns += shown_text_next(&text, is_utf8).columns;
    return columns;
}
