#include "farewell.h"

#include "tunnel_frame.h"
#include "websocket.h"

/* By the close code alone: no GOAWAY came, or one that says nothing. */
static enum session_end close_meaning(const struct farewell *farewell)
{
    switch (farewell->close_code) {
    case WEBSOCKET_CLOSE_AUTH:
        return SESSION_FORBIDDEN;
    case WEBSOCKET_CLOSE_ABNORMAL:
        return SESSION_LOST;
    case WEBSOCKET_CLOSE_POLICY:
        return farewell->was_resuming && !farewell->was_live ? SESSION_EXPIRED : SESSION_FAILED;
    default: /* whatever else peers and edges close with */
        return SESSION_FAILED;
    }
}

enum session_end farewell_meaning(const struct farewell *farewell)
{
    if (!farewell->has_goaway)
        return close_meaning(farewell);
    switch ((enum error_code)farewell->goaway_code) {
    case CODE_AUTH_ERROR:
    case CODE_VERSION_MISMATCH:
    case CODE_BIND_TAKEOVER:
        return SESSION_FORBIDDEN;
    case CODE_PROTOCOL_ERROR:
        /* HELLO was refused, or an admin has closed a live session: both would happen again. What else is wrong with
         * one is closed with 1002. */
        return !farewell->was_live || farewell->close_code == WEBSOCKET_CLOSE_NORMAL ? SESSION_FORBIDDEN
                                                                                     : SESSION_FAILED;
    case CODE_STREAM_CLOSED:
        /* Someone has resumed a live session elsewhere: to take it back would be a quarrel without end. */
        if (farewell->was_live)
            return SESSION_FORBIDDEN;
        return farewell->was_resuming ? SESSION_EXPIRED : SESSION_FAILED;
    case CODE_NO_ERROR:
    case CODE_INTERNAL_ERROR:
    case CODE_FLOW_CONTROL:
    case CODE_FRAME_SIZE:
    case CODE_REFUSED_STREAM:
    case CODE_CANCEL:
    case CODE_ENHANCE_YOUR_CALM:
    case CODE_BIND_ERROR:
    case CODE_IDLE_TIMEOUT:
    case CODE_RESOURCE_EXHAUSTED:
        return SESSION_FAILED;
    }
    return SESSION_FAILED; /* a code of the future */
}
