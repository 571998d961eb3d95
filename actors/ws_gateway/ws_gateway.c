/* ws-gateway: the daemon's door.
 *
 * Owns: every external socket of its shard, the libevent loop, WebSocket and HTTP framing, the stream table, credit,
 * timers of sockets. Stream bytes never leave it: a visitor's socket and the WebSocket that carries its stream are on
 * this same loop. Hears: session_opened, session_refused, join_refused, probe_connection, end_session, stop_accepting
 * (session-manager); bind_refused, open_listener, bound, transfer_listener, unbind_refused, unbound, close_listener
 * (binding-registry); api_answered, count_streams (admin-http); report_metrics (metrics). Says: open_session,
 * join_session, connection_closed, connection_probed, bind, unbind; listener_opened, listener_failed, listener_closed;
 * api_request, streams_counted; metrics_reported. Never decides who may have a session or a port. */
#include "ws_gateway.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base_connection.h"
#include "base_listener.h"
#include "binding.h"
#include "check.h"
#include "driver_connection.h"
#include "early_streams.h"
#include "gateway.h"
#include "gateway_metrics.h"
#include "gateway_shards.h"
#include "handover.h"
#include "id_table.h"
#include "listener.h"
#include "paused_sockets.h"
#include "stalled_streams.h"
#include "tcp_socket.h"
#include "tls_server.h"
#include "tunnel_session.h"
#include "visitor.h"

enum {
    SHARD_SHIFT = 48,                  /* a connection id names its shard in the bits above */
    FD_RESERVE = 640,                  /* API connections, sockets being refused or lingering, and the process's own */
    FD_PER_SHARD = 48 + LINGERING_MAX, /* what each shard beyond the first may need: mailboxes, its loop */
    TURN_END_ROUNDS = 4,               /* of writing what the kernel takes at once, before all sockets are looked at */
    GOODBYE_MS = 1500,                 /* at $TERM: what close frames and last answers get to leave */
};

struct grave {
    void *object;
    void (*bury)(void *object);
};

struct ws_gateway {
    struct gateway gateway;
    struct base_listener *base_listener;
    zsock_t *pipe;
    struct event *mail;       /* the mailbox's descriptor */
    struct event *mail_again; /* a burst was cut short: come back after the sockets */
    struct event *pipe_event;
    struct event *goodbye; /* $TERM: the time is up */
};

/* ---- the loop's services (gateway.h) ---- */

/* Behind the callbacks that this turn has found, and before the loop waits again. */
void gateway_wake_turn_end(struct gateway *gateway)
{
    if (!gateway->turn_is_ending && !event_pending(gateway->turn_end, EV_TIMEOUT, NULL))
        event_active(gateway->turn_end, EV_TIMEOUT, 0);
}

static void wake_turn_end(void *gateway)
{
    gateway_wake_turn_end(gateway);
}

void gateway_bury(struct gateway *gateway, void *object, void (*bury)(void *object))
{
    if (gateway->grave_count == gateway->grave_capacity) {
        size_t capacity = gateway->grave_capacity ? 2 * gateway->grave_capacity : 64;
        struct grave *graves = realloc(gateway->graves, capacity * sizeof *graves);
        check(graves); /* what is dead but not freed would be used again */
        gateway->graves = graves;
        gateway->grave_capacity = capacity;
    }
    gateway->graves[gateway->grave_count++] = (struct grave){object, bury};
    gateway_wake_turn_end(gateway);
}

static void empty_graves(struct gateway *gateway)
{
    for (size_t i = 0; i < gateway->grave_count; i++) /* burying may dig another grave */
        gateway->graves[i].bury(gateway->graves[i].object);
    gateway->grave_count = 0;
}

static void flush_drivers(struct gateway *gateway)
{
    struct driver_connection *connection = NULL;
    while ((connection = TAILQ_FIRST(&gateway->unflushed))) {
        driver_connection_flush(connection);
        if (!connection->is_unflushed)
            continue;
        TAILQ_REMOVE(&gateway->unflushed, connection, unflushed_link);
        connection->is_unflushed = false;
    }
}

static bool has_goodbyes(const struct gateway *gateway)
{
    return zhashx_size(gateway->drivers) > 0 || gateway->lingering_count > 0;
}

static bool has_more_to_send(const struct gateway *gateway)
{
    return !TAILQ_EMPTY(&gateway->unflushed) || !write_queue_is_empty(&gateway->writes);
}

/* What turns up while a turn ends waits until all sockets were looked at again: nobody is starved. */
static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct gateway *gateway = arg;
    gateway->turn_is_ending = true;
    for (int rounds = 0; rounds < TURN_END_ROUNDS && has_more_to_send(gateway); rounds++) {
        write_queue_run(&gateway->writes); /* visitors' answers: what has been taken gives credit back, ends streams */
        flush_drivers(gateway);
        write_queue_run(&gateway->writes); /* of which the drivers hear at once */
    }
    empty_graves(gateway);
    gateway->turn_is_ending = false;
    if (has_more_to_send(gateway) || gateway->grave_count > 0)
        event_add(gateway->turn_end, &(struct timeval){0});
    if (gateway->terminating && !has_goodbyes(gateway))
        event_base_loopbreak(gateway->loop);
}

struct connection_id gateway_next_connection_id(struct gateway *gateway)
{
    return (struct connection_id){((uint64_t)gateway->shard << SHARD_SHIFT) | ++gateway->connections_made};
}

bool gateway_trusts(const struct gateway *gateway, const struct sockaddr *peer)
{
    if (address_is_loopback(peer))
        return true;
    for (size_t i = 0; i < gateway->trusted_count; i++)
        if (cidr_contains(&gateway->trusted[i], peer))
            return true;
    return false;
}

/* ---- messages, in catalogue order ---- */

static struct driver_connection *find_driver(struct gateway *gateway, struct connection_id id)
{
    return id_table_find(gateway->drivers, id.value);
}

static struct driver_connection *find_live_driver(struct gateway *gateway, struct connection_id id)
{
    struct driver_connection *connection = find_driver(gateway, id);
    return connection && connection->phase == DRIVER_LIVE ? connection : NULL;
}

/* One shard's alone: so its caps, and the ids of what comes in there, are that shard's alone too. */
static bool has_base_port(const struct gateway *gateway)
{
    return gateway->shard == 0;
}

/* At the start, and at SIGHUP, when a bad file leaves what is there. false: bad at the start. */
static bool load_certificate(struct gateway *gateway)
{
    const struct options *options = gateway->options;
    if (!has_base_port(gateway) || *options->tls_cert == '\0')
        return true;
    char why[TLS_SERVER_WHY_MAX];
    struct tls_server *tls = tls_server_new(options->tls_cert, options->tls_key, why);
    if (!tls) {
        if (gateway->tls)
            log_error(&gateway->log, "reload-failed", log_text("file", options->tls_cert), log_reason(why));
        else
            log_error(&gateway->log, "start-failed", log_text("file", options->tls_cert), log_reason(why));
        return false;
    }
    char expires[TLS_SERVER_DATE_MAX];
    tls_server_expiry(tls, expires);
    log_info(&gateway->log, "certificate-loaded", log_text("file", options->tls_cert), log_text("expires", expires));
    tls_server_destroy(&gateway->tls);
    gateway->tls = tls;
    return true;
}

static void on_stop_accepting(struct gateway *gateway)
{
    gateway->accepting = false;
    binding_stop_accepting(gateway);
}

static void on_session_opened(struct gateway *gateway, const struct message_session_opened *opened)
{
    struct driver_connection *connection = find_driver(gateway, opened->connection);
    if (connection)
        driver_connection_opened(connection, opened);
}

static void on_session_refused(struct gateway *gateway, const struct message_session_refused *refused)
{
    struct driver_connection *connection = find_driver(gateway, refused->connection);
    if (connection)
        driver_connection_refused(connection, refused);
}

static void on_session_joined(struct gateway *gateway, const struct message_session_joined *joined)
{
    struct driver_connection *connection = find_driver(gateway, joined->connection);
    if (connection)
        driver_connection_joined(connection, find_live_driver(gateway, joined->primary), joined);
}

static void on_join_refused(struct gateway *gateway, const struct message_join_refused *refused)
{
    struct driver_connection *connection = find_driver(gateway, refused->connection);
    if (connection)
        driver_connection_join_refused(connection, refused);
}

static void on_tickets_reissued(struct gateway *gateway, const struct message_tickets_reissued *reissued)
{
    struct driver_connection *connection = find_live_driver(gateway, reissued->connection);
    if (!connection)
        return;
    driver_connection_send(connection, FRAME_REISSUE_JOIN_TICKETS, reissued->tickets);
    driver_connection_answered(connection);
}

static void on_shards_changed(struct gateway *gateway, const struct message_shards_changed *changed)
{
    struct driver_connection *connection = find_live_driver(gateway, changed->connection);
    if (connection)
        driver_connection_send(connection, FRAME_SHARD_MAP, changed->shard_map);
}

/* The session-manager means a connection that is gone. Should connection_closed have been lost, its session would live
 * for ever without another one; twice does no harm. */
static void say_gone(struct gateway *gateway, struct connection_id connection)
{
    log_debug(&gateway->log, "connection-unknown", log_connection(connection)); /* as a rule they have crossed */
    mailbox_send(gateway->mailbox, MESSAGE_OF(connection_closed, .shard = gateway->shard, .connection = connection,
                                              .close_code = WEBSOCKET_CLOSE_ABNORMAL));
}

static void on_move_connection(struct gateway *gateway, const struct message_move_connection *move)
{
    struct driver_connection *connection = find_driver(gateway, move->connection);
    if (connection)
        driver_connection_move(connection, move->to_shard);
}

static void on_probe_connection(struct gateway *gateway, const struct message_probe_connection *probe)
{
    struct driver_connection *connection = find_driver(gateway, probe->connection);
    if (connection)
        driver_connection_probe(connection);
    else
        say_gone(gateway, probe->connection);
}

static void on_end_session(struct gateway *gateway, const struct message_end_session *end)
{
    struct driver_connection *connection = find_driver(gateway, end->connection);
    if (!connection)
        say_gone(gateway, end->connection);
    if (!connection || connection->phase != DRIVER_LIVE)
        return;
    tunnel_session_end(connection->session, end);
    driver_connection_read_on(connection);
}

static void on_bind_refused(struct gateway *gateway, const struct message_bind_refused *refused)
{
    struct driver_connection *connection = find_live_driver(gateway, refused->connection);
    struct bind_err err = {.client_ref = refused->client_ref};
    if (!connection || !(err.code = strdup(refused->code)) || !(err.message = strdup(refused->text))) {
        bind_err_done(&err);
        return;
    }
    driver_connection_send_json(connection, FRAME_BIND_ERR, bind_err_encode(&err));
    bind_err_done(&err);
    driver_connection_answered(connection);
}

static void on_bound(struct gateway *gateway, const struct message_bound *bound)
{
    struct driver_connection *connection = find_live_driver(gateway, bound->connection);
    if (connection) {
        struct bind_ok ok = {
            .client_ref = bound->client_ref,
            .bind = bound->binding.value,
            .container_port = (uint16_t)bound->port,
            .public_url = bound->public_url[0] != '\0' ? strdup(bound->public_url) : NULL,
        };
        driver_connection_send_json(connection, FRAME_BIND_OK, bind_ok_encode(&ok));
        bind_ok_done(&ok);
    }
    binding_serve(gateway, bound);
    if (connection)
        driver_connection_answered(connection);
}

static void on_unbind_refused(struct gateway *gateway, const struct message_unbind_refused *refused)
{
    struct driver_connection *connection = find_live_driver(gateway, refused->connection);
    if (!connection)
        return;
    driver_connection_send_json(connection, FRAME_UNBIND_ERR,
                                unbind_err_encode(refused->binding.value, refused->code, refused->text));
    driver_connection_answered(connection);
}

static void on_unbound(struct gateway *gateway, const struct message_unbound *unbound)
{
    struct driver_connection *connection = find_live_driver(gateway, unbound->connection);
    if (!connection)
        return;
    driver_connection_send_json(connection, FRAME_UNBIND_OK, unbind_encode(unbound->binding.value));
    driver_connection_answered(connection);
}

static void on_count_streams(struct gateway *gateway, const struct message_count_streams *count)
{
    struct message_buffer rows = {0};
    struct driver_connection *connection = zhashx_first(gateway->drivers);
    for (; connection; connection = zhashx_next(gateway->drivers))
        if (connection->session && connection->index == 0)
            (void)message_pack(MESSAGE_OF(stream_count_row, .session = connection->session->id,
                                          .active_streams = connection->session->stream_count),
                               &rows);
    const struct allowance *permits = &gateway->allowances[LIMIT_FD_PERMITS];
    mailbox_send(gateway->mailbox,
                 MESSAGE_OF(streams_counted, .ref = count->ref, .shard = gateway->shard, .fd_budget = permits->limit,
                            .fd_permits_used = permits->used, .sessions = message_buffer_span(&rows)));
    message_buffer_done(&rows);
}

static void dispatch(struct gateway *gateway, const struct message *message)
{
    switch (message->type) {
    case MESSAGE_reload_certificate:
        (void)load_certificate(gateway);
        break;
    case MESSAGE_stop_accepting:
        on_stop_accepting(gateway);
        break;
    case MESSAGE_session_opened:
        on_session_opened(gateway, &message->session_opened);
        break;
    case MESSAGE_session_refused:
        on_session_refused(gateway, &message->session_refused);
        break;
    case MESSAGE_session_joined:
        on_session_joined(gateway, &message->session_joined);
        break;
    case MESSAGE_join_refused:
        on_join_refused(gateway, &message->join_refused);
        break;
    case MESSAGE_tickets_reissued:
        on_tickets_reissued(gateway, &message->tickets_reissued);
        break;
    case MESSAGE_shards_changed:
        on_shards_changed(gateway, &message->shards_changed);
        break;
    case MESSAGE_move_connection:
        on_move_connection(gateway, &message->move_connection);
        break;
    case MESSAGE_connection_moved:
        driver_connection_arrive(gateway, message);
        break;
    case MESSAGE_listener_moved:
        binding_arrive(gateway, message);
        break;
    case MESSAGE_visitor_moved:
        binding_take_visitor(gateway, message);
        break;
    case MESSAGE_ask_allowance:
    case MESSAGE_allowance_lent:
    case MESSAGE_recall_allowance:
    case MESSAGE_allowance_returned:
        shared_limits_hear(gateway, message);
        break;
    case MESSAGE_probe_connection:
        on_probe_connection(gateway, &message->probe_connection);
        break;
    case MESSAGE_end_session:
        on_end_session(gateway, &message->end_session);
        break;
    case MESSAGE_bind_refused:
        on_bind_refused(gateway, &message->bind_refused);
        break;
    case MESSAGE_open_listener:
        binding_open(gateway, &message->open_listener);
        break;
    case MESSAGE_bound:
        on_bound(gateway, &message->bound);
        break;
    case MESSAGE_transfer_listener:
        binding_transfer(gateway, &message->transfer_listener);
        break;
    case MESSAGE_unbind_refused:
        on_unbind_refused(gateway, &message->unbind_refused);
        break;
    case MESSAGE_unbound:
        on_unbound(gateway, &message->unbound);
        break;
    case MESSAGE_close_listener:
        binding_close(gateway, &message->close_listener);
        break;
    case MESSAGE_adopt_listener:
        binding_adopt(gateway, &message->adopt_listener);
        break;
    case MESSAGE_api_answered:
        base_connection_answered(gateway, &message->api_answered);
        break;
    case MESSAGE_count_streams:
        on_count_streams(gateway, &message->count_streams);
        break;
    case MESSAGE_report_metrics:
        gateway_metrics_report(gateway, &message->report_metrics);
        break;
    case MESSAGE_NONE:
    case MESSAGE_ping_actor: /* answered by the mailbox */
    case MESSAGE_actor_ponged:
    case MESSAGE_drain:
    case MESSAGE_drained:
    case MESSAGE_open_session:
    case MESSAGE_join_session:
    case MESSAGE_secondary_closed:
    case MESSAGE_reissue_tickets:
    case MESSAGE_connection_closed:
    case MESSAGE_connection_probed:
    case MESSAGE_bind:
    case MESSAGE_claim_port:
    case MESSAGE_listener_opened:
    case MESSAGE_listener_failed:
    case MESSAGE_unbind:
    case MESSAGE_release_port:
    case MESSAGE_listener_closed:
    case MESSAGE_release_session:
    case MESSAGE_session_released:
    case MESSAGE_park_session:
    case MESSAGE_resume_session:
    case MESSAGE_session_resumed:
    case MESSAGE_reload:
    case MESSAGE_bindings_counted:
    case MESSAGE_api_request:
    case MESSAGE_list_sessions:
    case MESSAGE_sessions_listed:
    case MESSAGE_list_bindings:
    case MESSAGE_bindings_listed:
    case MESSAGE_streams_counted:
    case MESSAGE_close_session:
    case MESSAGE_session_closing:
    case MESSAGE_render_metrics:
    case MESSAGE_metrics_rendered:
    case MESSAGE_metrics_reported:
    case MESSAGE_session_row:
    case MESSAGE_binding_row:
    case MESSAGE_stream_count_row:
    case MESSAGE_metric_row:
    case MESSAGE_TYPE_COUNT:
        break; /* not for us: the mailbox has refused them */
    }
}

/* ---- the mailbox's and the pipe's join with the loop ---- */

static void drain_mailbox(struct ws_gateway *self)
{
    struct message message = {0};
    for (int handled = 0; handled < MAILBOX_BURST && mailbox_receive(self->gateway.mailbox, &message); handled++) {
        dispatch(&self->gateway, &message);
        message_done(&message);
    }
    if (mailbox_has_input(self->gateway.mailbox)) /* its descriptor speaks on edges only, and this one is used up */
        event_add(self->mail_again, &(struct timeval){0});
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    drain_mailbox(arg);
}

static void begin_goodbye(struct ws_gateway *self)
{
    struct gateway *gateway = &self->gateway;
    struct timeval limit = gateway_timeval(GOODBYE_MS);
    gateway->terminating = true;
    gateway->accepting = false;
    base_listener_destroy(&self->base_listener);
    base_connections_destroy(gateway);
    binding_destroy_all(gateway);
    for (struct driver_connection *connection = zhashx_first(gateway->drivers); connection;
         connection = zhashx_next(gateway->drivers))
        if (connection->phase == DRIVER_LIVE && connection->index == 0)
            driver_connection_end(connection, true, CODE_NO_ERROR, "kit is shutting down", WEBSOCKET_CLOSE_GOING_AWAY,
                                  DRIVER_ENDED_BY_KIT);
    event_add(self->goodbye, &limit);
    gateway_wake_turn_end(gateway);
}

static void on_goodbye_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct ws_gateway *self = arg;
    event_base_loopbreak(self->gateway.loop);
}

static void on_pipe(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct ws_gateway *self = arg;
    while (zsock_events(self->pipe) & ZMQ_POLLIN) {
        char *command = zstr_recv(self->pipe);
        bool ends = !command || streq(command, "$TERM");
        zstr_free(&command);
        if (ends && !self->gateway.terminating)
            begin_goodbye(self);
    }
}

/* ---- birth and death ---- */

/* Descriptors outside the budget. A driver-to-be is counted twice: before its upgrade, and before its HELLO. */
static rlim_t fd_reserve(const struct options *options)
{
    return FD_RESERVE + FD_PER_SHARD * (rlim_t)(gateway_shards(options) - 1) +
           2 * (rlim_t)options->max_pre_auth_connections;
}

/* --fd-budget, or what the process may have less the reserve. */
static uint64_t fd_budget(const struct options *options)
{
    struct rlimit limit;
    if (options->fd_budget > 0)
        return options->fd_budget;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return FD_RESERVE;
    rlim_t reserve = MIN(limit.rlim_cur / 2, fd_reserve(options));
    return limit.rlim_cur - reserve;
}

static bool parse_trusted_sources(struct gateway *gateway)
{
    const struct option_list *list = &gateway->options->trusted_sources;
    gateway->trusted = calloc(list->count + 1, sizeof *gateway->trusted);
    if (!gateway->trusted)
        return false;
    for (size_t i = 0; i < list->count; i++)
        if (!cidr_parse(list->items[i], &gateway->trusted[gateway->trusted_count++]))
            return false; /* the options were checked: never */
    return true;
}

static struct event *new_event(struct ws_gateway *self, evutil_socket_t fd, short what, event_callback_fn callback,
                               void *arg)
{
    struct event *event = event_new(self->gateway.loop, fd, what, callback, arg);
    if (event && what & EV_READ && event_add(event, NULL) < 0) {
        event_free(event);
        return NULL;
    }
    return event;
}

/* The mailbox, the pipe and the clock. */
static bool watch(struct ws_gateway *self)
{
    struct gateway *gateway = &self->gateway;
    gateway->turn_end = evtimer_new(gateway->loop, on_turn_end, gateway);
    write_queue_init(&gateway->writes, wake_turn_end, gateway);
    self->mail = new_event(self, mailbox_fd(gateway->mailbox), EV_READ | EV_PERSIST, on_mail, self);
    self->mail_again = new_event(self, -1, 0, on_mail, self);
    self->pipe_event = new_event(self, (evutil_socket_t)zsock_fd(self->pipe), EV_READ | EV_PERSIST, on_pipe, self);
    self->goodbye = new_event(self, -1, 0, on_goodbye_over, self);
    return gateway->turn_end && self->mail && self->mail_again && self->pipe_event && self->goodbye;
}

static bool gateway_init(struct ws_gateway *self, const struct actor_start *start)
{
    struct gateway *gateway = &self->gateway;
    gateway->shard = start->shard;
    gateway->options = start->options;
    /* Even parts, not lent: who has none left is refused nothing, his windows only grow no further. */
    gateway->window_budget.limit = start->options->window_budget / gateway_shards(start->options);
    gateway->log = logger_of(start->log, actor_name(ACTOR_ws_gateway));
    gateway->accepting = true;
    gateway->spare_fd = listener_open_spare();
    shared_limits_init(gateway, (const uint64_t[SHARED_LIMIT_COUNT]){
                                    [LIMIT_FD_PERMITS] = fd_budget(start->options),
                                    [LIMIT_BUFFERED_BYTES] = start->options->buffer_budget,
                                    [LIMIT_LINGERING] = LINGERING_MAX,
                                });
    TAILQ_INIT(&gateway->departures);
    TAILQ_INIT(&gateway->lingering);
    TAILQ_INIT(&gateway->unflushed);
    gateway->drivers = id_table_new();
    gateway->base_connections = id_table_new();
    gateway->bindings = id_table_new();
    gateway->loop = event_base_new();
    gateway->dropped = evbuffer_new();
    gateway->mailbox = mailbox_new(ACTOR_ws_gateway, start->shard, start->log);
    if (!gateway->mailbox || !load_certificate(gateway))
        return false;
    if (!gateway->drivers || !gateway->base_connections || !gateway->bindings || !gateway->loop || !gateway->dropped ||
        !parse_trusted_sources(gateway) || !paused_sockets_init(gateway) || !stalled_streams_init(gateway) ||
        !early_streams_init(gateway) || !visitor_deadlines_init(gateway) || !watch(self)) {
        log_error(&gateway->log, "start-failed", log_reason(strerror(errno)));
        return false;
    }
    mailbox_connect(gateway->mailbox, gateway_shards(start->options));
    return true;
}

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

static void drop_drivers(struct gateway *gateway)
{
    struct driver_connection *connection = NULL;
    while (gateway->drivers && (connection = zhashx_first(gateway->drivers)))
        driver_connection_drop(connection);
}

static void gateway_done(struct ws_gateway *self)
{
    struct gateway *gateway = &self->gateway;
    base_listener_destroy(&self->base_listener);
    drop_drivers(gateway);
    tcp_socket_end_lingering(gateway);
    empty_graves(gateway);
    free(gateway->graves);
    http_reader_pool_done(&gateway->heads);
    if (gateway->dropped)
        evbuffer_free(gateway->dropped);
    paused_sockets_done(gateway);
    stalled_streams_done(gateway);
    early_streams_done(gateway);
    visitor_deadlines_done(gateway);
    free_event(gateway->turn_end);
    free_event(self->mail);
    free_event(self->mail_again);
    free_event(self->pipe_event);
    free_event(self->goodbye);
    zhashx_destroy(&gateway->drivers);
    zhashx_destroy(&gateway->base_connections);
    zhashx_destroy(&gateway->bindings);
    mailbox_destroy(&gateway->mailbox);
    logger_done(&gateway->log);
    if (gateway->loop)
        event_base_free(gateway->loop);
    free(gateway->trusted);
    tls_server_destroy(&gateway->tls);
    if (gateway->spare_fd >= 0)
        close(gateway->spare_fd);
}

void ws_gateway_actor(zsock_t *pipe, void *args)
{
    const struct actor_start *start = args;
    struct ws_gateway self = {.pipe = pipe};
    pthread_setname_np(pthread_self(), actor_thread_name(ACTOR_ws_gateway));
    bool is_up = gateway_init(&self, start);
    if (is_up && has_base_port(&self.gateway))
        is_up = (self.base_listener = base_listener_new(&self.gateway));
    zsock_signal(pipe, is_up ? 0 : 1);
    if (is_up) {
        on_pipe(-1, 0, &self); /* arms the pipe's descriptor, as draining arms the mailbox's */
        drain_mailbox(&self);
        event_base_loop(self.gateway.loop, EVLOOP_NO_EXIT_ON_EMPTY);
        handover_end(&self.gateway);
    }
    gateway_done(&self);
    actor_thread_ends();
}
