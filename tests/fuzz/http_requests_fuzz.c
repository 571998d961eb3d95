/* http_reader on a visitor's bytes, whole against cut; every head that passes is asked whether it begins a tunnel. */
#include "reader_log.h"

#include "check.h"
#include "tunnel_handshake.h"

static void check_handshake(const struct http_head *head)
{
    struct tunnel_handshake handshake = {0};
    tunnel_handshake_check(head, &handshake);
    switch (handshake.status) {
    case 101:
        check(head->is_upgrade && strlen(handshake.accept) == sizeof handshake.accept - 1);
        check(handshake.subprotocol == SUBPROTOCOL_V1 || handshake.subprotocol == SUBPROTOCOL_V2);
        break;
    case 400:
    case 405:
    case 426:
        check(strlen(handshake.text) > 0 && handshake.fields != NULL);
        break;
    default: /* of a number */
        check(false);
    }
    const struct span bearer = tunnel_handshake_bearer(head);
    for (size_t i = 0; i < bearer.length; i++)
        check(bearer.data[i] != '\r' && bearer.data[i] != '\n');
    (void)tunnel_handshake_is_for(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct reader_setting setting = {.kind = HTTP_REQUESTS, .finishes = true};
    reader_log_check(setting, span_of(data, size), check_handshake);
    return 0;
}
