/* Writes JSON by hand; see json_writer.h. */
#include "json_writer.h"

#include "check.h"
#include "json_plain.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

static void put(struct json_writer *writer, const char *bytes, size_t length)
{
    if (writer->out)
        memcpy(writer->out + writer->length, bytes, length);
    writer->length += length;
}

static void put_char(struct json_writer *writer, char c)
{
    put(writer, &c, 1);
}

static void begin_value(struct json_writer *writer)
{
    if (writer->needs_comma)
        put_char(writer, ',');
    writer->needs_comma = true;
}

static void begin_container(struct json_writer *writer, char bracket)
{
    begin_value(writer);
    put_char(writer, bracket);
    writer->needs_comma = false;
}

static void end_container(struct json_writer *writer, char bracket)
{
    put_char(writer, bracket);
    writer->needs_comma = true;
}

void json_begin_object(struct json_writer *writer)
{
    begin_container(writer, '{');
}

void json_end_object(struct json_writer *writer)
{
    end_container(writer, '}');
}

void json_begin_array(struct json_writer *writer)
{
    begin_container(writer, '[');
}

void json_end_array(struct json_writer *writer)
{
    end_container(writer, ']');
}

static void put_escaped(struct json_writer *writer, char c)
{
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        put(writer, (const char[]){'\\', c}, 2);
        return;
    }
    put(writer, "\\u00", 4);
    put(writer, (const char[]){hex[(c >> 4) & 0xF], hex[c & 0xF]}, 2);
}

void json_text(struct json_writer *writer, const char *text)
{
    begin_value(writer);
    put_char(writer, '"');
    for (size_t left = strlen(text); left > 0;) {
        const size_t run = json_plain_run((const uint8_t *)text, left);
        put(writer, text, run);
        text += run;
        left -= run;
        if (left > 0) {
            put_escaped(writer, *text++);
            left--;
        }
    }
    put_char(writer, '"');
}

void json_number(struct json_writer *writer, int64_t value)
{
    begin_value(writer);
    char digits[20]; /* of 2^63 there are 19, and a sign */
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--at] = '-';
    put(writer, digits + at, sizeof digits - at);
}

void json_key(struct json_writer *writer, const char *key)
{
    begin_value(writer);
    put_char(writer, '"');
    put(writer, key, strlen(key));
    put(writer, "\":", 2);
    writer->needs_comma = false;
}

void json_text_member(struct json_writer *writer, const char *key, const char *text)
{
    json_key(writer, key);
    json_text(writer, text);
}

void json_number_member(struct json_writer *writer, const char *key, int64_t value)
{
    json_key(writer, key);
    json_number(writer, value);
}

static void literal_member(struct json_writer *writer, const char *key, const char *literal)
{
    json_key(writer, key);
    begin_value(writer);
    put(writer, literal, strlen(literal));
}

void json_flag_member(struct json_writer *writer, const char *key, bool value)
{
    literal_member(writer, key, value ? "true" : "false");
}

void json_null_member(struct json_writer *writer, const char *key)
{
    literal_member(writer, key, "null");
}

static size_t measure(json_write_fn *write, const void *payload)
{
    struct json_writer measuring = {.out = NULL};
    write(&measuring, payload);
    return measuring.length;
}

static void write_to(json_write_fn *write, const void *payload, char *out, size_t length)
{
    struct json_writer writer = {.out = out};
    write(&writer, payload);
    check(writer.length == length);
}

char *json_render(json_write_fn *write, const void *payload)
{
    size_t length = measure(write, payload);
    char *text = malloc(length + 1);
    if (!text)
        return NULL;
    write_to(write, payload, text, length);
    text[length] = '\0';
    return text;
}

size_t json_append(json_write_fn *write, const void *payload, struct evbuffer *out)
{
    size_t length = measure(write, payload);
    struct evbuffer_iovec space;
    if (evbuffer_reserve_space(out, (ev_ssize_t)length, &space, 1) != 1)
        return 0;
    write_to(write, payload, space.iov_base, length);
    space.iov_len = length;
    return evbuffer_commit_space(out, &space, 1) == 0 ? length : 0;
}
