/* Session credit of a lost secondary connection. DATA that was on its way there was charged to the session's window by
 * its sender and never counted by its receiver: without a word about it, each loss would make the window smaller for
 * good. So both sides of a session of ours say in CONNECTION_LOST how many bytes they had sent there; the other side
 * takes the difference to what it has received for received, and gives it back. Official drivers skip the frame. Pure.
 */
#ifndef HOODY_TUNNEL_LOST_CREDIT_H
#define HOODY_TUNNEL_LOST_CREDIT_H

#include <stddef.h>
#include <stdint.h>

#include "session_payloads.h"

enum { LOST_CONNECTIONS_MAX = 64 /* that wait for the peer's word; beyond it the oldest is forgotten */ };

/* Zero-initialised: none is lost. */
struct lost_credit {
    struct lost_connection {
        char nonce[JOIN_NONCE_MAX + 1]; /* of the JOIN that it came with: its name; "": no entry */
        uint64_t received;              /* bytes of DATA */
    } connections[LOST_CONNECTIONS_MAX];
    size_t next;
};

/* We have lost a connection. */
void lost_credit_note(struct lost_credit *lost, const char *nonce, uint64_t received_bytes);

enum lost_credit_verdict {
    LOST_CREDIT_UNKNOWN, /* no such connection is lost (any more) */
    LOST_CREDIT_FOUND,   /* *ret_bytes never came; the entry is gone */
    LOST_CREDIT_ABSURD,  /* more was received than sent: the peer lies */
};
/* The peer's word. */
enum lost_credit_verdict lost_credit_settle(struct lost_credit *lost, const struct connection_lost *said,
                                            uint64_t *ret_bytes);

#endif
