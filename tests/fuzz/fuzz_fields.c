#include "fuzz_fields.h"

#include "check.h"

enum {
    COUNT_MAX = 8,
    FEW = 4,        /* fields that a head gets beside the list's; see HTTP_HEAD_OWN_MAX for their bytes */
    OWN_BYTES = 512 /* start line and own fields at most, of what is written here */
};

static const char *const names[] = {
    "content-length",
    "Content-Length",
    "transfer-encoding",
    "Transfer-Encoding",
    "connection",
    "Connection",
    "upgrade",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "expect",
    "x-forwarded-host",
    "x-forwarded-for",
    "proxy-authorization",
    "X-A",
    "set-cookie",
};

static const char *const values[] = {
    "0",
    "5",
    "05",
    "chunked",
    "gzip, chunked",
    "close",
    "keep-alive",
    "upgrade",
    "x-a",
    "Upgrade, h",
    "h2c",
    "a.test",
    "9223372036854775807",
    "",
    " 5",
    "100-continue",
    "5\r\n6",
    "-1",
    "+5",
    "5, 5",
    "\r\n\r\nHTTP/1.1 200 OK",
    "\xff",
    "content-length, host",
    "websocket",
};

/* One byte below the table's size picks from it; others begin a string of the input. */
static char *take_text(struct span *input, const char *const *table, size_t count)
{
    const uint8_t pick = fuzz_take_u8(input);
    return pick < count ? fuzz_text(span_of_string(table[pick])) : fuzz_text(fuzz_take_bytes(input));
}

void fuzz_take_fields(struct span *input, struct field_list *list)
{
    size_t count = fuzz_take_u8(input);
    if (count != HTTP_FIELDS_MAX + 1) /* enough to go beyond what a reader takes */
        count %= COUNT_MAX;
    for (size_t i = 0; i < count; i++) {
        char *name = take_text(input, names, sizeof names / sizeof names[0]);
        char *value = take_text(input, values, sizeof values / sizeof values[0]);
        check(field_list_add(list, span_of_string(name), span_of_string(value)));
        free(name);
        free(value);
    }
}

/* One that may be written, but not read by us. */
static bool holds_control(const char *value)
{
    bool holds = false;
    for (const char *at = value; *at != '\0'; at++)
        holds |= ((uint8_t)*at < 0x20 && *at != '\t') || *at == 0x7F;
    return holds && strpbrk(value, "\r\n") == NULL;
}

bool fuzz_fields_are_beyond_the_reader(const struct field_list *list)
{
    size_t bytes = OWN_BYTES;
    bool is_beyond = list->count > HTTP_FIELDS_MAX - FEW;
    for (size_t i = 0; i < list->count; i++) {
        bytes += strlen(list->pairs[i].name) + strlen(list->pairs[i].value) + strlen(": \r\n");
        is_beyond |= holds_control(list->pairs[i].value);
    }
    return is_beyond || bytes > HTTP_HEAD_MAX;
}

struct span fuzz_trimmed(const char *value)
{
    value += strspn(value, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        length--;
    return span_of(value, length);
}

static bool is_framing(struct span name)
{
    return span_equals_nocase(name, "content-length") || span_equals_nocase(name, "transfer-encoding") ||
           span_equals_nocase(name, "connection") || span_equals_nocase(name, "host");
}

void fuzz_check_fields_are_from(const struct http_head *head, const struct field_list *list)
{
    size_t next = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (is_framing(field->name))
            continue;
        while (next < list->count && !(span_equals(field->name, list->pairs[next].name) &&
                                       fuzz_span_is(field->value, fuzz_trimmed(list->pairs[next].value))))
            next++;
        check(next < list->count);
        next++;
    }
}
