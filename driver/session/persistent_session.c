#include "persistent_session.h"

#include "backoff.h"
#include "check.h"

#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct holding {
    const struct binding_wish *wish;
    struct binding_past past;
};

struct persistent_session {
    struct loop *loop;
    struct daemon_access *access;
    struct persistent_options options;
    const struct persistent_events *events;
    void *owner;
    struct session *session; /* NULL: the timer runs */
    struct event *timer;     /* of the next try; once it is closing, of the end */
    struct holding holdings[SESSION_BINDINGS_MAX];
    size_t holding_count;
    bool has_id;
    struct session_id id; /* to be resumed */
    bool has_served;      /* something was bound once */
    bool is_closing;
    unsigned failures;       /* in a row */
    unsigned attempts;       /* since it stood last */
    int64_t tried_ms;        /* when the last one began; monotonic */
    struct event *ask_timer; /* of ports that are refused for now */
    unsigned refusals;       /* in a row, since something was bound */
    bool stands;
    int64_t established_ms; /* monotonic; while it stands */
};

static int64_t now_ms(void)
{
    struct timespec now;
    check(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_timer(struct event *timer, uint32_t ms)
{
    const struct timeval in = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    check(evtimer_add(timer, &in) == 0);
}

static struct holding *holding_of(struct persistent_session *persistent, const struct binding_wish *wish)
{
    for (size_t i = 0; i < persistent->holding_count; i++)
        if (persistent->holdings[i].wish == wish)
            return &persistent->holdings[i];
    check(false);
    return NULL;
}

/* ---- one session ---- */

static void on_established(void *owner, const struct session_id *id, bool is_resumed, uint32_t connections_granted)
{
    struct persistent_session *persistent = owner;
    for (size_t i = 0; !is_resumed && i < persistent->holding_count; i++)
        persistent->holdings[i].past.id = 0; /* ids are the session's; what it never held it can't have lost */
    persistent->has_id = true;
    persistent->id = *id;
    persistent->stands = true;
    persistent->attempts = 0;
    persistent->established_ms = now_ms();
    persistent->events->on_established(persistent->owner, id, is_resumed, connections_granted);
}

static void on_sockets_changed(void *owner, uint32_t attached, uint32_t granted, const char *why)
{
    struct persistent_session *persistent = owner;
    persistent->events->on_sockets_changed(persistent->owner, attached, granted, why);
}

static void on_round_trip(void *owner, uint64_t us)
{
    struct persistent_session *persistent = owner;
    persistent->events->on_round_trip(persistent->owner, us);
}

static void on_bound(void *owner, const struct binding_wish *wish, const struct bind_ok *ok)
{
    struct persistent_session *persistent = owner;
    persistent->has_served = true;
    persistent->refusals = 0;
    holding_of(persistent, wish)->past = (struct binding_past){.id = ok->bind, .port = ok->container_port};
    persistent->events->on_bound(persistent->owner, wish, ok);
}

static void on_kept(void *owner, const struct binding_wish *wish)
{
    struct persistent_session *persistent = owner;
    persistent->events->on_kept(persistent->owner, wish);
}

static void on_refused(void *owner, const struct binding_wish *wish, const char *why)
{
    struct persistent_session *persistent = owner;
    if (!evtimer_pending(persistent->ask_timer, NULL))
        set_timer(persistent->ask_timer, persistent->options.delay_ms(persistent->refusals++));
    persistent->events->on_refused(persistent->owner, wish, why);
}

static void on_given_up(void *owner, const struct binding_wish *wish, const char *why)
{
    struct persistent_session *persistent = owner;
    struct holding *given_up = holding_of(persistent, wish);
    struct holding *end = persistent->holdings + persistent->holding_count--;
    memmove(given_up, given_up + 1, (size_t)(end - given_up - 1) * sizeof *given_up);
    persistent->events->on_given_up(persistent->owner, wish, why);
}

static bool is_final(enum session_end end)
{
    switch (end) {
    case SESSION_CLOSED:
    case SESSION_FORBIDDEN:
        return true;
    case SESSION_UNREACHABLE:
    case SESSION_LOST:
    case SESSION_EXPIRED:
    case SESSION_FAILED:
        break;
    }
    return false;
}

static bool may_try_again(const struct persistent_session *persistent, enum session_end end)
{
    if (is_final(end))
        return false;
    return persistent->has_served ? !persistent->options.ends_on_loss : persistent->options.waits_for_daemon;
}

static uint32_t chance_delay_ms(unsigned failures)
{
    uint32_t random;
    evutil_secure_rng_get_bytes(&random, sizeof random);
    return backoff_delay_ms(failures, random);
}

static uint32_t next_delay_ms(struct persistent_session *persistent, const struct session_ending *ending)
{
    if (ending->end == SESSION_EXPIRED)
        return 0; /* happens once for each session */
    uint32_t asked_for = ending->retry_after_ms;
    if (asked_for > PERSISTENT_RETRY_AFTER_MAX_MS)
        asked_for = PERSISTENT_RETRY_AFTER_MAX_MS;
    /* From try to try: who waited in vain for an answer has waited. When the network is back, the next one is near. */
    int64_t waited_ms = persistent->stands ? 0 : now_ms() - persistent->tried_ms;
    uint32_t delay_ms = persistent->options.delay_ms(persistent->failures++);
    return asked_for + (waited_ms < (int64_t)delay_ms ? delay_ms - (uint32_t)waited_ms : 0);
}

/* Whatever became of the session: it was to end. */
static void end_as_asked(struct persistent_session *persistent)
{
    evtimer_del(persistent->timer);
    persistent->events->on_ended(persistent->owner, SESSION_CLOSED, "closed");
}

static void on_session_ended(void *owner, const struct session_ending *ending)
{
    struct persistent_session *persistent = owner;
    if (persistent->stands && now_ms() - persistent->established_ms >= PERSISTENT_STEADY_MS)
        persistent->failures = 0;
    if (ending->end == SESSION_EXPIRED)
        persistent->has_id = false;
    evtimer_del(persistent->ask_timer);
    session_destroy(&persistent->session);
    if (persistent->is_closing && !is_final(ending->end)) {
        end_as_asked(persistent);
        return;
    }
    if (!may_try_again(persistent, ending->end)) {
        evtimer_del(persistent->timer);
        persistent->events->on_ended(persistent->owner, ending->end, ending->text);
        return;
    }
    uint32_t delay_ms = next_delay_ms(persistent, ending);
    persistent->stands = false;
    set_timer(persistent->timer, delay_ms);
    persistent->events->on_interrupted(persistent->owner, ending->text, delay_ms);
}

static const struct session_events SESSION_EVENTS = {
    .on_established = on_established,
    .on_sockets_changed = on_sockets_changed,
    .on_round_trip = on_round_trip,
    .on_bound = on_bound,
    .on_kept = on_kept,
    .on_refused = on_refused,
    .on_given_up = on_given_up,
    .on_ended = on_session_ended,
};

static void open_session(struct persistent_session *persistent)
{
    const struct session_options options = {
        .connections = persistent->options.connections,
        .resume = persistent->has_id ? &persistent->id : NULL,
        .heartbeat = persistent->options.heartbeat,
    };
    const char *why = NULL;
    persistent->tried_ms = now_ms();
    persistent->events->on_connecting(persistent->owner, ++persistent->attempts);
    (void)daemon_access_renew_token(persistent->access, &why); /* whoever is replacing it will be done soon */
    persistent->session = session_new(persistent->loop, persistent->access, &options, &SESSION_EVENTS, persistent);
    for (size_t i = 0; i < persistent->holding_count; i++)
        session_bind(persistent->session, persistent->holdings[i].wish, persistent->holdings[i].past);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct persistent_session *persistent = arg;
    if (!persistent->is_closing) {
        open_session(persistent);
        return;
    }
    evtimer_del(persistent->ask_timer);
    session_destroy(&persistent->session);
    end_as_asked(persistent);
}

static void on_ask_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct persistent_session *persistent = arg;
    session_ask_again(persistent->session);
}

/* ---- all of them ---- */

struct persistent_session *persistent_session_new(struct loop *loop, struct daemon_access *access,
                                                  const struct persistent_options *options,
                                                  const struct persistent_events *events, void *owner)
{
    struct persistent_session *persistent = calloc(1, sizeof *persistent);
    check(persistent != NULL);
    persistent->loop = loop;
    persistent->access = access;
    persistent->options = *options;
    persistent->events = events;
    persistent->owner = owner;
    if (options->delay_ms == NULL)
        persistent->options.delay_ms = chance_delay_ms;
    if (options->close_timeout_ms == 0)
        persistent->options.close_timeout_ms = PERSISTENT_CLOSE_TIMEOUT_MS;
    persistent->timer = evtimer_new(loop_base(loop), on_timer, persistent);
    persistent->ask_timer = evtimer_new(loop_base(loop), on_ask_timer, persistent);
    check(persistent->timer != NULL && persistent->ask_timer != NULL);
    open_session(persistent);
    return persistent;
}

static void free_persistent(void *object)
{
    struct persistent_session *persistent = object;
    event_free(persistent->timer);
    event_free(persistent->ask_timer);
    free(persistent);
}

void persistent_session_destroy(struct persistent_session **p_session)
{
    struct persistent_session *persistent = *p_session;
    *p_session = NULL;
    if (persistent == NULL)
        return;
    session_destroy(&persistent->session);
    evtimer_del(persistent->timer);
    evtimer_del(persistent->ask_timer);
    loop_reap(persistent->loop, free_persistent, persistent);
}

void persistent_session_bind(struct persistent_session *persistent, const struct binding_wish *wish)
{
    check(persistent->holding_count < SESSION_BINDINGS_MAX);
    persistent->holdings[persistent->holding_count++] = (struct holding){.wish = wish};
    if (persistent->session != NULL)
        session_bind(persistent->session, wish, (struct binding_past){0});
}

void persistent_session_close(struct persistent_session *persistent)
{
    bool waits = persistent->session != NULL && !persistent->is_closing;
    persistent->is_closing = true;
    if (persistent->session != NULL)
        session_close(persistent->session);
    /* What is said goodbye with goes out at the end of this turn. */
    set_timer(persistent->timer, waits ? persistent->options.close_timeout_ms : 0);
}
