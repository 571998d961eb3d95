/* What the session-manager does with one session. */
#include "session_manager/session_steps.h"

#include "check.h"

void session_release(struct session_manager *self, struct session *session, bool streams_may_end)
{
    if (session->is_released)
        return;
    session->is_released = true;
    mailbox_send(self->mailbox,
                 MESSAGE_OF(release_session, .session = session->id, .streams_may_end = streams_may_end));
}

void session_end(struct session_manager *self, const struct session *session, const struct ending *ending)
{
    log_info(&self->log, "session-ending", log_session(&session->id), log_connection(session->link.connection),
             log_number("close", ending->close_code), log_number("grace_ms", ending->grace_ms),
             log_reason(ending->goaway_message));
    mailbox_send(self->mailbox, MESSAGE_OF(end_session, .shard = session->link.shard,
                                           .connection = session->link.connection, .goaway_code = ending->goaway_code,
                                           .goaway_message = ending->goaway_message, .close_code = ending->close_code,
                                           .grace_ms = ending->grace_ms, .goaway_last = ending->goaway_last));
}

/* ---- its driver is away, and back ---------------------------------------------------------------------------- */

void session_park(struct session_manager *self, struct session *session, uint64_t now_ms)
{
    session_table_unlink(self->table, session);
    if (self->options->takeover_grace == 0) {
        session_release(self, session, false);
        session_table_remove(self->table, session);
        return;
    }
    session->parked_ms = now_ms;
    session_table_move(self->table, session, SESSION_PARKING);
    log_debug(&self->log, "session-parking", log_session(&session->id),
              log_number("grace_ms", self->options->takeover_grace));
    mailbox_send(self->mailbox, MESSAGE_OF(park_session, .session = session->id));
}

void session_resume(struct session_manager *self, struct session *session, const struct session_link *link)
{
    if (session->link.connection.value != 0)
        session_end(self, session,
                    &(const struct ending){.goaway_code = CODE_STREAM_CLOSED,
                                           .goaway_message = "session resumed on another connection",
                                           .close_code = 1000});
    session_table_link(self->table, session, link);
    session_table_move(self->table, session, SESSION_RESUMING);
    log_info(&self->log, "session-resuming", log_session(&session->id), log_connection(link->connection),
             log_peer(link->peer));
    mailbox_send(self->mailbox, MESSAGE_OF(resume_session, .shard = link->shard, .connection = link->connection,
                                           .session = session->id));
}

void session_expire(struct session_manager *self, struct session *session, enum session_expiry why, uint64_t now_ms)
{
    check(session_is_parked(session));
    log_info(&self->log, "session-expired", log_session(&session->id),
             log_number("parked_ms", now_ms - session->parked_ms),
             log_reason(why == EXPIRY_GRACE ? "its driver did not come back" : "too many sessions are parked"));
    self->expired_count[why]++;
    if (why == EXPIRY_GRACE)
        expired_sessions_add(&self->expired, &session->id, now_ms);
    session_release(self, session, false);
    session_table_remove(self->table, session);
}

/* ---- on the wrong shard ---------------------------------------------------------------------------------------- */

void connection_move(struct session_manager *self, uint32_t shard, struct connection_id connection, uint32_t to_shard)
{
    log_debug(&self->log, "connection-moves", log_connection(connection), log_number("from", shard),
              log_number("to", to_shard));
    mailbox_send(self->mailbox,
                 MESSAGE_OF(move_connection, .shard = shard, .connection = connection, .to_shard = to_shard));
}

/* ---- refusals ------------------------------------------------------------------------------------------------ */

void connection_refuse(struct session_manager *self, const struct asking *asking, const struct refusal *refusal)
{
    self->refused[refusal->why]++;
    log_info(&self->log, "session-refused", log_text("session", *asking->session != '\0' ? asking->session : NULL),
             log_connection(asking->connection), log_peer(asking->peer), log_number("close", refusal->close_code),
             log_reason(refusal->message));
    mailbox_send(self->mailbox, MESSAGE_OF(session_refused, .shard = asking->shard, .connection = asking->connection,
                                           .sends_goaway = !refusal->has_no_goaway, .goaway_code = refusal->goaway_code,
                                           .goaway_message = refusal->has_no_goaway ? "" : refusal->message,
                                           .close_code = refusal->close_code, .close_reason = refusal->message));
}

void session_refuse(struct session_manager *self, struct session *session, const struct refusal *refusal)
{
    check(session->state == SESSION_RESUMING); /* one that is let in is ended, not refused */
    connection_refuse(self,
                      &(const struct asking){.shard = session->link.shard,
                                             .connection = session->link.connection,
                                             .peer = session->link.peer,
                                             .session = session->id.text},
                      refusal);
    session_table_unlink(self->table, session);
}
