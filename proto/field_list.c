/* An owned list of name and value pairs: the header fields of a stream's head. */
#include "stream_payloads.h"

#include <stdlib.h>

enum {
    FIRST_CAPACITY = 16,
    FIRST_TEXT_BYTES = 1000, /* with its header still a small block for malloc; holds what most heads have */
};

/* Strings are put behind one another: a list has a dozen of them or more, and all go together. */
struct field_text {
    struct field_text *older;
    size_t used;
    size_t capacity;
    char bytes[];
};

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

static bool field_text_grow(struct field_list *list, size_t bytes)
{
    size_t capacity = list->text ? list->text->capacity * 2 : FIRST_TEXT_BYTES;
    if (capacity < bytes)
        capacity = bytes;
    struct field_text *text = malloc(sizeof *text + capacity);
    if (!text)
        return false;
    *text = (struct field_text){.older = list->text, .capacity = capacity};
    list->text = text;
    return true;
}

char *field_list_room(struct field_list *list, size_t bytes)
{
    if ((!list->text || list->text->capacity - list->text->used < bytes) && !field_text_grow(list, bytes))
        return NULL;
    char *room = list->text->bytes + list->text->used;
    list->text->used += bytes;
    return room;
}

bool field_list_add_own(struct field_list *list, char *name, char *value)
{
    if (list->count == list->capacity && !field_list_grow(list))
        return false;
    list->pairs[list->count++] = (struct field_pair){.name = name, .value = value};
    return true;
}

static char *put_text(char *room, struct span text)
{
    if (text.length > 0)
        memcpy(room, text.data, text.length);
    room[text.length] = '\0';
    return room;
}

bool field_list_add(struct field_list *list, struct span name, struct span value)
{
    char *room = field_list_room(list, name.length + 1 + value.length + 1);
    return room && field_list_add_own(list, put_text(room, name), put_text(room + name.length + 1, value));
}

void field_list_done(struct field_list *list)
{
    while (list->text) {
        struct field_text *text = list->text;
        list->text = text->older;
        free(text);
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
