/* GOAWAY (protocol section 7): the last word of a session. */
#include "session_payloads.h"

#include "json_writer.h"
#include "payload_json.h"

#include <stdlib.h>

void goaway_done(struct goaway *goaway)
{
    free(goaway->message);
    *goaway = (struct goaway){0};
}

struct farewell {
    uint32_t code;
    const char *message;
};

static void write_goaway(struct json_writer *writer, const void *payload)
{
    const struct farewell *farewell = payload;
    json_begin_object(writer);
    json_number_member(writer, "code", farewell->code);
    json_text_member(writer, "message", farewell->message);
    json_number_member(writer, "lastStreamId", 0);
    json_number_member(writer, "retryAfterMs", 0);
    json_end_object(writer);
}

char *goaway_encode(uint32_t code, const char *message)
{
    return json_render(write_goaway, &(struct farewell){.code = code, .message = message});
}

enum payload_verdict goaway_decode(struct span json, struct goaway *ret_goaway, const char **ret_why)
{
    struct goaway goaway = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    goaway.code = (uint32_t)payload_integer(&reader, root, "code", 0, UINT32_MAX, "code must be an integer 0..2^32-1");
    goaway.message = payload_text_or(&reader, root, "message", "", "message must be a string without NUL");
    if (payload_has(root, "retryAfterMs"))
        goaway.retry_after_ms = (uint32_t)payload_integer(&reader, root, "retryAfterMs", 0, UINT32_MAX,
                                                          "retryAfterMs must be an integer 0..2^32-1");
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_goaway = goaway;
    else
        goaway_done(&goaway);
    return verdict;
}
