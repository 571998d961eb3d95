/* top: looks again and again, and shows what it sees: drawn in place on a terminal, as one block after the other
 * elsewhere, or as a line of JSON each. Signals and keys are read where it waits, never in a handler. */
#include "admin/operator_commands.h"

#include "admin/api_reader.h"
#include "admin/api_tables.h"
#include "admin/rates.h"
#include "admin/top_json.h"
#include "check.h"
#include "terminal/quantity.h"
#include "terminal/terminal.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    HEAD_LINES = 6, /* above the table, the empty one included */
    ESCAPE = '\033',
};

struct top {
    const struct operator_call *call;
    struct api_client *client;
    struct terminal_screen screen;
    bool is_live;    /* drawn in place */
    bool is_over;    /* as asked */
    int signals;     /* those that end or suspend it */
    int resizes;     /* SIGWINCH */
    json_t *tunnels; /* of the last look that went well, as are all below */
    json_t *bindings;
    struct metrics_look look; /* all zero: there was none */
    struct metrics_rates rates;
    struct ask_failure trouble; /* of the last look; text "": none */
};

static double now(void)
{
    struct timespec time;
    check(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- looking ---- */

static bool is_well_formed(const json_t *tunnels, const json_t *bindings, struct ask_failure *ret_failure)
{
    struct api_reader reader = {0};
    struct table table;
    api_tables_activity(&reader, tunnels, bindings, &table);
    table_done(&table);
    api_count(&reader, tunnels, "orphanedSessions");
    api_count(&reader, tunnels, "totalStreams");
    api_count(&reader, tunnels, "totalBindings");
    api_count(&reader, tunnels, "fdPermitsAvailable");
    if (reader.bad_field != NULL)
        ask_fail_field(ret_failure, "/tunnels", reader.bad_field);
    return reader.bad_field == NULL;
}

static void take_look(struct top *top, json_t *tunnels, json_t *bindings, struct span metrics)
{
    struct metrics_look look;
    metrics_look_read(metrics, now(), &look);
    top->rates = metrics_rates_between(&top->look, &look);
    top->look = look;
    json_decref(top->tunnels);
    json_decref(top->bindings);
    top->tunnels = json_incref(tunnels);
    top->bindings = json_incref(bindings);
}

/* false: top->trouble says why; what was seen before stays. */
static bool look(struct top *top)
{
    struct api_answer answer;
    json_t *bindings = NULL, *tunnels = ask_json(top->client, "/tunnels", &answer, &top->trouble);
    if (tunnels != NULL)
        bindings = ask_json(top->client, "/bindings", &answer, &top->trouble);
    bool is_seen = bindings != NULL && is_well_formed(tunnels, bindings, &top->trouble) &&
                   ask_metrics(top->client, &answer, &top->trouble);
    if (is_seen) {
        take_look(top, tunnels, bindings, span_of(answer.body, answer.length));
        top->trouble = (struct ask_failure){0};
    }
    json_decref(tunnels);
    json_decref(bindings);
    return is_seen;
}

/* ---- showing ---- */

static void print_head(const struct top *top, FILE *out)
{
    char clock[16] = "";
    struct tm local;
    time_t seconds = time(NULL);
    if (localtime_r(&seconds, &local) != NULL)
        strftime(clock, sizeof clock, "%H:%M:%S", &local);
    fprintf(out, "hoody-tunnel top  %s  %s%s\n", top->call->access->name, clock,
            top->is_live ? "  (q or Ctrl-C ends)" : "");
}

static void print_totals(const struct top *top, FILE *out)
{
    struct api_reader reader = {0};
    const json_t *tunnels = top->tunnels;
    fprintf(out,
            "sessions %zu  parked %" JSON_INTEGER_FORMAT "  bindings %" JSON_INTEGER_FORMAT "  streams %" //
            JSON_INTEGER_FORMAT "  descriptors left %" JSON_INTEGER_FORMAT "\n",
            json_array_size(api_list(&reader, tunnels, "sessions")), api_count(&reader, tunnels, "orphanedSessions"),
            api_count(&reader, tunnels, "totalBindings"), api_count(&reader, tunnels, "totalStreams"),
            api_count(&reader, tunnels, "fdPermitsAvailable"));
}

static void print_rate(const char *name, double rate, bool is_bytes, FILE *out)
{
    char text[QUANTITY_BYTES];
    if (is_bytes)
        quantity_format_bytes(rate, text);
    else
        quantity_format_number(rate, text);
    fprintf(out, "%s %s%s", name, text, strcmp(text, "-") == 0 ? "" : "/s");
}

static void print_rates(const struct top *top, FILE *out)
{
    char buffered[QUANTITY_BYTES], memory[QUANTITY_BYTES], cpu[QUANTITY_BYTES];
    quantity_format_bytes(top->look.buffered_bytes, buffered);
    quantity_format_bytes(top->look.memory_bytes, memory);
    quantity_format_number(100 * top->rates.cpu, cpu);
    print_rate("to visitors", top->rates.bytes_to_visitors, true, out);
    print_rate("  to drivers", top->rates.bytes_to_drivers, true, out);
    fprintf(out, "  buffered %s\n", buffered);
    print_rate("requests", top->rates.requests, false, out);
    print_rate("  new streams", top->rates.streams, false, out);
    fprintf(out, "  memory %s  cpu %s%s\n", memory, cpu, strcmp(cpu, "-") == 0 ? "" : " %");
}

static void print_block(const struct top *top, struct terminal_size size, FILE *out)
{
    struct api_reader reader = {0};
    struct table table;
    size_t room = size.rows > HEAD_LINES ? size.rows - HEAD_LINES : 1;
    struct table_look table_look = {
        .width = size.columns, .rows_max = top->is_live ? room : 0, .is_bold = terminal_may_be_adorned(STDOUT_FILENO)};
    print_head(top, out);
    print_totals(top, out);
    print_rates(top, out);
    if (top->is_live || *top->trouble.text != '\0')
        fprintf(out, "%s\n", top->trouble.text);
    fputc('\n', out);
    api_tables_activity(&reader, top->tunnels, top->bindings, &table);
    if (table_row_count(&table) > 0)
        table_print(&table, &table_look, out);
    else
        fputs("no sessions\n", out);
    table_done(&table);
}

/* The columns of a line; what colours it has none. */
static size_t line_width(const char *line)
{
    size_t width = 0;
    for (; *line != '\0' && *line != '\n'; line++)
        if (*line == ESCAPE)
            line += strcspn(line, "m");
        else
            width++;
    return width;
}

/* Every line in `columns`: a terminal that does not wrap writes all the rest of it over its last column. ASCII only. */
static void print_cut(const char *text, size_t columns, FILE *out)
{
    static const char ELLIPSIS[] = "...";
    const size_t told = columns > sizeof ELLIPSIS ? sizeof ELLIPSIS - 1 : 0;
    for (const char *end; *text != '\0'; text = end) {
        bool is_wide = line_width(text) > columns;
        size_t left = is_wide ? columns - told : columns;
        for (end = text; *end != '\0' && *end != '\n'; end++) {
            size_t colours = *end == ESCAPE ? strcspn(end, "m") : 0;
            if (colours > 0)
                fwrite(end, 1, colours + 1, out);
            else if (left > 0)
                fputc(*end, out);
            left -= colours == 0 && left > 0;
            end += colours;
        }
        if (is_wide && told > 0)
            fputs(ELLIPSIS, out);
        if (*end == '\n')
            fputc(*end++, out);
    }
}

static char *compose(const struct top *top, struct terminal_size size)
{
    char *whole = NULL, *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&whole, &length);
    check(out != NULL);
    print_block(top, size, out);
    check(fclose(out) == 0);
    out = open_memstream(&text, &length);
    check(out != NULL);
    print_cut(whole, size.columns, out);
    check(fclose(out) == 0);
    free(whole);
    return text;
}

/* false: there is nowhere to show it any more. */
static bool show(struct top *top)
{
    struct terminal_size size = terminal_size();
    if (top->tunnels == NULL)
        return true; /* suspended in the first look */
    if (!top->is_live) {
        if (top->call->options->json_looks)
            top_json_print(time(NULL), top->tunnels, top->bindings, &top->look, &top->rates, stdout);
        else
            print_block(top, size, stdout);
        return fflush(stdout) == 0;
    }
    char *text = compose(top, size);
    terminal_screen_enter(&top->screen);
    bool is_drawn = terminal_screen_draw(&top->screen, text);
    free(text);
    return is_drawn;
}

/* ---- waiting ---- */

/* Gives the terminal back for as long as the shell has it. */
static bool suspend(struct top *top)
{
    terminal_screen_leave(&top->screen);
    raise(SIGSTOP);
    return show(top);
}

static bool on_signals(struct top *top)
{
    struct signalfd_siginfo info;
    while (read(top->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGTSTP) {
            top->is_over = true;
            return true;
        }
        if (!suspend(top))
            return false;
    }
    return true;
}

static bool on_resize(struct top *top)
{
    struct signalfd_siginfo info;
    while (read(top->resizes, &info, sizeof info) == (ssize_t)sizeof info)
        continue;
    return show(top);
}

/* false: there are no keys any more. */
static bool on_key(struct top *top)
{
    char key = 0;
    ssize_t length = read(STDIN_FILENO, &key, 1);
    if (length == 1 && (key == 'q' || key == 'Q'))
        top->is_over = true;
    return length > 0 || (length < 0 && errno == EINTR);
}

/* Until it is time for the next look, or over. false: as show. */
static bool wait_for_next(struct top *top, double until)
{
    struct pollfd events[] = {{.fd = top->signals, .events = POLLIN},
                              {.fd = top->is_live ? top->resizes : -1, .events = POLLIN},
                              {.fd = top->is_live && top->screen.has_keys ? STDIN_FILENO : -1, .events = POLLIN}};
    bool is_shown = true, is_time = false; /* once at least: what interrupted a look is here to be read */
    while (is_shown && !is_time && !top->is_over) {
        double left = until - now();
        is_time = left <= 0;
        if (poll(events, sizeof events / sizeof *events, is_time ? 0 : (int)ceil(left * 1000)) <= 0)
            continue;
        if (events[0].revents != 0)
            is_shown = on_signals(top);
        if (events[1].revents != 0 && is_shown && !top->is_over)
            is_shown = on_resize(top);
        if (events[2].revents != 0 && is_shown && !top->is_over && !on_key(top))
            events[2].fd = -1;
    }
    return is_shown;
}

/* ---- start and end ---- */

static int watch(const int *signals, size_t count)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++)
        sigaddset(&set, signals[i]);
    check(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    check(fd >= 0);
    return fd;
}

static void top_init(struct top *ret_top, const struct operator_call *call)
{
    static const int ENDS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}, RESIZES[] = {SIGWINCH};
    const struct options *options = call->options;
    *ret_top = (struct top){
        .call = call,
        .is_live = options->count == 0 && !options->json_looks && terminal_has_screen(),
    };
    ret_top->signals = watch(ENDS, ret_top->is_live ? 5 : 4); /* where nothing is drawn, the shell suspends it alone */
    ret_top->resizes = watch(RESIZES, 1);
    ret_top->client = api_client_new(call->access, call->options, ret_top->signals);
}

static void top_done(struct top *top)
{
    terminal_screen_leave(&top->screen);
    json_decref(top->tunnels);
    json_decref(top->bindings);
    api_client_destroy(&top->client);
    close(top->signals);
    close(top->resizes);
}

/* One look, shown. false: no more of them. */
static bool take_turn(struct top *top, struct ask_failure *ret_failure)
{
    bool is_first = top->tunnels == NULL;
    bool is_seen = look(top);
    if (!is_seen && top->trouble.is_interrupted) {
        top->trouble = (struct ask_failure){0};
        return true; /* what interrupts is read where we wait */
    }
    /* Who watches sees it, and sees it go: the daemon may be back soon. */
    if (!is_seen && (is_first || !top->is_live)) {
        *ret_failure = top->trouble;
        return false;
    }
    if (!is_first && !top->is_live && !top->call->options->json_looks)
        fputc('\n', stdout);
    if (show(top))
        return true;
    ask_fail(ret_failure, EXIT_FAILED, "standard output can't be written: %s", strerror(errno));
    return false;
}

bool operator_top(const struct operator_call *call, struct ask_failure *ret_failure)
{
    struct top top;
    double interval = (double)call->options->interval_ms / 1000;
    bool is_well = true;
    top_init(&top, call);
    for (uint32_t turn = 1; is_well && !top.is_over; turn++) {
        double start = now();
        is_well = take_turn(&top, ret_failure);
        if (!is_well || turn == call->options->count)
            break;
        if (!wait_for_next(&top, start + interval)) {
            ask_fail(ret_failure, EXIT_FAILED, "standard output can't be written: %s", strerror(errno));
            is_well = false;
        }
    }
    top_done(&top);
    return is_well;
}
