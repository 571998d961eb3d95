/* The way to the daemon for one connection: name, TCP, the proxy's CONNECT, TLS, one after the other, without blocking.
 */
#ifndef HOODY_DRIVER_DAEMON_DIAL_H
#define HOODY_DRIVER_DAEMON_DIAL_H

#include "daemon_access.h"
#include "loop.h"

struct bufferevent;
struct daemon_dial;

enum dial_failure {
    DIAL_UNREACHABLE, /* nobody answers: another time, perhaps */
    DIAL_REFUSED,     /* somebody does, but not who we look for */
    DIAL_FORBIDDEN,   /* and trying again is no use */
};

struct daemon_dial_events {
    /* The daemon can be spoken to: `bev` is the owner's now, closes its socket when it is freed, and is disabled. */
    void (*on_reached)(void *owner, struct bufferevent *bev);
    /* `text`: one line for people, borrowed, which tells of "it". */
    void (*on_failed)(void *owner, enum dial_failure failure, const char *text);
};

/* `access` and `events` must outlive it. Ends with its one event, or with daemon_dial_destroy, which must follow in
 * either case. */
struct daemon_dial *daemon_dial_new(struct loop *loop, const struct daemon_access *access,
                                    const struct daemon_dial_events *events, void *owner);
void daemon_dial_destroy(struct daemon_dial **p_dial);

enum {
    DIAL_TIMEOUT_MS = 10000,   /* for each address */
    SECURE_TIMEOUT_MS = 10000, /* for the proxy's answer, and again for TLS */
};

#endif
