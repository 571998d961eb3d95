/* The log: what a line looks like, and that nothing from outside can break it. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants these before it. */
#include <cmocka.h>

/* A log that the test reads: packets, so that each write is seen as one. */
struct fixture {
    struct log log;
    int read_fd;
    char line[2 * LOG_LINE_MAX]; /* the last one read, without its newline */
};

static struct fixture fixture_of(enum log_level level, enum log_format format)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_DIRECT | O_NONBLOCK), 0);
    return (struct fixture){.log = {.fd = fds[1], .level = level, .format = format}, .read_fd = fds[0]};
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
    assert_null(strchr(f->line, '\n'));
    return f->line;
}

/* Of a text line: what follows the time, whose form is checked. */
static const char *behind_time(const char *line)
{
    enum { TIME_LENGTH = 24 };
    regex_t form;
    assert_non_null(line);
    assert_int_equal(regcomp(&form, "^2[0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z ",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    assert_int_equal(regexec(&form, line, 0, NULL, 0), 0);
    regfree(&form);
    return line + TIME_LENGTH + 1;
}

static void a_text_line_is_time_level_actor_event_details(void **state)
{
    (void)state;
    struct fixture f = fixture_of(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info(&f.log, "session-manager", "session-opened", "session=%s peer=%s", "S-1", "10.0.0.1:5");
    assert_string_equal(behind_time(next_line(&f)), "info session-manager session-opened session=S-1 peer=10.0.0.1:5");
    log_error(&f.log, "metrics", "gone", "%s", "");
    assert_string_equal(behind_time(next_line(&f)), "error metrics gone");
    assert_null(next_line(&f));
    fixture_done(&f);
}

static void levels_above_the_logs_are_left_out(void **state)
{
    (void)state;
    for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        struct fixture f = fixture_of(level, LOG_FORMAT_TEXT);
        log_error(&f.log, "a", "e", "n=%d", 0);
        log_warn(&f.log, "a", "e", "n=%d", 1);
        log_info(&f.log, "a", "e", "n=%d", 2);
        log_debug(&f.log, "a", "e", "n=%d", 3);
        static const char *const lines[] = {"error a e n=0", "warn a e n=1", "info a e n=2", "debug a e n=3"};
        for (enum log_level seen = LOG_LEVEL_ERROR; seen <= level; seen++)
            assert_string_equal(behind_time(next_line(&f)), lines[seen]);
        assert_null(next_line(&f));
        fixture_done(&f);
    }
}

static void control_characters_and_broken_utf8_are_escaped(void **state)
{
    (void)state;
    struct fixture f = fixture_of(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info(&f.log, "a", "e", "x=%s", "1\n2026-01-01T00:00:00.000Z error forged\r\x1b[2J\t\x7f");
    assert_string_equal(behind_time(next_line(&f)),
                        "info a e x=1\\x0a2026-01-01T00:00:00.000Z error forged\\x0d\\x1b[2J\\x09\\x7f");
    log_info(&f.log, "a", "e", "x=%s", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
    assert_string_equal(behind_time(next_line(&f)), "info a e x=gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
    log_info(&f.log, "a", "e", "x=%s", "\xff \xc3( \xc0\xaf \xed\xa0\x80 \xe2\x82");
    assert_string_equal(behind_time(next_line(&f)), "info a e x=\\xff \\xc3( \\xc0\\xaf \\xed\\xa0\\x80 \\xe2\\x82");
    fixture_done(&f);
}

static void a_json_line_is_one_object(void **state)
{
    (void)state;
    struct fixture f = fixture_of(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    const char *evil = "\"}\\ \n\t\x01 \xff gr\xc3\xbc\xc3\x9f";
    log_warn(&f.log, "ws-gateway", "odd", "label=%s", evil);
    json_t *object = json_loads(next_line(&f), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    assert_int_equal(json_object_size(object), 5);
    assert_string_equal(json_string_value(json_object_get(object, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(object, "actor")), "ws-gateway");
    assert_string_equal(json_string_value(json_object_get(object, "event")), "odd");
    /* a byte that is no UTF-8 is read as Latin-1 */
    assert_string_equal(json_string_value(json_object_get(object, "detail")),
                        "label=\"}\\ \n\t\x01 \xc3\xbf gr\xc3\xbc\xc3\x9f");
    assert_int_equal(json_string_length(json_object_get(object, "ts")), 24);
    json_decref(object);

    log_info(&f.log, "a", "e", "%s", "");
    object = json_loads(next_line(&f), 0, NULL);
    assert_non_null(object);
    assert_int_equal(json_object_size(object), 4); /* no details, no detail */
    json_decref(object);
    fixture_done(&f);
}

/* Whatever the length and the bytes: one line of at most LOG_LINE_MAX, whole characters, JSON that parses. */
static void long_lines_are_cut_between_characters(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "\xc3\xbc", "\xf0\x9f\x98\x80", "\x01", "\xff", "\""};
    for (size_t unit = 0; unit < sizeof units / sizeof units[0]; unit++) {
        for (size_t shift = 0; shift < 8; shift++) {
            char text[3 * LOG_LINE_MAX] = "";
            size_t length = shift;
            memset(text, '.', shift);
            while (length + strlen(units[unit]) < sizeof text)
                length += strlen(strcpy(text + length, units[unit]));
            struct fixture f = fixture_of(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
            log_info(&f.log, "a", "e", "x=%s", text);
            assert_non_null(next_line(&f));
            assert_in_range(strlen(f.line), LOG_LINE_MAX - 16, LOG_LINE_MAX - 1);
            assert_null(next_line(&f));
            fixture_done(&f);

            f = fixture_of(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
            log_info(&f.log, "a", "e", "x=%s", text);
            json_t *object = json_loads(next_line(&f), 0, NULL);
            assert_non_null(object);
            json_decref(object);
            assert_null(next_line(&f));
            fixture_done(&f);
        }
    }
}

static void errno_is_left_alone(void **state)
{
    (void)state;
    struct log closed = {.fd = -1, .level = LOG_LEVEL_INFO};
    errno = 4711;
    log_info(&closed, "a", "e", "x=%d", 1);
    assert_int_equal(errno, 4711);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_line_is_time_level_actor_event_details),
        cmocka_unit_test(levels_above_the_logs_are_left_out),
        cmocka_unit_test(control_characters_and_broken_utf8_are_escaped),
        cmocka_unit_test(a_json_line_is_one_object),
        cmocka_unit_test(long_lines_are_cut_between_characters),
        cmocka_unit_test(errno_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
