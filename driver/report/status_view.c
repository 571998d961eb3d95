/* The status view: what is told is kept in a model, and drawn in place soon after something of it has changed, but not
 * more often than a person can see. When nothing happens, nothing runs. */
#include "report/outlet.h"
#include "report/report_sink.h"
#include "report/status_model.h"

#include "check.h"
#include "terminal/quantity.h"
#include "terminal/shown_text.h"
#include "terminal/terminal.h"

#include <event2/event.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DRAW_INTERVAL_MS = 100,
    LEAVE_MS = 1000, /* that a terminal may take to show how it was before */
    SIGNAL_COUNT = 4,
};

struct status_view {
    struct outlet *out;
    struct terminal_screen screen;
    bool is_utf8;
    bool was_entered;
    struct loop *loop;
    struct event *draw_timer;
    struct event *signals[SIGNAL_COUNT];
    bool is_due;          /* a change has not been drawn, the terminal was busy */
    int64_t drew_ms;      /* monotonic */
    char *drawn;          /* what the screen shows; NULL: not known */
    bool was_interrupted; /* the trouble is about that */
    struct status_model model;
};

static int64_t now_ms(void)
{
    struct timespec now;
    check(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- drawing ---- */

static bool write_out(void *owner, const char *text, size_t length)
{
    struct status_view *view = owner;
    return outlet_add(view->out, text, length);
}

static char *compose(struct status_view *view)
{
    struct terminal_size size = terminal_size();
    const struct screen_look look = {
        .columns = size.columns,
        .rows = size.rows,
        .is_adorned = terminal_may_be_adorned(STDOUT_FILENO),
        .is_utf8 = view->is_utf8,
    };
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    check(out != NULL);
    if (look.rows > 0)
        status_frame_print(&view->model, &look, out);
    check(fclose(out) == 0);
    return text;
}

static void draw(struct status_view *view)
{
    if (!view->screen.is_entered)
        return;
    if (!outlet_is_empty(view->out)) {
        view->is_due = true;
        return;
    }
    view->is_due = false;
    char *text = compose(view);
    view->drew_ms = now_ms();
    if (view->drawn == NULL || strcmp(view->drawn, text) != 0)
        (void)terminal_screen_draw(&view->screen, text);
    free(view->drawn);
    view->drawn = text;
}

static void draw_anew(struct status_view *view)
{
    free(view->drawn);
    view->drawn = NULL;
    draw(view);
}

static void on_draw_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    draw(arg);
}

static void draw_soon(struct status_view *view)
{
    if (view->draw_timer == NULL || evtimer_pending(view->draw_timer, NULL))
        return;
    int64_t wait = view->drew_ms + DRAW_INTERVAL_MS - now_ms();
    const struct timeval in = {.tv_usec = (suseconds_t)(wait > 0 ? wait : 0) * 1000};
    check(evtimer_add(view->draw_timer, &in) == 0);
}

static void on_empty(void *owner)
{
    struct status_view *view = owner;
    if (view->is_due)
        draw_soon(view);
}

static void enter(struct status_view *view)
{
    if (view->screen.is_entered || !terminal_is_in_front())
        return;
    view->was_entered = true;
    terminal_screen_enter(&view->screen);
    draw_anew(view);
}

static void leave(struct status_view *view)
{
    outlet_clear(view->out);
    terminal_screen_leave(&view->screen);
    outlet_flush(view->out, LEAVE_MS);
}

/* ---- signals ---- */

static void on_resize(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    struct status_view *view = arg;
    free(view->drawn);
    view->drawn = NULL;
    draw_soon(view);
}

/* Gives the terminal back for as long as the shell has it. */
static void on_suspend(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    leave(arg);
    raise(SIGSTOP);
}

static void on_continue(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    struct status_view *view = arg;
    if (view->was_entered)
        enter(view);
}

static void on_quit(evutil_socket_t number, short what, void *arg)
{
    (void)what;
    leave(arg);
    signal((int)number, SIG_DFL);
    raise((int)number);
}

static void attach(void *self, struct loop *loop)
{
    static const struct {
        int number;
        event_callback_fn callback;
    } SIGNALS[SIGNAL_COUNT] = {
        {SIGWINCH, on_resize}, {SIGTSTP, on_suspend}, {SIGCONT, on_continue}, {SIGQUIT, on_quit}};
    struct status_view *view = self;
    view->loop = loop;
    view->draw_timer = evtimer_new(loop_base(loop), on_draw_timer, view);
    check(view->draw_timer != NULL);
    outlet_attach(view->out, loop, on_empty, view);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        view->signals[i] = evsignal_new(loop_base(loop), SIGNALS[i].number, SIGNALS[i].callback, view);
        check(view->signals[i] != NULL && event_add(view->signals[i], NULL) == 0);
    }
}

static void detach(void *self)
{
    struct status_view *view = self;
    leave(view);
    outlet_detach(view->out);
    if (view->draw_timer == NULL)
        return;
    event_free(view->draw_timer);
    view->draw_timer = NULL;
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        event_free(view->signals[i]);
}

/* ---- what is told ---- */

__attribute__((format(printf, 2, 3))) static void trouble(struct status_view *view, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(view->model.trouble, sizeof view->model.trouble, format, arguments);
    va_end(arguments);
    view->was_interrupted = false;
}

static void add_note(struct status_model *model, const char *text)
{
    if (model->note_count == STATUS_NOTES_MAX)
        memmove(model->notes[0], model->notes[1], (STATUS_NOTES_MAX - 1) * sizeof *model->notes);
    else
        model->note_count++;
    char *note = model->notes[model->note_count - 1];
    snprintf(note, sizeof *model->notes, "%s", text);
    for (char *c = note; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
}

/* Where the shell is: before the screen is entered, and after it was left. */
static void print_line(const char *text)
{
    char *shown = shown_text_is_harmless(span_of_string(text)) ? NULL : shown_text_new(span_of_string(text));
    fprintf(stderr, "hoody-tunnel: %s\n", shown != NULL ? shown : text);
    free(shown);
}

static void become(struct status_model *model, enum status_session session, time_t since)
{
    if (model->session != session)
        model->since = since;
    model->session = session;
}

static void on_established(struct status_view *view, const struct report_event *event)
{
    struct status_model *model = &view->model;
    become(model, STATUS_ONLINE, event->at.tv_sec);
    snprintf(model->session_id, sizeof model->session_id, "%s", event->session);
    model->connections = event->connections_wanted > 1 ? 1 : (int)event->connections;
    model->connections_wanted = (int)event->connections;
    if (view->was_interrupted)
        trouble(view, "%s", "");
    enter(view);
}

static void on_interrupted(struct status_view *view, const struct report_event *event)
{
    struct status_model *model = &view->model;
    become(model, STATUS_AWAY, event->at.tv_sec);
    for (size_t i = 0; i < model->tunnel_count; i++)
        if (model->tunnels[i].place != STATUS_OVER)
            model->tunnels[i].place = STATUS_WAITING;
    trouble(view, "%s; next try in %.1f s", event->why, (double)event->retry_ms / 1000);
    view->was_interrupted = true;
    enter(view);
}

static struct status_tunnel *tunnel_of(struct status_model *model, const struct report_event *event)
{
    check(event->tunnel >= 1 && event->tunnel <= SESSION_BINDINGS_MAX);
    while (model->tunnel_count < (size_t)event->tunnels)
        model->tunnels[model->tunnel_count++] = (struct status_tunnel){0};
    struct status_tunnel *tunnel = &model->tunnels[event->tunnel - 1];
    snprintf(tunnel->target, sizeof tunnel->target, "%s", event->target);
    snprintf(tunnel->name, sizeof tunnel->name, "%s", event->name != NULL ? event->name : "");
    return tunnel;
}

static void on_bound(struct status_view *view, const struct report_event *event)
{
    struct status_model *model = &view->model;
    struct status_tunnel *tunnel = tunnel_of(model, event);
    if (tunnel->place == STATUS_REFUSED)
        trouble(view, "%s", "");
    tunnel->place = STATUS_SERVING;
    snprintf(tunnel->url, sizeof tunnel->url, "%s", event->url);
    bool is_first = true;
    for (const struct status_tunnel *before = model->tunnels; before < tunnel; before++)
        is_first = is_first && strncmp(before->url, "http", 4) != 0;
    if (model->draws_qr && is_first && strncmp(event->url, "http", 4) == 0)
        (void)qr_code_make(event->url, &model->qr);
}

static void on_trouble(struct status_view *view, const struct report_event *event, enum status_place place)
{
    struct status_tunnel *tunnel = tunnel_of(&view->model, event);
    tunnel->place = place;
    trouble(view, "%s", event->why);
}

static void on_target(struct status_view *view, const struct report_event *event)
{
    struct status_tunnel *tunnel = tunnel_of(&view->model, event);
    tunnel->is_target_down = event->what == REPORT_target_down;
    snprintf(tunnel->why, sizeof tunnel->why, "%s", event->why != NULL ? event->why : "");
}

/* What is left on the shell's screen. */
static void on_ended(struct status_view *view, const struct report_event *event)
{
    const struct status_model *model = &view->model;
    char in[QUANTITY_BYTES], out[QUANTITY_BYTES], text[STATUS_WHY_BYTES * 2];
    leave(view);
    if (event->why == NULL)
        return;
    quantity_format_bytes((double)model->bytes[EXCHANGE_IN], in);
    quantity_format_bytes((double)model->bytes[EXCHANGE_OUT], out);
    if (view->was_entered)
        snprintf(text, sizeof text, "%s; %llu visitor%s, %s in, %s out", event->why,
                 (unsigned long long)model->visitors, model->visitors == 1 ? "" : "s", in, out);
    else
        snprintf(text, sizeof text, "%s", event->why);
    print_line(text);
}

static void on_event(void *self, const struct report_event *event)
{
    struct status_view *view = self;
    struct status_model *model = &view->model;
    switch (event->what) {
    case REPORT_connecting:
        snprintf(model->daemon, sizeof model->daemon, "%s", event->daemon);
        if (model->since == 0)
            model->since = event->at.tv_sec;
        break;
    case REPORT_connected:
    case REPORT_resumed:
        on_established(view, event);
        break;
    case REPORT_connections:
        model->connections = (int)event->connections;
        model->connections_wanted = (int)event->connections_wanted;
        break;
    case REPORT_bound:
    case REPORT_rebound:
        on_bound(view, event);
        break;
    case REPORT_refused:
        on_trouble(view, event, STATUS_REFUSED);
        break;
    case REPORT_revoked:
        on_trouble(view, event, STATUS_OVER);
        break;
    case REPORT_interrupted:
        on_interrupted(view, event);
        break;
    case REPORT_target_down:
    case REPORT_target_up:
        on_target(view, event);
        break;
    case REPORT_inspecting:
        snprintf(model->inspection, sizeof model->inspection, "%s", event->url);
        break;
    case REPORT_note:
        add_note(model, event->text);
        if (!view->screen.is_entered)
            print_line(event->text);
        break;
    case REPORT_ended:
        on_ended(view, event);
        return;
    case REPORT_settled:
    case REPORT_request:
    case REPORT_upgraded:
    case REPORT_pull_opened:
    case REPORT_pull_closed:
    case REPORT_dropped:
        return;
    }
    draw_soon(view);
}

static void on_round_trip(void *self, uint64_t us)
{
    struct status_view *view = self;
    view->model.round_trip_us = (int64_t)us;
    draw_soon(view);
}

/* ---- visitors ---- */

static struct status_request *add_request(struct status_model *model, const struct visit *visit)
{
    struct status_request *request = status_model_add(model);
    const char *path = visit->is_raw ? visit->peer : visit->path;
    request->number = visit->number;
    request->tunnel = visit->tunnel;
    request->at = visit->at.tv_sec;
    request->is_raw = visit->is_raw;
    snprintf(request->method, sizeof request->method, "%s", visit->is_raw ? "tcp" : visit->method);
    snprintf(request->path, sizeof request->path, "%s", path != NULL ? path : "");
    return request;
}

static void on_visit(void *self, const struct visits *visits, const struct visit *visit, enum visit_step step)
{
    struct status_view *view = self;
    struct status_model *model = &view->model;
    struct status_request *request = NULL;
    model->visitors_now = visits->open_count;
    model->visitors = visits->count;
    memcpy(model->bytes, visits->bytes, sizeof model->bytes);
    draw_soon(view);
    if (step == VISIT_BEGUN)
        request = add_request(model, visit);
    else
        request = status_model_find(model, visit->number);
    if (request == NULL)
        return;
    request->status = visit_status(visit);
    request->bytes = visit->result.bytes[EXCHANGE_OUT];
    request->is_upgraded = visit_is_upgraded(visit);
    request->is_over = visit->is_over;
    if (!visit->is_over)
        return;
    request->end = visit->result.end;
    request->duration_us = visit->result.duration_us;
    if (visit->result.end == EXCHANGE_FAILED)
        snprintf(request->why, sizeof request->why, "%s", visit->result.why);
}

/* ---- begin and end ---- */

static int destroy(void *self)
{
    struct status_view *view = self;
    leave(view);
    outlet_destroy(&view->out);
    free(view->drawn);
    free(view);
    return 0; /* a terminal that is gone has nobody to tell */
}

struct report_sink status_view_new(bool draws_qr)
{
    struct status_view *view = calloc(1, sizeof *view);
    check(view != NULL);
    setlocale(LC_CTYPE, ""); /* for nl_langinfo and the width of characters */
    view->is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    view->out = outlet_new(STDOUT_FILENO);
    view->screen.write = write_out;
    view->screen.owner = view;
    view->model.round_trip_us = -1;
    view->model.draws_qr = draws_qr;
    return (struct report_sink){
        .self = view,
        .on_event = on_event,
        .on_visit = on_visit,
        .on_round_trip = on_round_trip,
        .attach = attach,
        .detach = detach,
        .destroy = destroy,
    };
}
