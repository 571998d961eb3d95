#include "report/report.h"

#include "check.h"
#include "report/report_sink.h"
#include "session.h"
#include "terminal/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_BYTES = 2048 };

struct report {
    struct report_sink sink;
    struct report_tunnel tunnels[SESSION_BINDINGS_MAX];
    size_t tunnel_count;
    char *daemon;  /* as called last */
    char *session; /* NULL: none yet */
    struct visits visits;
};

static char *copy(const char *text)
{
    char *own = strdup(text);
    check(own != NULL);
    return own;
}

/* ---- telling ---- */

static void tell(struct report *report, struct report_event event)
{
    check(clock_gettime(CLOCK_REALTIME, &event.at) == 0);
    event.session = report->session;
    report->sink.on_event(report->sink.self, &event);
}

/* What all events of a tunnel may say. */
static struct report_event event_of(const struct report *report, enum report_kind what, size_t tunnel)
{
    check(tunnel < report->tunnel_count);
    const struct report_tunnel *facts = &report->tunnels[tunnel];
    return (struct report_event){
        .what = what,
        .tunnel = (int64_t)tunnel + 1,
        .name = facts->name,
        .label = facts->label,
        .tunnels = (int64_t)report->tunnel_count,
        .kind = facts->is_raw ? "tcp" : "http",
        .target = facts->target,
    };
}

void report_note(struct report *report, const char *format, ...)
{
    char text[NOTE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tell(report, (struct report_event){.what = REPORT_note, .text = text});
}

void report_inspecting(struct report *report, const char *url)
{
    tell(report, (struct report_event){.what = REPORT_inspecting, .url = url});
}

/* ---- the session ---- */

void report_connecting(struct report *report, const char *daemon, unsigned attempt)
{
    if (report->daemon == NULL)
        report->daemon = copy(daemon);
    tell(report, (struct report_event){.what = REPORT_connecting, .daemon = daemon, .attempt = attempt});
}

void report_established(struct report *report, const char *session, bool is_resumed, uint32_t granted, uint32_t wanted)
{
    free(report->session);
    report->session = copy(session);
    tell(report, (struct report_event){
                     .what = is_resumed ? REPORT_resumed : REPORT_connected,
                     .daemon = report->daemon,
                     .connections = granted,
                     .connections_wanted = wanted,
                 });
}

void report_sockets(struct report *report, uint32_t attached, uint32_t granted, const char *why)
{
    tell(report, (struct report_event){
                     .what = REPORT_connections,
                     .connections = attached,
                     .connections_wanted = granted,
                     .why = attached < granted ? why : NULL,
                 });
}

void report_round_trip(struct report *report, uint64_t us)
{
    if (report->sink.on_round_trip != NULL)
        report->sink.on_round_trip(report->sink.self, us);
}

void report_interrupted(struct report *report, const char *why, uint32_t delay_ms)
{
    tell(report, (struct report_event){.what = REPORT_interrupted, .why = why, .retry_ms = delay_ms});
}

void report_ended(struct report *report, const char *why, enum exit_status status)
{
    tell(report, (struct report_event){.what = REPORT_ended, .why = why, .exit_status = (int64_t)status});
}

/* ---- each tunnel ---- */

void report_bound(struct report *report, size_t tunnel, uint16_t port, uint16_t before, const char *url)
{
    struct report_event event = event_of(report, before != 0 ? REPORT_rebound : REPORT_bound, tunnel);
    event.port = port;
    event.previous_port = before;
    event.url = url;
    tell(report, event);
}

void report_kept(struct report *report, size_t tunnel, uint16_t port, const char *url)
{
    report_bound(report, tunnel, port, port, url);
}

static struct report_event trouble_of(const struct report *report, enum report_kind what, size_t tunnel, uint16_t port,
                                      const char *why)
{
    struct report_event event = event_of(report, what, tunnel);
    event.port = port != 0 ? port : REPORT_NONE;
    event.why = why;
    return event;
}

void report_refused(struct report *report, size_t tunnel, uint16_t port, const char *why)
{
    tell(report, trouble_of(report, REPORT_refused, tunnel, port, why));
}

void report_given_up(struct report *report, size_t tunnel, uint16_t port, const char *why, size_t left)
{
    struct report_event event = trouble_of(report, REPORT_revoked, tunnel, port, why);
    event.left = (int64_t)left;
    tell(report, event);
}

void report_settled(struct report *report, size_t open, size_t total, bool is_again)
{
    tell(report, (struct report_event){
                     .what = REPORT_settled, .open = (int64_t)open, .tunnels = (int64_t)total, .is_again = is_again});
}

static void on_target(void *owner, size_t tunnel, const char *trouble)
{
    struct report_event event = event_of(owner, trouble != NULL ? REPORT_target_down : REPORT_target_up, tunnel);
    event.why = trouble;
    tell(owner, event);
}

/* ---- visitors ---- */

static struct report_event event_of_visit(const struct report *report, enum report_kind what, const struct visit *visit)
{
    struct report_event event = event_of(report, what, visit->tunnel);
    unsigned status = visit_status(visit);
    event.visitor = (int64_t)visit->number;
    event.peer = visit->peer;
    event.method = visit->method;
    event.path = visit->path;
    event.status = status != 0 ? (int64_t)status : REPORT_NONE;
    return event;
}

static void tell_end(struct report *report, const struct visit *visit)
{
    static const char *const OUTCOMES[] = {[EXCHANGE_COMPLETE] = "complete",
                                           [EXCHANGE_FAILED] = "failed",
                                           [EXCHANGE_LEFT] = "left",
                                           [EXCHANGE_LOST] = "lost"};
    struct report_event event = event_of_visit(report, visit->is_raw ? REPORT_pull_closed : REPORT_request, visit);
    const struct exchange_result *result = &visit->result;
    event.outcome = OUTCOMES[result->end];
    event.why = *result->why != '\0' ? result->why : NULL;
    event.duration_ms = (double)result->duration_us / 1000;
    event.bytes_in = (int64_t)result->bytes[EXCHANGE_IN];
    event.bytes_out = (int64_t)result->bytes[EXCHANGE_OUT];
    tell(report, event);
}

static void on_visit(void *owner, const struct visits *visits, const struct visit *visit, enum visit_step step)
{
    struct report *report = owner;
    report->sink.on_visit(report->sink.self, visits, visit, step);
    switch (step) {
    case VISIT_BEGUN:
        if (visit->is_raw)
            tell(report, event_of_visit(report, REPORT_pull_opened, visit));
        return;
    case VISIT_ANSWERED:
        if (visit_is_upgraded(visit))
            tell(report, event_of_visit(report, REPORT_upgraded, visit));
        return;
    case VISIT_MOVED:
        return;
    case VISIT_ENDED:
        tell_end(report, visit);
        return;
    }
}

void report_observe(struct report *report, struct exchange_observers *observers)
{
    observers->on_target = on_target;
    observers->target_owner = report;
    if (report->sink.on_visit == NULL)
        return;
    const struct exchange_observer observer = visits_observer(&report->visits);
    exchange_observers_add(observers, &observer);
}

/* ---- begin and end ---- */

const char *report_flags_conflict(const struct options *options)
{
    if (options->json_events && options->plain)
        return "--json and --plain don't go together";
    if (options->json_events && options->qr)
        return "--json and --qr don't go together: one is for programs, the other for people";
    return NULL;
}

static void settle(const enum option_source sources[], enum option_id one, bool *p_one, enum option_id other,
                   bool *p_other)
{
    if (*p_one && *p_other && sources[one] != sources[other])
        *(sources[one] < sources[other] ? p_one : p_other) = false;
}

void report_flags_settle(struct options *options)
{
    const enum option_source *sources = options->sources;
    settle(sources, OPTION_json_events, &options->json_events, OPTION_plain, &options->plain);
    settle(sources, OPTION_json_events, &options->json_events, OPTION_qr, &options->qr);
}

struct report *report_new(const struct options *options)
{
    struct report *report = calloc(1, sizeof *report);
    check(report != NULL);
    visits_init(&report->visits, on_visit, report);
    if (options->json_events)
        report->sink = json_lines_new();
    else if (options->plain || !terminal_has_screen() || !terminal_is_in_front())
        report->sink = plain_lines_new(options->log_requests, options->qr);
    else
        report->sink = status_view_new(options->qr);
    return report;
}

int report_destroy(struct report **p_report)
{
    struct report *report = *p_report;
    *p_report = NULL;
    if (report == NULL)
        return 0;
    check(LIST_EMPTY(&report->visits.open));
    int error = report->sink.destroy(report->sink.self);
    free(report->daemon);
    free(report->session);
    free(report);
    return error;
}

void report_attach(struct report *report, struct loop *loop)
{
    report->sink.attach(report->sink.self, loop);
}

void report_detach(struct report *report)
{
    report->sink.detach(report->sink.self);
}

void report_add_tunnel(struct report *report, const struct report_tunnel *tunnel)
{
    check(report->tunnel_count < SESSION_BINDINGS_MAX);
    report->tunnels[report->tunnel_count++] = *tunnel;
}
