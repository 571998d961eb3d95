/* What all JSON payloads share (protocol section 2): unknown fields are ignored whatever they hold (\u0000, lone
 * surrogates, numbers out of range), duplicate keys at any depth are an error, a payload is one object, nested at most
 * 2048 deep. An optional field that is null counts as absent. An integer is written without fraction and exponent and
 * fits int64_t; a string that is used holds no NUL. Read with Jansson; outputs are owned by the caller. */
#ifndef HOODY_TUNNEL_PAYLOAD_H
#define HOODY_TUNNEL_PAYLOAD_H

#include "span.h"

struct evbuffer;

enum payload_verdict {
    PAYLOAD_OK,
    PAYLOAD_NOT_JSON, /* not one JSON object, or duplicate keys: a protocol error of the session */
    PAYLOAD_INVALID,  /* JSON, but not what this payload must hold. Out of memory is told as one of these two */
};
/* Every decoder sets ret_why (may be NULL) unless it returns PAYLOAD_OK: static, one line, names the field, fit for
 * GOAWAY. */

#endif
