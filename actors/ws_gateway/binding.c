#include "binding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver_connection.h"
#include "handover.h"
#include "id_table.h"
#include "listener.h"
#include "pull_visitor.h"
#include "tcp_socket.h"
#include "tunnel_session.h"
#include "visitor.h"

static struct binding *find(struct gateway *gateway, struct bind_id id)
{
    return id_table_find(gateway->bindings, id.value);
}

static struct tunnel_session *connection_session(const struct gateway *gateway, struct connection_id id)
{
    struct driver_connection *connection = id_table_find(gateway->drivers, id.value);
    return connection ? connection->session : NULL;
}

struct tunnel_session *binding_session(const struct binding *binding)
{
    return connection_session(binding->gateway, binding->owner);
}

static void remember_session(struct binding *binding)
{
    const struct tunnel_session *session = binding_session(binding);
    binding->session = session ? session->id : (struct session_id){0};
}

/* ---- birth and death ---- */

static void on_accept_again(evutil_socket_t fd, short what, void *arg);

static void bury_binding(void *object)
{
    struct binding *binding = object;
    if (binding->accept_again)
        event_free(binding->accept_again);
    free(binding->address);
    free(binding);
}

/* In the table from here on. NULL: out of memory. */
static struct binding *binding_new(struct gateway *gateway, struct bind_id id, struct connection_id owner,
                                   enum bind_mode mode)
{
    struct binding *binding = calloc(1, sizeof *binding);
    if (!binding)
        return NULL;
    binding->gateway = gateway;
    binding->id = id.value;
    binding->owner = owner;
    remember_session(binding);
    binding->mode = mode;
    binding->waiting_fd = -1;
    TAILQ_INIT(&binding->visitors);
    TAILQ_INIT(&binding->pull_visitors);
    binding->accept_again = evtimer_new(gateway->loop, on_accept_again, binding);
    if (!binding->accept_again) {
        bury_binding(binding);
        return NULL;
    }
    id_table_add(gateway->bindings, &binding->id, binding);
    return binding;
}

/* Whoever was accepted, and waits for a permit. -1: nobody. */
static evutil_socket_t take_waiting(struct binding *binding)
{
    evutil_socket_t fd = binding->waiting_fd;
    binding->waiting_fd = -1;
    permit_forgo(binding->gateway, &binding->permit);
    return fd;
}

static void close_port(struct binding *binding)
{
    evutil_socket_t waiting_fd = take_waiting(binding);
    if (waiting_fd >= 0)
        evutil_closesocket(waiting_fd);
    if (!binding->listener)
        return;
    listener_close(&binding->listener);
    permit_give_back(binding->gateway);
}

static void forget(struct binding *binding)
{
    close_port(binding);
    event_del(binding->accept_again);
    id_table_remove(binding->gateway->bindings, binding->id);
    gateway_bury(binding->gateway, binding, bury_binding);
}

static bool has_visitors(const struct binding *binding)
{
    return !TAILQ_EMPTY(&binding->visitors) || !TAILQ_EMPTY(&binding->pull_visitors);
}

static void forget_when_empty(struct binding *binding)
{
    if (!binding->listener && !has_visitors(binding))
        forget(binding);
}

void binding_remove_visitor(struct binding *binding, struct visitor *visitor)
{
    TAILQ_REMOVE(&binding->visitors, visitor, binding_link);
    forget_when_empty(binding);
}

void binding_remove_pull_visitor(struct binding *binding, struct pull_visitor *visitor)
{
    TAILQ_REMOVE(&binding->pull_visitors, visitor, binding_link);
    forget_when_empty(binding);
}

/* Evicted visitors take the binding along with the last of them: it may be gone afterwards. */
static void evict_all(struct binding *binding, bool may_end)
{
    struct visitor *next = NULL;
    for (struct visitor *visitor = TAILQ_FIRST(&binding->visitors); visitor; visitor = next) {
        next = TAILQ_NEXT(visitor, binding_link);
        visitor_evict(visitor, may_end);
    }
    struct pull_visitor *next_pull = NULL;
    for (struct pull_visitor *visitor = TAILQ_FIRST(&binding->pull_visitors); visitor; visitor = next_pull) {
        next_pull = TAILQ_NEXT(visitor, binding_link);
        pull_visitor_evict(visitor, may_end);
    }
}

/* ---- accepting ---- */

static void accept_later(struct binding *binding)
{
    struct timeval pause = gateway_timeval(ACCEPT_PAUSE_MS);
    event_add(binding->accept_again, &pause);
}

static void accept_on(struct binding *binding)
{
    bool may_accept = binding->is_served && binding->gateway->accepting && binding->waiting_fd < 0;
    if (binding->listener && may_accept && evconnlistener_enable(binding->listener) < 0)
        accept_later(binding); /* or the port would be deaf from now on */
}

static void take_visitor(struct binding *binding, evutil_socket_t fd, const struct sockaddr *peer, bool has_permit)
{
    if (binding->mode == BIND_MODE_PULL)
        pull_visitor_accept(binding, fd, peer, has_permit);
    else
        visitor_accept(binding, fd, peer, has_permit);
}

static void on_visitor_permit(void *arg, bool is_granted)
{
    struct binding *binding = arg;
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    evutil_socket_t fd = take_waiting(binding);
    bool is_there = getpeername(fd, (struct sockaddr *)&peer, &length) == 0;
    if (!is_there) {
        evutil_closesocket(fd);
        if (is_granted)
            permit_give_back(binding->gateway);
    } else {
        take_visitor(binding, fd, (struct sockaddr *)&peer, is_granted);
    }
    accept_on(binding);
}

/* As long as there is no answer nobody else is accepted: they wait in the kernel's queue. */
static void await_permit(struct binding *binding, evutil_socket_t fd)
{
    binding->waiting_fd = fd;
    permit_await(binding->gateway, &binding->permit, on_visitor_permit, binding);
    if (binding->waiting_fd >= 0 && binding->listener)
        evconnlistener_disable(binding->listener);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int peer_length,
                      void *arg)
{
    (void)listener;
    (void)peer_length;
    struct binding *binding = arg;
    if (binding->mode == BIND_MODE_PULL && !binding_session(binding))
        pull_visitor_accept(binding, fd, peer, false);
    else if (permit_take(binding->gateway))
        take_visitor(binding, fd, peer, true);
    else
        await_permit(binding, fd);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    accept_on(arg);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct binding *binding = arg;
    listener_shed(binding->gateway, listener, &binding->session, binding_id(binding));
    evconnlistener_disable(listener);
    accept_later(binding);
}

/* ---- the registry's messages ---- */

static void report_failure(struct gateway *gateway, struct bind_id id, const char *address, uint32_t port,
                           struct connection_id owner, int error, const char *text)
{
    const struct tunnel_session *session = connection_session(gateway, owner);
    log_warn(&gateway->log, "listen-failed", log_session(session ? &session->id : NULL), log_binding(id),
             log_connection(owner), log_text("address", address), log_number("port", port), log_reason(text));
    mailbox_send(gateway->mailbox, MESSAGE_OF(listener_failed, .shard = gateway->shard, .binding = id,
                                              .address_in_use = error == EADDRINUSE, .text = text));
}

static void fail_open(struct binding *binding, int error, const char *text)
{
    report_failure(binding->gateway, binding_id(binding), binding->address, binding->port, binding->owner, error, text);
    forget(binding);
}

static void report_opened(struct binding *binding)
{
    evconnlistener_set_error_cb(binding->listener, on_accept_error);
    mailbox_send(binding->gateway->mailbox, MESSAGE_OF(listener_opened, .shard = binding->gateway->shard,
                                                       .binding = binding_id(binding), .port = binding->port));
}

static void on_listener_permit(void *arg, bool is_granted)
{
    struct binding *binding = arg;
    struct gateway *gateway = binding->gateway;
    if (!is_granted) {
        fail_open(binding, EMFILE, "no file descriptors left in the budget");
        return;
    }
    binding->listener = listener_open(gateway, binding->address, binding->port, on_accept, binding);
    uint16_t port = binding->listener ? listener_port(binding->listener) : 0;
    if (port == 0) {
        int error = errno;
        listener_close(&binding->listener);
        permit_give_back(gateway);
        fail_open(binding, error, strerror(error));
        return;
    }
    binding->port = port;
    report_opened(binding);
}

void binding_open(struct gateway *gateway, const struct message_open_listener *open)
{
    struct binding *binding = binding_new(gateway, open->binding, open->connection, (enum bind_mode)open->mode);
    char *address = binding ? strdup(open->address) : NULL;
    if (!address) {
        report_failure(gateway, open->binding, open->address, open->port, open->connection, ENOMEM, "out of memory");
        if (binding)
            forget(binding);
        return;
    }
    binding->address = address;
    binding->port = (uint16_t)open->port;
    permit_await(gateway, &binding->permit, on_listener_permit, binding);
}

void binding_serve(struct gateway *gateway, const struct message_bound *bound)
{
    struct binding *binding = find(gateway, bound->binding);
    if (!binding)
        return;
    binding->is_served = true;
    accept_on(binding);
    struct visitor *next = NULL;
    for (struct visitor *visitor = TAILQ_FIRST(&binding->visitors); visitor; visitor = next) {
        next = TAILQ_NEXT(visitor, binding_link);
        visitor_read(visitor); /* those who came while the port changed hands */
    }
}

static void tell_revoked(struct gateway *gateway, struct connection_id owner, uint32_t bind, const char *reason)
{
    struct driver_connection *connection = id_table_find(gateway->drivers, owner.value);
    if (connection)
        driver_connection_revoke(connection, bind, reason);
}

static void lose_streams(struct binding *binding)
{
    struct visitor *next = NULL;
    for (struct visitor *visitor = TAILQ_FIRST(&binding->visitors); visitor; visitor = next) {
        next = TAILQ_NEXT(visitor, binding_link);
        visitor_lose_stream(visitor, CODE_BIND_TAKEOVER, "the port was taken over by another driver");
    }
}

static void rename_binding(struct binding *binding, const struct message_transfer_listener *transfer)
{
    struct gateway *gateway = binding->gateway;
    id_table_remove(gateway->bindings, binding->id);
    binding->id = transfer->binding.value;
    binding->owner = transfer->connection;
    remember_session(binding);
    binding->is_served = false; /* what a visitor has pipelined behind a lost request waits for the new owner */
    id_table_add(gateway->bindings, &binding->id, binding);
    lose_streams(binding);
}

/* Those in the middle of an exchange that is lost end with it: until then the binding is a shell, without a port. */
static void hand_over(struct binding *binding, const struct message_transfer_listener *transfer)
{
    struct gateway *gateway = binding->gateway;
    evutil_socket_t waiting_fd = take_waiting(binding);
    binding->is_served = false; /* nobody begins anything here any more */
    event_del(binding->accept_again);
    lose_streams(binding);
    handover_listener(gateway, transfer, binding->port, listener_release(&binding->listener));
    struct visitor *next = NULL;
    for (struct visitor *visitor = TAILQ_FIRST(&binding->visitors); visitor; visitor = next) {
        next = TAILQ_NEXT(visitor, binding_link);
        if (visitor_is_between_requests(visitor))
            visitor_hand_over(visitor, transfer);
        else
            visitor_evict(visitor, true);
    }
    if (waiting_fd >= 0)
        handover_waiting_visitor(gateway, transfer, waiting_fd);
    binding = find(gateway, transfer->old_binding);
    if (binding)
        forget_when_empty(binding);
}

void binding_transfer(struct gateway *gateway, const struct message_transfer_listener *transfer)
{
    struct binding *binding = find(gateway, transfer->old_binding);
    bool stays = transfer->to_shard == gateway->shard;
    if (!binding || (!stays && !binding->listener)) { /* at the gateway's end; another shard will never hear of it */
        if (!stays)
            mailbox_send(gateway->mailbox, MESSAGE_OF(listener_failed, .shard = gateway->shard,
                                                      .binding = transfer->binding, .text = "the port was closed"));
        return;
    }
    struct connection_id old_owner = binding->owner;
    if (stays)
        rename_binding(binding, transfer);
    else
        hand_over(binding, transfer);
    tell_revoked(gateway, old_owner, transfer->old_binding.value, transfer->reason);
}

void binding_adopt(struct gateway *gateway, const struct message_adopt_listener *adopt)
{
    struct binding *binding = find(gateway, adopt->binding);
    if (binding)
        binding->owner = adopt->connection;
}

void binding_close(struct gateway *gateway, const struct message_close_listener *close)
{
    struct binding *binding = find(gateway, close->binding);
    if (binding) {
        close_port(binding);
        evict_all(binding, close->streams_may_end);
        binding = find(gateway, close->binding);
        if (binding)
            forget_when_empty(binding);
    }
    mailbox_send(gateway->mailbox, MESSAGE_OF(listener_closed, .shard = gateway->shard, .binding = close->binding));
}

/* ---- from another shard ---- */

void binding_arrive(struct gateway *gateway, const struct message *message)
{
    const struct message_listener_moved *moved = &message->listener_moved;
    struct binding *binding = binding_new(gateway, moved->binding, moved->connection, BIND_MODE_EXPOSE);
    if (!binding) {
        handover_refuse(gateway, message);
        return;
    }
    allowance_arrives(gateway, LIMIT_FD_PERMITS, 1);
    binding->port = (uint16_t)moved->port;
    binding->listener = listener_adopt(gateway, (int)moved->fd, on_accept, binding);
    if (binding->listener) {
        report_opened(binding);
        return;
    }
    permit_give_back(gateway);
    fail_open(binding, ENOMEM, "out of memory");
}

/* Its binding may be closed already. */
void binding_take_visitor(struct gateway *gateway, const struct message *message)
{
    const struct message_visitor_moved *moved = &message->visitor_moved;
    struct binding *binding = find(gateway, moved->binding);
    if (!binding || !binding->listener || (!moved->has_permit && binding->waiting_fd >= 0))
        handover_refuse(gateway, message);
    else if (moved->has_permit)
        visitor_arrive(binding, moved);
    else
        await_permit(binding, (evutil_socket_t)moved->fd);
}

/* ---- all at once ---- */

void binding_stop_accepting(struct gateway *gateway)
{
    for (struct binding *binding = zhashx_first(gateway->bindings); binding; binding = zhashx_next(gateway->bindings))
        if (binding->listener) /* one that is still to be opened owes the registry an answer */
            close_port(binding);
}

void binding_destroy_all(struct gateway *gateway)
{
    struct binding *binding = NULL;
    while ((binding = zhashx_first(gateway->bindings))) {
        close_port(binding);
        evict_all(binding, false);
        if (id_table_find(gateway->bindings, binding->id) == binding)
            forget(binding);
    }
}
