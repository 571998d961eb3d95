/* The WebSocket subprotocols, which are also the versions of HELLO (protocol sections 1 and 3). */
#include "session_payloads.h"

const char *subprotocol_name(enum subprotocol subprotocol)
{
    switch (subprotocol) {
    case SUBPROTOCOL_V1:
        return SUBPROTOCOL_V1_NAME;
    case SUBPROTOCOL_V2:
        return SUBPROTOCOL_V2_NAME;
    }
    return "";
}

bool subprotocol_parse(struct span name, enum subprotocol *ret_subprotocol)
{
    if (span_equals(name, SUBPROTOCOL_V1_NAME))
        *ret_subprotocol = SUBPROTOCOL_V1;
    else if (span_equals(name, SUBPROTOCOL_V2_NAME))
        *ret_subprotocol = SUBPROTOCOL_V2;
    else
        return false;
    return true;
}
