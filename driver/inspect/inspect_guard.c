#include "inspect_guard.h"

#include "check.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>

enum { HTTP_PORT = 80 };

#define SCHEME      "http://"
#define TOKEN_FIELD "x-inspect-token"

static void make_token(char ret_token[INSPECT_TOKEN_BYTES])
{
    uint8_t bytes[(INSPECT_TOKEN_BYTES - 1) / 2];
    check(RAND_bytes(bytes, sizeof bytes) == 1);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(ret_token + 2 * i, 3, "%02x", bytes[i]);
}

void inspect_guard_init(struct inspect_guard *ret_guard, const struct host_port *where)
{
    const struct host_port by_name = {.host = "localhost", .port = where->port};
    *ret_guard = (struct inspect_guard){.port = where->port};
    host_port_format_authority(where, HTTP_PORT, ret_guard->names[0]);
    host_port_format_authority(&by_name, HTTP_PORT, ret_guard->names[1]);
    make_token(ret_guard->token);
}

static bool is_ours(const struct inspect_guard *guard, struct span host)
{
    return span_equals_nocase(host, guard->names[0]) || span_equals_nocase(host, guard->names[1]);
}

/* Cross-origin is also localhost to 127.0.0.1: nothing of ours asks that way. */
static bool is_own_origin(struct span origin, struct span host)
{
    const size_t scheme = sizeof SCHEME - 1;
    return origin.length == scheme + host.length && memcmp(origin.data, SCHEME, scheme) == 0 &&
           strncasecmp((const char *)origin.data + scheme, (const char *)host.data, host.length) == 0;
}

static bool has_value(const struct http_head *head, const char *name, const char *value)
{
    const struct http_field *field = http_head_field(head, name);
    return field != NULL && span_equals_nocase(field->value, value);
}

/* Somebody clicked on our address elsewhere, in a terminal that is a web page perhaps: the other site sees nothing. */
static bool is_visit(const struct http_head *head)
{
    return span_equals(head->method, "GET") && has_value(head, "sec-fetch-mode", "navigate") &&
           has_value(head, "sec-fetch-dest", "document");
}

static bool is_own_site(struct span site)
{
    return span_equals(site, "same-origin") || span_equals(site, "none");
}

const char *inspect_guard_refuses(const struct inspect_guard *guard, const struct http_head *head)
{
    if (!is_ours(guard, head->host))
        return "this address is not known by that Host";
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (span_equals_nocase(field->name, "origin") && !is_own_origin(field->value, head->host))
            return "requests of other origins are not answered";
        if (span_equals_nocase(field->name, "sec-fetch-site") && !is_own_site(field->value) && !is_visit(head))
            return "requests of other sites are not answered";
    }
    return NULL;
}

const char *inspect_guard_refuses_effect(const struct inspect_guard *guard, const struct http_head *head)
{
    const struct http_field *field = http_head_field(head, TOKEN_FIELD);
    const size_t length = INSPECT_TOKEN_BYTES - 1;
    if (field == NULL || field->value.length != length || CRYPTO_memcmp(field->value.data, guard->token, length) != 0)
        return TOKEN_FIELD " must hold the token that /api/info tells";
    return NULL;
}
