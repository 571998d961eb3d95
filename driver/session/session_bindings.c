/* What a session holds: asked for, refused, taken away, given back, and found again after a resume (protocol sections 5
 * and 7). */
#include "check.h"
#include "session_state.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BINDING_WHY_BYTES = 512 };

static bool is_expose(const struct binding *binding)
{
    return binding->wish->service != NULL;
}

/* Connections overtake each other: of two such, the visitors of one could not be told from those of the other as long
 * as neither BIND_OK is here. */
static bool are_alike(const struct binding *a, const struct binding *b)
{
    return is_expose(a) == is_expose(b) && (a->asked_port == 0 || b->asked_port == 0 || a->asked_port == b->asked_port);
}

static bool must_wait(const struct session *session, const struct binding *binding)
{
    for (size_t i = 0; i < session->binding_count; i++)
        if (session->bindings[i].state == BINDING_ASKED && are_alike(&session->bindings[i], binding))
            return true;
    return false;
}

static void say_bind(struct session *session, struct binding *binding)
{
    const struct binding_wish *wish = binding->wish;
    const struct bind_request request = {
        .client_ref = binding - session->bindings + 1,
        .kind = is_expose(binding) ? BIND_KIND_HTTP : BIND_KIND_TCP,
        .mode = is_expose(binding) ? BIND_MODE_EXPOSE : BIND_MODE_PULL,
        .container_port = binding->asked_port,
        .label = (char *)(uintptr_t)wish->label,
        .takeover = wish->takeover,
        .host = (char *)(uintptr_t)wish->host,
    };
    binding->state = BINDING_ASKED;
    session_say(session, FRAME_BIND, bind_request_encode(&request));
    session_set_deadline(session, SESSION_GREETING_TIMEOUT_MS);
}

static void ask_for_wished(struct session *session)
{
    for (size_t i = 0; i < session->binding_count; i++) {
        struct binding *binding = &session->bindings[i];
        if (binding->state != BINDING_WISHED)
            continue;
        binding->asked_port = binding->wish->port != 0 ? binding->wish->port : binding->past.port;
        if (!must_wait(session, binding))
            say_bind(session, binding);
    }
}

void session_bind(struct session *session, const struct binding_wish *wish, struct binding_past past)
{
    check(session->binding_count < SESSION_BINDINGS_MAX);
    struct binding *binding = &session->bindings[session->binding_count++];
    *binding = (struct binding){.wish = wish, .state = BINDING_WISHED, .past = past, .was_ours = past.port != 0};
    if (session->state == SESSION_LIVE)
        ask_for_wished(session);
}

void session_ask_again(struct session *session)
{
    for (size_t i = 0; i < session->binding_count; i++)
        if (session->bindings[i].state == BINDING_REFUSED)
            session->bindings[i].state = BINDING_WISHED;
    if (session->state == SESSION_LIVE)
        ask_for_wished(session);
}

/* ---- what can't be held any more ---- */

static bool has_left(const struct session *session)
{
    for (size_t i = 0; i < session->binding_count; i++)
        if (session->bindings[i].state != BINDING_GONE)
            return true;
    return false;
}

__attribute__((format(printf, 3, 4))) static void give_up(struct session *session, struct binding *binding,
                                                          const char *format, ...)
{
    char why[BINDING_WHY_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    binding->state = BINDING_GONE;
    if (session->state != SESSION_LIVE)
        return; /* we are leaving: it was to end anyway */
    if (!has_left(session))
        session_settle_end(session, SESSION_FORBIDDEN, "%s", why);
    session->events->on_given_up(session->owner, binding->wish, why);
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
    if (binding == NULL || is_expose(binding) == resumed->is_pull) {
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
    uint16_t port = binding->past.port;
    binding->past = (struct binding_past){0};
    if (binding->wish->port != 0)
        give_up(session, binding, "port %u was taken over while the connection was lost", (unsigned)port);
}

void session_bind_all(struct session *session, const struct hello_ok *ok)
{
    bool is_resumed = session->is_resuming && ok->resumed;
    for (size_t i = 0; is_resumed && i < ok->resumed_bind_count; i++)
        reclaim(session, &ok->resumed_binds[i]);
    for (size_t i = 0; is_resumed && i < session->binding_count; i++)
        if (session->bindings[i].state == BINDING_WISHED && session->bindings[i].past.id != 0)
            miss(session, &session->bindings[i]);
    session_bindings_changed(session);
}

/* ---- the daemon's answers ---- */

void session_bind_granted(struct session *session, struct binding *binding, const struct bind_ok *ok)
{
    binding->state = BINDING_HELD;
    binding->id = ok->bind;
    binding->port = ok->container_port;
    if (session->state != SESSION_LIVE)
        return; /* we are leaving: the end of the session gives it back */
    session->events->on_bound(session->owner, binding->wish, ok);
    session_bindings_changed(session);
}

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
    char why[BINDING_WHY_BYTES], port[16] = "a random port";
    if (binding->asked_port != 0)
        snprintf(port, sizeof port, "port %u", (unsigned)binding->asked_port);
    snprintf(why, sizeof why, "the daemon refused %s: %s (%s)", port, err->message, err->code);
    if (binding->wish->port == 0 && binding->asked_port != 0) {
        binding->past = (struct binding_past){0};
        binding->state = BINDING_WISHED; /* another one will do */
    } else if (binding->was_ours && !is_lasting(err->code) && session->state == SESSION_LIVE) {
        binding->state = BINDING_REFUSED;
        session->events->on_refused(session->owner, binding->wish, why);
    } else {
        give_up(session, binding, "%s", why);
    }
    session_bindings_changed(session);
}

void session_bind_revoked(struct session *session, struct binding *binding, const char *reason)
{
    bool says_which = strncmp(reason, "port ", 5) == 0;
    if (says_which)
        give_up(session, binding, "%s", reason);
    else
        give_up(session, binding, "port %u was taken away: %s", (unsigned)binding->port, reason);
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

static bool has_any(const struct session *session, enum binding_state state)
{
    for (size_t i = 0; i < session->binding_count; i++)
        if (session->bindings[i].state == state)
            return true;
    return false;
}

void session_bindings_changed(struct session *session)
{
    if (session->state != SESSION_LIVE && session->state != SESSION_LEAVING)
        return;
    if (session->state == SESSION_LIVE) {
        ask_for_wished(session);
        if (!has_any(session, BINDING_ASKED))
            evtimer_del(session->deadline);
    }
    if (session->state == SESSION_LEAVING ? !has_any(session, BINDING_LEAVING) : !has_left(session))
        session_begin_closing(session, WEBSOCKET_CLOSE_NORMAL, "");
}
