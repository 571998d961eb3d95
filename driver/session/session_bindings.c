/* What a session holds: asked for, refused, taken away, given back, and found again after a resume (protocol sections 5
 * and 7). */
#include "check.h"
#include "session_state.h"

#include <event2/event.h>
#include <string.h>

static void ask_for(struct session *session, struct binding *binding)
{
    const struct binding_wish *wish = binding->wish;
    bool is_expose = wish->service != NULL;
    binding->asked_port = wish->port != 0 ? wish->port : binding->past.port;
    const struct bind_request request = {
        .client_ref = binding - session->bindings + 1,
        .kind = is_expose ? BIND_KIND_HTTP : BIND_KIND_TCP,
        .mode = is_expose ? BIND_MODE_EXPOSE : BIND_MODE_PULL,
        .container_port = binding->asked_port,
        .label = (char *)(uintptr_t)wish->label,
        .takeover = wish->takeover,
        .host = (char *)(uintptr_t)wish->host,
    };
    binding->state = BINDING_ASKED;
    session_say(session, FRAME_BIND, bind_request_encode(&request));
    session_set_deadline(session, SESSION_GREETING_TIMEOUT_MS);
}

void session_bind(struct session *session, const struct binding_wish *wish, struct binding_past past)
{
    check(session->binding_count < SESSION_BINDINGS_MAX);
    struct binding *binding = &session->bindings[session->binding_count++];
    *binding = (struct binding){.wish = wish, .state = BINDING_WISHED, .past = past};
    if (session->state == SESSION_LIVE)
        ask_for(session, binding);
}

/* ---- after a resume ---- */

static struct binding *find_by_past(struct session *session, uint32_t id)
{
    for (size_t i = 0; i < session->binding_count; i++)
        if (session->bindings[i].past.id == id && session->bindings[i].state == BINDING_WISHED)
            return &session->bindings[i];
    return NULL;
}

/* What we know is ours again; what we don't, as when a BIND_OK was lost with its connection, is given back. */
static void reclaim(struct session *session, const struct resumed_bind *resumed)
{
    struct binding *binding = find_by_past(session, resumed->bind);
    if (binding == NULL || (binding->wish->service == NULL) != resumed->is_pull) {
        session_say(session, FRAME_UNBIND, unbind_encode(resumed->bind));
        return;
    }
    binding->state = BINDING_HELD;
    binding->id = resumed->bind;
    binding->port = resumed->container_port;
    session->events->on_kept(session->owner, binding->wish);
}

/* Others have taken over what we held: whoever asked for that very port has lost it. */
static void miss(struct session *session, struct binding *binding)
{
    if (binding->wish->port == 0) {
        binding->past = (struct binding_past){0};
        ask_for(session, binding);
        return;
    }
    binding->state = BINDING_GONE;
    session_settle_end(session, SESSION_FORBIDDEN, "port %u was taken over while the connection was lost",
                       (unsigned)binding->past.port);
}

void session_bind_all(struct session *session, const struct hello_ok *ok)
{
    bool is_resumed = session->is_resuming && ok->resumed;
    for (size_t i = 0; is_resumed && i < ok->resumed_bind_count; i++)
        reclaim(session, &ok->resumed_binds[i]);
    for (size_t i = 0; i < session->binding_count; i++) {
        struct binding *binding = &session->bindings[i];
        if (binding->state != BINDING_WISHED)
            continue;
        if (is_resumed && binding->past.id != 0)
            miss(session, binding);
        else
            ask_for(session, binding);
    }
    session_bindings_changed(session);
}

/* ---- the daemon's answers ---- */

/* Would it refuse the same another time, too? Ports that are held may come free. */
static bool is_lasting(const char *code)
{
    static const char *const PASSING[] = {"ALREADY_BOUND", "PORT_IN_USE", "BIND_CAP_EXCEEDED", "INTERNAL"};
    for (size_t i = 0; i < sizeof PASSING / sizeof *PASSING; i++)
        if (strcmp(PASSING[i], code) == 0)
            return false;
    return true;
}

void session_bind_refused(struct session *session, struct binding *binding, const struct bind_err *err)
{
    bool was_ours = binding->past.port != 0;
    if (binding->wish->port == 0 && was_ours) {
        binding->past = (struct binding_past){0};
        ask_for(session, binding);
        return;
    }
    binding->state = BINDING_GONE;
    session_settle_end(session, was_ours && !is_lasting(err->code) ? SESSION_FAILED : SESSION_FORBIDDEN,
                       "the daemon refused port %u: %s (%s)", (unsigned)binding->asked_port, err->message, err->code);
    session_bindings_changed(session);
}

void session_bind_revoked(struct session *session, struct binding *binding, const char *reason)
{
    binding->state = BINDING_GONE;
    session_settle_end(session, SESSION_FORBIDDEN, "port %u was taken away: %s", (unsigned)binding->port, reason);
    session_bindings_changed(session);
}

bool session_leave_bindings(struct session *session)
{
    bool is_leaving = false;
    for (size_t i = 0; i < session->binding_count; i++)
        if (session->bindings[i].state == BINDING_HELD) {
            session->bindings[i].state = BINDING_LEAVING;
            session_say(session, FRAME_UNBIND, unbind_encode(session->bindings[i].id));
            is_leaving = true;
        }
    return is_leaving;
}

static size_t count_bindings(const struct session *session, enum binding_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < session->binding_count; i++)
        count += session->bindings[i].state == state;
    return count;
}

void session_bindings_changed(struct session *session)
{
    size_t held = count_bindings(session, BINDING_HELD), asked = count_bindings(session, BINDING_ASKED);
    size_t leaving = count_bindings(session, BINDING_LEAVING);
    if (session->state == SESSION_LIVE && asked == 0)
        evtimer_del(session->deadline);
    if (session->state == SESSION_LEAVING ? leaving == 0 : held + asked + leaving == 0)
        session_begin_closing(session, WEBSOCKET_CLOSE_NORMAL, "");
}
