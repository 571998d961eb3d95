/* One port held by a session: its listener and its visitors. Who may hold it is the binding-registry's decision. */
#ifndef HOODY_ACTORS_BINDING_H
#define HOODY_ACTORS_BINDING_H

#include <event2/listener.h>
#include <sys/queue.h>

#include "gateway.h"
#include "message.h"
#include "session_payloads.h"

struct pull_visitor;
struct visitor;
struct tunnel_session;

struct binding {
    struct gateway *gateway;
    uint64_t id;                     /* bind id, as a key */
    struct connection_id owner;      /* the connection of the session that serves it */
    struct session_id session;       /* whose it was when last seen, also while parked: for the log */
    struct evconnlistener *listener; /* NULL: the port is closed, the last visitors finish their exchanges */
    enum bind_mode mode;
    uint16_t port;
    bool is_served; /* its owner was told that it is bound: requests may become streams; before, visitors wait */
    TAILQ_HEAD(, visitor) visitors;           /* EXPOSE */
    TAILQ_HEAD(, pull_visitor) pull_visitors; /* PULL */
    struct event *accept_again;               /* after the process ran out of descriptors */
    struct permit_wait permit;                /* for its listener, later for the visitor who waits */
    evutil_socket_t waiting_fd; /* a visitor accepted while permits are asked for, so no other is; -1: none */
    char *address;              /* until it listens; owned */
};

/* Handlers of the binding-registry's messages. */
void binding_open(struct gateway *gateway, const struct message_open_listener *open);
void binding_serve(struct gateway *gateway, const struct message_bound *bound);
void binding_transfer(struct gateway *gateway, const struct message_transfer_listener *transfer);
void binding_adopt(struct gateway *gateway, const struct message_adopt_listener *adopt);
void binding_close(struct gateway *gateway, const struct message_close_listener *close);
/* The same, of another shard's. */
void binding_arrive(struct gateway *gateway, const struct message *message);
void binding_take_visitor(struct gateway *gateway, const struct message *message);

/* stop_accepting: every port is closed, so that new visitors are refused at once; those inside go on until
 * close_listener. */
void binding_stop_accepting(struct gateway *gateway);
/* At the gateway's end. */
void binding_destroy_all(struct gateway *gateway);

/* The live session that serves it; NULL: none now. */
struct tunnel_session *binding_session(const struct binding *binding);
static inline struct bind_id binding_id(const struct binding *binding)
{
    return (struct bind_id){(uint32_t)binding->id};
}

/* A visitor is gone. */
void binding_remove_visitor(struct binding *binding, struct visitor *visitor);
void binding_remove_pull_visitor(struct binding *binding, struct pull_visitor *visitor);

#endif
