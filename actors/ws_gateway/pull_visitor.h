/* Whoever connects to a PULL port: one TCP connection, raw bytes both ways, each side ending on its own (protocol
 * section 6, PULL). */
#ifndef HOODY_ACTORS_PULL_VISITOR_H
#define HOODY_ACTORS_PULL_VISITOR_H

#include <event2/bufferevent.h>
#include <sys/queue.h>

#include "cidr.h"
#include "gateway.h"
#include "paused_sockets.h"
#include "stream.h"

struct binding;

struct pull_visitor {
    struct gateway *gateway;
    struct binding *binding;
    struct bufferevent *socket;
    struct prompt_socket prompt;
    struct stream *stream;
    char peer[ADDRESS_TEXT_MAX];
    bool input_ended;          /* the visitor's FIN came */
    bool answer_ended;         /* the driver's EOF came */
    bool output_ended;         /* our FIN is out */
    struct event *half_closed; /* NULL: never waited for so */
    struct paused_socket paused;

    /* For the access log. */
    struct session_id session;
    struct bind_id bind;
    uint64_t began_ms;
    uint64_t received_bytes;
    uint64_t sent_bytes;
    TAILQ_ENTRY(pull_visitor) binding_link;
};

/* Takes the accepted descriptor, and the permit that was got for it. Closes it with nothing sent when there is no
 * session, no stream or no permit for it. */
void pull_visitor_accept(struct binding *binding, evutil_socket_t fd, const struct sockaddr *peer, bool has_permit);
/* Its binding is released: aborted, or left to end by itself. */
void pull_visitor_evict(struct pull_visitor *visitor, bool may_end);

#endif
