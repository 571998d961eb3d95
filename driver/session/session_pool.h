/* The secondary sockets of a session (protocol section 4): joined with tickets, kept as many as the daemon grants. One
 * that is lost is opened anew with a fresh ticket, at once first, then after a backoff. For session.c and
 * session_frames.c alone. */
#ifndef HOODY_DRIVER_SESSION_POOL_H
#define HOODY_DRIVER_SESSION_POOL_H

#include "lost_credit.h"
#include "session_payloads.h"

#include <stdbool.h>
#include <stdint.h>

struct event;
struct frame_error;
struct session;
struct session_socket;

struct session_pool {
    struct lost_credit lost; /* of sockets that the daemon has not told us of */
    uint32_t granted;        /* sockets, the primary included */
    unsigned failures;       /* in a row: how long the next try waits */
    bool was_complete;       /* all stood, and people know */
    struct event *timer;     /* tickets are asked for when it fires */
};

enum {
    POOL_JOIN_TIMEOUT_MS = 15000,   /* a secondary must be open and joined within */
    POOL_ANSWER_TIMEOUT_MS = 15000, /* tickets that were asked for must come within, or they are asked for again */
    POOL_FAILURES_MANY = 10,        /* as if so many were in a row: as patient as it gets */
    POOL_STEADY_MS = 5000,          /* a socket that stood so long was no failure */
};

/* HELLO_OK granted `granted` sockets, and these tickets. */
void session_pool_begin(struct session *session, uint32_t granted, const struct join_ticket *tickets, size_t count);
/* Closes them; no new ones come. */
void session_pool_close(struct session *session, uint16_t code);
/* Drops what is left. All streams must be gone. */
void session_pool_done(struct session *session);

/* REISSUE_JOIN_TICKETS came: joins whatever is missing. Tickets for others are left alone. */
void session_pool_take_tickets(struct session *session, const struct join_ticket *tickets, size_t count);
/* CONNECTION_LOST came: the daemon's word on what it had sent on a socket. false: it makes no sense. */
bool session_pool_hear_lost(struct session *session, const struct connection_lost *said, struct frame_error *ret_error);
/* JOIN_OK and JOIN_ERR came. */
void session_pool_joined(struct session_socket *socket);
void session_pool_refused(struct session_socket *socket, const struct join_err *err);
/* It is lost; `why`: one line. */
void session_pool_fail(struct session_socket *socket, const char *why);

#endif
