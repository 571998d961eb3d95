/* Plain lines: URLs on stdout, which scripts read, everything else on stderr. */
#include "report/outlet.h"
#include "report/qr_code.h"
#include "report/report_sink.h"

#include "check.h"
#include "session.h"
#include "terminal/quantity.h"
#include "terminal/shown_text.h"
#include "terminal/terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLUSH_MS = 1000, REASON_BYTES = 512, LINE_BYTES = 4096 };

struct plain_lines {
    struct outlet *out;
    struct outlet *err;
    bool draws_qr;
    bool was_established;
    char reason[REASON_BYTES];                         /* of an interruption, as told last; "": none, or it is over */
    char *urls[SESSION_BINDINGS_MAX];                  /* of each tunnel, as printed last; NULL: not yet */
    char refusals[SESSION_BINDINGS_MAX][REASON_BYTES]; /* of its port, as told last; "": none, or it is over */
};

__attribute__((format(printf, 2, 3))) static void note(struct plain_lines *plain, const char *format, ...)
{
    static const char PROGRAM[] = "hoody-tunnel: ";
    char line[LINE_BYTES];
    va_list arguments;
    memcpy(line, PROGRAM, sizeof PROGRAM);
    size_t used = sizeof PROGRAM - 1, room = sizeof line - used - 1; /* for the end of the line */
    va_start(arguments, format);
    int length = vsnprintf(line + used, room, format, arguments);
    va_end(arguments);
    check(length >= 0);
    used += (size_t)length < room ? (size_t)length : room - 1;
    if (shown_text_is_harmless(span_of(line, used))) {
        line[used++] = '\n';
        (void)outlet_add(plain->err, line, used);
        return;
    }
    char *shown = shown_text_new(span_of(line, used)); /* what the daemon says may be anything */
    (void)outlet_add(plain->err, shown, strlen(shown));
    (void)outlet_add(plain->err, "\n", 1);
    free(shown);
}

/* ---- the session ---- */

static void on_established(struct plain_lines *plain, const struct report_event *event)
{
    bool is_resumed = event->what == REPORT_resumed;
    note(plain, "connected%s to %s, %ssession %s%s", plain->was_established ? " again" : "", event->daemon,
         plain->was_established && !is_resumed ? "a new " : "", event->session, is_resumed ? " is resumed" : "");
    plain->was_established = true;
    plain->reason[0] = '\0';
    if (event->connections < event->connections_wanted)
        note(plain, "the daemon grants %d of the %d connections that were asked for", (int)event->connections,
             (int)event->connections_wanted);
}

static void on_connections(struct plain_lines *plain, const struct report_event *event)
{
    if (event->why == NULL)
        note(plain, "all %d connections to the daemon stand", (int)event->connections);
    else
        note(plain, "%d of %d connections to the daemon are left, a new one will follow: %s", (int)event->connections,
             (int)event->connections_wanted, event->why);
}

/* A daemon that is away for a night fills no disk. */
static void on_interrupted(struct plain_lines *plain, const struct report_event *event)
{
    if (strcmp(plain->reason, event->why) == 0)
        return;
    snprintf(plain->reason, sizeof plain->reason, "%s", event->why);
    note(plain, "%s; trying again until it works", event->why);
}

/* ---- the tunnels ---- */

/* For the eyes of people, and for their phones. */
static void print_qr(struct plain_lines *plain, const char *url)
{
    struct qr_code code;
    char *text = NULL;
    size_t length = 0;
    if (!qr_code_make(url, &code)) {
        note(plain, "the URL is too long for a QR code");
        return;
    }
    FILE *out = open_memstream(&text, &length);
    check(out != NULL);
    for (size_t row = 0; row < qr_code_rows(&code); row++) {
        qr_code_print_row(&code, row, terminal_may_be_adorned(STDERR_FILENO), out);
        fputc('\n', out);
    }
    check(fclose(out) == 0);
    (void)outlet_add(plain->err, text, length);
    free(text);
}

/* The URL is what scripts read: another one only when it says something else. */
static void print_url(struct plain_lines *plain, const struct report_event *event)
{
    char **p_url = &plain->urls[event->tunnel - 1];
    if (*p_url != NULL && strcmp(*p_url, event->url) == 0)
        return;
    free(*p_url);
    *p_url = strdup(event->url);
    check(*p_url != NULL);
    (void)outlet_add(plain->out, event->url, strlen(event->url));
    if (event->name != NULL) {
        (void)outlet_add(plain->out, " ", 1);
        (void)outlet_add(plain->out, event->name, strlen(event->name));
    }
    (void)outlet_add(plain->out, "\n", 1);
    if (plain->draws_qr && strcmp(event->kind, "http") == 0)
        print_qr(plain, event->url);
}

/* How many there are decides how much is said of each. */
static bool is_alone(const struct report_event *event)
{
    return event->tunnels == 1;
}

static void on_bound(struct plain_lines *plain, const struct report_event *event)
{
    print_url(plain, event);
    note(plain, "port %d of the container leads to %s%s", (int)event->port, event->target,
         is_alone(event) ? "; Ctrl-C ends it" : "");
    plain->refusals[event->tunnel - 1][0] = '\0';
}

static void on_rebound(struct plain_lines *plain, const struct report_event *event)
{
    char *refusal = plain->refusals[event->tunnel - 1];
    bool is_news = is_alone(event) || *refusal != '\0';
    *refusal = '\0';
    print_url(plain, event);
    if (event->previous_port == event->port && is_news)
        note(plain, "port %d of the container leads to %s again", (int)event->port, event->target);
    if (event->previous_port != event->port)
        note(plain, "port %d is not ours any more: now port %d of the container leads to %s", (int)event->previous_port,
             (int)event->port, event->target);
}

/* A port that others hold for a night fills no disk. */
static void on_refused(struct plain_lines *plain, const struct report_event *event)
{
    char *refusal = plain->refusals[event->tunnel - 1];
    if (strcmp(refusal, event->why) == 0)
        return;
    snprintf(refusal, REASON_BYTES, "%s", event->why);
    note(plain, "%s; trying again until it works", event->why);
}

/* Of the last one, the end tells. */
static void on_revoked(struct plain_lines *plain, const struct report_event *event)
{
    int left = (int)event->left;
    if (left > 0 && event->port == REPORT_NONE)
        note(plain, "%s\nThe tunnel to %s can't be opened, so the others are not either", event->why, event->target);
    else if (left == 1)
        note(plain, "%s; %s is not served any more, the other tunnel goes on", event->why, event->target);
    else if (left > 1)
        note(plain, "%s; %s is not served any more, the other %d tunnels go on", event->why, event->target, left);
}

static void on_settled(struct plain_lines *plain, const struct report_event *event)
{
    int open = (int)event->open, total = (int)event->tunnels;
    const char *ending = event->is_again ? " again" : "; Ctrl-C ends them";
    if (open < total)
        note(plain, "%d of %d tunnels are open%s", open, total, event->is_again ? " again" : "");
    else if (total > 2)
        note(plain, "all %d tunnels are open%s", total, ending);
    else if (total == 2)
        note(plain, "both tunnels are open%s", ending);
    else
        note(plain, "the tunnel is open again");
}

static void on_target(struct plain_lines *plain, const struct report_event *event)
{
    note(plain, "the %s %s %s", strcmp(event->kind, "tcp") == 0 ? "target" : "local service", event->target,
         event->what == REPORT_target_down ? event->why : "is back");
}

/* ---- visitors ---- */

/* `12:01:02.345 GET /a?b 200 12.3 ms, 0 B in, 1.2 KiB out, 192.0.2.1:5` */
static void print_visit(struct plain_lines *plain, const struct report_event *event)
{
    char in[QUANTITY_BYTES], out[QUANTITY_BYTES], status[16];
    bool is_request = event->what == REPORT_request;
    char *path = shown_text_new(span_of_string(is_request ? event->path : "connection"));
    char *why = shown_text_new(span_of_string(event->why != NULL ? event->why : ""));
    quantity_format_bytes((double)event->bytes_in, in);
    quantity_format_bytes((double)event->bytes_out, out);
    snprintf(status, sizeof status, event->status != REPORT_NONE ? "%d" : "-", (int)event->status);
    note(plain, "%s %s %s %.1f ms, %s in, %s out, for %s%s%s", is_request ? event->method : "tcp", path,
         is_request ? status : event->outcome, event->duration_ms, in, out,
         event->peer != NULL ? event->peer : "somebody", *why != '\0' ? ": " : "", why);
    free(path);
    free(why);
}

static void on_visit(void *self, const struct visits *visits, const struct visit *visit, enum visit_step step)
{
    (void)self;
    (void)visits;
    (void)visit;
    (void)step;
}

/* ---- the sink ---- */

static void on_event(void *self, const struct report_event *event)
{
    struct plain_lines *plain = self;
    switch (event->what) {
    case REPORT_connecting:
    case REPORT_upgraded:
    case REPORT_pull_opened:
    case REPORT_dropped:
        return;
    case REPORT_connected:
    case REPORT_resumed:
        on_established(plain, event);
        return;
    case REPORT_connections:
        on_connections(plain, event);
        return;
    case REPORT_bound:
        on_bound(plain, event);
        return;
    case REPORT_rebound:
        on_rebound(plain, event);
        return;
    case REPORT_refused:
        on_refused(plain, event);
        return;
    case REPORT_revoked:
        on_revoked(plain, event);
        return;
    case REPORT_settled:
        on_settled(plain, event);
        return;
    case REPORT_interrupted:
        on_interrupted(plain, event);
        return;
    case REPORT_target_down:
    case REPORT_target_up:
        on_target(plain, event);
        return;
    case REPORT_request:
    case REPORT_pull_closed:
        print_visit(plain, event);
        return;
    case REPORT_inspecting:
        note(plain, "inspect the requests at %s", event->url);
        return;
    case REPORT_note:
        note(plain, "%s", event->text);
        return;
    case REPORT_ended:
        if (event->why != NULL)
            note(plain, "%s", event->why);
        return;
    }
}

static void on_empty(void *owner)
{
    (void)owner;
}

static void attach(void *self, struct loop *loop)
{
    struct plain_lines *plain = self;
    outlet_attach(plain->out, loop, on_empty, plain);
    outlet_attach(plain->err, loop, on_empty, plain);
}

static void detach(void *self)
{
    struct plain_lines *plain = self;
    outlet_detach(plain->out);
    outlet_detach(plain->err);
}

static int destroy(void *self)
{
    struct plain_lines *plain = self;
    outlet_flush(plain->out, FLUSH_MS);
    outlet_flush(plain->err, FLUSH_MS);
    int error = outlet_error(plain->out);
    outlet_destroy(&plain->out);
    outlet_destroy(&plain->err);
    for (size_t i = 0; i < SESSION_BINDINGS_MAX; i++)
        free(plain->urls[i]);
    free(plain);
    return error;
}

struct report_sink plain_lines_new(bool shows_visits, bool draws_qr)
{
    struct plain_lines *plain = calloc(1, sizeof *plain);
    check(plain != NULL);
    plain->out = outlet_new(STDOUT_FILENO);
    plain->err = outlet_new(STDERR_FILENO);
    plain->draws_qr = draws_qr;
    return (struct report_sink){
        .self = plain,
        .on_event = on_event,
        .on_visit = shows_visits ? on_visit : NULL,
        .attach = attach,
        .detach = detach,
        .destroy = destroy,
    };
}
