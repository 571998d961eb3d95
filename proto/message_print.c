/* Messages for people: one line in a log or in a failed test. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "check.h"
#include "message_layout.h"

struct printer {
    char *text;
    size_t capacity;
    size_t length; /* without the NUL; below capacity */
};

static void print(struct printer *printer, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void print(struct printer *printer, const char *format, ...)
{
    size_t room = printer->capacity - printer->length;
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(printer->text + printer->length, room, format, arguments);
    va_end(arguments);
    if (wanted > 0)
        printer->length += (size_t)wanted < room ? (size_t)wanted : room - 1;
}

/* In quotes, on one line whatever it holds. */
static void print_text(struct printer *printer, const char *text)
{
    print(printer, "\"");
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
            print(printer, "\\x%02x", (unsigned)c);
        else
            print(printer, "%c", c);
    }
    print(printer, "\"");
}

static bool field_is_secret(const struct message_field *field)
{
    return strcmp(field->name, "bearer") == 0 || strcmp(field->name, "hello") == 0;
}

static void field_print(struct printer *printer, const struct message_field *field, const void *value)
{
    print(printer, "%s=", field->name);
    switch (field->kind) {
    case KIND_u64:
        print(printer, "%" PRIu64, *(const field_u64 *)value);
        break;
    case KIND_u32:
        print(printer, "%" PRIu32, *(const field_u32 *)value);
        break;
    case KIND_i64:
        print(printer, "%" PRId64, *(const field_i64 *)value);
        break;
    case KIND_flag:
        print(printer, "%s", *(const field_flag *)value ? "true" : "false");
        break;
    case KIND_real:
        print(printer, "%g", *(const field_real *)value);
        break;
    case KIND_str: {
        const char *text = *(const field_str *)value != NULL ? *(const field_str *)value : "";
        if (field_is_secret(field))
            print(printer, "(%zu bytes)", strlen(text));
        else
            print_text(printer, text);
        break;
    }
    case KIND_bytes:
    case KIND_rows:
        print(printer, "(%zu bytes)", ((const struct span *)value)->length);
        break;
    case KIND_connection_id:
        print(printer, "%" PRIu64, ((const struct connection_id *)value)->value);
        break;
    case KIND_bind_id:
        print(printer, "%" PRIu32, ((const struct bind_id *)value)->value);
        break;
    case KIND_session_id:
        print(printer, "%s", ((const struct session_id *)value)->text);
        break;
    }
}

const char *message_print(const struct message *message, char *text, size_t capacity)
{
    check(capacity > 0);
    struct printer printer = {.text = text, .capacity = capacity};
    const struct message_layout *layout = message_layout_of(message->type);
    print(&printer, "%s{", message_name(message->type));
    for (size_t i = 0; layout != NULL && i < layout->field_count; i++) {
        if (i > 0)
            print(&printer, " ");
        field_print(&printer, &layout->fields[i], field_in(message, &layout->fields[i]));
    }
    print(&printer, "}");
    return text;
}
