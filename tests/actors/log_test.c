/* The log: what a line looks like, that nothing from outside can break it, and that nobody can flood it. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* cmocka wants these before it. */
#include <cmocka.h>

/* A log that the test reads: packets, so that each write is seen as one. */
struct fixture {
    struct log log;
    struct logger logger;
    int read_fd;
    char line[2 * LOG_LINE_MAX]; /* the last one read, without its newline */
};

static void fixture_init(struct fixture *f, enum log_level level, enum log_format format)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_DIRECT | O_NONBLOCK), 0);
    f->log = (struct log){.fd = fds[1], .level = level, .format = format};
    f->read_fd = fds[0];
    f->logger = logger_of(&f->log, "metrics");
}

static void fixture_done(struct fixture *f)
{
    close(f->log.fd);
    close(f->read_fd);
}

/* NULL: nothing was written. One write makes one line. */
static const char *next_line(struct fixture *f)
{
    ssize_t length = read(f->read_fd, f->line, sizeof f->line);
    if (length <= 0)
        return NULL;
    assert_in_range(length, 1, LOG_LINE_MAX);
    assert_int_equal(f->line[length - 1], '\n');
    f->line[length - 1] = '\0';
    assert_int_equal(strlen(f->line), length - 1);
    assert_null(strchr(f->line, '\n'));
    return f->line;
}

/* Of a text line: what follows the time, whose form is checked. */
static const char *behind_time(const char *line)
{
    enum { TIME_LENGTH = 24 };
    regex_t form;
    assert_non_null(line);
    assert_int_equal(regcomp(&form, "^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z ",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    assert_int_equal(regexec(&form, line, 0, NULL, 0), 0);
    regfree(&form);
    return line + TIME_LENGTH + 1;
}

/* Of a JSON line; the caller's. */
static json_t *next_object(struct fixture *f)
{
    json_error_t error;
    const char *line = next_line(f);
    assert_non_null(line);
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (object == NULL)
        fail_msg("%s: %s", error.text, line);
    assert_true(json_is_object(object));
    return object;
}

static const struct session_id session = {"S-01234567-89ab-4def-8123-456789abcdef"};
static const struct session_id no_session = {""};

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static void a_text_line_is_time_level_actor_event_fields(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info(&f.logger, "parked", log_session(&session), log_binding((struct bind_id){7}),
             log_connection((struct connection_id){9}), log_peer("[::1]:5"), log_port(8080),
             log_number("n", UINT64_MAX), log_signed("i", INT64_MIN), log_flag("yes", true), log_flag("no", false),
             log_reason("it is away"));
    assert_string_equal(behind_time(next_line(&f)),
                        "info metrics parked session=S-01234567-89ab-4def-8123-456789abcdef binding=7 connection=9"
                        " peer=[::1]:5 port=8080 n=18446744073709551615 i=-9223372036854775808 yes=true no=false"
                        " reason=\"it is away\"");
    assert_null(next_line(&f));
    fixture_done(&f);
}

static void a_json_line_is_one_object_of_typed_members(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_warn(&f.logger, "odd", log_session(&session), log_binding((struct bind_id){7}), log_signed("i", -5),
             log_flag("yes", true), log_reason("it is away"));
    assert_string_equal(f.logger.actor, "metrics");
    json_t *object = next_object(&f);
    assert_int_equal(json_object_size(object), 9);
    assert_int_equal(json_string_length(json_object_get(object, "ts")), 24);
    assert_string_equal(json_string_value(json_object_get(object, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(object, "actor")), "metrics");
    assert_string_equal(json_string_value(json_object_get(object, "event")), "odd");
    assert_string_equal(json_string_value(json_object_get(object, "session")), session.text);
    assert_int_equal(json_integer_value(json_object_get(object, "binding")), 7);
    assert_int_equal(json_integer_value(json_object_get(object, "i")), -5);
    assert_true(json_is_true(json_object_get(object, "yes")));
    assert_string_equal(json_string_value(json_object_get(object, "reason")), "it is away");
    json_decref(object);
    fixture_done(&f);
}

static void time_is_utc_in_milliseconds(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    const struct timespec leap_day = {.tv_sec = 1709251199, .tv_nsec = 7999999};
    log_line_at(&f.logger, LOG_LEVEL_INFO, true, "e", LOG_FIELDS(log_number("n", 1)), &leap_day, 0);
    assert_string_equal(next_line(&f), "2024-02-29T23:59:59.007Z info metrics e n=1");
    fixture_done(&f);
}

static void what_is_not_known_is_no_field(void **state)
{
    (void)state;
    struct fixture f;
    for (enum log_format format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        fixture_init(&f, LOG_LEVEL_INFO, format);
        log_info(&f.logger, "e", log_session(NULL), log_session(&no_session), log_binding((struct bind_id){0}),
                 log_connection((struct connection_id){0}), log_peer(NULL), log_reason(NULL), log_text("empty", ""));
        if (format == LOG_FORMAT_TEXT) {
            assert_string_equal(behind_time(next_line(&f)), "info metrics e empty=\"\"");
        } else {
            json_t *object = next_object(&f);
            assert_int_equal(json_object_size(object), 5);
            assert_string_equal(json_string_value(json_object_get(object, "empty")), "");
            json_decref(object);
        }
        fixture_done(&f);
    }
}

static void levels_above_the_logs_are_left_out(void **state)
{
    (void)state;
    for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        struct fixture f;
        fixture_init(&f, level, LOG_FORMAT_TEXT);
        log_error(&f.logger, "e", log_number("n", 0));
        log_warn(&f.logger, "e", log_number("n", 1));
        log_info(&f.logger, "e", log_number("n", 2));
        log_access(&f.logger, "e", log_number("n", 2));
        log_debug(&f.logger, "e", log_number("n", 3));
        static const char *const lines[] = {"error metrics e n=0", "warn metrics e n=1", "info metrics e n=2",
                                            "debug metrics e n=3"};
        for (enum log_level seen = LOG_LEVEL_ERROR; seen <= level; seen++)
            for (int times = seen == LOG_LEVEL_INFO ? 2 : 1; times > 0; times--)
                assert_string_equal(behind_time(next_line(&f)), lines[seen]);
        assert_null(next_line(&f));
        fixture_done(&f);
    }
}

/* ---- text from outside ------------------------------------------------------------------------------------------- */

struct quoting {
    const char *value;
    const char *text; /* as it stands in a text line */
    const char *json; /* as it stands in a JSON line; NULL: the same */
    const char *read; /* what a reader of the JSON finds; NULL: the value */
};

static const struct quoting quotings[] = {
    {"S-1", "S-1", "\"S-1\"", NULL},
    {"/a/b.c_d:8080,e@f%2F+*[x]", "/a/b.c_d:8080,e@f%2F+*[x]", "\"/a/b.c_d:8080,e@f%2F+*[x]\"", NULL},
    {"two words", "\"two words\"", NULL, NULL},
    /* fields are not forged, nor their end */
    {"x session=S-2", "\"x session=S-2\"", NULL, NULL},
    {"session=S-2", "\"session=S-2\"", NULL, NULL},
    {"x\" session=S-2 y=\"", "\"x\\\" session=S-2 y=\\\"\"", NULL, NULL},
    {"\",\"session\":\"S-2", "\"\\\",\\\"session\\\":\\\"S-2\"", NULL, NULL},
    {"x\\", "\"x\\\\\"", NULL, NULL},
    {"\\\" session=S-2", "\"\\\\\\\" session=S-2\"", NULL, NULL},
    {"{}", "\"{}\"", NULL, NULL},
    /* nor lines, and no terminal is steered */
    {"1\n2026-01-01T00:00:00.000Z error", "\"1\\x0a2026-01-01T00:00:00.000Z error\"",
     "\"1\\u000a2026-01-01T00:00:00.000Z error\"", NULL},
    {"\r\x1b[2J\t\x7f", "\"\\x0d\\x1b[2J\\x09\\x7f\"", "\"\\u000d\\u001b[2J\\u0009\\u007f\"", NULL},
    {"\xc2\x9b\x32J\xc2\x85", "\"\\xc2\\x9b2J\\xc2\\x85\"", "\"\\u009b2J\\u0085\"", NULL},
    {"a\xe2\x80\xa8z\xe2\x80\xa9", "\"a\\xe2\\x80\\xa8z\\xe2\\x80\\xa9\"", "\"a\\u2028z\\u2029\"", NULL},
    {"\xe2\x80\xae\xe2\x80\xac\xe2\x81\xa6\xe2\x81\xa9",
     "\"\\xe2\\x80\\xae\\xe2\\x80\\xac\\xe2\\x81\\xa6\\xe2\\x81\\xa9\"", "\"\\u202e\\u202c\\u2066\\u2069\"", NULL},
    /* UTF-8 is shown, what is none is not */
    {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"", NULL,
     NULL},
    {"\xff \xc3( \xc0\xaf \xed\xa0\x80 \xe2\x82", "\"\\xff \\xc3( \\xc0\\xaf \\xed\\xa0\\x80 \\xe2\\x82\"",
     "\"\\u00ff \\u00c3( \\u00c0\\u00af \\u00ed\\u00a0\\u0080 \\u00e2\\u0082\"",
     "\xc3\xbf \xc3\x83( \xc3\x80\xc2\xaf \xc3\xad\xc2\xa0\xc2\x80 \xc3\xa2\xc2\x82"},
};

static void text_is_quoted_unless_it_is_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof quotings / sizeof quotings[0]; i++) {
        const struct quoting *q = &quotings[i];
        char expected[512];
        struct fixture f;
        fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
        log_info(&f.logger, "e", log_text("x", q->value), log_number("n", 1));
        snprintf(expected, sizeof expected, "info metrics e x=%s n=1", q->text);
        assert_string_equal(behind_time(next_line(&f)), expected);
        fixture_done(&f);

        fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        log_info(&f.logger, "e", log_text("x", q->value), log_number("n", 1));
        json_t *object = next_object(&f);
        snprintf(expected, sizeof expected, "\"event\":\"e\",\"x\":%s,\"n\":1}", q->json != NULL ? q->json : q->text);
        assert_string_equal(strstr(f.line, "\"event\""), expected);
        assert_int_equal(json_object_size(object), 6);
        assert_string_equal(json_string_value(json_object_get(object, "x")), q->read != NULL ? q->read : q->value);
        json_decref(object);
        fixture_done(&f);
    }
}

/* Each byte by itself: its line is one line, and has no field but its own. */
static void no_byte_breaks_a_line(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
        const uint8_t text[] = {'a', (uint8_t)byte, 'z'};
        struct fixture f;
        fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        log_info(&f.logger, "e", log_span("x", span_of(text, sizeof text)));
        json_t *object = next_object(&f);
        assert_int_equal(json_object_size(object), 5);
        assert_int_equal(json_string_length(json_object_get(object, "x")), byte < 0x80 ? 3 : 4);
        json_decref(object);
        fixture_done(&f);

        fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
        log_info(&f.logger, "e", log_span("x", span_of(text, sizeof text)), log_number("n", 1));
        const char *line = behind_time(next_line(&f));
        assert_memory_equal(line, "info metrics e x=", 17);
        assert_string_equal(line + strlen(line) - 4, " n=1");
        bool is_quoted = line[17] == '"' && line[strlen(line) - 5] == '"';
        assert_true(is_quoted || strlen(line) == strlen("info metrics e x=a?z n=1"));
        for (const char *c = line; *c != '\0'; c++)
            assert_in_range((unsigned char)*c, 0x20, 0x7e);
        fixture_done(&f);
    }
}

/* ---- long lines -------------------------------------------------------------------------------------------------- */

/* A text of `length` bytes at most: dots, then units. */
static const char *fill(char *text, size_t length, size_t dots, const char *unit)
{
    size_t at = dots;
    memset(text, '.', dots);
    text[at] = '\0';
    while (at + strlen(unit) <= length)
        at += strlen(strcpy(text + at, unit));
    return text;
}

static void a_long_text_is_cut_between_characters_and_the_rest_of_its_line_stays(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "\xc3\xbc", "\xf0\x9f\x98\x80", "\x01", "\xff", "\"", "\\", " "};
    for (size_t unit = 0; unit < sizeof units / sizeof units[0]; unit++) {
        for (size_t dots = 0; dots < 8; dots++) {
            char text[3 * LOG_LINE_MAX];
            fill(text, sizeof text - 1, dots, units[unit]);
            struct fixture f;
            fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
            log_info(&f.logger, "e", log_text("x", text), log_number("status", 200));
            const char *line = behind_time(next_line(&f));
            assert_in_range(strlen(line), LOG_VALUE_MAX, LOG_VALUE_MAX + 64);
            assert_string_equal(line + strlen(line) - strlen(" status=200 cut=true"), " status=200 cut=true");
            assert_null(next_line(&f));
            fixture_done(&f);

            fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_JSON);
            log_info(&f.logger, "e", log_text("x", text), log_number("status", 200));
            json_t *object = next_object(&f);
            assert_int_equal(json_object_size(object), 7);
            assert_int_equal(json_integer_value(json_object_get(object, "status")), 200);
            assert_true(json_is_true(json_object_get(object, "cut")));
            json_decref(object);
            fixture_done(&f);
        }
    }
}

static void a_text_that_just_fits_is_not_cut(void **state)
{
    (void)state;
    for (size_t length = LOG_VALUE_MAX - 1; length <= LOG_VALUE_MAX + 1; length++) {
        char text[LOG_VALUE_MAX + 2];
        struct fixture f;
        fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        log_info(&f.logger, "e", log_text("x", fill(text, length, 0, "x")));
        json_t *object = next_object(&f);
        size_t shown = length <= LOG_VALUE_MAX ? length : LOG_VALUE_MAX;
        assert_int_equal(json_string_length(json_object_get(object, "x")), shown);
        assert_int_equal(json_object_get(object, "cut") != NULL, length > LOG_VALUE_MAX);
        json_decref(object);
        fixture_done(&f);
    }
}

/* Whatever the lengths and the bytes: one line of at most LOG_LINE_MAX, JSON that parses. */
static void a_line_of_many_long_texts_is_still_a_line(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "\xf0\x9f\x98\x80", "\x01", "\""};
    for (size_t unit = 0; unit < sizeof units / sizeof units[0]; unit++) {
        for (size_t length = LOG_VALUE_MAX - 120; length <= LOG_VALUE_MAX; length++) {
            char text[LOG_VALUE_MAX + 8];
            fill(text, length, 0, units[unit]);
            for (enum log_format format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
                struct fixture f;
                fixture_init(&f, LOG_LEVEL_INFO, format);
                log_info(&f.logger, "e", log_text("a", text), log_text("b", text), log_text("c", text),
                         log_text("d", text), log_number("n", INT64_MAX), log_text("f", text));
                if (format == LOG_FORMAT_TEXT) {
                    const char *line = behind_time(next_line(&f));
                    assert_string_equal(line + strlen(line) - strlen(" cut=true"), " cut=true");
                } else {
                    json_t *object = next_object(&f);
                    assert_non_null(json_object_get(object, "c"));
                    assert_true(json_is_true(json_object_get(object, "cut")));
                    json_decref(object);
                }
                fixture_done(&f);
            }
        }
    }
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

static const struct timespec some_time = {.tv_sec = 1700000000};
static const uint64_t begin_ms = 1000000;
static const size_t burst = LOG_BURST;
static const uint64_t interval_ms = LOG_INTERVAL_MS;

static void say_at(struct fixture *f, const char *event, uint64_t now_ms)
{
    log_line_at(&f->logger, LOG_LEVEL_WARN, true, event, LOG_FIELDS(log_number("n", 1)), &some_time, now_ms);
}

/* Says it so many times at once, and reads what was written. */
static size_t written_of(struct fixture *f, const char *event, size_t times, uint64_t now_ms)
{
    size_t written = 0;
    for (size_t i = 0; i < times; i++) {
        say_at(f, event, now_ms);
        while (next_line(f) != NULL)
            written++;
    }
    return written;
}

static void an_event_is_written_in_a_burst_and_then_now_and_then(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    assert_int_equal(written_of(&f, "e", 10 * burst, begin_ms), LOG_BURST);
    assert_int_equal(written_of(&f, "e", 10, begin_ms + interval_ms - 1), 0);
    for (uint64_t second = 1; second <= 5; second++)
        assert_int_equal(written_of(&f, "e", 10, begin_ms + second * interval_ms), 1);
    fixture_done(&f);
}

static void a_quiet_event_may_burst_again_but_not_more(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    assert_int_equal(written_of(&f, "e", LOG_BURST, begin_ms), LOG_BURST);
    uint64_t later_ms = begin_ms + burst * interval_ms;
    assert_int_equal(written_of(&f, "e", 2 * burst, later_ms), LOG_BURST);
    later_ms += 1000 * burst * interval_ms;
    assert_int_equal(written_of(&f, "e", 2 * burst, later_ms), LOG_BURST);
    fixture_done(&f);
}

static void the_next_line_says_how_many_were_suppressed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    written_of(&f, "e", burst + 41, begin_ms);
    say_at(&f, "e", begin_ms + interval_ms);
    assert_string_equal(behind_time(next_line(&f)), "warn metrics e n=1 suppressed=41");
    say_at(&f, "e", begin_ms + 2 * interval_ms);
    assert_string_equal(behind_time(next_line(&f)), "warn metrics e n=1");
    fixture_done(&f);

    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    written_of(&f, "e", burst + 1, begin_ms);
    say_at(&f, "e", begin_ms + interval_ms);
    json_t *object = next_object(&f);
    assert_int_equal(json_integer_value(json_object_get(object, "suppressed")), 1);
    json_decref(object);
    fixture_done(&f);
}

static void each_event_and_each_actor_has_a_limit_of_its_own(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    assert_int_equal(written_of(&f, "one", burst + 1, begin_ms), LOG_BURST);
    char same_name[] = {'o', 'n', 'e', '\0'};
    assert_int_equal(written_of(&f, same_name, 1, begin_ms), 0);
    assert_int_equal(written_of(&f, "two", burst + 1, begin_ms), LOG_BURST);
    f.logger = logger_of(&f.log, "admin-http");
    assert_int_equal(written_of(&f, "one", burst + 1, begin_ms), LOG_BURST);
    fixture_done(&f);
}

static void events_beyond_the_table_share_a_limit(void **state)
{
    (void)state;
    struct fixture f;
    char names[LOG_EVENTS_MAX + 10][16];
    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    size_t written = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(names[i], sizeof names[i], "event-%zu", i);
        written += written_of(&f, names[i], burst + 1, begin_ms);
    }
    assert_int_equal(written, LOG_EVENTS_MAX * burst);
    fixture_done(&f);
}

static void errors_and_what_was_asked_for_are_not_limited(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    for (size_t i = 0; i < 10 * burst; i++) {
        log_error(&f.logger, "e", log_number("n", i));
        assert_non_null(next_line(&f));
        log_access(&f.logger, "e", log_number("n", i));
        assert_non_null(next_line(&f));
    }
    fixture_done(&f);
}

static void what_was_suppressed_last_is_said_at_the_end(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    written_of(&f, "one", burst + 3, begin_ms);
    written_of(&f, "two", LOG_BURST, begin_ms);
    written_of(&f, "three", burst + 5, begin_ms);
    logger_done(&f.logger);
    assert_string_equal(behind_time(next_line(&f)), "warn metrics lines-suppressed of=one suppressed=3");
    assert_string_equal(behind_time(next_line(&f)), "warn metrics lines-suppressed of=three suppressed=5");
    assert_null(next_line(&f));
    logger_done(&f.logger);
    assert_null(next_line(&f));
    fixture_done(&f);
}

/* What is not written for its level uses up nothing. */
static void what_a_full_pipe_does_not_take_is_counted_and_nobody_waits(void **state)
{
    (void)state;
    enum { TRIES_MAX = 100000 };
    struct fixture f;
    int lost = 0, tries = 0;
    char expected[64];
    fixture_init(&f, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    assert_int_equal(fcntl(f.log.fd, F_SETFL, O_DIRECT), 0); /* a write to it would wait */
    struct pollfd writable = {.fd = f.log.fd, .events = POLLOUT};
    for (; tries < TRIES_MAX && lost < 7; tries++) {
        lost += poll(&writable, 1, 0) == 0;
        log_access(&f.logger, "e", log_number("n", 1));
    }
    assert_int_equal(lost, 7);
    for (; tries > lost; tries--)
        assert_string_equal(behind_time(next_line(&f)), "info metrics e n=1");
    log_access(&f.logger, "other", log_number("n", 2));
    assert_string_equal(behind_time(next_line(&f)), "info metrics other n=2");
    log_access(&f.logger, "e", log_number("n", 3));
    snprintf(expected, sizeof expected, "info metrics e n=3 suppressed=%d", lost);
    assert_string_equal(behind_time(next_line(&f)), expected);
    assert_null(next_line(&f));
    fixture_done(&f);
}

static void what_the_level_leaves_out_is_not_suppressed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    assert_int_equal(written_of(&f, "e", 2 * burst, begin_ms), 0);
    f.log.level = LOG_LEVEL_DEBUG;
    logger_done(&f.logger);
    assert_null(next_line(&f));
    assert_int_equal(written_of(&f, "e", 2 * burst, begin_ms), LOG_BURST);
    fixture_done(&f);
}

static void errno_is_left_alone(void **state)
{
    (void)state;
    struct log closed = {.fd = -1, .level = LOG_LEVEL_INFO};
    struct logger logger = logger_of(&closed, "metrics");
    errno = 4711;
    for (size_t i = 0; i < 2 * burst; i++)
        log_info(&logger, "e", log_number("n", 1));
    assert_int_equal(errno, 4711);
}

int main(void)
{
    _Static_assert(LOG_LINE_MAX <= PIPE_BUF, "a line goes into a pipe in one piece");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_line_is_time_level_actor_event_fields),
        cmocka_unit_test(a_json_line_is_one_object_of_typed_members),
        cmocka_unit_test(time_is_utc_in_milliseconds),
        cmocka_unit_test(what_is_not_known_is_no_field),
        cmocka_unit_test(levels_above_the_logs_are_left_out),
        cmocka_unit_test(text_is_quoted_unless_it_is_plain),
        cmocka_unit_test(no_byte_breaks_a_line),
        cmocka_unit_test(a_long_text_is_cut_between_characters_and_the_rest_of_its_line_stays),
        cmocka_unit_test(a_text_that_just_fits_is_not_cut),
        cmocka_unit_test(a_line_of_many_long_texts_is_still_a_line),
        cmocka_unit_test(an_event_is_written_in_a_burst_and_then_now_and_then),
        cmocka_unit_test(a_quiet_event_may_burst_again_but_not_more),
        cmocka_unit_test(the_next_line_says_how_many_were_suppressed),
        cmocka_unit_test(each_event_and_each_actor_has_a_limit_of_its_own),
        cmocka_unit_test(events_beyond_the_table_share_a_limit),
        cmocka_unit_test(errors_and_what_was_asked_for_are_not_limited),
        cmocka_unit_test(what_was_suppressed_last_is_said_at_the_end),
        cmocka_unit_test(what_a_full_pipe_does_not_take_is_counted_and_nobody_waits),
        cmocka_unit_test(what_the_level_leaves_out_is_not_suppressed),
        cmocka_unit_test(errno_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
