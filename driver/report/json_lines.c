/* Events as JSON, one a line on stdout (events.def); nothing else goes there. */
#include "report/outlet.h"
#include "report/report_sink.h"

#include "check.h"
#include "utf8.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FLUSH_MS = 1000,
    REAL_DIGITS = 12, /* a microsecond of a day */
    TIME_BYTES = 64,
    LAST_WORDS_BYTES = 16384, /* of what may wait: for the end, however many events were dropped before it */
};

struct json_lines {
    struct outlet *out;
    uint64_t dropped; /* events since the last line that was taken */
};

/* RFC 3339, UTC, to the millisecond. */
static void format_time(struct timespec at, char ret_text[TIME_BYTES])
{
    struct tm utc;
    check(gmtime_r(&at.tv_sec, &utc) != NULL);
    size_t length = strftime(ret_text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(ret_text + length, TIME_BYTES - length, ".%03dZ", (int)(at.tv_nsec / 1000000));
}

/* What others say may be anything: bytes that are no UTF-8 become U+FFFD. */
static json_t *json_of_text(const char *text)
{
    if (text == NULL)
        return json_null();
    if (utf8_is_valid(span_of_string(text)))
        return json_string(text);
    char *mended = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&mended, &length);
    check(out != NULL);
    for (struct span rest = span_of_string(text); rest.length > 0;) {
        size_t step = 1;
        while (step < 4 && step < rest.length && !utf8_is_valid(span_of(rest.data, step)))
            step++;
        bool is_fine = utf8_is_valid(span_of(rest.data, step));
        step = is_fine ? step : 1;
        fwrite(is_fine ? (const char *)rest.data : "\xEF\xBF\xBD", is_fine ? step : 3, 1, out);
        rest = span_of(rest.data + step, rest.length - step);
    }
    check(fclose(out) == 0);
    json_t *json = json_string(mended);
    free(mended);
    return json;
}

static json_t *json_of_number(int64_t number)
{
    return number == REPORT_NONE ? json_null() : json_integer(number);
}

static json_t *json_of_real(double number)
{
    return number < 0 ? json_null() : json_real(number);
}

#define json_of_TEXT   json_of_text
#define json_of_NUMBER json_of_number
#define json_of_REAL   json_of_real

static json_t *json_of_event(const struct report_event *event)
{
    char at[TIME_BYTES];
    json_t *json = json_object();
    format_time(event->at, at);
    check(json != NULL && json_object_set_new(json, "ts", json_string(at)) == 0);
    check(json_object_set_new(json, "event", json_string(report_event_name(event->what))) == 0);
    check(json_object_set_new(json, "session", json_of_text(event->session)) == 0);
#define FIELD(name, kind, meaning)                                                                                     \
    if (report_event_has(event->what, REPORT_FIELD_##name))                                                            \
        check(json_object_set_new(json, #name, json_of_##kind(event->name)) == 0);
#include "report/events.def"
    return json;
}

static bool print(struct json_lines *lines, const struct report_event *event, size_t spare)
{
    json_t *json = json_of_event(event);
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    check(text != NULL);
    size_t length = strlen(text);
    text[length] = '\n'; /* in place of its end: a line is written whole, or not at all */
    bool is_taken = outlet_room(lines->out) >= length + 1 + spare && outlet_add(lines->out, text, length + 1);
    free(text);
    json_decref(json);
    return is_taken;
}

static void tell_dropped(struct json_lines *lines, const struct report_event *cause, size_t spare)
{
    const struct report_event event = {
        .what = REPORT_dropped, .at = cause->at, .session = cause->session, .count = (int64_t)lines->dropped};
    if (print(lines, &event, spare))
        lines->dropped = 0;
}

static void on_event(void *self, const struct report_event *event)
{
    struct json_lines *lines = self;
    size_t spare = event->what == REPORT_ended ? 0 : LAST_WORDS_BYTES;
    if (lines->dropped > 0)
        tell_dropped(lines, event, spare);
    if (lines->dropped > 0 || !print(lines, event, spare))
        lines->dropped++;
}

static void on_visit(void *self, const struct visits *visits, const struct visit *visit, enum visit_step step)
{
    (void)self; /* the events say it all */
    (void)visits;
    (void)visit;
    (void)step;
}

static void on_empty(void *owner)
{
    (void)owner;
}

static void attach(void *self, struct loop *loop)
{
    struct json_lines *lines = self;
    outlet_attach(lines->out, loop, on_empty, lines);
}

static void detach(void *self)
{
    struct json_lines *lines = self;
    outlet_detach(lines->out);
}

static int destroy(void *self)
{
    struct json_lines *lines = self;
    outlet_flush(lines->out, FLUSH_MS);
    int error = outlet_error(lines->out);
    outlet_destroy(&lines->out);
    free(lines);
    return error;
}

struct report_sink json_lines_new(void)
{
    struct json_lines *lines = calloc(1, sizeof *lines);
    check(lines != NULL);
    lines->out = outlet_new(STDOUT_FILENO);
    return (struct report_sink){
        .self = lines,
        .on_event = on_event,
        .on_visit = on_visit,
        .attach = attach,
        .detach = detach,
        .destroy = destroy,
    };
}
