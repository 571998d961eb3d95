#include "tunnel_set.h"

#include "check.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int STOP_SIGNALS[STOP_SIGNAL_COUNT] = {SIGINT, SIGTERM, SIGHUP};

/* `why`: for people. */
static void stop(struct tunnel_set *set, enum exit_status status, const char *why)
{
    set->status = status;
    report_ended(set->report, why, status);
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

size_t tunnel_number(const struct tunnel_set *set, const struct tunnel *tunnel)
{
    return (size_t)(tunnel - set->tunnels);
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
    report_settled(set->report, count_tunnels(set, TUNNEL_OPEN), set->count - count_tunnels(set, TUNNEL_OVER),
                   set->was_settled);
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

static void on_bound(void *owner, const struct binding_wish *wish, const struct bind_ok *ok)
{
    struct tunnel_set *set = owner;
    struct tunnel *tunnel = tunnel_of(set, wish);
    uint16_t before = tunnel->port;
    tunnel->port = ok->container_port;
    format_url(tunnel, ok, tunnel->url);
    report_bound(set->report, tunnel_number(set, tunnel), tunnel->port, before, tunnel->url);
    become(tunnel, TUNNEL_OPEN);
}

static void on_kept(void *owner, const struct binding_wish *wish)
{
    struct tunnel_set *set = owner;
    struct tunnel *tunnel = tunnel_of(set, wish);
    report_kept(set->report, tunnel_number(set, tunnel), tunnel->port, tunnel->url);
    become(tunnel, TUNNEL_OPEN);
}

static void on_refused(void *owner, const struct binding_wish *wish, const char *why)
{
    struct tunnel_set *set = owner;
    struct tunnel *tunnel = tunnel_of(set, wish);
    report_refused(set->report, tunnel_number(set, tunnel), tunnel->port, why);
    become(tunnel, TUNNEL_REFUSED);
}

/* At the start it is all or nothing: what is wrong with one of many must not be overlooked. */
static void on_given_up(void *owner, const struct binding_wish *wish, const char *why)
{
    struct tunnel_set *set = owner;
    struct tunnel *tunnel = tunnel_of(set, wish);
    size_t left = set->count - count_tunnels(set, TUNNEL_OVER) - 1;
    bool was_open = tunnel->port != 0;
    if (set->has_failed)
        return;
    report_given_up(set->report, tunnel_number(set, tunnel), tunnel->port, why, left);
    set->has_failed = left > 0 && !was_open; /* of the last one, the session's end tells */
    if (set->has_failed)
        persistent_session_close(set->session);
    else if (left > 0)
        become(tunnel, TUNNEL_OVER);
}

/* ---- the session ---- */

static void on_connecting(void *owner, unsigned attempt)
{
    struct tunnel_set *set = owner;
    report_connecting(set->report, set->daemon.name, attempt);
}

static void on_established(void *owner, const struct session_id *id, bool is_resumed, uint32_t connections_granted)
{
    struct tunnel_set *set = owner;
    report_established(set->report, id->text, is_resumed, connections_granted, set->options->connections);
}

static void on_sockets_changed(void *owner, uint32_t attached, uint32_t granted, const char *why)
{
    struct tunnel_set *set = owner;
    report_sockets(set->report, attached, granted, why);
}

static void on_round_trip(void *owner, uint64_t us)
{
    struct tunnel_set *set = owner;
    report_round_trip(set->report, us);
}

static void on_interrupted(void *owner, const char *why, uint32_t delay_ms)
{
    struct tunnel_set *set = owner;
    for (size_t i = 0; i < set->count; i++) {
        struct tunnel *tunnel = &set->tunnels[i];
        if (tunnel->state != TUNNEL_OVER)
            tunnel->state = TUNNEL_PENDING;
        if (tunnel->wish.service != NULL)
            local_service_drop_idle(&tunnel->service);
    }
    report_interrupted(set->report, why, delay_ms);
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
    stop(set, set->has_failed ? EXIT_FAILED : status_of(end), set->has_failed ? NULL : text);
}

static const struct persistent_events SESSION_EVENTS = {
    .on_connecting = on_connecting,
    .on_established = on_established,
    .on_sockets_changed = on_sockets_changed,
    .on_round_trip = on_round_trip,
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
        char why[HOST_PORT_BYTES + 128];
        snprintf(why, sizeof why, "the target %s %s: is the service running?", tunnel->target.name,
                 dial_error_text(error));
        stop(set, EXIT_FAILED, why);
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
        stop(set, EXIT_ENDED, "closed");
}

/* By nohup, or by a shell that leaves its background jobs alone. */
static bool is_ignored(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void watch_signals(struct tunnel_set *set)
{
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++) {
        if (STOP_SIGNALS[i] == SIGHUP && is_ignored(SIGHUP))
            continue;
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
        .hint = options_help_hint(options->command),
    };
    char why[ACCESS_WHY_BYTES];
    if (!daemon_access_init(&set->daemon, &flags, getenv, why)) {
        report_ended(set->report, why, EXIT_USAGE);
        return false;
    }
    const char *warning = daemon_access_warning(&set->daemon, &flags);
    if (warning != NULL)
        report_note(set->report, "%s", warning);
    return true;
}

/* For the page: what people call it. */
static const char *inspected_name(const struct tunnel *tunnel)
{
    const struct tunnel_plan *plan = tunnel->plan;
    if (plan->label != NULL)
        return plan->label;
    return plan->name != NULL ? plan->name : tunnel->target.name;
}

/* false: the reason was told. */
static bool begin_inspection(struct tunnel_set *set)
{
    const struct options *options = set->options;
    if (!options->inspect.is_given)
        return true;
    set->inspect = inspect_new(set->loop, &options->inspect.where, options->inspect_show_secrets);
    if (set->inspect == NULL) {
        char why[TUNNEL_WHY_BYTES], place[HOST_PORT_BYTES];
        const char *error = strerror(errno);
        host_port_format(&options->inspect.where, place);
        snprintf(why, sizeof why, "the inspection page can't be served at %s: %s; --inspect=ADDR takes another place",
                 place, error);
        report_ended(set->report, why, EXIT_FAILED);
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        struct tunnel *tunnel = &set->tunnels[i];
        if (inspect_is_at(set->inspect, &tunnel->target.where)) {
            report_ended(set->report, "the inspection page is where a TARGET leads: it is not for visitors",
                         EXIT_FAILED);
            return false;
        }
        if (tunnel->wish.service == NULL)
            continue;
        inspect_add_tunnel(set->inspect, tunnel_number(set, tunnel), inspected_name(tunnel), &tunnel->service);
    }
    const struct exchange_observer observer = inspect_observer(set->inspect);
    exchange_observers_add(&set->observers, &observer);
    report_inspecting(set->report, inspect_url(set->inspect));
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
        report_ended(set->report, "the system gives no event loop", EXIT_FAILED);
        return false;
    }
    report_attach(set->report, set->loop);
    report_observe(set->report, &set->observers);
    for (; set->count < plans->count; set->count++)
        if (!tunnel_init(&set->tunnels[set->count], set, &plans->items[set->count]))
            return false;
    if (!begin_inspection(set))
        return false;
    watch_signals(set);
    return true;
}

/* Takes half-prepared ones. Returns report_destroy's. */
static int set_done(struct tunnel_set *set)
{
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++)
        if (set->signals[i] != NULL)
            event_free(set->signals[i]);
    persistent_session_destroy(&set->session); /* before what it publishes */
    for (size_t i = 0; i < set->count; i++)
        tunnel_done(&set->tunnels[i]);
    inspect_destroy(&set->inspect);
    report_detach(set->report);
    loop_destroy(&set->loop);
    int error = report_destroy(&set->report);
    daemon_access_done(&set->daemon);
    return error;
}

enum exit_status tunnel_set_run(const struct options *options, const struct tunnel_plans *plans)
{
    struct tunnel_set *set = calloc(1, sizeof *set);
    check(set != NULL && plans->count >= 1);
    set->options = options;
    set->report = report_new(options);
    if (prepare(set, plans)) {
        probe_all(set);
        loop_run(set->loop);
    }
    enum exit_status status = set->status;
    int error = set_done(set);
    free(set);
    if (error != 0)
        fprintf(stderr, "hoody-tunnel: standard output can't be written: %s\n", strerror(error));
    if (error != 0 && status == EXIT_ENDED)
        status = EXIT_FAILED;
    return status;
}
