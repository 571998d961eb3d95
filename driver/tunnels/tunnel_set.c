#include "tunnel_set.h"

#include "check.h"
#include "tunnel_report.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int STOP_SIGNALS[STOP_SIGNAL_COUNT] = {SIGINT, SIGTERM, SIGHUP};

static void stop(struct tunnel_set *set, enum exit_status status)
{
    set->status = status;
    loop_stop(set->loop);
}

static struct tunnel *tunnel_of(struct tunnel_set *set, const struct binding_wish *wish)
{
    for (size_t i = 0; i < set->count; i++)
        if (&set->tunnels[i].wish == wish)
            return &set->tunnels[i];
    check(false);
    return NULL;
}

static size_t count_tunnels(const struct tunnel_set *set, enum tunnel_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        count += set->tunnels[i].state == state;
    return count;
}

/* ---- each tunnel ---- */

static void become(struct tunnel *tunnel, enum tunnel_state state)
{
    struct tunnel_set *set = tunnel->set;
    bool was_pending = tunnel->state == TUNNEL_PENDING;
    tunnel->state = state;
    if (set->count == 1 || !was_pending || count_tunnels(set, TUNNEL_PENDING) > 0)
        return;
    report_settled(count_tunnels(set, TUNNEL_OPEN), set->count - count_tunnels(set, TUNNEL_OVER), set->was_settled);
    set->was_settled = true;
}

static void format_url(const struct tunnel *tunnel, const struct bind_ok *ok, char ret_url[TUNNEL_URL_BYTES])
{
    struct host_port where = tunnel->set->daemon.url.where;
    char text[HOST_PORT_BYTES];
    if (tunnel->wish.host != NULL)
        snprintf(where.host, sizeof where.host, "%s", tunnel->wish.host);
    where.port = ok->container_port;
    host_port_format(&where, text);
    if (ok->public_url != NULL)
        snprintf(ret_url, TUNNEL_URL_BYTES, "%s", ok->public_url);
    else
        snprintf(ret_url, TUNNEL_URL_BYTES, "%s://%s", tunnel->plan->kind == TUNNEL_EXPOSE ? "http" : "tcp", text);
}

/* The URL is what scripts read: another one only when it says something else. */
static void on_bound(void *owner, const struct binding_wish *wish, const struct bind_ok *ok)
{
    struct tunnel *tunnel = tunnel_of(owner, wish);
    char url[TUNNEL_URL_BYTES];
    uint16_t before = tunnel->port;
    tunnel->port = ok->container_port;
    format_url(tunnel, ok, url);
    if (strcmp(url, tunnel->url) != 0) {
        memcpy(tunnel->url, url, sizeof url);
        report_url(tunnel);
    }
    report_bound(tunnel, before);
    tunnel->reason[0] = '\0';
    become(tunnel, TUNNEL_OPEN);
}

static void on_kept(void *owner, const struct binding_wish *wish)
{
    struct tunnel *tunnel = tunnel_of(owner, wish);
    report_kept(tunnel);
    become(tunnel, TUNNEL_OPEN);
}

/* A port that others hold for a night fills no disk. */
static void on_refused(void *owner, const struct binding_wish *wish, const char *why)
{
    struct tunnel *tunnel = tunnel_of(owner, wish);
    if (strcmp(tunnel->reason, why) != 0) {
        snprintf(tunnel->reason, sizeof tunnel->reason, "%s", why);
        report_refused(tunnel, why);
    }
    become(tunnel, TUNNEL_REFUSED);
}

/* At the start it is all or nothing: what is wrong with one of many must not be overlooked. */
static void on_given_up(void *owner, const struct binding_wish *wish, const char *why)
{
    struct tunnel *tunnel = tunnel_of(owner, wish);
    struct tunnel_set *set = tunnel->set;
    size_t left = set->count - count_tunnels(set, TUNNEL_OVER) - 1;
    bool was_open = tunnel->port != 0;
    if (set->has_failed)
        return;
    if (left > 0 && was_open)
        report_given_up(tunnel, why, left);
    else if (left > 0)
        report_failed(tunnel, why);
    set->has_failed = left > 0 && !was_open; /* of the last one, the session's end tells */
    if (set->has_failed)
        persistent_session_close(set->session);
    else if (left > 0)
        become(tunnel, TUNNEL_OVER);
}

/* ---- the session ---- */

static void on_established(void *owner, const struct session_id *id, bool is_resumed, uint32_t connections_granted)
{
    struct tunnel_set *set = owner;
    report_established(set, id, is_resumed, connections_granted);
    set->was_established = true;
    set->reason[0] = '\0';
}

static void on_sockets_changed(void *owner, uint32_t attached, uint32_t granted, const char *why)
{
    (void)owner;
    report_sockets(attached, granted, why);
}

/* A daemon that is away for a night fills no disk. */
static void on_interrupted(void *owner, const char *why, uint32_t delay_ms)
{
    (void)delay_ms;
    struct tunnel_set *set = owner;
    for (size_t i = 0; i < set->count; i++)
        if (set->tunnels[i].state != TUNNEL_OVER)
            set->tunnels[i].state = TUNNEL_PENDING;
    if (strcmp(set->reason, why) == 0)
        return;
    snprintf(set->reason, sizeof set->reason, "%s", why);
    report_interrupted(why);
}

static enum exit_status status_of(enum session_end end)
{
    switch (end) {
    case SESSION_CLOSED:
        return EXIT_ENDED;
    case SESSION_UNREACHABLE:
        return EXIT_UNREACHABLE;
    case SESSION_LOST:
    case SESSION_EXPIRED:
    case SESSION_FAILED:
    case SESSION_FORBIDDEN:
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

static void on_session_ended(void *owner, enum session_end end, const char *text)
{
    struct tunnel_set *set = owner;
    if (!set->has_failed)
        report_ended(text);
    stop(set, set->has_failed ? EXIT_FAILED : status_of(end));
}

static const struct persistent_events SESSION_EVENTS = {
    .on_established = on_established,
    .on_sockets_changed = on_sockets_changed,
    .on_bound = on_bound,
    .on_kept = on_kept,
    .on_refused = on_refused,
    .on_given_up = on_given_up,
    .on_interrupted = on_interrupted,
    .on_ended = on_session_ended,
};

static void open_session(struct tunnel_set *set)
{
    const struct options *options = set->options;
    const struct persistent_options how = {
        .connections = options->connections,
        .heartbeat = {.interval_ms = options->ping_interval_ms, .timeout_ms = options->ping_timeout_ms},
        .waits_for_daemon = options->wait,
        .ends_on_loss = options->exit_on_loss,
    };
    set->session = persistent_session_new(set->loop, &set->daemon, &how, &SESSION_EVENTS, set);
    for (size_t i = 0; i < set->count; i++)
        persistent_session_bind(set->session, &set->tunnels[i].wish);
}

/* ---- before it: are the services up? ---- */

static bool is_probing(const struct tunnel_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->tunnels[i].probe != NULL)
            return true;
    return false;
}

static void probe_all(struct tunnel_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        tunnel_probe(&set->tunnels[i]);
    if (!is_probing(set))
        open_session(set);
}

void tunnel_set_probed(struct tunnel_set *set, struct tunnel *tunnel, int error)
{
    if (error != 0) {
        report_target_down(tunnel, error);
        stop(set, EXIT_FAILED);
    } else if (!is_probing(set)) {
        open_session(set);
    }
}

/* ---- start and stop ---- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    struct tunnel_set *set = arg;
    if (set->session != NULL)
        persistent_session_close(set->session);
    else
        stop(set, EXIT_ENDED);
}

static void watch_signals(struct tunnel_set *set)
{
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++) {
        set->signals[i] = evsignal_new(loop_base(set->loop), STOP_SIGNALS[i], on_signal, set);
        check(set->signals[i] != NULL && event_add(set->signals[i], NULL) == 0);
    }
}

/* false: the reason was told. */
static bool learn_access(struct tunnel_set *set)
{
    const struct options *options = set->options;
    const struct access_flags flags = {
        .url = options->url,
        .proxy = options->proxy,
        .ca_file = options->cacert,
        .is_insecure = options->insecure,
        .token_file = options->token_file,
    };
    char why[ACCESS_WHY_BYTES];
    if (!daemon_access_init(&set->daemon, &flags, getenv, why)) {
        report_note("%s", why);
        return false;
    }
    const char *warning = daemon_access_warning(&set->daemon, &flags);
    if (warning != NULL)
        report_note("%s", warning);
    return true;
}

/* Everything but the session. false: the reason was told, set->status says what it deserves. */
static bool prepare(struct tunnel_set *set, const struct tunnel_plans *plans)
{
    set->status = EXIT_USAGE;
    if (!learn_access(set))
        return false;
    set->status = EXIT_FAILED;
    set->loop = loop_new();
    if (set->loop == NULL) {
        report_note("the system gives no event loop");
        return false;
    }
    for (; set->count < plans->count; set->count++)
        if (!tunnel_init(&set->tunnels[set->count], set, &plans->items[set->count]))
            return false;
    watch_signals(set);
    return true;
}

/* Takes half-prepared ones. */
static void set_done(struct tunnel_set *set)
{
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++)
        if (set->signals[i] != NULL)
            event_free(set->signals[i]);
    persistent_session_destroy(&set->session); /* before what it publishes */
    for (size_t i = 0; i < set->count; i++)
        tunnel_done(&set->tunnels[i]);
    loop_destroy(&set->loop);
    daemon_access_done(&set->daemon);
}

enum exit_status tunnel_set_run(const struct options *options, const struct tunnel_plans *plans)
{
    struct tunnel_set *set = calloc(1, sizeof *set);
    check(set != NULL && plans->count >= 1);
    set->options = options;
    if (prepare(set, plans)) {
        probe_all(set);
        loop_run(set->loop);
    }
    enum exit_status status = set->status;
    set_done(set);
    free(set);
    return status;
}
