/* What the commands that hold a port stand on: the loop, the daemon, the target, one session with one binding, signals,
 * and what people are told of it all. */
#ifndef HOODY_DRIVER_TUNNEL_H
#define HOODY_DRIVER_TUNNEL_H

#include "exit_status.h"
#include "options.h"
#include "persistent_session.h"

enum { STOP_SIGNAL_COUNT = 3, TUNNEL_URL_BYTES = 2048, TUNNEL_NOTE_BYTES = 512 };

struct tunnel {
    const struct options *options;
    struct loop *loop;
    struct daemon_access daemon;
    struct endpoint target;
    struct binding_wish wish;           /* the command completes it before tunnel_connect */
    struct persistent_session *session; /* NULL: not connected yet */
    bool was_established;
    uint16_t port;                  /* as bound last, 0: not yet */
    char url[TUNNEL_URL_BYTES];     /* as told last */
    char reason[TUNNEL_NOTE_BYTES]; /* of an interruption, as told last; "": none, or it is over */
    struct event *signals[STOP_SIGNAL_COUNT];
    enum exit_status status;
};

/* One line on stderr. */
__attribute__((format(printf, 1, 2))) void tunnel_note(const char *format, ...);

/* Resolves the target, learns how the daemon is reached, watches the signals. false: the reason was told,
 * ret_tunnel->status says what it deserves, there is nothing to be done. */
bool tunnel_init(struct tunnel *ret_tunnel, const struct options *options);
void tunnel_done(struct tunnel *tunnel);

/* Opens the session and asks for the port. */
void tunnel_connect(struct tunnel *tunnel);
/* Until it is over; status says how it ended. */
void tunnel_run(struct tunnel *tunnel);
void tunnel_stop(struct tunnel *tunnel, enum exit_status status);

#endif
