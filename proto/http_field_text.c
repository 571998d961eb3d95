#include "http_field_text.h"

#include "utf8.h"

#include <stdlib.h>

/* Code points 0x80..0xFF take two bytes of UTF-8. */
static size_t latin1_to_utf8(struct span latin1, uint8_t *ret_text)
{
    size_t length = 0;
    for (size_t i = 0; i < latin1.length; i++) {
        const uint8_t byte = latin1.data[i];
        if (byte < 0x80) {
            ret_text[length++] = byte;
        } else {
            ret_text[length++] = (uint8_t)(0xC0 | byte >> 6);
            ret_text[length++] = (uint8_t)(0x80 | (byte & 0x3F));
        }
    }
    return length;
}

bool http_field_text_add(struct field_list *list, struct span name, struct span value)
{
    if (utf8_is_valid(value)) {
        return field_list_add(list, name, value);
    }
    uint8_t *text = reallocarray(NULL, value.length, 2);
    if (text == NULL) {
        return false;
    }
    const bool is_added = field_list_add(list, name, span_of(text, latin1_to_utf8(value, text)));
    free(text);
    return is_added;
}

bool http_field_text_add_lower(struct field_list *list, struct span name, struct span value)
{
    if (!http_field_text_add(list, name, value)) {
        return false;
    }
    for (char *at = list->pairs[list->count - 1].name; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z') {
            *at = (char)(*at - 'A' + 'a');
        }
    }
    return true;
}
