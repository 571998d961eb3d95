/* The session-manager: who may have a session, and for how long (protocol sections 3, 4 and 7).
 *
 * Owns    every session: its id, its connections, its state, its timeouts; join tickets; the bearer tokens; the ids
 *         that expired.
 * Hears   open_session, join_session, secondary_closed, reissue_tickets, connection_closed, connection_probed, bind,
 *         unbind; session_released, session_resumed, bindings_counted; list_sessions, close_session; drain, reload;
 *         report_metrics.
 * Says    move_connection, session_opened, session_refused, session_joined, join_refused, tickets_reissued,
 * shards_changed, probe_connection, end_session, stop_accepting; claim_port, release_port, release_session,
 * park_session, resume_session; sessions_listed, session_closing; drained; metrics_reported.
 *
 * A session, from its HELLO on:
 *
 *   in state          it meets                      says                              is then
 *   (none)            open_session                  session_opened                    LIVE
 *                     open_session, refused         session_refused                   (none)
 *   LIVE              idle timeout                  end_session                       ENDING
 *                     pong timeout                  end_session, park_session         PARKING
 *                     drain                         end_session                       DRAINING
 *                     open_session that resumes it  end_session, resume_session       RESUMING
 *                     connection_closed, abrupt     park_session                      PARKING
 *                     join_session                  session_joined, shards_changed    LIVE
 *                     reissue_tickets               tickets_reissued                  LIVE
 *   LIVE, DRAINING    connection_closed             release_session                   gone
 *                     close_session                 release_session                   RELEASING
 *   PARKING           bindings_counted, not 0                                         PARKED
 *   PARKED            more are than may be          release_session                   gone, the longest parked one
 *   PARKING, PARKED   session_released                                                gone
 *                     open_session that resumes it  resume_session                    RESUMING
 *                     the end of the grace          release_session                   gone, its id remembered
 *                     close_session                 release_session                   LOST
 *                     drain                         release_session                   gone
 *   RESUMING          session_resumed               session_opened                    LIVE
 *                     connection_closed             park_session                      PARKING
 *                     open_session that resumes it  session_refused (the new one)     RESUMING
 *                     close_session                 session_refused, release_session  LOST
 *                     drain                         session_refused, release_session  gone
 *   RELEASING         session_released              session_closing, end_session      ENDING
 *                     connection_closed                                               LOST
 *   LOST              session_released              session_closing                   gone
 *   ENDING            connection_closed             release_session, if not said      gone
 *
 * Without grace, PARKING is "release_session, gone". LIVE, RESUMING and DRAINING ones are listed and counted, PARKED
 * ones only counted; the others are nobody's business any more. What a connection says that is not the session's (any
 * more) is about nothing. A bind is passed on in LIVE only; an unbind as long as release_session is not said: so
 * nothing of a session arrives at the registry behind its release.
 *
 * A session lives on one shard of the gateway from its first HELLO on, whatever becomes of its connections; a new one
 * where the fewest live. Connections come in on shard 0. One that asks for a session, or to join one, that lives
 * elsewhere meets move_connection, and nothing else happens: it asks again from there, or connection_closed says that
 * it was lost on the way.
 *
 * Connections join a LIVE one only; in any other state, join_session meets join_refused. Those that joined keep their
 * seats as long as the session has the connection that they joined, whatever its state, and free them by
 * secondary_closed (shards_changed in LIVE). When it has that one no more, seats and tickets are void: the gateway
 * closes whoever was on them, and what it says of them is about nothing. */
#include "session_manager.h"

#include <sys/param.h>

#include "actor.h"
#include "check.h"
#include "gateway_shards.h"
#include "metric_report.h"
#include "session_manager/handshake.h"
#include "session_manager/joining.h"
#include "session_manager/session_timers.h"

static const char *const refusal_names[SESSION_REFUSAL_COUNT] = {
#define SESSION_REFUSAL(name) #name,
#include "session_manager/session_refusals.def"
#undef SESSION_REFUSAL
};

/* After the last connection that a drain waits for. */
static void say_drained_when_empty(struct session_manager *self)
{
    if (!self->is_draining || self->has_drained || session_table_linked(self->table) > 0)
        return;
    self->has_drained = true;
    log_info(&self->log, "drained", log_number("sessions", self->sessions_drained));
    mailbox_send(self->mailbox, MESSAGE_OF(drained, .sessions_closed = self->sessions_drained));
}

/* ---- life of a session --------------------------------------------------------------------------------------- */

/* Did the driver lose its connection, rather than leave? What the kit ends itself is an error of the driver, unless it
 * was short of something. */
static bool is_abrupt(const struct message_connection_closed *closed)
{
    enum { CLOSE_NORMAL = 1000, CLOSE_NO_CODE = 1005, CLOSE_TRY_LATER = 1013 };
    if (closed->driver_goaway)
        return false;
    if (closed->kit_ended)
        return closed->close_code == CLOSE_TRY_LATER;
    return closed->close_code != CLOSE_NORMAL && closed->close_code != CLOSE_NO_CODE;
}

static void on_connection_closed(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_connection_closed *closed = &message->connection_closed;
    struct session *session = session_table_find_linked(self->table, closed->connection);
    placement_settle(&self->table->placement, closed->connection);
    if (session == NULL)
        return; /* one that was refused, that the session left behind, or that was lost on its way to its shard */
    log_info(&self->log, "session-closed", log_session(&session->id), log_connection(closed->connection),
             log_number("close", closed->close_code), log_flag("driver_goaway", closed->driver_goaway),
             log_flag("kit_ended", closed->kit_ended));
    if (session->state == SESSION_RELEASING) {
        session_table_unlink(self->table, session);
        session_table_move(self->table, session, SESSION_LOST);
    } else if (session->state == SESSION_RESUMING || (session->state == SESSION_LIVE && is_abrupt(closed))) {
        session_park(self, session, now_ms);
    } else {
        session_release(self, session, false);
        session_table_remove(self->table, session);
    }
    say_drained_when_empty(self);
}

static void on_connection_probed(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_connection_probed *probed = &message->connection_probed;
    struct session *session = session_table_find_linked(self->table, probed->connection);
    if (session == NULL || session->state != SESSION_LIVE)
        return; /* its end crossed the probe */
    const struct liveness_signs signs = {
        .silence_ms = probed->silence_ms,
        .active_streams = probed->active_streams,
        .streams_opened = probed->streams_opened,
        .bindings = session->bindings,
    };
    switch (liveness_judge(&session->liveness, &self->limits, &signs, now_ms)) {
    case LIVENESS_GOOD:
        self->probe_at_ms = MIN(self->probe_at_ms, session->liveness.probe_at_ms);
        return;
    case LIVENESS_PONG_TIMEOUT:
        session_end(self, session,
                    &(const struct ending){
                        .goaway_code = CODE_IDLE_TIMEOUT, .goaway_message = "pong timeout", .close_code = 1001});
        session_park(self, session, now_ms);
        return;
    case LIVENESS_IDLE_TIMEOUT:
        session_end(self, session,
                    &(const struct ending){.goaway_code = CODE_IDLE_TIMEOUT,
                                           .goaway_message = "session idle timeout",
                                           .close_code = 1000});
        session_table_move(self->table, session, SESSION_ENDING);
        return;
    }
}

static void drain_session(struct session_manager *self, struct session *session, const struct ending *ending)
{
    switch (session->state) {
    case SESSION_LIVE:
        session_end(self, session, ending);
        session_table_move(self->table, session, SESSION_DRAINING);
        return;
    case SESSION_RESUMING:
        session_refuse(self, session,
                       &(const struct refusal){.why = REFUSAL_draining,
                                               .goaway_code = ending->goaway_code,
                                               .message = ending->goaway_message,
                                               .close_code = ending->close_code});
        session_release(self, session, false);
        session_table_remove(self->table, session);
        return;
    case SESSION_PARKING:
    case SESSION_PARKED:
        log_info(&self->log, "session-ended", log_session(&session->id), log_reason(ending->goaway_message));
        session_release(self, session, false);
        session_table_remove(self->table, session);
        return;
    case SESSION_DRAINING:
    case SESSION_RELEASING:
    case SESSION_LOST:
    case SESSION_ENDING:
        return;
    }
}

static void on_drain(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    if (self->is_draining)
        return; /* the first one's time runs */
    self->is_draining = true;
    self->sessions_drained = (uint32_t)session_table_linked(self->table);
    log_info(&self->log, "draining", log_number("sessions", self->sessions_drained),
             log_number("timeout_ms", message->drain.timeout_ms));
    for (uint32_t shard = 0; shard < gateway_shards(self->options); shard++)
        mailbox_send(self->mailbox, MESSAGE_OF(stop_accepting, .shard = shard));
    const struct ending ending = {
        .goaway_code = CODE_NO_ERROR,
        .goaway_message = "kit is shutting down",
        .close_code = 1001,
        .grace_ms = message->drain.timeout_ms,
        .goaway_last = true,
    };
    struct session *next;
    for (struct session *session = TAILQ_FIRST(&self->table->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, opened);
        drain_session(self, session, &ending);
    }
    say_drained_when_empty(self);
}

static void on_reload(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    char why[AUTH_TOKENS_WHY_MAX];
    log_info(&self->log, "reloading", log_number("waited_ms", now_ms - MIN(now_ms, message->reload.asked_ms)));
    if (!handshake_load_tokens(self, why))
        log_warn(&self->log, "reload-failed", log_text("file", self->options->auth_token_file),
                 log_number("tokens_kept", self->tokens.count), log_reason(why));
}

/* ---- bindings ------------------------------------------------------------------------------------------------ */

static void on_bind(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_bind *bind = &message->bind;
    struct session *session = session_table_find_linked(self->table, bind->connection);
    if (session == NULL || session->state != SESSION_LIVE) {
        log_debug(&self->log, "bind-dropped", log_session(session != NULL ? &session->id : NULL),
                  log_connection(bind->connection), log_signed("port", bind->port));
        return;
    }
    liveness_use(&session->liveness, now_ms);
    mailbox_send(self->mailbox,
                 MESSAGE_OF(claim_port, .shard = bind->shard, .connection = bind->connection, .session = session->id,
                            .client_ref = bind->client_ref, .kind = bind->kind, .mode = bind->mode, .port = bind->port,
                            .host = bind->host, .label = bind->label, .takeover = bind->takeover));
}

static void on_unbind(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_unbind *unbind = &message->unbind;
    struct session *session = session_table_find_linked(self->table, unbind->connection);
    if (session == NULL || session->is_released) {
        log_debug(&self->log, "unbind-dropped", log_session(session != NULL ? &session->id : NULL),
                  log_binding(unbind->binding), log_connection(unbind->connection));
        return;
    }
    liveness_use(&session->liveness, now_ms);
    mailbox_send(self->mailbox, MESSAGE_OF(release_port, .shard = unbind->shard, .connection = unbind->connection,
                                           .session = session->id, .binding = unbind->binding));
}

static void end_killed(struct session_manager *self, struct session *session)
{
    session_end(self, session,
                &(const struct ending){.goaway_code = CODE_PROTOCOL_ERROR,
                                       .goaway_message = "closed by admin",
                                       .close_code = 1000,
                                       .grace_ms = session->close_grace_ms});
    session_table_move(self->table, session, SESSION_ENDING);
}

/* The last port of a killed session is free, or a parked one has none. */
static void on_session_released(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    struct session *session = session_table_find(self->table, message->session_released.session.text);
    if (session == NULL)
        return; /* nobody waits for it */
    switch (session->state) {
    case SESSION_PARKING:
    case SESSION_PARKED:
        log_info(&self->log, "session-ended", log_session(&session->id), log_reason("it holds no ports"));
        session_table_remove(self->table, session);
        return;
    case SESSION_RELEASING:
        mailbox_send(self->mailbox, MESSAGE_OF(session_closing, .ref = session->close_ref, .found = true));
        end_killed(self, session);
        return;
    case SESSION_LOST:
        mailbox_send(self->mailbox, MESSAGE_OF(session_closing, .ref = session->close_ref, .found = true));
        session_table_remove(self->table, session);
        return;
    case SESSION_RESUMING: /* it crossed resume_session, which is answered too */
    case SESSION_LIVE:
    case SESSION_DRAINING:
    case SESSION_ENDING:
        return;
    }
}

/* There must be one. */
static struct session *longest_parked(struct session_manager *self)
{
    struct session *session;
    TAILQ_FOREACH(session, &self->table->parked, parked)
    {
        if (session->state == SESSION_PARKED)
            return session;
    }
    check(false); /* they are counted */
    return NULL;
}

static void on_bindings_counted(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_bindings_counted *counted = &message->bindings_counted;
    struct session *session = session_table_find(self->table, counted->session.text);
    if (session == NULL)
        return; /* gone meanwhile */
    session->bindings = counted->bindings;
    liveness_use(&session->liveness, now_ms);
    if (session->state != SESSION_PARKING || counted->bindings == 0)
        return;
    session_table_move(self->table, session, SESSION_PARKED);
    self->parked++;
    log_info(&self->log, "session-parked", log_session(&session->id), log_number("bindings", counted->bindings));
    if (self->table->orphaned > self->options->max_sessions)
        session_expire(self, longest_parked(self), EXPIRY_LIMIT, now_ms);
}

/* ---- admin-http and metrics ---------------------------------------------------------------------------------- */

static void on_list_sessions(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    struct message_buffer rows = {0};
    const struct session *session;
    TAILQ_FOREACH(session, &self->table->sessions, opened)
    {
        if (!session_is_listed(session))
            continue;
        if (!message_pack(MESSAGE_OF(session_row, .session = session->id, .peer = session->link.peer,
                                     .subprotocol = session->link.subprotocol,
                                     .connections_granted = session->link.connections_granted,
                                     .max_streams = (uint32_t)self->options->max_streams),
                          &rows))
            log_error(&self->log, "row-lost", log_session(&session->id), log_reason("out of memory"));
    }
    mailbox_send(self->mailbox, MESSAGE_OF(sessions_listed, .ref = message->list_sessions.ref,
                                           .orphaned_sessions = (uint32_t)self->table->orphaned,
                                           .sessions = message_buffer_span(&rows)));
    message_buffer_done(&rows);
}

static void on_close_session(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    const struct message_close_session *close = &message->close_session;
    struct session *session = session_table_find(self->table, close->session);
    if (session == NULL || !(session_is_listed(session) || session_is_parked(session))) {
        mailbox_send(self->mailbox, MESSAGE_OF(session_closing, .ref = close->ref, .found = false));
        return;
    }
    log_info(&self->log, "session-killed", log_session(&session->id), log_number("grace_ms", close->grace_ms));
    session->close_ref = close->ref;
    session->close_grace_ms = close->grace_ms;
    if (session->state == SESSION_RESUMING)
        session_refuse(self, session,
                       &(const struct refusal){.why = REFUSAL_killed,
                                               .goaway_code = CODE_PROTOCOL_ERROR,
                                               .message = "closed by admin",
                                               .close_code = 1000});
    bool has_connection = session->link.connection.value != 0;
    session_table_move(self->table, session, has_connection ? SESSION_RELEASING : SESSION_LOST);
    session_release(self, session, has_connection && close->grace_ms > 0);
}

static void on_report_metrics(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    struct metric_report report = {0};
    uint64_t refused = 0;
    metric_report_add(&report, METRIC_sessions_active, "", (double)self->table->listed);
    metric_report_add(&report, METRIC_sessions_opened_total, "", (double)self->opened);
    metric_report_add(&report, METRIC_sessions_orphaned, "", (double)self->table->orphaned);
    metric_report_add(&report, METRIC_sessions_parked_total, "", (double)self->parked);
    metric_report_add(&report, METRIC_sessions_resumed_total, "", (double)self->resumed);
    metric_report_add(&report, METRIC_sessions_expired_total, "reason=\"grace\"",
                      (double)self->expired_count[EXPIRY_GRACE]);
    metric_report_add(&report, METRIC_sessions_expired_total, "reason=\"limit\"",
                      (double)self->expired_count[EXPIRY_LIMIT]);
    metric_report_add(&report, METRIC_secondary_connections, "", (double)session_table_attached(self->table));
    for (size_t i = 0; i < SESSION_REFUSAL_COUNT; i++) {
        char labels[64];
        snprintf(labels, sizeof labels, "reason=\"%s\"", refusal_names[i]);
        metric_report_add(&report, METRIC_sessions_refused_total, labels, (double)self->refused[i]);
        refused += self->refused[i];
    }
    metric_report_add(&report, METRIC_handshakes_total, "result=\"opened\"", (double)self->opened);
    metric_report_add(&report, METRIC_handshakes_total, "result=\"resumed\"", (double)self->resumed);
    metric_report_add(&report, METRIC_handshakes_total, "result=\"joined\"", (double)self->joined);
    metric_report_add(&report, METRIC_handshakes_total, "result=\"refused\"", (double)refused);
    metric_report_add_mailbox(&report, self->mailbox, ACTOR_session_manager);
    metric_report_send(&report, self->mailbox, ACTOR_session_manager, 0, message->report_metrics.ref);
}

/* ---- dispatch and entry -------------------------------------------------------------------------------------- */

typedef void handler(struct session_manager *self, const struct message *message, uint64_t now_ms);

static handler *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_open_session] = on_open_session,
    [MESSAGE_join_session] = on_join_session,
    [MESSAGE_secondary_closed] = on_secondary_closed,
    [MESSAGE_reissue_tickets] = on_reissue_tickets,
    [MESSAGE_connection_closed] = on_connection_closed,
    [MESSAGE_connection_probed] = on_connection_probed,
    [MESSAGE_drain] = on_drain,
    [MESSAGE_reload] = on_reload,
    [MESSAGE_bind] = on_bind,
    [MESSAGE_unbind] = on_unbind,
    [MESSAGE_session_released] = on_session_released,
    [MESSAGE_session_resumed] = on_session_resumed,
    [MESSAGE_bindings_counted] = on_bindings_counted,
    [MESSAGE_list_sessions] = on_list_sessions,
    [MESSAGE_close_session] = on_close_session,
    [MESSAGE_report_metrics] = on_report_metrics,
};

static void on_message(void *self, const struct message *message, uint64_t now_ms)
{
    if (handlers[message->type] != NULL)
        handlers[message->type](self, message, now_ms);
}

static void session_manager_destroy(void **p_self)
{
    struct session_manager *self = *p_self;
    if (self == NULL)
        return;
    session_table_destroy(&self->table);
    auth_tokens_done(&self->tokens);
    logger_done(&self->log);
    free(self);
    *p_self = NULL;
}

static void *session_manager_new(const struct options *options, struct mailbox *mailbox, const struct log *log)
{
    struct session_manager *self = zmalloc(sizeof *self);
    self->options = options;
    self->mailbox = mailbox;
    self->log = logger_of(log, actor_name(ACTOR_session_manager));
    self->table = session_table_new(gateway_shards(options));
    self->limits = (struct liveness_limits){
        .ping_interval_ms = options->ping_interval,
        .pong_timeout_ms = options->pong_timeout,
        .idle_timeout_ms = options->idle_timeout,
    };
    self->probe_at_ms = UINT64_MAX;
    char why[AUTH_TOKENS_WHY_MAX];
    if (!handshake_load_tokens(self, why)) {
        log_error(&self->log, "start-failed", log_text("file", options->auth_token_file), log_reason(why));
        void *unusable = self;
        session_manager_destroy(&unusable);
        return NULL;
    }
    return self;
}

const struct actor_spec session_manager_actor = {
    .actor = ACTOR_session_manager,
    .new = session_manager_new,
    .destroy = session_manager_destroy,
    .on_message = on_message,
    .on_time = session_timers,
};
