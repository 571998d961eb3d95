#include "admin/api_reader.h"

json_t *api_parse(struct span body, int *ret_line)
{
    json_error_t error;
    json_t *root = json_loadb((const char *)body.data, body.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (root == NULL)
        *ret_line = error.line;
    return root;
}

static const json_t *field_of(struct api_reader *reader, const json_t *object, const char *field, json_type type)
{
    const json_t *value = json_object_get(object, field);
    if (value != NULL && json_typeof(value) == type)
        return value;
    if (reader->bad_field == NULL)
        reader->bad_field = field;
    return NULL;
}

struct span api_text(struct api_reader *reader, const json_t *object, const char *field)
{
    const json_t *value = field_of(reader, object, field, JSON_STRING);
    return value != NULL ? span_of(json_string_value(value), json_string_length(value)) : span_of("", 0);
}

json_int_t api_count(struct api_reader *reader, const json_t *object, const char *field)
{
    const json_t *value = field_of(reader, object, field, JSON_INTEGER);
    if (value == NULL)
        return 0;
    if (json_integer_value(value) >= 0)
        return json_integer_value(value);
    if (reader->bad_field == NULL)
        reader->bad_field = field;
    return 0;
}

bool api_flag(struct api_reader *reader, const json_t *object, const char *field)
{
    const json_t *value = json_object_get(object, field);
    if (!json_is_boolean(value) && reader->bad_field == NULL)
        reader->bad_field = field;
    return json_is_true(value);
}

const json_t *api_list(struct api_reader *reader, const json_t *object, const char *field)
{
    return field_of(reader, object, field, JSON_ARRAY);
}

bool api_has(const json_t *object, const char *field)
{
    return json_object_get(object, field) != NULL;
}
