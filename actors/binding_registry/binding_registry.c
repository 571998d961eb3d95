/* The binding-registry: who holds which port (protocol section 5).
 *
 * Owns    every binding: its id, its port, its owner, its state; nobody else says open, transfer and close.
 * Hears   claim_port, release_port, release_session, park_session, resume_session; listener_opened, listener_failed,
 *         listener_closed; list_bindings; report_metrics.
 * Says    open_listener, transfer_listener, adopt_listener, close_listener, bound, bind_refused, unbound,
 *         unbind_refused; session_released, session_resumed, bindings_counted; bindings_listed; metrics_reported.
 *
 * A binding, from its claim on:
 *
 *   in state    it meets                            says                        is then
 *   WAITING     no binding that holds the port      open_listener               OPENING
 *               takeover of a BOUND one             transfer_listener, bound    BOUND, and the old one is gone
 *               the same, of another shard's        transfer_listener           OPENING, and the old one is gone
 *               held, cap reached, ports used up    bind_refused                gone
 *               a port about to be settled                                      WAITING, decided again when it is
 *               release_, park_, resume_session                                 gone
 *   OPENING     listener_opened                     bound                       BOUND
 *               listener_failed, random port        open_listener (another)     OPENING
 *               listener_failed                     bind_refused                gone
 *               release_session                                                 ABANDONED
 *   ABANDONED   listener_opened                     close_listener              CLOSING
 *               listener_failed                                                 gone
 *   BOUND       release_port, release_session       close_listener              CLOSING
 *   CLOSING     listener_closed                     unbound, if asked           gone
 *
 * A listener is on its session's shard. One that is taken over from another shard opens, or fails, like a new one: what
 * is true of OPENING is true of it.
 *
 * A port is about to be settled while the binding that holds it is closing or abandoned, and for a takeover also
 * while it is opening. The claim waits for the gateway's answer then, so that a driver who comes back at once is not
 * told ALREADY_BOUND because of its own ghost. Claims that wait count against the cap; each answer decides them again,
 * in their order.
 *
 * A session, from its first claim until it holds nothing; it is parked in PARKED and RESUMING:
 *
 *   in state    it meets                            says                        is then
 *   LIVE,       park_session                        bindings_counted, if not 0  PARKED
 *   PARKED,     resume_session                                                  RESUMING
 *   RESUMING    release_session                                                 RELEASED
 *   LIVE        the end of its last binding                                     gone
 *   PARKED,     the end of its last binding         session_released            gone
 *   RELEASED
 *   RESUMING    none (any more) that is OPENING     adopt_listener for each     LIVE, gone when it holds nothing
 *                                                   BOUND one, session_resumed
 *   (none)      park_session, release_session       session_released            (none)
 *               resume_session                      session_resumed             (none)
 *
 * Whatever a parked session has in the opening goes on: what comes of it is parked too, and session_resumed waits for
 * it, so that a driver who is back is told all that it holds. */
#include "binding_registry.h"

#include "actor.h"
#include "binding_registry/binding_steps.h"
#include "binding_registry/public_url.h"
#include "check.h"
#include "metric_report.h"

/* ---- session-manager ----------------------------------------------------------------------------------------- */

static void on_claim_port(struct binding_registry *self, const struct message *message)
{
    const struct message_claim_port *claim = &message->claim_port;
    struct holder *holder = binding_table_add_holder(self->table, &claim->session);
    /* The session-manager says nothing more of a session after release_session, and claims nothing for one that has no
     * connection. */
    check(holder->state == HOLDER_LIVE);
    struct binding *binding = binding_table_add(self->table, holder);
    binding->shard = claim->shard;
    binding->connection = claim->connection;
    binding->client_ref = claim->client_ref;
    binding->kind = (enum bind_kind)claim->kind;
    binding->mode = (enum bind_mode)claim->mode;
    binding->asked_port = claim->port;
    binding->takeover = claim->takeover;
    binding->label = strdup(claim->label);
    check(binding->label != NULL);

    const struct port_ask ask = {
        .kind = binding->kind,
        .mode = binding->mode,
        .port = claim->port,
        .host = claim->host,
        .takeover = claim->takeover,
    };
    char text[REFUSAL_TEXT_MAX];
    enum bind_refusal refusal = port_policy_judge(&self->policy, &ask, &binding->address, text);
    if (refusal == BIND_NOT_REFUSED)
        registry_decide(self, binding);
    else
        registry_refuse(self, binding, refusal, text);
}

/* One that is not bound yet, or not any more, is nobody's to give back: its id was not told, or is gone. */
static void on_release_port(struct binding_registry *self, const struct message *message)
{
    const struct message_release_port *release = &message->release_port;
    struct binding *binding = binding_table_find(self->table, release->binding);
    if (binding == NULL || binding->state != BINDING_BOUND ||
        !session_id_equals(&binding->holder->session, &release->session)) {
        log_info(&self->log, "unbind-refused", log_session(&release->session), log_binding(release->binding),
                 log_reason("this session holds no binding of that id"));
        mailbox_send(self->mailbox,
                     MESSAGE_OF(unbind_refused, .shard = release->shard, .connection = release->connection,
                                .binding = release->binding, .code = "NOT_OWNED",
                                .text = "this session holds no binding of that id"));
        return;
    }
    binding->answers_unbind = true;
    binding->connection = release->connection;
    registry_close(self, binding, false);
}

static void registry_release(struct binding_registry *self, struct binding *binding, bool streams_may_end)
{
    switch (binding->state) {
    case BINDING_WAITING:
        binding_table_remove(self->table, binding);
        return;
    case BINDING_OPENING:
        binding_table_move(self->table, binding, BINDING_ABANDONED);
        return;
    case BINDING_BOUND:
        registry_close(self, binding, streams_may_end);
        return;
    case BINDING_ABANDONED:
    case BINDING_CLOSING:
    case BINDING_STATE_COUNT:
        return;
    }
}

static void on_release_session(struct binding_registry *self, const struct message *message)
{
    const struct message_release_session *release = &message->release_session;
    struct holder *holder = binding_table_holder(self->table, &release->session);
    if (holder == NULL) {
        registry_say_released(self, &release->session);
        return;
    }
    binding_table_move_holder(self->table, holder, HOLDER_RELEASED);
    struct binding *next;
    for (struct binding *binding = LIST_FIRST(&holder->bindings); binding != NULL; binding = next) {
        next = LIST_NEXT(binding, same_holder);
        registry_release(self, binding, release->streams_may_end);
    }
    registry_settle(self, holder);
}

static void on_park_session(struct binding_registry *self, const struct message *message)
{
    const struct message_park_session *park = &message->park_session;
    struct holder *holder = binding_table_holder(self->table, &park->session);
    if (holder == NULL)
        registry_say_released(self, &park->session);
    else
        registry_park(self, holder);
}

static void on_resume_session(struct binding_registry *self, const struct message *message)
{
    const struct message_resume_session *resume = &message->resume_session;
    registry_resume(self, binding_table_add_holder(self->table, &resume->session), resume->shard, resume->connection);
}

/* ---- ws-gateway ---------------------------------------------------------------------------------------------- */

/* The gateway answers each open and each close once, so an answer without its ask is our own mistake; it must not end
 * the daemon, as the port is the gateway's in any case. NULL: said in the log. */
static struct binding *find_asked(struct binding_registry *self, struct bind_id id, const char *message,
                                  enum binding_state asked, enum binding_state or_asked)
{
    struct binding *binding = binding_table_find(self->table, id);
    if (binding != NULL && (binding->state == asked || binding->state == or_asked))
        return binding;
    log_warn(&self->log, "unasked", log_session(binding != NULL ? &binding->holder->session : NULL), log_binding(id),
             log_text("message", message));
    return NULL;
}

static void on_listener_opened(struct binding_registry *self, const struct message *message)
{
    const struct message_listener_opened *opened = &message->listener_opened;
    struct binding *binding = find_asked(self, opened->binding, "listener_opened", BINDING_OPENING, BINDING_ABANDONED);
    if (binding == NULL)
        return;
    check(opened->port > 0 && opened->port <= HIGHEST_PORT);
    binding_table_place(self->table, binding, (uint16_t)opened->port);
    if (binding->state == BINDING_ABANDONED) {
        registry_close(self, binding, false);
        return;
    }
    registry_succeed(self, binding);
    registry_decide_waiting(self);
}

static void refuse_failed(struct binding_registry *self, struct binding *binding,
                          const struct message_listener_failed *failed)
{
    char text[REFUSAL_TEXT_MAX];
    if (failed->address_in_use) {
        snprintf(text, sizeof text, "port %u is in use by another process: stop it, or use another port",
                 binding->port);
        registry_refuse(self, binding, BIND_REFUSAL_PORT_IN_USE, text);
    } else {
        snprintf(text, sizeof text, "could not listen on port %u: %s", binding->port, failed->text);
        registry_refuse(self, binding, BIND_REFUSAL_INTERNAL, text);
    }
}

static void on_listener_failed(struct binding_registry *self, const struct message *message)
{
    const struct message_listener_failed *failed = &message->listener_failed;
    struct binding *binding = find_asked(self, failed->binding, "listener_failed", BINDING_OPENING, BINDING_ABANDONED);
    if (binding == NULL)
        return;
    log_debug(&self->log, "listener-failed", log_session(&binding->holder->session), log_binding(binding->id),
              log_port(binding->port), log_reason(failed->text));
    if (binding->state == BINDING_ABANDONED)
        registry_forget(self, binding);
    else if (failed->address_in_use && binding->ports_tried > 0)
        registry_open(self, binding);
    else
        refuse_failed(self, binding, failed);
    registry_decide_waiting(self);
}

static void on_listener_closed(struct binding_registry *self, const struct message *message)
{
    const struct message_listener_closed *closed = &message->listener_closed;
    struct binding *binding = find_asked(self, closed->binding, "listener_closed", BINDING_CLOSING, BINDING_CLOSING);
    if (binding == NULL)
        return;
    log_info(&self->log, "closed", log_session(&binding->holder->session), log_binding(binding->id),
             log_port(binding->port));
    if (binding->answers_unbind)
        mailbox_send(self->mailbox, MESSAGE_OF(unbound, .shard = binding->shard, .connection = binding->connection,
                                               .binding = binding->id));
    registry_forget(self, binding);
    registry_decide_waiting(self);
}

/* ---- admin-http and metrics ---------------------------------------------------------------------------------- */

/* Those that are bound, by port. */
static void on_list_bindings(struct binding_registry *self, const struct message *message)
{
    const struct message_list_bindings *list = &message->list_bindings;
    struct message_buffer rows = {0};
    for (size_t port = 0; port <= HIGHEST_PORT; port++) {
        const struct binding *binding;
        LIST_FOREACH(binding, &self->table->by_port[port], same_port)
        {
            if (binding->state != BINDING_BOUND)
                continue;
            if (!registry_pack_row(binding, &rows))
                log_error(&self->log, "row-lost", log_session(&binding->holder->session), log_binding(binding->id),
                          log_reason("out of memory"));
        }
    }
    mailbox_send(self->mailbox, MESSAGE_OF(bindings_listed, .ref = list->ref, .bindings = message_buffer_span(&rows)));
    message_buffer_done(&rows);
}

static void on_report_metrics(struct binding_registry *self, const struct message *message)
{
    const struct message_report_metrics *ask = &message->report_metrics;
    struct metric_report report = {0};
    static const char *const pairs[BIND_MODE_OTHER] = {
        [BIND_MODE_EXPOSE] = "kind=\"http\",mode=\"expose\"",
        [BIND_MODE_PULL] = "kind=\"tcp\",mode=\"pull\"",
    };
    for (enum bind_mode mode = 0; mode < BIND_MODE_OTHER; mode++) {
        metric_report_add(&report, METRIC_bindings_active, pairs[mode], (double)self->table->bound[mode]);
        metric_report_add(&report, METRIC_parked_bindings, pairs[mode], (double)self->table->parked[mode]);
    }
    uint64_t refused = 0;
    for (unsigned i = 0; i < BIND_REFUSAL_COUNT; i++) {
        char labels[64];
        snprintf(labels, sizeof labels, "code=\"%s\"", bind_refusal_code((enum bind_refusal)i));
        metric_report_add(&report, METRIC_binds_refused_total, labels, (double)self->refused[i]);
        refused += self->refused[i];
    }
    metric_report_add(&report, METRIC_binds_total, "result=\"bound\"", (double)self->granted);
    metric_report_add(&report, METRIC_binds_total, "result=\"refused\"", (double)refused);
    metric_report_add_mailbox(&report, self->mailbox, ACTOR_binding_registry);
    metric_report_send(&report, self->mailbox, ACTOR_binding_registry, 0, ask->ref);
}

/* ---- dispatch and entry -------------------------------------------------------------------------------------- */

typedef void handler(struct binding_registry *self, const struct message *message);

static handler *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_claim_port] = on_claim_port,           [MESSAGE_release_port] = on_release_port,
    [MESSAGE_release_session] = on_release_session, [MESSAGE_listener_opened] = on_listener_opened,
    [MESSAGE_listener_failed] = on_listener_failed, [MESSAGE_listener_closed] = on_listener_closed,
    [MESSAGE_park_session] = on_park_session,       [MESSAGE_resume_session] = on_resume_session,
    [MESSAGE_list_bindings] = on_list_bindings,     [MESSAGE_report_metrics] = on_report_metrics,
};

static void on_message(void *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    if (handlers[message->type] != NULL)
        handlers[message->type](self, message);
}

static void binding_registry_destroy(void **p_self)
{
    struct binding_registry *self = *p_self;
    if (self == NULL)
        return;
    binding_table_destroy(&self->table);
    logger_done(&self->log);
    free(self);
    *p_self = NULL;
}

static void *binding_registry_new(const struct options *options, struct mailbox *mailbox, const struct log *log)
{
    struct logger logger = logger_of(log, actor_name(ACTOR_binding_registry));
    struct listen_address expose_address;
    if (!listen_address_parse(options->expose_address, &expose_address)) {
        log_error(&logger, "start-failed", log_text("expose_address", options->expose_address),
                  log_reason("not a numeric IP address"));
        return NULL;
    }
    if (!public_url_pattern_is_valid(options->public_url_pattern)) {
        log_error(&logger, "start-failed", log_text("public_url_pattern", options->public_url_pattern),
                  log_reason("it has no {port}"));
        return NULL;
    }
    struct binding_registry *self = zmalloc(sizeof *self);
    self->options = options;
    self->mailbox = mailbox;
    self->log = logger;
    self->policy = (struct port_policy){
        .allows_privileged_expose = options->allow_privileged_expose,
        .allows_privileged_pull = options->allow_privileged_pull,
        .base_port = options->listen.port,
        .expose_address = expose_address,
    };
    self->table = binding_table_new();
    return self;
}

const struct actor_spec binding_registry_actor = {
    .actor = ACTOR_binding_registry,
    .new = binding_registry_new,
    .destroy = binding_registry_destroy,
    .on_message = on_message,
    .on_time = NULL,
};
