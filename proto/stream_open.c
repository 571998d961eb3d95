/* STREAM_OPEN (protocol section 6): the kit tells a driver about a visitor's request or connection. */
#include "stream_payloads.h"

#include "check.h"
#include "field_list_json.h"
#include "stream_head_decoders.h"

#include <stdlib.h>

void stream_open_done(struct stream_open *open)
{
    free(open->method);
    free(open->target);
    field_list_done(&open->fields);
    free(open->peer_address);
    *open = (struct stream_open){0};
}

static void write_http(struct json_writer *writer, const struct stream_open *open)
{
    check(open->method && open->target);
    json_text_member(writer, "kind", "http");
    json_text_member(writer, "method", open->method);
    json_text_member(writer, "target", open->target);
    field_list_write(writer, &open->fields);
    json_flag_member(writer, "isUpgrade", open->is_upgrade);
}

static void write_stream_open(struct json_writer *writer, const void *payload)
{
    const struct stream_open *open = payload;
    json_begin_object(writer);
    switch (open->kind) {
    case STREAM_HTTP:
        write_http(writer, open);
        break;
    case STREAM_TCP:
        json_text_member(writer, "kind", "tcp");
        break;
    }
    json_number_member(writer, "bindId", open->bind);
    json_number_member(writer, "containerPort", open->container_port);
    if (open->peer_address)
        json_text_member(writer, "peerAddr", open->peer_address);
    json_end_object(writer);
}

size_t stream_open_encode(const struct stream_open *open, struct evbuffer *out)
{
    return json_append(write_stream_open, open, out);
}

static void read_kind(struct payload_reader *reader, const json_t *root, struct stream_open *open)
{
    if (payload_text_is(root, "kind", "http"))
        open->kind = STREAM_HTTP;
    else if (payload_text_is(root, "kind", "tcp"))
        open->kind = STREAM_TCP;
    else
        payload_refuse(reader, "kind must be http or tcp");
}

static void read_http(struct payload_reader *reader, const json_t *root, struct stream_open *open)
{
    open->method = payload_text(reader, root, "method", "method must be a string without NUL");
    open->target = payload_text(reader, root, "target", "target must be a string without NUL");
    field_list_read(reader, root, NUL_IS_REFUSED, &open->fields);
    if (payload_has(root, "isUpgrade"))
        open->is_upgrade = payload_flag(reader, root, "isUpgrade", "isUpgrade must be true or false");
}

enum payload_verdict stream_open_load(struct span json, struct stream_open *ret_open, const char **ret_why)
{
    struct stream_open open = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    read_kind(&reader, root, &open);
    if (open.kind == STREAM_HTTP)
        read_http(&reader, root, &open);
    open.bind = (uint32_t)payload_integer(&reader, root, "bindId", 1, INT32_MAX, "bindId must be an integer 1..2^31-1");
    if (payload_has(root, "containerPort"))
        open.container_port = (uint16_t)payload_integer(&reader, root, "containerPort", 0, UINT16_MAX,
                                                        "containerPort must be an integer 0..65535");
    if (payload_has(root, "peerAddr"))
        open.peer_address = payload_text(&reader, root, "peerAddr", "peerAddr must be a string without NUL");
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_open = open;
    else
        stream_open_done(&open);
    return verdict;
}

enum payload_verdict stream_open_decode(struct span json, struct stream_open *ret_open, const char **ret_why)
{
    return stream_open_pull(json, ret_open) ? PAYLOAD_OK : stream_open_load(json, ret_open, ret_why);
}
