/* The mailbox every actor stands on: one PULL inbox bound at inproc://<actor> (gateways: inproc://ws-gateway-<shard>),
 * and a PUSH outbox to each peer. Sends never block; a mailbox belongs to one thread. */
#ifndef HOODY_ACTORS_MAILBOX_H
#define HOODY_ACTORS_MAILBOX_H

#include "log.h"
#include "message.h"

enum {
    SHARDS_MAX = 16,
    MAILBOX_DEPTH = 100000, /* messages that may wait in an outbox plus inbox; asks are bounded far below */
    MAILBOX_BURST = 64,     /* messages handled in a row before sockets get their turn */
};

struct mailbox;

/* Binds the inbox. NULL: it could not (said in the log). `log` is borrowed. */
struct mailbox *mailbox_new(enum actor actor, uint32_t shard, const struct log *log);
void mailbox_destroy(struct mailbox **p_mailbox);
/* Opens the outboxes to all that the catalogue lets this actor speak to, with so many gateways. Otherwise each is
 * opened when it is first written to, and then there may be no descriptor left for it. */
void mailbox_connect(struct mailbox *mailbox, uint32_t gateways);

/* Sends to the actor that the catalogue names (a gateway: to the shard that the message names). false: the message was
 * lost, logged and counted: the receiver is gone or its mailbox is full. Each loss is counted; the log has the 1st,
 * 2nd, 4th, 8th... Saying what the catalogue lets only others say is a broken invariant. */
bool mailbox_send(struct mailbox *mailbox, const struct message *message);
/* For messages whose catalogue receiver is `any`. */
bool mailbox_send_to(struct mailbox *mailbox, enum actor actor, uint32_t shard, const struct message *message);

/* Takes the next message, never waits. false: none now. Messages that do not parse, or that are not for this actor, are
 * logged, counted and skipped. ping_actor is answered here. The caller gives ret_message to message_done. */
bool mailbox_receive(struct mailbox *mailbox, struct message *ret_message);

/* For event loops: readable on edges only; after each wake-up and after arming, receive until it says none. */
int mailbox_fd(const struct mailbox *mailbox);
/* Reads the socket's state afresh: true: mailbox_receive would find something. */
bool mailbox_has_input(struct mailbox *mailbox);
/* The inbox as zmq_poll wants it: libzmq's socket. Borrowed. */
void *mailbox_inbox(struct mailbox *mailbox);

struct mailbox_counts {
    uint64_t received;
    uint64_t sent;
    uint64_t refused; /* did not parse */
    uint64_t lost;    /* could not be sent */
};
struct mailbox_counts mailbox_counts(const struct mailbox *mailbox);

#endif
