#include "tunnel.h"

#include "check.h"

#include <event2/event.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int STOP_SIGNALS[STOP_SIGNAL_COUNT] = {SIGINT, SIGTERM, SIGHUP};

void tunnel_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("hoody-tunnel: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void tunnel_stop(struct tunnel *tunnel, enum exit_status status)
{
    tunnel->status = status;
    loop_stop(tunnel->loop);
}

/* ---- the session ---- */

static void on_established(void *owner, const struct session_id *id, bool is_resumed, uint32_t connections_granted)
{
    struct tunnel *tunnel = owner;
    uint32_t asked = tunnel->options->connections;
    tunnel_note("connected%s to %s, %ssession %s%s", tunnel->was_established ? " again" : "", tunnel->daemon.name,
                tunnel->was_established && !is_resumed ? "a new " : "", id->text, is_resumed ? " is resumed" : "");
    tunnel->was_established = true;
    tunnel->reason[0] = '\0';
    if (connections_granted < asked)
        tunnel_note("the daemon grants %u of the %u connections that were asked for", (unsigned)connections_granted,
                    (unsigned)asked);
}

static void on_sockets_changed(void *owner, uint32_t attached, uint32_t granted, const char *why)
{
    (void)owner;
    if (attached == granted)
        tunnel_note("all %u connections to the daemon stand", (unsigned)granted);
    else
        tunnel_note("%u of %u connections to the daemon are left, a new one will follow: %s", (unsigned)attached,
                    (unsigned)granted, why);
}

static void format_url(const struct tunnel *tunnel, const struct binding_wish *wish, const struct bind_ok *ok,
                       char ret_url[TUNNEL_URL_BYTES])
{
    struct host_port where = tunnel->daemon.url.where;
    char text[HOST_PORT_BYTES];
    if (wish->host != NULL)
        snprintf(where.host, sizeof where.host, "%s", wish->host);
    where.port = ok->container_port;
    host_port_format(&where, text);
    if (ok->public_url != NULL)
        snprintf(ret_url, TUNNEL_URL_BYTES, "%s", ok->public_url);
    else
        snprintf(ret_url, TUNNEL_URL_BYTES, "%s://%s", wish->service != NULL ? "http" : "tcp", text);
}

/* The one line that scripts read; another one only when it says something else. */
static void tell_url(struct tunnel *tunnel, const char *url)
{
    if (strcmp(url, tunnel->url) == 0)
        return;
    snprintf(tunnel->url, sizeof tunnel->url, "%s", url);
    printf("%s\n", url);
    fflush(stdout);
}

static void on_bound(void *owner, const struct binding_wish *wish, const struct bind_ok *ok)
{
    struct tunnel *tunnel = owner;
    char url[TUNNEL_URL_BYTES];
    uint16_t before = tunnel->port;
    tunnel->port = ok->container_port;
    format_url(tunnel, wish, ok, url);
    tell_url(tunnel, url);
    if (before == 0)
        tunnel_note("port %u of the container leads to %s; Ctrl-C ends it", (unsigned)tunnel->port,
                    tunnel->target.name);
    else if (before == tunnel->port)
        tunnel_note("port %u of the container leads to %s again", (unsigned)tunnel->port, tunnel->target.name);
    else
        tunnel_note("port %u is not ours any more: now port %u of the container leads to %s", (unsigned)before,
                    (unsigned)tunnel->port, tunnel->target.name);
}

static void on_kept(void *owner, const struct binding_wish *wish)
{
    (void)wish;
    struct tunnel *tunnel = owner;
    tunnel_note("port %u of the container leads to %s again", (unsigned)tunnel->port, tunnel->target.name);
}

/* A daemon that is away for a night fills no disk. */
static void on_interrupted(void *owner, const char *why, uint32_t delay_ms)
{
    (void)delay_ms;
    struct tunnel *tunnel = owner;
    if (strcmp(tunnel->reason, why) == 0)
        return;
    snprintf(tunnel->reason, sizeof tunnel->reason, "%s", why);
    tunnel_note("%s; trying again until it works", why);
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
    struct tunnel *tunnel = owner;
    tunnel_note("%s", text);
    tunnel_stop(tunnel, status_of(end));
}

static const struct persistent_events SESSION_EVENTS = {
    .on_established = on_established,
    .on_sockets_changed = on_sockets_changed,
    .on_bound = on_bound,
    .on_kept = on_kept,
    .on_interrupted = on_interrupted,
    .on_ended = on_session_ended,
};

void tunnel_connect(struct tunnel *tunnel)
{
    const struct options *options = tunnel->options;
    const struct persistent_options how = {
        .connections = options->connections,
        .heartbeat = {.interval_ms = options->ping_interval_ms, .timeout_ms = options->ping_timeout_ms},
        .waits_for_daemon = options->wait,
        .ends_on_loss = options->exit_on_loss,
    };
    tunnel->session = persistent_session_new(tunnel->loop, &tunnel->daemon, &how, &SESSION_EVENTS, tunnel);
    persistent_session_bind(tunnel->session, &tunnel->wish);
}

/* ---- start and stop ---- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    struct tunnel *tunnel = arg;
    if (tunnel->session != NULL)
        persistent_session_close(tunnel->session);
    else
        tunnel_stop(tunnel, EXIT_ENDED);
}

static void watch_signals(struct tunnel *tunnel)
{
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++) {
        tunnel->signals[i] = evsignal_new(loop_base(tunnel->loop), STOP_SIGNALS[i], on_signal, tunnel);
        check(tunnel->signals[i] != NULL && event_add(tunnel->signals[i], NULL) == 0);
    }
}

/* false: the reason was told. */
static bool learn_access(struct tunnel *tunnel)
{
    const struct options *options = tunnel->options;
    const struct access_flags flags = {
        .url = options->url,
        .proxy = options->proxy,
        .ca_file = options->cacert,
        .is_insecure = options->insecure,
        .token_file = options->token_file,
    };
    char why[ACCESS_WHY_BYTES];
    if (!daemon_access_init(&tunnel->daemon, &flags, getenv, why)) {
        tunnel_note("%s", why);
        return false;
    }
    const char *warning = daemon_access_warning(&tunnel->daemon, &flags);
    if (warning != NULL)
        tunnel_note("%s", warning);
    return true;
}

/* false: *ret_status says what it deserves; the reason was told. */
static bool find_ends(struct tunnel *tunnel, enum exit_status *ret_status)
{
    const struct options *options = tunnel->options;
    struct host_port target;
    const char *why = NULL;
    *ret_status = EXIT_USAGE;
    if (!target_parse(options->argument, &target, &why)) {
        tunnel_note("TARGET '%s' is not understood: %s\nTry: %s", options->argument, why,
                    options_help_hint(options->command));
        return false;
    }
    if (!learn_access(tunnel))
        return false;
    *ret_status = EXIT_FAILED;
    if (!endpoint_resolve(&target, &tunnel->target, &why)) {
        tunnel_note("the target %s is not known: %s", target.host, why);
        return false;
    }
    return true;
}

bool tunnel_init(struct tunnel *ret_tunnel, const struct options *options)
{
    *ret_tunnel = (struct tunnel){
        .options = options,
        .wish = {.port = options->port, .label = *options->label != '\0' ? options->label : NULL},
        .status = EXIT_FAILED,
    };
    if (!find_ends(ret_tunnel, &ret_tunnel->status)) {
        daemon_access_done(&ret_tunnel->daemon);
        return false;
    }
    ret_tunnel->status = EXIT_FAILED;
    ret_tunnel->loop = loop_new();
    if (ret_tunnel->loop == NULL) {
        tunnel_note("the system gives no event loop");
        daemon_access_done(&ret_tunnel->daemon);
        return false;
    }
    watch_signals(ret_tunnel);
    return true;
}

void tunnel_run(struct tunnel *tunnel)
{
    loop_run(tunnel->loop);
}

void tunnel_done(struct tunnel *tunnel)
{
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++)
        event_free(tunnel->signals[i]);
    persistent_session_destroy(&tunnel->session);
    loop_destroy(&tunnel->loop);
    daemon_access_done(&tunnel->daemon);
}
