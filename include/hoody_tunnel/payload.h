/* What all JSON payloads share (protocol section 2): unknown fields are ignored whatever they hold (\u0000 included),
 * duplicate keys are an error, a payload is one object. Read with Jansson; outputs are owned by the caller. */
#ifndef HOODY_TUNNEL_PAYLOAD_H
#define HOODY_TUNNEL_PAYLOAD_H

#include "span.h"

struct evbuffer;

enum payload_verdict {
    PAYLOAD_OK,
    PAYLOAD_NOT_JSON, /* not one JSON object, or duplicate keys: a protocol error of the session */
    PAYLOAD_INVALID,  /* JSON, but not what this payload must hold; ret_why (static) says what */
};

#endif
