/* What the session-manager does with one session. */
#include "session_manager/session_steps.h"

#include <inttypes.h>

#include "check.h"

static const char *self_name(void)
{
    return actor_name(ACTOR_session_manager);
}

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
    log_info(self->log, self_name(), "session-ending",
             "session=%s close=%" PRIu32 " grace_ms=%" PRIu64 " reason=\"%s\"", session->id.text, ending->close_code,
             ending->grace_ms, ending->goaway_message);
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
    log_debug(self->log, self_name(), "session-parking", "session=%s grace_ms=%" PRIu64, session->id.text,
              self->options->takeover_grace);
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
    log_info(self->log, self_name(), "session-resuming", "session=%s connection=%" PRIu64 " peer=%s", session->id.text,
             link->connection.value, link->peer);
    mailbox_send(self->mailbox, MESSAGE_OF(resume_session, .shard = link->shard, .connection = link->connection,
                                           .session = session->id));
}

void session_expire(struct session_manager *self, struct session *session, enum session_expiry why, uint64_t now_ms)
{
    check(session_is_parked(session));
    log_info(self->log, self_name(), "session-expired", "session=%s parked_ms=%" PRIu64 " reason=\"%s\"",
             session->id.text, now_ms - session->parked_ms,
             why == EXPIRY_GRACE ? "its driver did not come back" : "too many sessions are parked");
    self->expired_count[why]++;
    if (why == EXPIRY_GRACE)
        expired_sessions_add(&self->expired, &session->id, now_ms);
    session_release(self, session, false);
    session_table_remove(self->table, session);
}

/* ---- refusals ------------------------------------------------------------------------------------------------ */

void connection_refuse(struct session_manager *self, const struct asking *asking, const struct refusal *refusal)
{
    self->refused[refusal->why]++;
    log_info(self->log, self_name(), "session-refused",
             "session=%s connection=%" PRIu64 " peer=%s close=%" PRIu32 " reason=\"%s\"", asking->session,
             asking->connection.value, asking->peer, refusal->close_code, refusal->message);
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
