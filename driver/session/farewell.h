/* What the end of a session's connection means for the next try (protocol sections 3 and 7): which GOAWAY and close
 * code, and when. Pure. */
#ifndef HOODY_DRIVER_FAREWELL_H
#define HOODY_DRIVER_FAREWELL_H

#include <stdbool.h>
#include <stdint.h>

enum session_end {
    SESSION_CLOSED,      /* we asked for it */
    SESSION_UNREACHABLE, /* the daemon can't be reached */
    SESSION_LOST,        /* the connection broke: the daemon may still keep the session */
    SESSION_EXPIRED,     /* the session that was to be resumed is gone: a new one may do, at once */
    SESSION_FAILED,      /* not this time: another try may do */
    SESSION_FORBIDDEN,   /* trying again is no use, or would quarrel with people */
};

struct farewell {
    bool was_live;     /* HELLO_OK had come */
    bool was_resuming; /* HELLO asked for a resume */
    bool has_goaway;
    uint32_t goaway_code;
    uint16_t close_code; /* of the daemon's close frame; WEBSOCKET_CLOSE_ABNORMAL: none came */
};

/* Of an end that the daemon made. */
enum session_end farewell_meaning(const struct farewell *farewell);

#endif
