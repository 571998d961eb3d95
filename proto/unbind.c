/* UNBIND, UNBIND_OK and UNBIND_ERR (protocol section 5): a driver gives a port back. */
#include "session_payloads.h"

#include "json_writer.h"
#include "payload_json.h"

#include <stdlib.h>

static void write_unbind(struct json_writer *writer, const void *payload)
{
    const uint32_t *bind = payload;
    json_begin_object(writer);
    json_number_member(writer, "bindId", *bind);
    json_end_object(writer);
}

char *unbind_encode(uint32_t bind)
{
    return json_render(write_unbind, &bind);
}

static uint32_t read_bind(struct payload_reader *reader, const json_t *root)
{
    return (uint32_t)payload_integer(reader, root, "bindId", 0, UINT32_MAX, "bindId must be an integer 0..2^32-1");
}

enum payload_verdict unbind_decode(struct span json, uint32_t *ret_bind, const char **ret_why)
{
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    uint32_t bind = read_bind(&reader, root);
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_bind = bind;
    return verdict;
}

void unbind_err_done(struct unbind_err *err)
{
    free(err->code);
    free(err->message);
    *err = (struct unbind_err){0};
}

struct unbind_refusal {
    uint32_t bind;
    const char *code;
    const char *message;
};

static void write_unbind_err(struct json_writer *writer, const void *payload)
{
    const struct unbind_refusal *refusal = payload;
    json_begin_object(writer);
    json_number_member(writer, "bindId", refusal->bind);
    json_text_member(writer, "code", refusal->code);
    json_text_member(writer, "message", refusal->message);
    json_end_object(writer);
}

char *unbind_err_encode(uint32_t bind, const char *code, const char *message)
{
    return json_render(write_unbind_err, &(struct unbind_refusal){.bind = bind, .code = code, .message = message});
}

enum payload_verdict unbind_err_decode(struct span json, struct unbind_err *ret_err, const char **ret_why)
{
    struct unbind_err err = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    err.bind = read_bind(&reader, root);
    err.code = payload_text(&reader, root, "code", "code must be a string without NUL");
    err.message = payload_text_or(&reader, root, "message", "", "message must be a string without NUL");
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_err = err;
    else
        unbind_err_done(&err);
    return verdict;
}
