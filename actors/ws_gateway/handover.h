/* Sockets that change shard (protocol: none of the driver's business): a driver's connection whose session lives on
 * another shard, and a port that was taken over by a session on another shard, with the visitors who stay.
 *
 * The base port is shard 0's, so every driver comes in there. The session-manager says where its session lives, before
 * anything is decided: a connection that belongs elsewhere is handed over as it asks, and asks again from there. So a
 * session's sockets are all on its shard from their first decision on, for its whole life, parked or not, and nothing
 * that is said to them can overtake them. A listener is on the shard of whoever holds it; a takeover sends it, then its
 * visitors, and the registry hears listener_opened or listener_failed from wherever it ends up, always and once.
 *
 * The sender has forgotten what it sends. What cannot be sent is closed here, what cannot be kept is closed there. */
#ifndef HOODY_ACTORS_HANDOVER_H
#define HOODY_ACTORS_HANDOVER_H

#include "gateway.h"
#include "message.h"

struct bufferevent;
struct driver_connection;

/* A connection that awaits a decision: takes its socket and its permit. */
void handover_driver(struct driver_connection *connection, uint32_t to_shard);
/* A listening descriptor, taken with its permit, and its port. */
void handover_listener(struct gateway *gateway, const struct message_transfer_listener *transfer, uint16_t port,
                       int fd);
/* A visitor between requests, taken with its permit. `came_ms`: when its next request's first byte was read, or 0. */
void handover_visitor(struct gateway *gateway, const struct message_transfer_listener *transfer,
                      struct bufferevent **p_socket, uint64_t came_ms);
/* A visitor who waits for a permit, taken. */
void handover_waiting_visitor(struct gateway *gateway, const struct message_transfer_listener *transfer, int fd);

/* What a message from another shard carries, as it travels; takes it out of the message. Its permit is this shard's
 * now. */
struct loose_socket;
void handover_unpack_driver(struct gateway *gateway, const struct message_connection_moved *moved,
                            struct loose_socket *ret_loose);
void handover_unpack_visitor(struct gateway *gateway, const struct message_visitor_moved *moved,
                             struct loose_socket *ret_loose);

/* The driver whose message was unpacked cannot be kept, its socket is closed: whoever waits for it is told. */
void handover_lose_driver(struct gateway *gateway, const struct message_connection_moved *moved);
/* Whatever such a message carries is closed, and whoever waits for it is told. Other messages are nothing to it. */
void handover_refuse(struct gateway *gateway, const struct message *message);
/* After the loop of a gateway that was up: closes what is not sent yet, and what is in the mailbox. */
void handover_end(struct gateway *gateway);

#endif
