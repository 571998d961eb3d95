/* Makes JSON loadable that Jansson refuses although it is JSON; see json_amend.h. */
#include "json_amend.h"

#include <jansson.h>
#include <string.h>

enum { UNICODE_ESCAPE_LENGTH = 6 }; /* \uXXXX */
static const size_t shortest_number_out_of_range = sizeof "9e999" - 1;

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The code unit of the \uXXXX at `at`; -1: there is none. */
static int unicode_escape(const char *text, size_t length, size_t at)
{
    if (length - at < UNICODE_ESCAPE_LENGTH || text[at] != '\\' || text[at + 1] != 'u')
        return -1;
    int unit = 0;
    for (size_t i = at + 2; i < at + UNICODE_ESCAPE_LENGTH; i++) {
        if (hex_value(text[i]) < 0)
            return -1;
        unit = unit * 16 + hex_value(text[i]);
    }
    return unit;
}

static bool is_high_surrogate(int unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(int unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* `text` is a whole string with its quotes. */
static bool amend_string(char *text, size_t length, bool is_key)
{
    bool changed = false;
    for (size_t at = 0; at < length;) {
        int unit = unicode_escape(text, length, at);
        if (unit < 0) {
            at += text[at] == '\\' ? 2 : 1;
            continue;
        }
        size_t next = at + UNICODE_ESCAPE_LENGTH;
        if (is_high_surrogate(unit) && is_low_surrogate(unicode_escape(text, length, next))) {
            at = next + UNICODE_ESCAPE_LENGTH;
            continue;
        }
        if (is_high_surrogate(unit) || is_low_surrogate(unit) || (unit == 0 && is_key)) {
            memcpy(text + at + 2, is_key ? "ffff" : "0000", 4);
            changed = true;
        }
        at = next;
    }
    return changed;
}

/* One past the closing quote of the string at `at`, or `length` when it is not closed. */
static size_t string_end(const char *text, size_t length, size_t at)
{
    for (at++; at < length; at++) {
        if (text[at] == '"')
            return at + 1;
        if (text[at] == '\\')
            at++;
    }
    return length;
}

static bool colon_follows(const char *text, size_t length, size_t at)
{
    while (at < length && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n'))
        at++;
    return at < length && text[at] == ':';
}

static bool is_number_byte(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static size_t number_end(const char *text, size_t length, size_t at)
{
    while (at < length && is_number_byte(text[at]))
        at++;
    return at;
}

/* Jansson itself is asked, so that both always agree on what is out of range. */
static bool amend_number(char *text, size_t length)
{
    if (length < shortest_number_out_of_range)
        return false;
    json_error_t error;
    json_t *number = json_loadb(text, length, JSON_DECODE_ANY, &error);
    if (number) {
        json_decref(number);
        return false;
    }
    bool is_one_number = error.position == (int)length;
    if (json_error_code(&error) != json_error_numeric_overflow || !is_one_number)
        return false;
    memset(text, ' ', length);
    memcpy(text, "0.5", 3);
    return true;
}

bool json_amend(char *text, size_t length)
{
    bool changed = false;
    for (size_t at = 0; at < length;) {
        size_t end = at + 1;
        if (text[at] == '"') {
            end = string_end(text, length, at);
            changed |= amend_string(text + at, end - at, colon_follows(text, length, end));
        } else if (text[at] == '-' || (text[at] >= '0' && text[at] <= '9')) {
            end = number_end(text, length, at);
            changed |= amend_number(text + at, end - at);
        }
        at = end;
    }
    return changed;
}
