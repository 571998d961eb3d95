#include "tunnel.h"

#include "check.h"

#include <event2/event.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

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

static void on_established(void *owner, const struct session_id *id, uint32_t connections_granted)
{
    struct tunnel *tunnel = owner;
    uint32_t asked = tunnel->options->connections;
    tunnel_note("connected to %s, session %s", tunnel->daemon.name, id->text);
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

/* The one line that scripts read. */
static void on_bound(void *owner, const struct binding_wish *wish, const struct bind_ok *ok)
{
    struct tunnel *tunnel = owner;
    struct host_port where = tunnel->url.where;
    char text[HOST_PORT_BYTES];
    if (wish->host != NULL)
        snprintf(where.host, sizeof where.host, "%s", wish->host);
    where.port = ok->container_port;
    host_port_format(&where, text);
    if (ok->public_url != NULL)
        printf("%s\n", ok->public_url);
    else
        printf("%s://%s\n", wish->service != NULL ? "http" : "tcp", text);
    fflush(stdout);
    tunnel_note("port %u of the container leads to %s; Ctrl-C ends it", (unsigned)ok->container_port,
                tunnel->target.name);
}

static void on_session_ended(void *owner, enum session_end end, const char *text)
{
    struct tunnel *tunnel = owner;
    switch (end) {
    case SESSION_CLOSED:
        tunnel_note("closed");
        tunnel_stop(tunnel, EXIT_ENDED);
        return;
    case SESSION_UNREACHABLE:
        tunnel_note("%s", text);
        tunnel_stop(tunnel, EXIT_UNREACHABLE);
        return;
    case SESSION_FAILED:
        tunnel_note("%s", text);
        tunnel_stop(tunnel, EXIT_FAILED);
        return;
    }
}

static const struct session_events SESSION_EVENTS = {
    .on_established = on_established,
    .on_sockets_changed = on_sockets_changed,
    .on_bound = on_bound,
    .on_ended = on_session_ended,
};

void tunnel_connect(struct tunnel *tunnel)
{
    tunnel->session =
        session_new(tunnel->loop, &tunnel->url, &tunnel->daemon, tunnel->options->connections, &SESSION_EVENTS, tunnel);
    session_bind(tunnel->session, &tunnel->wish);
}

/* ---- start and stop ---- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    struct tunnel *tunnel = arg;
    if (tunnel->session != NULL)
        session_close(tunnel->session);
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
    if (!server_url_parse(options->url, &tunnel->url, &why)) {
        tunnel_note("the URL '%s' is not understood: %s\nTry: --url ws://127.0.0.1:7080", options->url, why);
        return false;
    }
    if (tunnel->url.is_tls) {
        tunnel_note("wss:// needs TLS, which is not built in yet\nTry: --url ws://%s:PORT", tunnel->url.where.host);
        return false;
    }
    *ret_status = EXIT_FAILED;
    if (!endpoint_resolve(&target, &tunnel->target, &why)) {
        tunnel_note("the target %s is not known: %s", target.host, why);
        return false;
    }
    *ret_status = EXIT_UNREACHABLE;
    if (!endpoint_resolve(&tunnel->url.where, &tunnel->daemon, &why)) {
        tunnel_note("can't reach the daemon: %s is not known: %s", tunnel->url.where.host, why);
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
    if (!find_ends(ret_tunnel, &ret_tunnel->status))
        return false;
    ret_tunnel->status = EXIT_FAILED;
    ret_tunnel->loop = loop_new();
    if (ret_tunnel->loop == NULL) {
        tunnel_note("the system gives no event loop");
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
    session_destroy(&tunnel->session);
    loop_destroy(&tunnel->loop);
}
