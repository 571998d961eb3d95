/* An owned list of name and value pairs: the header fields of a stream's head. */
#include "stream_payloads.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 16 };

static bool field_list_grow(struct field_list *list)
{
    size_t capacity = list->capacity > 0 ? list->capacity * 2 : FIRST_CAPACITY;
    struct field_pair *pairs = reallocarray(list->pairs, capacity, sizeof *pairs);
    if (!pairs)
        return false;
    list->pairs = pairs;
    list->capacity = capacity;
    return true;
}

static char *copy_of(struct span text)
{
    char *copy = malloc(text.length + 1);
    if (!copy)
        return NULL;
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return copy;
}

bool field_list_add(struct field_list *list, struct span name, struct span value)
{
    if (list->count == list->capacity && !field_list_grow(list))
        return false;
    struct field_pair pair = {.name = copy_of(name), .value = copy_of(value)};
    if (!pair.name || !pair.value) {
        free(pair.name);
        free(pair.value);
        return false;
    }
    list->pairs[list->count++] = pair;
    return true;
}

void field_list_done(struct field_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->pairs[i].name);
        free(list->pairs[i].value);
    }
    free(list->pairs);
    *list = (struct field_list){0};
}

const char *field_list_find(const struct field_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcasecmp(list->pairs[i].name, name) == 0)
            return list->pairs[i].value;
    }
    return NULL;
}
