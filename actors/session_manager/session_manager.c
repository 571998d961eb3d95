/* The session-manager: who may have a session, and for how long (protocol sections 3, 4 and 7).
 *
 * Owns    every session: its id, its connection, its state, its timeouts.
 * Hears   open_session, join_session, connection_closed, connection_probed, bind, unbind; session_released,
 *         bindings_counted; list_sessions, close_session; drain; report_metrics.
 * Says    session_opened, session_refused, join_refused, probe_connection, end_session, stop_accepting; claim_port,
 *         release_port, release_session; sessions_listed, session_closing; drained; metrics_reported.
 *
 * A session, from its HELLO on:
 *
 *   in state          it meets                 says                              is then
 *   (none)            open_session             session_opened                    LIVE
 *                     open_session, refused    session_refused                   (none)
 *   LIVE              pong or idle timeout     end_session                       ENDING
 *                     drain                    end_session                       DRAINING
 *   LIVE, DRAINING    connection_closed        release_session                   gone
 *                     close_session            release_session                   RELEASING
 *   RELEASING         session_released         session_closing, end_session      ENDING
 *                     connection_closed                                          LOST
 *   LOST              session_released         session_closing                   gone
 *   ENDING            connection_closed        release_session, if not said      gone
 *
 * LIVE and DRAINING ones are listed and counted; the others are nobody's business any more. A bind is passed on in LIVE
 * only; an unbind as long as release_session is not said: so nothing of a session arrives at the registry behind its
 * release. */
#include "session_manager.h"

#include <inttypes.h>
#include <sys/param.h>

#include "actor.h"
#include "gateway_shards.h"
#include "metric_report.h"
#include "session_manager/handshake.h"
#include "tunnel_frame.h"

/* Probes that are due within this are said together; a quarter of the interval, if that is less. */
enum { SWEEP_GAP_MAX_MS = 250 };

static const char *const refusal_names[SESSION_REFUSAL_COUNT] = {
#define SESSION_REFUSAL(name) #name,
#include "session_manager/session_refusals.def"
#undef SESSION_REFUSAL
};

static const char *self_name(void)
{
    return actor_name(ACTOR_session_manager);
}

/* ---- steps of a session -------------------------------------------------------------------------------------- */

/* Nothing more of the session is said to the registry. */
static void session_release(struct session_manager *self, struct session *session, bool streams_may_end)
{
    if (session->is_released)
        return;
    session->is_released = true;
    mailbox_send(self->mailbox,
                 MESSAGE_OF(release_session, .session = session->id, .streams_may_end = streams_may_end));
}

struct ending {
    enum session_state state; /* the one that follows */
    enum error_code goaway_code;
    const char *goaway_message;
    uint32_t close_code;
    uint64_t grace_ms;
    bool goaway_last;
};

static void session_end(struct session_manager *self, struct session *session, const struct ending *ending)
{
    session_table_move(self->table, session, ending->state);
    log_info(self->log, self_name(), "session-ending",
             "session=%s close=%" PRIu32 " grace_ms=%" PRIu64 " reason=\"%s\"", session->id.text, ending->close_code,
             ending->grace_ms, ending->goaway_message);
    mailbox_send(self->mailbox, MESSAGE_OF(end_session, .shard = session->link.shard,
                                           .connection = session->link.connection, .goaway_code = ending->goaway_code,
                                           .goaway_message = ending->goaway_message, .close_code = ending->close_code,
                                           .grace_ms = ending->grace_ms, .goaway_last = ending->goaway_last));
}

/* After the last connection that a drain waits for. */
static void say_drained_when_empty(struct session_manager *self)
{
    if (!self->is_draining || self->has_drained || session_table_linked(self->table) > 0)
        return;
    self->has_drained = true;
    log_info(self->log, self_name(), "drained", "sessions=%" PRIu32, self->sessions_drained);
    mailbox_send(self->mailbox, MESSAGE_OF(drained, .sessions_closed = self->sessions_drained));
}

/* ---- life of a session --------------------------------------------------------------------------------------- */

static void on_connection_closed(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    const struct message_connection_closed *closed = &message->connection_closed;
    struct session *session = session_table_find_linked(self->table, closed->connection);
    if (session == NULL)
        return; /* one that was refused */
    log_info(self->log, self_name(), "session-closed", "session=%s close=%" PRIu32 " driver_goaway=%d kit_ended=%d",
             session->id.text, closed->close_code, closed->driver_goaway, closed->kit_ended);
    if (session->state == SESSION_RELEASING) {
        session_table_unlink(self->table, session);
        session_table_move(self->table, session, SESSION_LOST);
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
                    &(const struct ending){.state = SESSION_ENDING,
                                           .goaway_code = CODE_IDLE_TIMEOUT,
                                           .goaway_message = "pong timeout",
                                           .close_code = 1001});
        return;
    case LIVENESS_IDLE_TIMEOUT:
        session_end(self, session,
                    &(const struct ending){.state = SESSION_ENDING,
                                           .goaway_code = CODE_IDLE_TIMEOUT,
                                           .goaway_message = "session idle timeout",
                                           .close_code = 1000});
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
    log_info(self->log, self_name(), "draining", "sessions=%" PRIu32 " timeout_ms=%" PRIu64, self->sessions_drained,
             message->drain.timeout_ms);
    for (uint32_t shard = 0; shard < gateway_shards(self->options); shard++)
        mailbox_send(self->mailbox, MESSAGE_OF(stop_accepting, .shard = shard));
    const struct ending ending = {
        .state = SESSION_DRAINING,
        .goaway_code = CODE_NO_ERROR,
        .goaway_message = "kit is shutting down",
        .close_code = 1001,
        .grace_ms = message->drain.timeout_ms,
        .goaway_last = true,
    };
    struct session *session;
    TAILQ_FOREACH(session, &self->table->sessions, opened)
    {
        if (session->state == SESSION_LIVE)
            session_end(self, session, &ending);
    }
    say_drained_when_empty(self);
}

/* ---- bindings ------------------------------------------------------------------------------------------------ */

static void on_bind(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_bind *bind = &message->bind;
    struct session *session = session_table_find_linked(self->table, bind->connection);
    if (session == NULL || session->state != SESSION_LIVE) {
        log_debug(self->log, self_name(), "bind-dropped", "session=%s connection=%" PRIu64 " port=%" PRId64,
                  session != NULL ? session->id.text : "", bind->connection.value, bind->port);
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
        log_debug(self->log, self_name(), "unbind-dropped", "session=%s connection=%" PRIu64 " bind=%" PRIu32,
                  session != NULL ? session->id.text : "", unbind->connection.value, unbind->binding.value);
        return;
    }
    liveness_use(&session->liveness, now_ms);
    mailbox_send(self->mailbox, MESSAGE_OF(release_port, .shard = unbind->shard, .connection = unbind->connection,
                                           .session = session->id, .binding = unbind->binding));
}

static void on_session_released(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    struct session *session = session_table_find(self->table, message->session_released.session.text);
    if (session == NULL || (session->state != SESSION_RELEASING && session->state != SESSION_LOST))
        return; /* nobody waits for it */
    mailbox_send(self->mailbox, MESSAGE_OF(session_closing, .ref = session->close_ref, .found = true));
    if (session->state == SESSION_LOST) {
        session_table_remove(self->table, session);
        return;
    }
    session_end(self, session,
                &(const struct ending){.state = SESSION_ENDING,
                                       .goaway_code = CODE_PROTOCOL_ERROR,
                                       .goaway_message = "closed by admin",
                                       .close_code = 1000,
                                       .grace_ms = session->close_grace_ms});
}

static void on_bindings_counted(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_bindings_counted *counted = &message->bindings_counted;
    struct session *session = session_table_find(self->table, counted->session.text);
    if (session == NULL)
        return; /* gone meanwhile */
    session->bindings = counted->bindings;
    liveness_use(&session->liveness, now_ms);
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
            log_error(self->log, self_name(), "row-lost", "session=%s reason=out-of-memory", session->id.text);
    }
    mailbox_send(self->mailbox, MESSAGE_OF(sessions_listed, .ref = message->list_sessions.ref, .orphaned_sessions = 0,
                                           .sessions = message_buffer_span(&rows)));
    message_buffer_done(&rows);
}

static void on_close_session(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    const struct message_close_session *close = &message->close_session;
    struct session *session = session_table_find(self->table, close->session);
    if (session == NULL || !session_is_listed(session)) {
        mailbox_send(self->mailbox, MESSAGE_OF(session_closing, .ref = close->ref, .found = false));
        return;
    }
    log_info(self->log, self_name(), "session-killed", "session=%s grace_ms=%" PRIu64, session->id.text,
             close->grace_ms);
    session->close_ref = close->ref;
    session->close_grace_ms = close->grace_ms;
    session_table_move(self->table, session, SESSION_RELEASING);
    session_release(self, session, close->grace_ms > 0);
}

static void on_report_metrics(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    struct metric_report report = {0};
    metric_report_add(&report, METRIC_sessions_active, "", (double)self->table->listed);
    metric_report_add(&report, METRIC_sessions_opened_total, "", (double)self->opened);
    for (size_t i = 0; i < SESSION_REFUSAL_COUNT; i++) {
        char labels[64];
        snprintf(labels, sizeof labels, "reason=\"%s\"", refusal_names[i]);
        metric_report_add(&report, METRIC_sessions_refused_total, labels, (double)self->refused[i]);
    }
    metric_report_add_mailbox(&report, self->mailbox, ACTOR_session_manager);
    metric_report_send(&report, self->mailbox, ACTOR_session_manager, 0, message->report_metrics.ref);
}

/* ---- timers -------------------------------------------------------------------------------------------------- */

/* Probes those that are due, and finds out when the next one is. */
static void sweep(struct session_manager *self, uint64_t now_ms)
{
    self->swept_ms = now_ms;
    self->probe_at_ms = UINT64_MAX;
    struct session *session;
    TAILQ_FOREACH(session, &self->table->sessions, opened)
    {
        if (session->state != SESSION_LIVE)
            continue;
        if (session->liveness.probe_at_ms <= now_ms) {
            liveness_probe(&session->liveness, &self->limits, now_ms);
            mailbox_send(self->mailbox, MESSAGE_OF(probe_connection, .shard = session->link.shard,
                                                   .connection = session->link.connection));
        }
        self->probe_at_ms = MIN(self->probe_at_ms, session->liveness.probe_at_ms);
    }
}

/* One timer for all sessions: none, and nobody is woken. */
static uint64_t on_time(void *p_self, uint64_t now_ms)
{
    struct session_manager *self = p_self;
    uint64_t quarter_ms = liveness_interval_ms(&self->limits) / 4;
    uint64_t gap_ms = MAX(1, MIN(quarter_ms, SWEEP_GAP_MAX_MS));
    if (self->probe_at_ms <= now_ms && self->swept_ms + gap_ms <= now_ms)
        sweep(self, now_ms);
    if (self->probe_at_ms == UINT64_MAX)
        return UINT64_MAX;
    return MAX(self->probe_at_ms, self->swept_ms + gap_ms);
}

/* ---- dispatch and entry -------------------------------------------------------------------------------------- */

typedef void handler(struct session_manager *self, const struct message *message, uint64_t now_ms);

static handler *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_open_session] = on_open_session,
    [MESSAGE_join_session] = on_join_session,
    [MESSAGE_connection_closed] = on_connection_closed,
    [MESSAGE_connection_probed] = on_connection_probed,
    [MESSAGE_drain] = on_drain,
    [MESSAGE_bind] = on_bind,
    [MESSAGE_unbind] = on_unbind,
    [MESSAGE_session_released] = on_session_released,
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
    free(self);
    *p_self = NULL;
}

static void *session_manager_new(const struct options *options, struct mailbox *mailbox, const struct log *log)
{
    struct session_manager *self = zmalloc(sizeof *self);
    self->options = options;
    self->mailbox = mailbox;
    self->log = log;
    self->table = session_table_new();
    self->limits = (struct liveness_limits){
        .ping_interval_ms = options->ping_interval,
        .pong_timeout_ms = options->pong_timeout,
        .idle_timeout_ms = options->idle_timeout,
    };
    self->probe_at_ms = UINT64_MAX;
    return self;
}

const struct actor_spec session_manager_actor = {
    .actor = ACTOR_session_manager,
    .new = session_manager_new,
    .destroy = session_manager_destroy,
    .on_message = on_message,
    .on_time = on_time,
};
