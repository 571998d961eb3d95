#include "rows.h"

#include <stdlib.h>

bool rows_append(struct message_buffer *kept, struct span rows)
{
    if (rows.length == 0)
        return true;
    if (rows.length > SIZE_MAX - kept->length)
        return false;
    size_t length = kept->length + rows.length;
    if (length > kept->capacity) {
        uint8_t *data = realloc(kept->data, length);
        if (data == NULL)
            return false;
        kept->data = data;
        kept->capacity = length;
    }
    memcpy(kept->data + kept->length, rows.data, rows.length);
    kept->length = length;
    return true;
}
