/* The picture of the status view. From top to bottom: the session, the tunnels, the inspection page, the visitors'
 * totals, their requests; a QR code at the right, or below the tunnels. What the screen has no place for is left out
 * from the bottom. */
#include "report/status_model.h"

#include "check.h"
#include "terminal/quantity.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    LABEL_COLUMNS = 12,
    GAP = 2,
    TIME_COLUMNS = 8,         /* 12:34:56 */
    STATUS_COLUMNS = 4,       /* 200, open, done, left */
    METHOD_COLUMNS = 7,       /* OPTIONS */
    TOOK_COLUMNS = 8,         /* 12.3 ms */
    SENT_COLUMNS = 9,         /* 12.3 MiB */
    SESSION_COLUMNS_MIN = 10, /* S-1a2b3c4d */
    PATH_COLUMNS_MIN = 16,
    BESIDE_QR_COLUMNS_MIN = 44, /* with less, the rest is no good any more */
    REQUESTS_ROWS_MIN = 4,      /* that a long list of tunnels leaves to the requests */
};

struct frame {
    struct status_model *model;
    struct screen_look look; /* of what stands beside the code */
    FILE *out;
    size_t rows_left;
    size_t row;
    bool has_qr_beside;
    bool is_adorned;
    size_t qr_column;
};

/* ---- lines ---- */

static struct screen_line begin(struct frame *frame)
{
    return screen_line_begin(&frame->look, frame->out);
}

static void end(struct frame *frame, struct screen_line *line)
{
    const struct qr_code *qr = &frame->model->qr;
    if (frame->has_qr_beside && frame->row < qr_code_rows(qr)) {
        fprintf(frame->out, "%*s", (int)(frame->qr_column - line->used), "");
        qr_code_print_row(qr, frame->row, frame->is_adorned, frame->out);
    }
    frame->row++;
    frame->rows_left--;
    if (frame->rows_left > 0)
        screen_line_end(line);
}

static void empty_line(struct frame *frame)
{
    struct screen_line line = begin(frame);
    if (frame->rows_left > 0)
        end(frame, &line);
}

static struct screen_line begin_labelled(struct frame *frame, const char *label)
{
    struct screen_line line = begin(frame);
    screen_line_text(&line, INK_DIM, label);
    screen_line_to(&line, LABEL_COLUMNS);
    return line;
}

static void gap(struct screen_line *line)
{
    screen_line_to(line, line->used + line->owed + GAP);
}

/* ---- the head ---- */

static void format_time(time_t at, char ret_text[TIME_COLUMNS + 1])
{
    struct tm local;
    ret_text[0] = '\0';
    if (localtime_r(&at, &local) != NULL)
        strftime(ret_text, TIME_COLUMNS + 1, "%H:%M:%S", &local);
}

static void print_title(struct frame *frame)
{
    static const char HINT[] = "Ctrl-C ends it";
    struct screen_line line = begin(frame);
    screen_line_text(&line, INK_BOLD, "hoody-tunnel");
    if (screen_line_room(&line) > sizeof HINT + GAP) {
        screen_line_to(&line, frame->look.columns - (sizeof HINT - 1));
        screen_line_text(&line, INK_DIM, HINT);
    }
    end(frame, &line);
    empty_line(frame);
}

static void print_state(const struct status_model *model, struct screen_line *line)
{
    switch (model->session) {
    case STATUS_CONNECTING:
        screen_line_text(line, INK_YELLOW, "connecting");
        return;
    case STATUS_ONLINE:
        screen_line_text(line, INK_GREEN, "online");
        return;
    case STATUS_AWAY:
        screen_line_text(line, INK_YELLOW, "reconnecting");
        return;
    }
}

static void print_session(struct frame *frame)
{
    const struct status_model *model = frame->model;
    char since[TIME_COLUMNS + 1];
    struct screen_line line = begin_labelled(frame, "Session");
    format_time(model->since, since);
    print_state(model, &line);
    screen_line_textf(&line, INK_PLAIN, " since %s", since);
    if (model->session == STATUS_ONLINE && screen_line_room(&line) >= SESSION_COLUMNS_MIN + GAP) {
        bool fits = screen_line_room(&line) >= strlen(model->session_id) + GAP;
        gap(&line); /* its beginning names it still */
        screen_line_textf(&line, INK_DIM, "%.*s", fits ? INT_MAX : SESSION_COLUMNS_MIN, model->session_id);
    }
    end(frame, &line);
}

static void format_ms(uint64_t us, char ret_text[QUANTITY_BYTES])
{
    double ms = (double)us / 1000;
    if (ms < 9.95)
        snprintf(ret_text, QUANTITY_BYTES, "%.1f ms", ms);
    else if (ms < 9999.5)
        snprintf(ret_text, QUANTITY_BYTES, "%.0f ms", ms);
    else if (ms < 599500)
        snprintf(ret_text, QUANTITY_BYTES, "%.1f s", ms / 1000);
    else
        snprintf(ret_text, QUANTITY_BYTES, "%.0f min", ms / 60000);
}

static void print_daemon(struct frame *frame)
{
    const struct status_model *model = frame->model;
    struct screen_line line = begin_labelled(frame, "Daemon");
    screen_line_text(&line, INK_PLAIN, model->daemon);
    if (model->session == STATUS_ONLINE && model->round_trip_us >= 0) {
        char took[QUANTITY_BYTES];
        format_ms((uint64_t)model->round_trip_us, took);
        gap(&line);
        screen_line_textf(&line, INK_PLAIN, "round trip %s", took);
    }
    if (model->session == STATUS_ONLINE && model->connections_wanted > 1) {
        bool is_whole = model->connections >= model->connections_wanted;
        gap(&line);
        screen_line_textf(&line, is_whole ? INK_PLAIN : INK_YELLOW, "%d of %d connections", model->connections,
                          model->connections_wanted);
    }
    end(frame, &line);
}

static void print_note(struct frame *frame, const char *label, enum screen_ink ink, const char *text)
{
    if (*text == '\0' || frame->rows_left == 0)
        return;
    struct screen_line line = begin_labelled(frame, label);
    screen_line_text(&line, ink, text);
    end(frame, &line);
}

static void print_notes(struct frame *frame)
{
    const struct status_model *model = frame->model;
    print_note(frame, "Trouble", INK_YELLOW, model->trouble);
    for (size_t i = 0; i < model->note_count; i++)
        print_note(frame, i == 0 ? "Note" : "", INK_PLAIN, model->notes[i]);
}

/* ---- the tunnels ---- */

static void print_place(const struct status_tunnel *tunnel, bool is_online, struct screen_line *line)
{
    switch (tunnel->place) {
    case STATUS_WAITING:
        if (*tunnel->url == '\0')
            screen_line_text(line, INK_DIM, "waiting for its port");
        else
            screen_line_text(line, INK_DIM, tunnel->url);
        return;
    case STATUS_SERVING:
        screen_line_text(line, is_online ? INK_BOLD : INK_DIM, tunnel->url);
        return;
    case STATUS_REFUSED:
        screen_line_text(line, INK_YELLOW, "its port is refused for now");
        return;
    case STATUS_OVER:
        screen_line_text(line, INK_RED, "over");
        return;
    }
}

static void print_tunnel(struct frame *frame, const struct status_tunnel *tunnel, const char *label)
{
    struct screen_line line = begin_labelled(frame, label);
    print_place(tunnel, frame->model->session == STATUS_ONLINE, &line);
    screen_line_text(&line, INK_DIM, frame->look.is_utf8 ? " \u2192 " : " -> ");
    screen_line_text(&line, INK_PLAIN, tunnel->target);
    if (tunnel->is_target_down) {
        gap(&line);
        screen_line_text(&line, INK_RED, tunnel->why);
    } else if (*tunnel->name != '\0') {
        gap(&line);
        screen_line_text(&line, INK_DIM, tunnel->name);
    }
    end(frame, &line);
}

static void print_tunnels(struct frame *frame)
{
    struct status_model *model = frame->model;
    size_t room = frame->rows_left > REQUESTS_ROWS_MIN ? frame->rows_left - REQUESTS_ROWS_MIN : frame->rows_left;
    size_t shown = model->tunnel_count <= room ? model->tunnel_count : room > 0 ? room - 1 : 0;
    for (size_t i = 0; i < shown; i++)
        print_tunnel(frame, &model->tunnels[i], i == 0 ? "Forwarding" : "");
    if (shown < model->tunnel_count && frame->rows_left > 0) {
        struct screen_line line = begin_labelled(frame, shown == 0 ? "Forwarding" : "");
        screen_line_textf(&line, INK_DIM, "... and %zu more", model->tunnel_count - shown);
        end(frame, &line);
    }
}

static void print_inspection(struct frame *frame)
{
    print_note(frame, "Inspection", INK_PLAIN, frame->model->inspection);
}

static void print_visitors(struct frame *frame)
{
    const struct status_model *model = frame->model;
    char in[QUANTITY_BYTES], out[QUANTITY_BYTES];
    if (frame->rows_left == 0)
        return;
    quantity_format_bytes((double)model->bytes[EXCHANGE_IN], in);
    quantity_format_bytes((double)model->bytes[EXCHANGE_OUT], out);
    struct screen_line line = begin_labelled(frame, "Visitors");
    screen_line_textf(&line, INK_PLAIN, "%zu now, %llu in all", model->visitors_now,
                      (unsigned long long)model->visitors);
    gap(&line);
    screen_line_textf(&line, INK_PLAIN, "%s in, %s out", in, out);
    end(frame, &line);
}

/* ---- the requests ---- */

/* Where each column begins; what does not fit has none. */
struct columns {
    size_t method;
    size_t path;
    size_t path_width;
    bool has_time, has_took, has_sent;
};

static struct columns columns_of(size_t width)
{
    struct columns columns = {0};
    size_t fixed = METHOD_COLUMNS + 1 + GAP + STATUS_COLUMNS;
    columns.has_time = width >= fixed + PATH_COLUMNS_MIN + TIME_COLUMNS + GAP;
    fixed += columns.has_time ? TIME_COLUMNS + GAP : 0;
    columns.has_took = width >= fixed + PATH_COLUMNS_MIN + TOOK_COLUMNS + GAP;
    fixed += columns.has_took ? TOOK_COLUMNS + GAP : 0;
    columns.has_sent = width >= fixed + PATH_COLUMNS_MIN + SENT_COLUMNS + GAP;
    fixed += columns.has_sent ? SENT_COLUMNS + GAP : 0;
    columns.method = columns.has_time ? TIME_COLUMNS + GAP : 0;
    columns.path = columns.method + METHOD_COLUMNS + 1;
    columns.path_width = width > fixed ? width - fixed : 1;
    return columns;
}

static enum screen_ink ink_of_status(unsigned status)
{
    if (status >= 500)
        return INK_RED;
    if (status >= 400)
        return INK_YELLOW;
    if (status >= 300)
        return INK_CYAN;
    return status >= 200 ? INK_GREEN : INK_BLUE;
}

static void print_outcome(const struct status_request *request, struct screen_line *line)
{
    static const char *const ENDS[] = {
        [EXCHANGE_COMPLETE] = "done", [EXCHANGE_FAILED] = "fail", [EXCHANGE_LEFT] = "left", [EXCHANGE_LOST] = "lost"};
    char status[8];
    snprintf(status, sizeof status, "%u", request->status);
    if (request->status != 0)
        screen_line_right(line, ink_of_status(request->status), status, STATUS_COLUMNS);
    else if (!request->is_over)
        screen_line_right(line, INK_DIM, request->is_raw ? "open" : "...", STATUS_COLUMNS);
    else
        screen_line_right(line, request->end == EXCHANGE_COMPLETE ? INK_GREEN : INK_YELLOW, ENDS[request->end],
                          STATUS_COLUMNS);
}

static void print_took(const struct status_request *request, struct screen_line *line)
{
    char took[QUANTITY_BYTES];
    format_ms(request->duration_us, took);
    if (request->is_over && request->status != 0 && request->end == EXCHANGE_LEFT)
        screen_line_right(line, INK_YELLOW, "left", TOOK_COLUMNS);
    else if (request->is_over && request->status != 0 && request->end == EXCHANGE_LOST)
        screen_line_right(line, INK_YELLOW, "lost", TOOK_COLUMNS);
    else if (request->is_over)
        screen_line_right(line, INK_PLAIN, took, TOOK_COLUMNS);
    else
        screen_line_right(line, INK_DIM, request->status != 0 ? "open" : "", TOOK_COLUMNS);
}

static void print_path(const struct status_request *request, size_t width, struct screen_line *line)
{
    size_t end = line->used + line->owed + width;
    screen_line_put(line, INK_PLAIN, span_of_string(request->path), width);
    if (*request->why != '\0' && line->used + GAP + PATH_COLUMNS_MIN <= end) {
        gap(line);
        screen_line_put(line, INK_DIM, span_of_string(request->why), end - line->used - line->owed);
    }
    screen_line_to(line, end);
}

static void print_request(struct frame *frame, const struct status_request *request, const struct columns *columns)
{
    char at[TIME_COLUMNS + 1], sent[QUANTITY_BYTES];
    struct screen_line line = begin(frame);
    format_time(request->at, at);
    quantity_format_bytes((double)request->bytes, sent);
    if (columns->has_time)
        screen_line_text(&line, INK_DIM, at);
    screen_line_to(&line, columns->method);
    screen_line_put(&line, INK_PLAIN, span_of_string(request->method), METHOD_COLUMNS);
    screen_line_to(&line, columns->path);
    print_path(request, columns->path_width, &line);
    gap(&line);
    print_outcome(request, &line);
    if (columns->has_took) {
        gap(&line);
        print_took(request, &line);
    }
    if (columns->has_sent) {
        gap(&line);
        screen_line_right(&line, INK_PLAIN, sent, SENT_COLUMNS);
    }
    end(frame, &line);
}

static void print_heading(struct frame *frame, const struct columns *columns)
{
    struct screen_line line = begin(frame);
    if (columns->has_time)
        screen_line_text(&line, INK_DIM, "TIME");
    screen_line_to(&line, columns->method);
    screen_line_text(&line, INK_DIM, "METHOD");
    screen_line_to(&line, columns->path);
    screen_line_put(&line, INK_DIM, span_of_string("PATH"), columns->path_width);
    screen_line_to(&line, columns->path + columns->path_width + GAP);
    screen_line_right(&line, INK_DIM, "CODE", STATUS_COLUMNS);
    if (columns->has_took) {
        gap(&line);
        screen_line_right(&line, INK_DIM, "TOOK", TOOK_COLUMNS);
    }
    if (columns->has_sent) {
        gap(&line);
        screen_line_right(&line, INK_DIM, "SENT", SENT_COLUMNS);
    }
    end(frame, &line);
}

static void print_requests(struct frame *frame)
{
    enum { ROWS_MIN = 3 };
    if (frame->rows_left < ROWS_MIN)
        return;
    const struct columns columns = columns_of(frame->look.columns);
    struct status_request *request;
    empty_line(frame);
    print_heading(frame, &columns);
    for (size_t i = 0; frame->rows_left > 0 && (request = status_model_request(frame->model, i)) != NULL; i++)
        print_request(frame, request, &columns);
    if (frame->model->request_count == 0 && frame->rows_left > 0) {
        struct screen_line line = begin(frame);
        screen_line_text(&line, INK_DIM, "nobody has come yet");
        end(frame, &line);
    }
}

/* ---- the QR code ---- */

static void print_qr_below(struct frame *frame)
{
    const struct qr_code *qr = &frame->model->qr;
    bool fits = frame->look.columns >= qr_code_columns(qr) && frame->rows_left > qr_code_rows(qr);
    if (frame->rows_left == 0)
        return;
    empty_line(frame);
    for (size_t row = 0; fits && row < qr_code_rows(qr); row++) {
        struct screen_line line = begin(frame);
        qr_code_print_row(qr, row, frame->is_adorned, frame->out);
        end(frame, &line);
    }
    if (!fits && frame->rows_left > 0) {
        struct screen_line line = begin(frame);
        screen_line_textf(&line, INK_DIM, "the QR code needs %zu columns and %zu rows more than there are",
                          qr_code_columns(qr), qr_code_rows(qr));
        end(frame, &line);
    }
}

void status_frame_print(struct status_model *model, const struct screen_look *look, FILE *out)
{
    struct frame frame = {
        .model = model, .look = *look, .out = out, .rows_left = look->rows, .is_adorned = look->is_adorned};
    bool has_qr = model->draws_qr && model->qr.modules > 0;
    frame.has_qr_beside = has_qr && look->rows >= qr_code_rows(&model->qr) &&
                          look->columns >= qr_code_columns(&model->qr) + GAP + BESIDE_QR_COLUMNS_MIN;
    if (frame.has_qr_beside) {
        frame.qr_column = look->columns - qr_code_columns(&model->qr);
        frame.look.columns = frame.qr_column - GAP;
    }
    void (*const PARTS[])(struct frame *) = {print_title,      print_session,  print_daemon, print_tunnels,
                                             print_inspection, print_visitors, print_notes};
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS && frame.rows_left > 0; i++)
        PARTS[i](&frame);
    if (has_qr && !frame.has_qr_beside)
        print_qr_below(&frame);
    print_requests(&frame);
    while (frame.has_qr_beside && frame.row < qr_code_rows(&model->qr) && frame.rows_left > 0)
        empty_line(&frame);
}
