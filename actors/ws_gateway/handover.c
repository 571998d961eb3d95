#include "handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer_front.h"
#include "check.h"
#include "driver_connection.h"
#include "loose_socket.h"
#include "shared_limits.h"

/* ---- what travels ---- */

static struct span contents_of(struct evbuffer *buffer)
{
    return buffer_front(buffer, evbuffer_get_length(buffer));
}

static struct evbuffer *buffer_of(struct span bytes)
{
    struct evbuffer *buffer = evbuffer_new();
    check(buffer && evbuffer_add(buffer, bytes.data, bytes.length) == 0);
    return buffer;
}

/* It is the receiver's, and nothing of it is ours to close. */
static void forget_sent(struct loose_socket *loose)
{
    loose->fd = -1;
    loose->tls = NULL;
    loose_socket_done(loose);
}

/* ---- a driver ---- */

/* What its message will say; the socket joins it when its loop has let go of it. */
struct departure {
    struct gateway *gateway; /* NULL: it has ended meanwhile */
    uint32_t to_shard;
    struct connection_id connection;
    char peer[ADDRESS_TEXT_MAX];
    enum subprotocol subprotocol;
    char *bearer;
    bool joins;
    struct evbuffer *first;
    TAILQ_ENTRY(departure) link;
};

static void report_lost(struct gateway *gateway, struct connection_id connection, bool joins)
{
    permit_give_back(gateway);
    if (joins)
        mailbox_send(gateway->mailbox, MESSAGE_OF(secondary_closed, .shard = gateway->shard, .connection = connection));
    else
        mailbox_send(gateway->mailbox, MESSAGE_OF(connection_closed, .shard = gateway->shard, .connection = connection,
                                                  .close_code = WEBSOCKET_CLOSE_ABNORMAL));
}

static bool say_moved(const struct departure *departure, struct loose_socket *loose)
{
    return mailbox_send(departure->gateway->mailbox,
                        MESSAGE_OF(connection_moved, .shard = departure->to_shard, .connection = departure->connection,
                                   .fd = (uint32_t)loose->fd, .tls = (uint64_t)(uintptr_t)loose->tls,
                                   .peer = departure->peer, .subprotocol = departure->subprotocol,
                                   .bearer = departure->bearer, .joins = departure->joins,
                                   .first = contents_of(departure->first), .unread = contents_of(loose->unread),
                                   .unsent = contents_of(loose->unsent)));
}

static void on_driver_loose(struct loose_socket *loose, void *arg)
{
    struct departure *departure = arg;
    struct gateway *gateway = departure->gateway;
    if (gateway) {
        TAILQ_REMOVE(&gateway->departures, departure, link);
        if (say_moved(departure, loose)) {
            forget_sent(loose);
            allowance_departs(gateway, LIMIT_FD_PERMITS, 1);
        } else {
            report_lost(gateway, departure->connection, departure->joins);
        }
    }
    loose_socket_done(loose);
    evbuffer_free(departure->first);
    free(departure->bearer);
    free(departure);
}

void handover_driver(struct driver_connection *connection, uint32_t to_shard)
{
    struct gateway *gateway = connection->gateway;
    struct departure *departure = calloc(1, sizeof *departure);
    check(departure);
    departure->gateway = gateway;
    departure->to_shard = to_shard;
    departure->connection = (struct connection_id){connection->id};
    memcpy(departure->peer, connection->peer, sizeof departure->peer);
    departure->subprotocol = connection->subprotocol;
    departure->bearer = connection->bearer;
    connection->bearer = NULL;
    departure->joins = connection->joins;
    departure->first = connection->first;
    connection->first = NULL;
    TAILQ_INSERT_TAIL(&gateway->departures, departure, link);
    loose_socket_take(&connection->socket, on_driver_loose, departure);
}

void handover_unpack_driver(struct gateway *gateway, const struct message_connection_moved *moved,
                            struct loose_socket *ret_loose)
{
    allowance_arrives(gateway, LIMIT_FD_PERMITS, 1);
    *ret_loose = (struct loose_socket){
        .fd = (evutil_socket_t)moved->fd,
        .tls = (struct ssl_st *)(uintptr_t)moved->tls, /* messages.def says why */
        .unread = buffer_of(moved->unread),
        .unsent = buffer_of(moved->unsent),
    };
}

/* ---- a port ---- */

void handover_listener(struct gateway *gateway, const struct message_transfer_listener *transfer, uint16_t port, int fd)
{
    if (mailbox_send(gateway->mailbox,
                     MESSAGE_OF(listener_moved, .shard = transfer->to_shard, .binding = transfer->binding,
                                .connection = transfer->connection, .port = port, .fd = (uint32_t)fd))) {
        allowance_departs(gateway, LIMIT_FD_PERMITS, 1);
        return;
    }
    close(fd);
    permit_give_back(gateway);
    mailbox_send(gateway->mailbox, MESSAGE_OF(listener_failed, .shard = gateway->shard, .binding = transfer->binding,
                                              .text = "the shard of the new owner is not answering"));
}

/* ---- its visitors ---- */

struct visitor_departure {
    struct gateway *gateway;
    const struct message_transfer_listener *transfer;
    uint64_t came_ms;
};

static void on_visitor_loose(struct loose_socket *loose, void *arg)
{
    const struct visitor_departure *departure = arg;
    struct gateway *gateway = departure->gateway;
    if (mailbox_send(gateway->mailbox,
                     MESSAGE_OF(visitor_moved, .shard = departure->transfer->to_shard,
                                .binding = departure->transfer->binding, .fd = (uint32_t)loose->fd, .has_permit = true,
                                .came_ms = departure->came_ms, .unread = contents_of(loose->unread),
                                .unsent = contents_of(loose->unsent)))) {
        forget_sent(loose);
        allowance_departs(gateway, LIMIT_FD_PERMITS, 1);
        return;
    }
    loose_socket_done(loose);
    permit_give_back(gateway);
}

void handover_visitor(struct gateway *gateway, const struct message_transfer_listener *transfer,
                      struct bufferevent **p_socket, uint64_t came_ms)
{
    struct visitor_departure departure = {.gateway = gateway, .transfer = transfer, .came_ms = came_ms};
    loose_socket_take(p_socket, on_visitor_loose, &departure); /* without TLS: at once */
}

void handover_waiting_visitor(struct gateway *gateway, const struct message_transfer_listener *transfer, int fd)
{
    if (!mailbox_send(gateway->mailbox, MESSAGE_OF(visitor_moved, .shard = transfer->to_shard,
                                                   .binding = transfer->binding, .fd = (uint32_t)fd)))
        close(fd);
}

void handover_unpack_visitor(struct gateway *gateway, const struct message_visitor_moved *moved,
                             struct loose_socket *ret_loose)
{
    if (moved->has_permit)
        allowance_arrives(gateway, LIMIT_FD_PERMITS, 1);
    *ret_loose = (struct loose_socket){
        .fd = (evutil_socket_t)moved->fd,
        .unread = buffer_of(moved->unread),
        .unsent = buffer_of(moved->unsent),
    };
}

/* ---- what nobody keeps ---- */

void handover_lose_driver(struct gateway *gateway, const struct message_connection_moved *moved)
{
    report_lost(gateway, moved->connection, moved->joins);
}

static void refuse_driver(struct gateway *gateway, const struct message_connection_moved *moved)
{
    struct loose_socket loose;
    handover_unpack_driver(gateway, moved, &loose);
    loose_socket_done(&loose);
    report_lost(gateway, moved->connection, moved->joins);
}

static void refuse_listener(struct gateway *gateway, const struct message_listener_moved *moved)
{
    allowance_arrives(gateway, LIMIT_FD_PERMITS, 1);
    permit_give_back(gateway);
    close((int)moved->fd);
    mailbox_send(gateway->mailbox, MESSAGE_OF(listener_failed, .shard = gateway->shard, .binding = moved->binding,
                                              .text = "out of memory"));
}

static void refuse_visitor(struct gateway *gateway, const struct message_visitor_moved *moved)
{
    struct loose_socket loose;
    handover_unpack_visitor(gateway, moved, &loose);
    loose_socket_done(&loose);
    if (moved->has_permit)
        permit_give_back(gateway);
}

void handover_refuse(struct gateway *gateway, const struct message *message)
{
    if (message->type == MESSAGE_connection_moved)
        refuse_driver(gateway, &message->connection_moved);
    else if (message->type == MESSAGE_listener_moved)
        refuse_listener(gateway, &message->listener_moved);
    else if (message->type == MESSAGE_visitor_moved)
        refuse_visitor(gateway, &message->visitor_moved);
}

void handover_end(struct gateway *gateway)
{
    struct departure *departure = NULL;
    struct message message = {0};
    while ((departure = TAILQ_FIRST(&gateway->departures))) {
        TAILQ_REMOVE(&gateway->departures, departure, link);
        departure->gateway = NULL; /* its loop, when it is freed, lets go of the socket */
    }
    while (mailbox_receive(gateway->mailbox, &message)) {
        handover_refuse(gateway, &message);
        message_done(&message);
    }
}
