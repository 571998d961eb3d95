#include "handshake.h"

#include <event2/buffer.h>
#include <stdio.h>

enum { HTTP_SWITCHING_PROTOCOLS = 101 };

void handshake_write(const struct server_url *url, const char *key, const char *subprotocols, const char *token,
                     struct evbuffer *out)
{
    char host[HOST_PORT_BYTES];
    host_port_format_authority(&url->where, url->is_tls ? WSS_PORT : WS_PORT, host);
    evbuffer_add_printf(out,
                        "GET %s HTTP/1.1\r\n"
                        "Host: %s\r\n"
                        "Connection: Upgrade\r\n"
                        "Upgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: %s\r\n"
                        "Sec-WebSocket-Protocol: %s\r\n"
                        "User-Agent: hoody-tunnel/%s\r\n",
                        url->path, host, key, subprotocols, HOODY_VERSION);
    if (*token != '\0')
        evbuffer_add_printf(out, "Authorization: Bearer %s\r\n", token);
    evbuffer_add_printf(out, "\r\n");
}

/* What to say of an answer that is not a 101. */
static const char *refusal_hint(uint16_t status)
{
    switch (status) {
    case 400:
        return "it speaks no protocol version that this program knows";
    case 401:
        return "it asks for a token (see --token-file), or for another one";
    case 403:
        return "it does not let this address, this name (see its --trusted-source and --admin-host) or this token in";
    case 404:
    case 405:
        return "is that the URL of a hoody-tunnel daemon?";
    case 503:
        return "it is busy, or an edge in between does not reach it";
    default:
        return "is there a hoody-tunnel daemon?";
    }
}

/* No name of a subprotocol is part of another one's. */
static bool find_subprotocol(const struct http_head *answer, const char *offered, enum subprotocol *ret_subprotocol)
{
    const struct http_field *field = http_head_field(answer, "sec-websocket-protocol");
    enum subprotocol subprotocol;
    if (field == NULL || !subprotocol_parse(field->value, &subprotocol) ||
        strstr(offered, subprotocol_name(subprotocol)) == NULL)
        return false;
    *ret_subprotocol = subprotocol;
    return true;
}

static bool field_is(const struct http_head *answer, const char *name, const char *value)
{
    const struct http_field *field = http_head_field(answer, name);
    return field != NULL && span_equals(field->value, value);
}

bool handshake_is_accepted(const struct http_head *answer, const char *key, const char *subprotocols,
                           enum subprotocol *ret_subprotocol, char ret_why[HANDSHAKE_WHY_BYTES])
{
    if (answer->status != HTTP_SWITCHING_PROTOCOLS) {
        snprintf(ret_why, HANDSHAKE_WHY_BYTES, "it answered HTTP %u %.*s: %s", (unsigned)answer->status,
                 (int)(answer->reason.length > 60 ? 60 : answer->reason.length),
                 answer->reason.length > 0 ? (const char *)answer->reason.data : "", refusal_hint(answer->status));
        return false;
    }
    char accept[WEBSOCKET_ACCEPT_LENGTH + 1];
    websocket_accept_key(span_of_string(key), accept);
    enum subprotocol subprotocol = SUBPROTOCOL_V1;
    const char *why = NULL;
    if (!http_head_has_token(answer, "upgrade", "websocket") || !http_head_has_token(answer, "connection", "upgrade"))
        why = "it switched to something that is no WebSocket";
    else if (!field_is(answer, "sec-websocket-accept", accept))
        why = "its Sec-WebSocket-Accept is not the answer to our key";
    else if (!find_subprotocol(answer, subprotocols, &subprotocol))
        why = "it did not take up the tunnel's subprotocol";
    else if (http_head_field(answer, "sec-websocket-extensions") != NULL)
        why = "it switched on an extension that nobody asked for";
    if (why != NULL) {
        snprintf(ret_why, HANDSHAKE_WHY_BYTES, "%s", why);
        return false;
    }
    *ret_subprotocol = subprotocol;
    return true;
}

bool handshake_is_final(const struct http_head *answer)
{
    static const uint16_t FINAL[] = {400, 401, 403, 405, 407, 426};
    for (size_t i = 0; i < sizeof FINAL / sizeof *FINAL; i++)
        if (answer->status == FINAL[i])
            return true;
    return false;
}
