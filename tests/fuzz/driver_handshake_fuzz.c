/* The driver's handshake: for every URL that is accepted the daemon's half finds a good request; an answer is refused
 * in one line unless it has what RFC 6455 asks for. Input: the URL on the first line, then what the daemon answers. */
#include "fuzz_input.h"

#include "check.h"
#include "handshake.h"
#include "tunnel_handshake.h"

#include <event2/buffer.h>
#include <stdlib.h>

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void check_request(const struct server_url *url)
{
    struct evbuffer *wire = evbuffer_new();
    struct http_reader *reader = http_reader_new(HTTP_REQUESTS);
    struct tunnel_handshake handshake;
    handshake_write(url, KEY, SUBPROTOCOL_V1_NAME, "", wire);
    if (http_reader_read(reader, wire, NULL, 0) == HTTP_HEAD) {
        const struct http_head *head = http_reader_head(reader);
        check(span_equals(head->target, url->path) && evbuffer_get_length(wire) == 0);
        tunnel_handshake_check(head, &handshake);
        check(handshake.status == 101 && strcmp(handshake.accept, ACCEPT) == 0);
    } else { /* what our own daemon does not take in a target is the user's to say to another */
        check(strpbrk(url->path, "\"#<>") != NULL);
    }
    http_reader_destroy(&reader);
    evbuffer_free(wire);
}

static bool has(const struct http_head *head, const char *name, const char *value)
{
    const struct http_field *field = http_head_field(head, name);
    return field != NULL && span_equals(field->value, value);
}

static void check_answer(const struct http_head *head)
{
    char why[HANDSHAKE_WHY_BYTES];
    memset(why, 'x', sizeof why);
    enum subprotocol subprotocol;
    if (handshake_is_accepted(head, KEY, SUBPROTOCOL_V1_NAME, &subprotocol, why)) {
        check(head->status == 101 && has(head, "sec-websocket-accept", ACCEPT));
        check(subprotocol == SUBPROTOCOL_V1 && has(head, "sec-websocket-protocol", SUBPROTOCOL_V1_NAME));
        return;
    }
    check(strnlen(why, sizeof why) < sizeof why && strlen(why) > 0);
    for (const char *at = why; *at != '\0'; at++)
        check((uint8_t)*at >= 0x20 || *at == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    char *text = fuzz_text(fuzz_take_line(&input));
    struct server_url url;
    const char *why = NULL;
    if (server_url_parse(text, &url, &why))
        check_request(&url);
    free(text);

    struct evbuffer *in = evbuffer_new();
    struct http_reader *reader = http_reader_new(HTTP_ANSWERS);
    evbuffer_add(in, input.data, input.length);
    if (http_reader_read(reader, in, NULL, 0) == HTTP_HEAD)
        check_answer(http_reader_head(reader));
    http_reader_destroy(&reader);
    evbuffer_free(in);
    return 0;
}
