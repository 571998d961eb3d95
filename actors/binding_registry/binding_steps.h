/* The binding-registry's state, and the steps that a binding takes through it: the rows of the table in
 * binding_registry.c. Each step says what it has to say. */
#ifndef HOODY_ACTORS_BINDING_STEPS_H
#define HOODY_ACTORS_BINDING_STEPS_H

#include "binding_registry/binding_table.h"
#include "mailbox.h"
#include "options.h"

struct binding_registry {
    const struct options *options;
    struct mailbox *mailbox;
    struct logger log;
    struct port_policy policy;
    struct binding_table *table; /* owned */
    uint64_t granted;            /* BIND_OKs, takeovers among them */
    uint64_t refused[BIND_REFUSAL_COUNT];
};

/* Grants the claim of a waiting binding, refuses it, or leaves it waiting. */
void registry_decide(struct binding_registry *self, struct binding *binding);
/* A port was settled: those that wait are decided again, in the order of their claims. */
void registry_decide_waiting(struct binding_registry *self);
/* Asks for a listener on the port that it wants, or on a random one that was not tried yet; refuses it when there is
 * none. */
void registry_open(struct binding_registry *self, struct binding *binding);
/* Its listener is open. */
void registry_succeed(struct binding_registry *self, struct binding *binding);
/* bind_refused; the binding is gone. */
void registry_refuse(struct binding_registry *self, struct binding *binding, enum bind_refusal refusal,
                     const char *text);
/* Asks for the end of its listener. */
void registry_close(struct binding_registry *self, struct binding *binding, bool streams_may_end);
/* The binding is gone, and its holder settled. */
void registry_forget(struct binding_registry *self, struct binding *binding);

/* ---- holders: holder_steps.c ---- */

/* park_session and resume_session: what waits is nobody's claim any more, as its connection is gone. */
void registry_park(struct binding_registry *self, struct holder *holder);
void registry_resume(struct binding_registry *self, struct holder *holder, uint32_t shard,
                     struct connection_id connection);
/* After each change of its bindings: says session_resumed or session_released when they are owed and due. A holder of
 * nothing is gone then, unless it is RESUMING. */
void registry_settle(struct binding_registry *self, struct holder *holder);

/* Appends its binding_row. false: out of memory. */
bool registry_pack_row(const struct binding *binding, struct message_buffer *rows);

void registry_say_counted(struct binding_registry *self, const struct holder *holder);
void registry_say_released(struct binding_registry *self, const struct session_id *session);

#endif
