/* BIND_OK (protocol section 5): the port a driver got. */
#include "session_payloads.h"

#include "json_writer.h"
#include "payload_json.h"

#include <stdlib.h>

void bind_ok_done(struct bind_ok *ok)
{
    free(ok->public_url);
    *ok = (struct bind_ok){0};
}

static void write_bind_ok(struct json_writer *writer, const void *payload)
{
    const struct bind_ok *ok = payload;
    json_begin_object(writer);
    json_number_member(writer, "clientBindRef", ok->client_ref);
    json_number_member(writer, "bindId", ok->bind);
    json_number_member(writer, "containerPort", ok->container_port);
    if (ok->public_url)
        json_text_member(writer, "publicUrl", ok->public_url);
    else
        json_null_member(writer, "publicUrl");
    json_end_object(writer);
}

char *bind_ok_encode(const struct bind_ok *ok)
{
    return json_render(write_bind_ok, ok);
}

enum payload_verdict bind_ok_decode(struct span json, struct bind_ok *ret_ok, const char **ret_why)
{
    struct bind_ok ok = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    ok.client_ref =
        payload_integer(&reader, root, "clientBindRef", INT64_MIN, INT64_MAX, "clientBindRef must be an integer");
    ok.bind = (uint32_t)payload_integer(&reader, root, "bindId", 1, INT32_MAX, "bindId must be an integer 1..2^31-1");
    ok.container_port = (uint16_t)payload_integer(&reader, root, "containerPort", 1, UINT16_MAX,
                                                  "containerPort must be an integer 1..65535");
    if (payload_has(root, "publicUrl"))
        ok.public_url = payload_text(&reader, root, "publicUrl", "publicUrl must be a string without NUL, or null");
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_ok = ok;
    else
        bind_ok_done(&ok);
    return verdict;
}
