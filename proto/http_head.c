/* Looking things up in a parsed head. */
#include "http_reader.h"

const struct http_field *http_head_field(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (span_equals_nocase(head->fields[i].name, name)) {
            return &head->fields[i];
        }
    }
    return NULL;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static struct span without_blanks(struct span span)
{
    while (span.length > 0 && is_blank(span.data[0])) {
        span = span_of(span.data + 1, span.length - 1);
    }
    while (span.length > 0 && is_blank(span.data[span.length - 1])) {
        span.length--;
    }
    return span;
}

bool http_list_next(struct span *list, struct span *ret_member)
{
    while (list->length > 0) {
        const uint8_t *comma = memchr(list->data, ',', list->length);
        const size_t length = comma == NULL ? list->length : (size_t)(comma - list->data);
        const struct span member = without_blanks(span_of(list->data, length));
        const size_t used = comma == NULL ? length : length + 1;
        *list = span_of(list->data + used, list->length - used);
        if (member.length > 0) {
            *ret_member = member;
            return true;
        }
    }
    return false;
}

static bool list_has_token(struct span list, const char *token)
{
    struct span member;
    while (http_list_next(&list, &member)) {
        if (span_equals_nocase(member, token)) {
            return true;
        }
    }
    return false;
}

bool http_head_has_token(const struct http_head *head, const char *name, const char *token)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (span_equals_nocase(head->fields[i].name, name) && list_has_token(head->fields[i].value, token)) {
            return true;
        }
    }
    return false;
}
