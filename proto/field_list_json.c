/* Header fields as pairs of strings. */
#include "field_list_json.h"

#define WHY "headers must be an array of pairs of strings"

static struct span span_of_json(const json_t *string)
{
    return span_of(json_string_value(string), json_string_length(string));
}

static bool has_nul(struct span text)
{
    return memchr(text.data, '\0', text.length) != NULL;
}

static void read_pair(struct payload_reader *reader, const json_t *pair, enum nul_policy policy,
                      struct field_list *list)
{
    const json_t *name = json_array_get(pair, 0);
    const json_t *value = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_string(name) || !json_is_string(value)) {
        payload_refuse(reader, WHY);
        return;
    }
    if (has_nul(span_of_json(name)) || has_nul(span_of_json(value))) {
        if (policy == NUL_IS_REFUSED)
            payload_refuse(reader, "headers must not hold NUL");
        return;
    }
    if (!field_list_add(list, span_of_json(name), span_of_json(value)))
        payload_refuse(reader, PAYLOAD_OUT_OF_MEMORY);
}

void field_list_read(struct payload_reader *reader, const json_t *object, enum nul_policy policy,
                     struct field_list *list)
{
    if (!json_object_get(object, "headers"))
        return;
    const json_t *headers = payload_array(reader, object, "headers", WHY);
    for (size_t i = 0; i < json_array_size(headers) && payload_is_ok(reader); i++)
        read_pair(reader, json_array_get(headers, i), policy, list);
}

void field_list_write(struct json_writer *writer, const struct field_list *list)
{
    json_key(writer, "headers");
    json_begin_array(writer);
    for (size_t i = 0; i < list->count; i++) {
        json_begin_array(writer);
        json_text(writer, list->pairs[i].name);
        json_text(writer, list->pairs[i].value);
        json_end_array(writer);
    }
    json_end_array(writer);
}
