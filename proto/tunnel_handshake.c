#include "tunnel_handshake.h"

#include "http_target.h"
#include "websocket.h"

#define VERSIONS_FIELD "x-hoody-tunnel-versions: hoody-tunnel.v2, hoody-tunnel.v1\r\n"

bool tunnel_handshake_is_for(const struct http_head *head)
{
    struct http_target target = http_target_read(head->target);
    struct span path = target.form == TARGET_ABSOLUTE ? target.path : head->target;
    const uint8_t *query = path.length > 0 ? memchr(path.data, '?', path.length) : NULL;
    return span_equals(span_of(path.data, query ? (size_t)(query - path.data) : path.length), TUNNEL_CONNECT_PATH);
}

struct span tunnel_handshake_host(const struct http_head *head)
{
    struct http_target target = http_target_read(head->target);
    return target.form == TARGET_ABSOLUTE ? target.host : head->host;
}

static void refuse(struct tunnel_handshake *handshake, uint16_t status, const char *fields, const char *text)
{
    *handshake = (struct tunnel_handshake){.status = status, .fields = fields, .text = text};
}

static bool choose_subprotocol(const struct http_head *head, enum subprotocol *ret_subprotocol)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (!span_equals_nocase(head->fields[i].name, "sec-websocket-protocol"))
            continue;
        struct span list = head->fields[i].value;
        struct span token;
        while (http_list_next(&list, &token))
            if (subprotocol_parse(token, ret_subprotocol))
                return true;
    }
    return false;
}

static size_t count_fields(const struct http_head *head, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < head->field_count; i++)
        if (span_equals_nocase(head->fields[i].name, name))
            count++;
    return count;
}

void tunnel_handshake_check(const struct http_head *head, struct tunnel_handshake *ret_handshake)
{
    struct tunnel_handshake handshake = {.status = 101};
    const struct http_field *key = http_head_field(head, "sec-websocket-key");
    const struct http_field *version = http_head_field(head, "sec-websocket-version");
    if (!span_equals(head->method, "GET"))
        refuse(&handshake, 405, "Allow: GET\r\n", "a tunnel is opened by GET with a WebSocket upgrade\n");
    else if (!head->is_upgrade || !http_head_has_token(head, "upgrade", "websocket"))
        refuse(&handshake, 400, VERSIONS_FIELD,
               "this is where tunnel drivers connect by WebSocket; supported subprotocols: hoody-tunnel.v2, "
               "hoody-tunnel.v1\n");
    else if (!version)
        refuse(&handshake, 400, "", "Sec-WebSocket-Version is missing\n");
    else if (!span_equals(version->value, "13") || count_fields(head, "sec-websocket-version") != 1)
        refuse(&handshake, 426, "Sec-WebSocket-Version: 13\r\n",
               "only WebSocket version 13 (RFC 6455) is spoken here\n");
    else if (!key || !websocket_key_is_valid(key->value) || count_fields(head, "sec-websocket-key") != 1)
        refuse(&handshake, 400, "", "Sec-WebSocket-Key must be 16 bytes in base64\n");
    else if (!choose_subprotocol(head, &handshake.subprotocol))
        refuse(&handshake, 400, VERSIONS_FIELD,
               "no supported subprotocol offered; supported: hoody-tunnel.v2, hoody-tunnel.v1\n");
    else
        websocket_accept_key(key->value, handshake.accept);
    *ret_handshake = handshake;
}

struct span tunnel_handshake_bearer(const struct http_head *head)
{
    static const char scheme[] = "bearer ";
    const struct http_field *field = http_head_field(head, "authorization");
    size_t scheme_length = sizeof scheme - 1;
    if (!field || field->value.length <= scheme_length ||
        !span_equals_nocase(span_of(field->value.data, scheme_length), scheme))
        return span_of(NULL, 0);
    struct span token = span_of(field->value.data + scheme_length, field->value.length - scheme_length);
    while (token.length > 0 && *token.data == ' ') {
        token.data++;
        token.length--;
    }
    return token;
}
