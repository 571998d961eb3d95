/* What the binding-registry does with all that one session holds. */
#include "binding_registry/binding_steps.h"

#include "check.h"

/* ---- what is said -------------------------------------------------------------------------------------------- */

void registry_say_counted(struct binding_registry *self, const struct holder *holder)
{
    if (holder->state != HOLDER_RELEASED)
        mailbox_send(self->mailbox, MESSAGE_OF(bindings_counted, .session = holder->session,
                                               .bindings = holder->count[BINDING_BOUND]));
}

void registry_say_released(struct binding_registry *self, const struct session_id *session)
{
    log_debug(&self->log, "session-released", log_session(session));
    mailbox_send(self->mailbox, MESSAGE_OF(session_released, .session = *session));
}

bool registry_pack_row(const struct binding *binding, struct message_buffer *rows)
{
    return message_pack(MESSAGE_OF(binding_row, .binding = binding->id, .session = binding->holder->session,
                                   .kind = binding->kind, .mode = binding->mode, .port = binding->port,
                                   .address = binding->address.ip, .parked = holder_is_parked(binding->holder)),
                        rows);
}

/* ---- its driver is away, and back ---------------------------------------------------------------------------- */

/* Claims that hold nothing yet. Those that are opening go on: the gateway's answer is on its way. */
static void drop_waiting(struct binding_registry *self, struct holder *holder)
{
    struct binding *next;
    for (struct binding *binding = LIST_FIRST(&holder->bindings); binding != NULL; binding = next) {
        next = LIST_NEXT(binding, same_holder);
        if (binding->state != BINDING_WAITING)
            continue;
        log_info(&self->log, "claim-dropped", log_session(&holder->session), log_signed("port", binding->asked_port),
                 log_reason("its driver is gone"));
        binding_table_remove(self->table, binding);
    }
}

void registry_park(struct binding_registry *self, struct holder *holder)
{
    check(holder->state != HOLDER_RELEASED); /* nothing is said of a session after release_session */
    drop_waiting(self, holder);
    binding_table_move_holder(self->table, holder, HOLDER_PARKED);
    const struct binding *binding;
    LIST_FOREACH(binding, &holder->bindings, same_holder)
    {
        log_info(&self->log, "parked", log_session(&holder->session), log_binding(binding->id),
                 log_port(binding->port));
    }
    if (holder->count[BINDING_BOUND] > 0)
        registry_say_counted(self, holder);
    registry_settle(self, holder);
}

void registry_resume(struct binding_registry *self, struct holder *holder, uint32_t shard,
                     struct connection_id connection)
{
    check(holder->state != HOLDER_RELEASED);
    drop_waiting(self, holder);
    holder->resuming_shard = shard;
    holder->resuming = connection;
    binding_table_move_holder(self->table, holder, HOLDER_RESUMING);
    registry_settle(self, holder);
}

/* All that it holds leads to the new connection, before anybody is told. */
static void finish_resume(struct binding_registry *self, struct holder *holder)
{
    struct message_buffer rows = {0};
    binding_table_move_holder(self->table, holder, HOLDER_LIVE);
    struct binding *binding;
    LIST_FOREACH(binding, &holder->bindings, same_holder)
    {
        if (binding->state != BINDING_BOUND)
            continue;
        check(binding->shard == holder->resuming_shard); /* a session has one for its whole life */
        binding->connection = holder->resuming;
        mailbox_send(self->mailbox, MESSAGE_OF(adopt_listener, .shard = binding->shard, .binding = binding->id,
                                               .connection = binding->connection));
        check(registry_pack_row(binding, &rows));
        log_info(&self->log, "resumed", log_session(&holder->session), log_binding(binding->id),
                 log_port(binding->port));
    }
    mailbox_send(self->mailbox, MESSAGE_OF(session_resumed, .session = holder->session, .connection = holder->resuming,
                                           .bindings = message_buffer_span(&rows)));
    message_buffer_done(&rows);
}

void registry_settle(struct binding_registry *self, struct holder *holder)
{
    switch (holder->state) {
    case HOLDER_RESUMING:
        if (holder->count[BINDING_OPENING] > 0)
            return;
        finish_resume(self, holder);
        break;
    case HOLDER_PARKED:
    case HOLDER_RELEASED:
        if (LIST_EMPTY(&holder->bindings))
            registry_say_released(self, &holder->session);
        break;
    case HOLDER_LIVE:
        break;
    }
    if (LIST_EMPTY(&holder->bindings))
        binding_table_remove_holder(self->table, holder);
}
