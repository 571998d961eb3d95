/* JOIN, JOIN_OK and JOIN_ERR (protocol section 4): how a secondary socket enters its session. */
#include "session_payloads.h"

#include "json_writer.h"
#include "payload_json.h"

#include <stdlib.h>

void join_done(struct join *join)
{
    free(join->session);
    free(join->nonce);
    *join = (struct join){0};
}

static void write_join(struct json_writer *writer, const void *payload)
{
    const struct join *join = payload;
    json_begin_object(writer);
    json_text_member(writer, "sessionId", join->session);
    json_number_member(writer, "index", join->index);
    json_text_member(writer, "nonce", join->nonce);
    json_end_object(writer);
}

char *join_encode(const struct join *join)
{
    return json_render(write_join, join);
}

static uint32_t read_index(struct payload_reader *reader, const json_t *root)
{
    return (uint32_t)payload_integer(reader, root, "index", 0, UINT32_MAX, "index must be an integer 0..2^32-1");
}

enum payload_verdict join_decode(struct span json, struct join *ret_join, const char **ret_why)
{
    struct join join = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    join.session = payload_text(&reader, root, "sessionId", "sessionId must be a string without NUL");
    join.index = read_index(&reader, root);
    join.nonce = payload_text(&reader, root, "nonce", "nonce must be a string without NUL");
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_join = join;
    else
        join_done(&join);
    return verdict;
}

static void write_join_ok(struct json_writer *writer, const void *payload)
{
    const uint32_t *index = payload;
    json_begin_object(writer);
    json_number_member(writer, "index", *index);
    json_end_object(writer);
}

char *join_ok_encode(uint32_t index)
{
    return json_render(write_join_ok, &index);
}

enum payload_verdict join_ok_decode(struct span json, uint32_t *ret_index, const char **ret_why)
{
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    uint32_t index = read_index(&reader, root);
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_index = index;
    return verdict;
}

void join_err_done(struct join_err *err)
{
    free(err->code);
    free(err->message);
    *err = (struct join_err){0};
}

struct join_refusal {
    const char *code;
    const char *message;
};

static void write_join_err(struct json_writer *writer, const void *payload)
{
    const struct join_refusal *refusal = payload;
    json_begin_object(writer);
    json_text_member(writer, "code", refusal->code);
    json_text_member(writer, "message", refusal->message);
    json_end_object(writer);
}

char *join_err_encode(const char *code, const char *message)
{
    return json_render(write_join_err, &(struct join_refusal){.code = code, .message = message});
}

enum payload_verdict join_err_decode(struct span json, struct join_err *ret_err, const char **ret_why)
{
    struct join_err err = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    err.code = payload_text(&reader, root, "code", "code must be a string without NUL");
    err.message = payload_text_or(&reader, root, "message", "", "message must be a string without NUL");
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_err = err;
    else
        join_err_done(&err);
    return verdict;
}
