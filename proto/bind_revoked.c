/* BIND_REVOKED (protocol section 5): a takeover gave a driver's port to another. */
#include "session_payloads.h"

#include "json_writer.h"
#include "payload_json.h"

#include <stdlib.h>

struct revocation {
    uint32_t bind;
    const char *reason;
};

static void write_bind_revoked(struct json_writer *writer, const void *payload)
{
    const struct revocation *revocation = payload;
    json_begin_object(writer);
    json_number_member(writer, "bindId", revocation->bind);
    json_text_member(writer, "reason", revocation->reason);
    json_end_object(writer);
}

char *bind_revoked_encode(uint32_t bind, const char *reason)
{
    return json_render(write_bind_revoked, &(struct revocation){.bind = bind, .reason = reason});
}

enum payload_verdict bind_revoked_decode(struct span json, uint32_t *ret_bind, char **ret_reason, const char **ret_why)
{
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    uint32_t bind =
        (uint32_t)payload_integer(&reader, root, "bindId", 1, INT32_MAX, "bindId must be an integer 1..2^31-1");
    char *reason = payload_text_or(&reader, root, "reason", "", "reason must be a string without NUL");
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK) {
        *ret_bind = bind;
        *ret_reason = reason;
    } else {
        free(reason);
    }
    return verdict;
}
