/* CONNECTION_LOST: what had been sent on a secondary connection that is gone. */
#include "session_payloads.h"

#include "json_writer.h"
#include "payload_json.h"

#include <stdlib.h>
#include <string.h>

static void write_connection_lost(struct json_writer *writer, const void *payload)
{
    const struct connection_lost *lost = payload;
    json_begin_object(writer);
    json_text_member(writer, "nonce", lost->nonce);
    json_number_member(writer, "dataBytes", (int64_t)lost->data_bytes);
    json_end_object(writer);
}

char *connection_lost_encode(const struct connection_lost *lost)
{
    return json_render(write_connection_lost, lost);
}

enum payload_verdict connection_lost_decode(struct span json, struct connection_lost *ret_lost, const char **ret_why)
{
    struct connection_lost lost = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    char *nonce = payload_text(&reader, root, "nonce", "nonce must be a string without NUL");
    if (nonce && strlen(nonce) <= JOIN_NONCE_MAX)
        strcpy(lost.nonce, nonce);
    else
        payload_refuse(&reader, "nonce is longer than 64 bytes");
    free(nonce);
    lost.data_bytes = (uint64_t)payload_integer(&reader, root, "dataBytes", 0, INT64_MAX,
                                                "dataBytes must be an integer of at least 0");
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_lost = lost;
    return verdict;
}
