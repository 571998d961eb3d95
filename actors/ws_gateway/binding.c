#include "binding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver_connection.h"
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

static void bury_binding(void *object)
{
    struct binding *binding = object;
    event_free(binding->accept_again);
    free(binding);
}

static void close_port(struct binding *binding)
{
    if (!binding->listener)
        return;
    evconnlistener_free(binding->listener);
    binding->listener = NULL;
    gateway_give_permit(binding->gateway);
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

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int peer_length,
                      void *arg)
{
    (void)listener;
    (void)peer_length;
    struct binding *binding = arg;
    if (binding->mode == BIND_MODE_PULL)
        pull_visitor_accept(binding, fd, peer);
    else
        visitor_accept(binding, fd, peer);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct binding *binding = arg;
    if (binding->listener && binding->gateway->accepting)
        evconnlistener_enable(binding->listener);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct binding *binding = arg;
    listener_shed(binding->gateway, listener, &binding->session, binding_id(binding));
    evconnlistener_disable(listener);
    struct timeval pause = gateway_timeval(ACCEPT_PAUSE_MS);
    event_add(binding->accept_again, &pause);
}

/* ---- the registry's messages ---- */

static void report_failure(struct gateway *gateway, const struct message_open_listener *open, int error,
                           const char *text)
{
    const struct tunnel_session *session = connection_session(gateway, open->connection);
    log_warn(&gateway->log, "listen-failed", log_session(session ? &session->id : NULL), log_binding(open->binding),
             log_connection(open->connection), log_text("address", open->address), log_number("port", open->port),
             log_reason(text));
    mailbox_send(gateway->mailbox, MESSAGE_OF(listener_failed, .shard = gateway->shard, .binding = open->binding,
                                              .address_in_use = error == EADDRINUSE, .text = text));
}

void binding_open(struct gateway *gateway, const struct message_open_listener *open)
{
    struct binding *binding = calloc(1, sizeof *binding);
    if (!binding || !gateway_take_permit(gateway)) {
        free(binding);
        report_failure(gateway, open, EMFILE, "no file descriptors left in the budget");
        return;
    }
    binding->gateway = gateway;
    binding->id = open->binding.value;
    binding->owner = open->connection;
    remember_session(binding);
    binding->mode = (enum bind_mode)open->mode;
    TAILQ_INIT(&binding->visitors);
    TAILQ_INIT(&binding->pull_visitors);
    binding->accept_again = evtimer_new(gateway->loop, on_accept_again, binding);
    if (binding->accept_again)
        binding->listener = listener_open(gateway, open->address, open->port, on_accept, binding, LEV_OPT_DISABLED);
    if (binding->listener)
        binding->port = listener_port(binding->listener);
    if (binding->port == 0) {
        int error = errno;
        report_failure(gateway, open, error, binding->accept_again ? strerror(error) : "out of memory");
        gateway_give_permit(gateway);
        if (binding->listener)
            evconnlistener_free(binding->listener);
        if (binding->accept_again)
            event_free(binding->accept_again);
        free(binding);
        return;
    }
    evconnlistener_set_error_cb(binding->listener, on_accept_error);
    id_table_add(gateway->bindings, &binding->id, binding);
    mailbox_send(gateway->mailbox,
                 MESSAGE_OF(listener_opened, .shard = gateway->shard, .binding = open->binding, .port = binding->port));
}

void binding_serve(struct gateway *gateway, const struct message_bound *bound)
{
    struct binding *binding = find(gateway, bound->binding);
    if (!binding)
        return;
    binding->is_served = true;
    if (binding->listener && gateway->accepting)
        evconnlistener_enable(binding->listener);
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

void binding_transfer(struct gateway *gateway, const struct message_transfer_listener *transfer)
{
    struct binding *binding = find(gateway, transfer->old_binding);
    if (!binding)
        return;
    struct connection_id old_owner = binding->owner;
    id_table_remove(gateway->bindings, binding->id);
    binding->id = transfer->binding.value;
    binding->owner = transfer->connection;
    remember_session(binding);
    binding->is_served = false; /* what a visitor has pipelined behind a lost request waits for the new owner */
    id_table_add(gateway->bindings, &binding->id, binding);
    struct visitor *next = NULL;
    for (struct visitor *visitor = TAILQ_FIRST(&binding->visitors); visitor; visitor = next) {
        next = TAILQ_NEXT(visitor, binding_link);
        visitor_lose_stream(visitor, CODE_BIND_TAKEOVER, "the port was taken over by another driver");
    }
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

/* ---- all at once ---- */

void binding_stop_accepting(struct gateway *gateway)
{
    for (struct binding *binding = zhashx_first(gateway->bindings); binding; binding = zhashx_next(gateway->bindings))
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
