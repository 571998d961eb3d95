#include "expose.h"

#include "check.h"
#include "session.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROBE_TIMEOUT_MS = 5000 };

static const int STOP_SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};
enum { STOP_SIGNAL_COUNT = sizeof STOP_SIGNALS / sizeof *STOP_SIGNALS };

struct expose {
    struct loop *loop;
    struct server_url url;
    struct endpoint daemon;
    struct endpoint target;
    struct local_service service;
    struct expose_wish wish;
    struct dial *probe; /* is the target up? before anything is published */
    struct session *session;
    struct event *signals[STOP_SIGNAL_COUNT];
    enum exit_status status;
};

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("hoody-tunnel: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static void stop(struct expose *expose, enum exit_status status)
{
    expose->status = status;
    loop_stop(expose->loop);
}

/* ---- the session ---- */

static void on_established(void *owner, const struct session_id *id)
{
    struct expose *expose = owner;
    note("connected to %s, session %s", expose->daemon.name, id->text);
}

/* The one line that scripts read. */
static void on_bound(void *owner, const struct expose_wish *wish, const struct bind_ok *ok)
{
    struct expose *expose = owner;
    if (ok->public_url != NULL) {
        printf("%s\n", ok->public_url);
    } else {
        struct host_port where = expose->url.where;
        char text[HOST_PORT_BYTES];
        where.port = ok->container_port;
        host_port_format(&where, text);
        printf("http://%s\n", text);
    }
    fflush(stdout);
    note("port %u of the container leads to %s; Ctrl-C ends it", (unsigned)ok->container_port,
         wish->service->endpoint.name);
}

static void on_session_ended(void *owner, enum session_end end, const char *text)
{
    struct expose *expose = owner;
    switch (end) {
    case SESSION_CLOSED:
        note("closed");
        stop(expose, EXIT_ENDED);
        return;
    case SESSION_UNREACHABLE:
        note("%s", text);
        stop(expose, EXIT_UNREACHABLE);
        return;
    case SESSION_FAILED:
        note("%s", text);
        stop(expose, EXIT_FAILED);
        return;
    }
}

static const struct session_events SESSION_EVENTS = {
    .on_established = on_established,
    .on_bound = on_bound,
    .on_ended = on_session_ended,
};

/* ---- start and stop ---- */

static void on_probed(void *owner, int fd, int error)
{
    struct expose *expose = owner;
    dial_destroy(&expose->probe);
    if (fd < 0) {
        note("the target %s %s: is the service running?", expose->target.name, dial_error_text(error));
        stop(expose, EXIT_FAILED);
        return;
    }
    close(fd);
    expose->session = session_new(expose->loop, &expose->url, &expose->daemon, &SESSION_EVENTS, expose);
    session_expose(expose->session, &expose->wish);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    struct expose *expose = arg;
    if (expose->session != NULL)
        session_close(expose->session);
    else
        stop(expose, EXIT_ENDED);
}

static void watch_signals(struct expose *expose)
{
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++) {
        expose->signals[i] = evsignal_new(loop_base(expose->loop), STOP_SIGNALS[i], on_signal, expose);
        check(expose->signals[i] != NULL && event_add(expose->signals[i], NULL) == 0);
    }
}

static bool host_value_is_sane(const char *value)
{
    for (const char *c = value; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return *value != '\0';
}

/* false: *ret_status says what it deserves; the reason was told. */
static bool prepare(struct expose *expose, const struct options *options, enum exit_status *ret_status)
{
    struct host_port target;
    const char *why = NULL;
    *ret_status = EXIT_USAGE;
    if (!target_parse(options->argument, &target, &why)) {
        note("TARGET '%s' is not understood: %s\nTry: hoody-tunnel expose 3000", options->argument, why);
        return false;
    }
    if (!server_url_parse(options->url, &expose->url, &why)) {
        note("the URL '%s' is not understood: %s\nTry: --url ws://127.0.0.1:7080", options->url, why);
        return false;
    }
    if (expose->url.is_tls) {
        note("wss:// needs TLS, which is not built in yet\nTry: --url ws://%s:PORT", expose->url.where.host);
        return false;
    }
    if (!host_value_is_sane(options->host_header)) {
        note("--host-header must be preserve, rewrite, or a Host such as example.com:8080");
        return false;
    }
    *ret_status = EXIT_FAILED;
    if (!endpoint_resolve(&target, &expose->target, &why)) {
        note("the target %s is not known: %s", target.host, why);
        return false;
    }
    *ret_status = EXIT_UNREACHABLE;
    if (!endpoint_resolve(&expose->url.where, &expose->daemon, &why)) {
        note("can't reach the daemon: %s is not known: %s", expose->url.where.host, why);
        return false;
    }
    return true;
}

static enum host_policy host_policy_of(const char *value)
{
    if (strcmp(value, "rewrite") == 0)
        return HOST_REWRITE;
    return strcmp(value, "preserve") == 0 ? HOST_PRESERVE : HOST_FIXED;
}

static void clean_up(struct expose *expose)
{
    for (size_t i = 0; i < STOP_SIGNAL_COUNT; i++)
        event_free(expose->signals[i]);
    dial_destroy(&expose->probe);
    session_destroy(&expose->session);
    local_service_done(&expose->service);
    loop_destroy(&expose->loop);
}

enum exit_status expose_run(const struct options *options)
{
    struct expose expose = {.status = EXIT_FAILED};
    enum exit_status status;
    if (!prepare(&expose, options, &status))
        return status;
    expose.loop = loop_new();
    if (expose.loop == NULL) {
        note("the system gives no event loop");
        return EXIT_FAILED;
    }
    local_service_init(&expose.service, expose.loop, &expose.target, host_policy_of(options->host_header),
                       options->host_header);
    expose.wish = (struct expose_wish){
        .port = options->port,
        .takeover = options->takeover,
        .label = *options->label != '\0' ? options->label : NULL,
        .service = &expose.service,
    };
    watch_signals(&expose);
    expose.probe = dial_new(expose.loop, &expose.target, PROBE_TIMEOUT_MS, on_probed, &expose);
    loop_run(expose.loop);
    clean_up(&expose);
    return expose.status;
}
