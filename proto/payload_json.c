/* What all JSON payloads share: load strictly, read by type, remember the first failure. */
#include "payload_json.h"

#include "json_amend.h"

#include <stdlib.h>

static json_t *load(const void *text, size_t length, json_error_t *error)
{
    return json_loadb(text, length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, error);
}

static bool may_be_json_all_the_same(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_invalid_syntax || code == json_error_null_byte_in_key ||
           code == json_error_numeric_overflow;
}

static json_t *load_amended(struct span json, json_error_t *error)
{
    char *copy = malloc(json.length);
    if (!copy)
        return NULL;
    memcpy(copy, json.data, json.length);
    json_t *root = json_amend(copy, json.length) ? load(copy, json.length, error) : NULL;
    free(copy);
    return root;
}

static const char *explain(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    if (code == json_error_duplicate_key)
        return "payload has a duplicate key";
    if (code == json_error_stack_overflow)
        return "payload is nested too deeply";
    return "payload is not JSON";
}

/* NULL: `ret_why` says why. */
static json_t *load_object(struct span json, const char **ret_why)
{
    *ret_why = "payload is empty";
    if (json.length == 0)
        return NULL;
    *ret_why = "payload is not JSON";
    /* Jansson skips a raw NUL that follows a number or a literal. */
    if (memchr(json.data, '\0', json.length))
        return NULL;
    json_error_t error;
    json_t *root = load(json.data, json.length, &error);
    if (!root && may_be_json_all_the_same(&error))
        root = load_amended(json, &error);
    if (!root) {
        *ret_why = explain(&error);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        *ret_why = "payload is not a JSON object";
        return NULL;
    }
    return root;
}

const json_t *payload_reader_init(struct payload_reader *reader, struct span json)
{
    *reader = (struct payload_reader){.verdict = PAYLOAD_OK};
    reader->root = load_object(json, &reader->why);
    if (!reader->root)
        reader->verdict = PAYLOAD_NOT_JSON;
    return reader->root;
}

enum payload_verdict payload_reader_done(struct payload_reader *reader, const char **ret_why)
{
    json_decref(reader->root);
    reader->root = NULL;
    if (reader->verdict != PAYLOAD_OK && ret_why)
        *ret_why = reader->why;
    return reader->verdict;
}

bool payload_is_ok(const struct payload_reader *reader)
{
    return reader->verdict == PAYLOAD_OK;
}

void payload_refuse(struct payload_reader *reader, const char *why)
{
    if (!payload_is_ok(reader))
        return;
    reader->verdict = PAYLOAD_INVALID;
    reader->why = why;
}

bool payload_has(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);
    return member && !json_is_null(member);
}

static bool string_is(const json_t *string, const char *text)
{
    return span_equals(span_of(json_string_value(string), json_string_length(string)), text);
}

bool payload_text_is(const json_t *object, const char *key, const char *text)
{
    const json_t *member = json_object_get(object, key);
    return json_is_string(member) && string_is(member, text);
}

static char *copy_of(struct payload_reader *reader, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        payload_refuse(reader, PAYLOAD_OUT_OF_MEMORY);
    return copy;
}

char *payload_text(struct payload_reader *reader, const json_t *object, const char *key, const char *why)
{
    if (!payload_is_ok(reader))
        return NULL;
    const json_t *member = json_object_get(object, key);
    if (!json_is_string(member) || strlen(json_string_value(member)) != json_string_length(member)) {
        payload_refuse(reader, why);
        return NULL;
    }
    return copy_of(reader, json_string_value(member));
}

char *payload_text_or(struct payload_reader *reader, const json_t *object, const char *key, const char *fallback,
                      const char *why)
{
    if (!payload_is_ok(reader))
        return NULL;
    return payload_has(object, key) ? payload_text(reader, object, key, why) : copy_of(reader, fallback);
}

int64_t payload_integer(struct payload_reader *reader, const json_t *object, const char *key, int64_t min, int64_t max,
                        const char *why)
{
    if (!payload_is_ok(reader))
        return 0;
    const json_t *member = json_object_get(object, key);
    int64_t value = json_integer_value(member);
    if (json_is_integer(member) && value >= min && value <= max)
        return value;
    payload_refuse(reader, why);
    return 0;
}

bool payload_flag(struct payload_reader *reader, const json_t *object, const char *key, const char *why)
{
    if (!payload_is_ok(reader))
        return false;
    const json_t *member = json_object_get(object, key);
    if (!json_is_boolean(member))
        payload_refuse(reader, why);
    return json_is_true(member);
}

const json_t *payload_object(struct payload_reader *reader, const json_t *object, const char *key, const char *why)
{
    if (!payload_is_ok(reader))
        return NULL;
    const json_t *member = json_object_get(object, key);
    if (json_is_object(member))
        return member;
    payload_refuse(reader, why);
    return NULL;
}

const json_t *payload_array(struct payload_reader *reader, const json_t *object, const char *key, const char *why)
{
    if (!payload_is_ok(reader))
        return NULL;
    const json_t *member = json_object_get(object, key);
    if (json_is_array(member))
        return member;
    payload_refuse(reader, why);
    return NULL;
}

void *payload_allocate(struct payload_reader *reader, size_t count, size_t size)
{
    if (!payload_is_ok(reader) || count == 0)
        return NULL;
    void *elements = calloc(count, size);
    if (!elements)
        payload_refuse(reader, PAYLOAD_OUT_OF_MEMORY);
    return elements;
}
