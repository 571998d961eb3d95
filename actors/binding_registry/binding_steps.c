/* What the binding-registry does with one binding. */
#include "binding_registry/binding_steps.h"

#include <inttypes.h>
#include <sys/random.h>

#include "binding_registry/public_url.h"
#include "check.h"

enum { RANDOM_PORTS_TRIED_MAX = 16 }; /* random ports that turn out to be somebody's, before we give up */

/* ---- what is said -------------------------------------------------------------------------------------------- */

static void say_open_listener(struct binding_registry *self, const struct binding *binding)
{
    log_debug(&self->log, "listener-asked", log_session(&binding->holder->session), log_binding(binding->id),
              log_text("address", binding->address.ip), log_port(binding->port));
    mailbox_send(self->mailbox, MESSAGE_OF(open_listener, .shard = binding->shard, .connection = binding->connection,
                                           .binding = binding->id, .mode = binding->mode,
                                           .address = binding->address.ip, .port = binding->port));
}

static void say_bound(struct binding_registry *self, const struct binding *binding)
{
    self->granted++;
    char url[PUBLIC_URL_MAX] = "";
    if (binding->mode == BIND_MODE_EXPOSE)
        public_url_write(self->options->public_url_pattern, binding->port, binding->id, binding->label, url);
    log_info(&self->log, "bound", log_session(&binding->holder->session), log_binding(binding->id),
             log_text("kind", bind_kind_name(binding->kind)), log_text("mode", bind_mode_name(binding->mode)),
             log_text("address", binding->address.ip), log_port(binding->port));
    mailbox_send(self->mailbox, MESSAGE_OF(bound, .shard = binding->shard, .connection = binding->connection,
                                           .client_ref = binding->client_ref, .binding = binding->id,
                                           .port = binding->port, .public_url = url));
}

/* ---- a binding's steps --------------------------------------------------------------------------------------- */

void registry_forget(struct binding_registry *self, struct binding *binding)
{
    struct holder *holder = binding->holder;
    binding_table_remove(self->table, binding);
    registry_settle(self, holder);
}

void registry_refuse(struct binding_registry *self, struct binding *binding, enum bind_refusal refusal,
                     const char *text)
{
    const char *code = bind_refusal_code(refusal);
    self->refused[refusal]++;
    log_info(&self->log, "bind-refused", log_session(&binding->holder->session), log_binding(binding->id),
             log_signed("port", binding->asked_port), log_text("code", code), log_reason(text));
    mailbox_send(self->mailbox, MESSAGE_OF(bind_refused, .shard = binding->shard, .connection = binding->connection,
                                           .client_ref = binding->client_ref, .code = code, .text = text));
    registry_forget(self, binding);
}

void registry_close(struct binding_registry *self, struct binding *binding, bool streams_may_end)
{
    binding_table_move(self->table, binding, BINDING_CLOSING);
    log_info(&self->log, "closing", log_session(&binding->holder->session), log_binding(binding->id),
             log_port(binding->port));
    mailbox_send(self->mailbox, MESSAGE_OF(close_listener, .shard = binding->shard, .binding = binding->id,
                                           .streams_may_end = streams_may_end));
    registry_say_counted(self, binding->holder);
}

/* 0: there is none. */
static uint16_t pick_random_port(const struct binding_registry *self, const struct listen_address *address)
{
    uint32_t random = 0;
    check(getrandom(&random, sizeof random, 0) == (ssize_t)sizeof random);
    return binding_table_free_port(self->table, address, port_policy_random_port(random), self->policy.base_port);
}

void registry_open(struct binding_registry *self, struct binding *binding)
{
    uint16_t port = (uint16_t)binding->asked_port;
    if (port == 0 && binding->mode == BIND_MODE_EXPOSE) {
        port = binding->ports_tried++ < RANDOM_PORTS_TRIED_MAX ? pick_random_port(self, &binding->address) : 0;
        if (port == 0) {
            registry_refuse(self, binding, BIND_REFUSAL_INTERNAL,
                            "no free port was found in 20000..65534: name a port, or try again later");
            return;
        }
    }
    if (binding->id.value == 0 && !binding_table_name(self->table, binding)) {
        registry_refuse(self, binding, BIND_REFUSAL_INTERNAL, "the daemon ran out of binding ids: restart it");
        return;
    }
    binding_table_place(self->table, binding, port);
    if (binding->state != BINDING_OPENING)
        binding_table_move(self->table, binding, BINDING_OPENING);
    say_open_listener(self, binding);
}

void registry_succeed(struct binding_registry *self, struct binding *binding)
{
    binding_table_move(self->table, binding, BINDING_BOUND);
    registry_say_counted(self, binding->holder);
    say_bound(self, binding);
    registry_settle(self, binding->holder);
}

/* The new one holds the port before the old one is gone: the listener never closes. When it moves to another shard, the
 * new one is bound when that has it. */
static void registry_take_over(struct binding_registry *self, struct binding *binding, struct binding *old)
{
    if (!binding_table_name(self->table, binding)) {
        registry_refuse(self, binding, BIND_REFUSAL_INTERNAL, "the daemon ran out of binding ids: restart it");
        return;
    }
    bool stays = binding->shard == old->shard;
    struct holder *old_holder = old->holder;
    bool is_own = old_holder == binding->holder;
    char reason[REFUSAL_TEXT_MAX];
    snprintf(reason, sizeof reason, "port %u was taken over by %s", old->port,
             is_own ? "a new binding of this session" : "another session");
    log_info(&self->log, "taken-over", log_session(&old_holder->session), log_binding(old->id), log_port(old->port),
             log_text("by_session", binding->holder->session.text), log_number("by_binding", binding->id.value));
    mailbox_send(self->mailbox,
                 MESSAGE_OF(transfer_listener, .shard = old->shard, .to_shard = binding->shard, .old_binding = old->id,
                            .binding = binding->id, .connection = binding->connection, .reason = reason));
    binding_table_place(self->table, binding, old->port);
    binding_table_move(self->table, binding, stays ? BINDING_BOUND : BINDING_OPENING);
    binding_table_move(self->table, old, BINDING_CLOSING);
    if (!is_own) {
        registry_say_counted(self, old_holder);
        registry_say_counted(self, binding->holder);
    }
    registry_forget(self, old);
    if (stays)
        say_bound(self, binding);
}

/* ---- claims -------------------------------------------------------------------------------------------------- */

enum obstacle {
    OBSTACLE_NONE,
    OBSTACLE_SETTLES,   /* in the way, but the gateway's answer will change that */
    OBSTACLE_DISPLACED, /* in the way, and takeover displaces it */
    OBSTACLE_STAYS,
};

static enum obstacle obstacle_of(const struct binding *binding, const struct binding *other)
{
    bool takes_over = binding->takeover && other->mode == BIND_MODE_EXPOSE;
    switch (other->state) {
    case BINDING_ABANDONED:
    case BINDING_CLOSING:
        return OBSTACLE_SETTLES;
    case BINDING_OPENING:
        return takes_over ? OBSTACLE_SETTLES : OBSTACLE_STAYS;
    case BINDING_BOUND:
        return takes_over ? OBSTACLE_DISPLACED : OBSTACLE_STAYS;
    case BINDING_WAITING:
    case BINDING_STATE_COUNT:
        break;
    }
    check(false); /* these hold no port */
    return OBSTACLE_STAYS;
}

/* The worst of what holds the port that it asks for. */
static enum obstacle find_obstacle(struct binding_registry *self, const struct binding *binding,
                                   struct binding **ret_other)
{
    enum obstacle worst = OBSTACLE_NONE;
    struct binding *other;
    if (binding->asked_port == 0)
        return OBSTACLE_NONE;
    LIST_FOREACH(other, &self->table->by_port[binding->asked_port], same_port)
    {
        if (!listen_address_overlaps(&binding->address, &other->address))
            continue;
        enum obstacle obstacle = obstacle_of(binding, other);
        if (obstacle <= worst)
            continue;
        worst = obstacle;
        *ret_other = other;
    }
    return worst;
}

static void refuse_already_bound(struct binding_registry *self, struct binding *binding, const struct binding *other)
{
    char text[REFUSAL_TEXT_MAX];
    bool can_take_over = other->mode == BIND_MODE_EXPOSE && binding->mode == BIND_MODE_EXPOSE;
    const char *holder = "another session";
    if (other->holder == binding->holder)
        holder = "this session";
    else if (holder_is_parked(other->holder))
        holder = "another session, parked until its driver is back";
    snprintf(text, sizeof text, "port %u is already bound by %s: use another port%s", other->port, holder,
             can_take_over ? ", or the option takeover to replace that binding" : "");
    registry_refuse(self, binding, BIND_REFUSAL_ALREADY_BOUND, text);
}

/* Of all that the session holds or waits for, this claim included. */
static bool is_beyond_cap(const struct binding_registry *self, const struct holder *holder)
{
    uint64_t claimed =
        (uint64_t)holder->count[BINDING_WAITING] + holder->count[BINDING_OPENING] + holder->count[BINDING_BOUND];
    return claimed > self->options->max_binds_per_session;
}

void registry_decide(struct binding_registry *self, struct binding *binding)
{
    struct binding *other = NULL;
    enum obstacle obstacle = find_obstacle(self, binding, &other);
    if (obstacle == OBSTACLE_STAYS) {
        refuse_already_bound(self, binding, other);
        return;
    }
    if (is_beyond_cap(self, binding->holder)) {
        char text[REFUSAL_TEXT_MAX];
        snprintf(text, sizeof text, "this session holds %" PRIu64 " ports, the most it may: unbind one first",
                 self->options->max_binds_per_session);
        registry_refuse(self, binding, BIND_REFUSAL_BIND_CAP_EXCEEDED, text);
        return;
    }
    switch (obstacle) {
    case OBSTACLE_NONE:
        registry_open(self, binding);
        return;
    case OBSTACLE_DISPLACED:
        registry_take_over(self, binding, other);
        return;
    case OBSTACLE_SETTLES:
        log_debug(&self->log, "waits", log_session(&binding->holder->session), log_port(other->port),
                  log_number("for_binding", other->id.value));
        return;
    case OBSTACLE_STAYS:
        break;
    }
}

void registry_decide_waiting(struct binding_registry *self)
{
    struct binding *next;
    for (struct binding *binding = TAILQ_FIRST(&self->table->waiting); binding != NULL; binding = next) {
        next = TAILQ_NEXT(binding, waiting);
        registry_decide(self, binding);
    }
}
