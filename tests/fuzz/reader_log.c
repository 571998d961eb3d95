#include "reader_log.h"

#include "check.h"

#include <event2/buffer.h>

struct reading {
    struct reader_setting setting;
    void (*on_head)(const struct http_head *head);
    struct http_reader *reader;
    size_t body_max;
    struct evbuffer *in;
    struct evbuffer *body;
    struct evbuffer *run;    /* body bytes of successive events */
    struct evbuffer *bodies; /* all of them */
    struct evbuffer *log;
    uint64_t due; /* HTTP_BY_LENGTH: still to come */
    bool was_bad;
    bool has_switched; /* what follows is no HTTP */
};

static void log_span(struct evbuffer *log, struct span bytes)
{
    evbuffer_add_printf(log, " %zu:", bytes.length);
    evbuffer_add(log, bytes.data, bytes.length);
}

static void check_head(const struct reading *reading, const struct http_head *head)
{
    check(head->version_minor <= 1 && head->field_count <= HTTP_FIELDS_MAX);
    check(head->content_length <= INT64_MAX);
    if (reading->setting.kind == HTTP_REQUESTS) {
        check(head->method.length > 0 && head->target.length > 0 && head->target.length <= HTTP_TARGET_MAX);
        check(head->host.data != NULL || head->version_minor == 0);
        check(head->framing != HTTP_UNTIL_CLOSE && !span_equals(head->method, "CONNECT"));
        check(!head->is_upgrade || head->framing == HTTP_NO_BODY || head->content_length == 0);
    } else {
        check(head->status >= 100 && head->status <= 599);
        check(head->framing == HTTP_NO_BODY || (head->status >= 200 && !reading->setting.answers_head));
    }
    check(head->framing != HTTP_CHUNKED || http_head_field(head, "content-length") == NULL);
    check(head->framing != HTTP_UNTIL_CLOSE || !head->keeps_alive);
}

static void log_head(struct reading *reading)
{
    const struct http_head *head = http_reader_head(reading->reader);
    struct evbuffer *log = reading->log;
    check(head != NULL && http_reader_in_message(reading->reader) && !http_reader_awaits_head(reading->reader));
    check_head(reading, head);
    evbuffer_add_printf(log, "head %d framing %d length %llu 1.%d%s%s%s", head->status, (int)head->framing,
                        (unsigned long long)head->content_length, head->version_minor, head->keeps_alive ? " keep" : "",
                        head->is_upgrade ? " upgrade" : "", head->expects_continue ? " continue" : "");
    log_span(log, head->method);
    log_span(log, head->target);
    log_span(log, head->host);
    log_span(log, head->reason);
    for (size_t i = 0; i < head->field_count; i++) {
        log_span(log, head->fields[i].name);
        log_span(log, head->fields[i].value);
    }
    evbuffer_add_printf(log, "\n");
    reading->due = head->framing == HTTP_BY_LENGTH ? head->content_length : 0;
    reading->has_switched = head->is_upgrade || head->status == 101;
    if (reading->on_head != NULL)
        reading->on_head(head);
}

static void log_run(struct reading *reading)
{
    if (evbuffer_get_length(reading->run) == 0)
        return;
    evbuffer_add_printf(reading->log, "body %zu:", evbuffer_get_length(reading->run));
    evbuffer_add_buffer(reading->log, reading->run);
    evbuffer_add_printf(reading->log, "\n");
}

static void log_body(struct reading *reading)
{
    const struct span body = fuzz_span(reading->body);
    const struct http_head *head = http_reader_head(reading->reader);
    check(head != NULL && body.length > 0 && body.length <= reading->body_max);
    check(head->framing != HTTP_NO_BODY);
    if (head->framing == HTTP_BY_LENGTH) {
        check(body.length <= reading->due);
        reading->due -= body.length;
    }
    evbuffer_add(reading->bodies, body.data, body.length);
    evbuffer_add_buffer(reading->run, reading->body);
}

static void log_event(struct reading *reading, enum http_event event)
{
    struct http_error error;
    if (event != HTTP_BODY && event != HTTP_MORE)
        log_run(reading);
    switch (event) {
    case HTTP_MORE:
        break;
    case HTTP_HEAD:
        log_head(reading);
        break;
    case HTTP_BODY:
        log_body(reading);
        break;
    case HTTP_END:
        check(http_reader_head(reading->reader) == NULL && !http_reader_in_message(reading->reader));
        check(http_reader_awaits_head(reading->reader) && reading->due == 0);
        evbuffer_add_printf(reading->log, "end\n");
        if (reading->setting.answers_head)
            http_reader_answers_head(reading->reader);
        break;
    case HTTP_BAD:
        error = http_reader_error(reading->reader);
        check(error.status >= 400 && strlen(error.text) > 0);
        check(reading->setting.kind == HTTP_REQUESTS || error.status == 502);
        evbuffer_add_printf(reading->log, "bad %d %s\n", error.status, error.text);
        reading->was_bad = true;
        break;
    }
}

/* true: the reader may be given more. */
static bool read_all(struct reading *reading)
{
    for (;;) {
        const enum http_event event = http_reader_read(reading->reader, reading->in, reading->body, reading->body_max);
        log_event(reading, event);
        if (event == HTTP_BAD || (event == HTTP_END && reading->has_switched))
            return false;
        if (event == HTTP_MORE)
            return true;
    }
}

static void log_rest(struct reading *reading, size_t unfed)
{
    const size_t left = evbuffer_get_length(reading->in) + unfed;
    if (!reading->has_switched && reading->setting.finishes && left == 0) {
        const enum http_event event = http_reader_finish(reading->reader);
        check(event == HTTP_MORE || event == HTTP_END || event == HTTP_BAD);
        log_event(reading, event);
        evbuffer_add_printf(reading->log, event == HTTP_MORE ? "clean\n" : "");
    }
    log_run(reading);
    evbuffer_add_printf(reading->log, "left %zu\n", left);
}

static struct reading play(struct reader_setting setting, struct span bytes, enum fuzz_cut cut, size_t body_max,
                           void (*on_head)(const struct http_head *head))
{
    struct reading reading = {
        .setting = setting,
        .on_head = on_head,
        .reader = http_reader_new(setting.kind),
        .body_max = body_max,
        .in = evbuffer_new(),
        .body = evbuffer_new(),
        .run = evbuffer_new(),
        .bodies = evbuffer_new(),
        .log = evbuffer_new(),
    };
    struct fuzz_feed feed;
    bool goes_on = true;

    check(reading.reader != NULL);
    if (setting.answers_head)
        http_reader_answers_head(reading.reader);
    fuzz_feed_begin(&feed, cut, bytes);
    while (goes_on && fuzz_feed_next(&feed, reading.in))
        goes_on = read_all(&reading);
    if (!reading.was_bad)
        log_rest(&reading, feed.left.length);

    http_reader_destroy(&reading.reader);
    evbuffer_free(reading.in);
    evbuffer_free(reading.body);
    evbuffer_free(reading.run);
    return reading;
}

static void reading_done(struct reading *reading)
{
    evbuffer_free(reading->bodies);
    evbuffer_free(reading->log);
}

void reader_log_check(struct reader_setting setting, struct span bytes, void (*on_head)(const struct http_head *head))
{
    static const size_t body_max[FUZZ_CUT_COUNT] = {
        [FUZZ_WHOLE] = 3, [FUZZ_BYTES] = SIZE_MAX, [FUZZ_PIECES] = 100, [FUZZ_CHAINS] = SIZE_MAX};
    struct reading whole = play(setting, bytes, FUZZ_WHOLE, SIZE_MAX, on_head);
    for (int cut = FUZZ_WHOLE; cut < FUZZ_CUT_COUNT; cut++) {
        struct reading pieces = play(setting, bytes, (enum fuzz_cut)cut, body_max[cut], NULL);
        fuzz_check_same(pieces.log, whole.log, "what is reported depends on how the bytes are cut");
        reading_done(&pieces);
    }
    reading_done(&whole);
}

struct evbuffer *reader_log_bodies(struct reader_setting setting, struct span bytes)
{
    struct reading whole = play(setting, bytes, FUZZ_WHOLE, SIZE_MAX, NULL);
    evbuffer_free(whole.log);
    return whole.bodies;
}
