/* BIND_ERR (protocol section 5): why a driver did not get a port. */
#include "session_payloads.h"

#include "json_writer.h"
#include "payload_json.h"

#include <stdlib.h>

void bind_err_done(struct bind_err *err)
{
    free(err->code);
    free(err->message);
    *err = (struct bind_err){0};
}

static void write_bind_err(struct json_writer *writer, const void *payload)
{
    const struct bind_err *err = payload;
    json_begin_object(writer);
    json_number_member(writer, "clientBindRef", err->client_ref);
    json_text_member(writer, "code", err->code);
    json_text_member(writer, "message", err->message);
    json_end_object(writer);
}

char *bind_err_encode(const struct bind_err *err)
{
    return json_render(write_bind_err, err);
}

enum payload_verdict bind_err_decode(struct span json, struct bind_err *ret_err, const char **ret_why)
{
    struct bind_err err = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    err.client_ref =
        payload_integer(&reader, root, "clientBindRef", INT64_MIN, INT64_MAX, "clientBindRef must be an integer");
    err.code = payload_text(&reader, root, "code", "code must be a string without NUL");
    err.message = payload_text_or(&reader, root, "message", "", "message must be a string without NUL");
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_err = err;
    else
        bind_err_done(&err);
    return verdict;
}
