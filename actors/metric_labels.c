#include "metric_labels.h"

#include <string.h>

#include "utf8.h"

/* The character after the backslash; '\0': stands for itself. */
static char escape_of(char c)
{
    return c == '\n' ? 'n' : c == '"' || c == '\\' ? c : '\0';
}

struct labels {
    char *text;
    size_t length;
    size_t capacity;
    bool fits; /* false: there was no room for everything */
};

static void put(struct labels *labels, char c)
{
    labels->fits = labels->fits && labels->length + 1 < labels->capacity;
    if (labels->fits)
        labels->text[labels->length++] = c;
}

bool metric_labels_add(char *text, size_t capacity, const char *name, const char *value)
{
    size_t old_length = strlen(text);
    struct labels labels = {.text = text, .length = old_length, .capacity = capacity, .fits = true};
    if (old_length > 0)
        put(&labels, ',');
    for (; *name != '\0'; name++)
        put(&labels, *name);
    put(&labels, '=');
    put(&labels, '"');
    for (; *value != '\0'; value++) {
        char escape = escape_of(*value);
        if (escape != '\0')
            put(&labels, '\\');
        put(&labels, escape != '\0' ? escape : *value);
    }
    put(&labels, '"');
    text[labels.fits ? labels.length : old_length] = '\0';
    return labels.fits;
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Each returns where its part ends; NULL: it is not there. */
static const char *skip_name(const char *text)
{
    if (!is_name_start(*text))
        return NULL;
    while (is_name_start(*text) || (*text >= '0' && *text <= '9'))
        text++;
    return text;
}

static const char *skip_value(const char *text)
{
    for (; *text != '"'; text++) {
        if (*text == '\0' || *text == '\n')
            return NULL;
        if (*text == '\\') {
            text++;
            if (*text != 'n' && *text != '"' && *text != '\\')
                return NULL;
        }
    }
    return text;
}

static const char *skip_label(const char *text)
{
    const char *name_end = skip_name(text);
    if (name_end == NULL || strncmp(name_end, "=\"", 2) != 0)
        return NULL;
    const char *value_end = skip_value(name_end + 2);
    return value_end != NULL ? value_end + 1 : NULL;
}

bool metric_labels_are_valid(const char *labels)
{
    if (!utf8_is_valid(span_of_string(labels)))
        return false;
    const char *next = labels;
    while (*next != '\0') {
        if (next != labels && *next++ != ',')
            return false;
        next = skip_label(next);
        if (next == NULL)
            return false;
    }
    return true;
}
