/* BIND (protocol section 5): a driver asks for a port. What may be had is the registry's to say, so that the driver
 * gets a BIND_ERR with a reason; only what cannot be answered at all is refused here. */
#include "session_payloads.h"

#include "json_writer.h"
#include "payload_json.h"

#include <stdlib.h>

const char *bind_kind_name(enum bind_kind kind)
{
    switch (kind) {
    case BIND_KIND_HTTP:
        return "http";
    case BIND_KIND_TCP:
        return "tcp";
    case BIND_KIND_OTHER:
        break;
    }
    return "other";
}

const char *bind_mode_name(enum bind_mode mode)
{
    switch (mode) {
    case BIND_MODE_EXPOSE:
        return "expose";
    case BIND_MODE_PULL:
        return "pull";
    case BIND_MODE_OTHER:
        break;
    }
    return "other";
}

void bind_request_done(struct bind_request *request)
{
    free(request->label);
    free(request->host);
    *request = (struct bind_request){0};
}

static enum bind_kind read_kind(const json_t *root)
{
    if (payload_text_is(root, "kind", "http"))
        return BIND_KIND_HTTP;
    return payload_text_is(root, "kind", "tcp") ? BIND_KIND_TCP : BIND_KIND_OTHER;
}

static enum bind_mode read_mode(const json_t *root)
{
    if (payload_text_is(root, "mode", "expose"))
        return BIND_MODE_EXPOSE;
    return payload_text_is(root, "mode", "pull") ? BIND_MODE_PULL : BIND_MODE_OTHER;
}

static int64_t read_port(const json_t *root)
{
    const json_t *port = json_object_get(root, "containerPort");
    return json_is_integer(port) ? json_integer_value(port) : BIND_PORT_NOT_A_PORT;
}

static char *read_host(struct payload_reader *reader, const json_t *root)
{
    if (!payload_has(root, "host"))
        return NULL;
    const json_t *host = json_object_get(root, "host");
    size_t length = json_string_length(host);
    bool is_usable = length > 0 && strlen(json_string_value(host)) == length;
    return is_usable ? payload_text(reader, root, "host", "host must be a string without NUL")
                     : payload_text_or(reader, NULL, "host", BIND_HOST_NOT_A_HOST, "");
}

enum payload_verdict bind_request_decode(struct span json, struct bind_request *ret_request, const char **ret_why)
{
    struct bind_request request = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    request.client_ref =
        payload_integer(&reader, root, "clientBindRef", INT64_MIN, INT64_MAX, "clientBindRef must be an integer");
    request.kind = read_kind(root);
    request.mode = read_mode(root);
    request.container_port = read_port(root);
    if (payload_has(root, "label"))
        request.label = payload_text(&reader, root, "label", "label must be a string without NUL");
    if (payload_has(root, "takeover"))
        request.takeover = payload_flag(&reader, root, "takeover", "takeover must be true or false");
    request.host = read_host(&reader, root);
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_request = request;
    else
        bind_request_done(&request);
    return verdict;
}

static void write_bind_request(struct json_writer *writer, const void *payload)
{
    const struct bind_request *request = payload;
    json_begin_object(writer);
    json_number_member(writer, "clientBindRef", request->client_ref);
    json_text_member(writer, "kind", bind_kind_name(request->kind));
    json_text_member(writer, "mode", bind_mode_name(request->mode));
    json_number_member(writer, "containerPort", request->container_port);
    if (request->label)
        json_text_member(writer, "label", request->label);
    if (request->takeover)
        json_flag_member(writer, "takeover", true);
    if (request->host)
        json_text_member(writer, "host", request->host);
    json_end_object(writer);
}

char *bind_request_encode(const struct bind_request *request)
{
    return json_render(write_bind_request, request);
}
