/* One event, one line, one write. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "utf8.h"

/* A line in the making; what does not fit is cut between characters. */
struct line {
    enum log_format format;
    size_t length;
    char text[LOG_LINE_MAX];
};

enum {
    LINE_END_MAX = 3
}; /* bytes kept free for `"}` and the newline, so that a cut line is still a line and still JSON */

/* false: no room; nothing was added. */
static bool line_add(struct line *line, const char *bytes, size_t length)
{
    if (length > sizeof line->text - LINE_END_MAX - line->length)
        return false;
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
    return true;
}

static void line_end(struct line *line)
{
    const char *end = line->format == LOG_FORMAT_JSON ? "\"}\n" : "\n";
    memcpy(line->text + line->length, end, strlen(end));
    line->length += strlen(end);
}

/* Bytes of the UTF-8 character that text begins with; 0: it begins with none. */
static size_t character_length(const char *text)
{
    enum { CHARACTER_MAX = 4 };
    for (size_t length = 1; length <= CHARACTER_MAX && text[length - 1] != '\0'; length++)
        if (utf8_is_valid(span_of(text, length)))
            return length;
    return 0;
}

static bool needs_escape(unsigned char c, enum log_format format)
{
    return c < 0x20 || c == 0x7f || (format == LOG_FORMAT_JSON && (c == '"' || c == '\\'));
}

/* Text from anywhere: control characters and bytes that are no UTF-8 are escaped. */
static void line_add_text(struct line *line, const char *text)
{
    bool fits = true;
    while (fits && *text != '\0') {
        size_t length = character_length(text);
        if (length == 0 || needs_escape((unsigned char)*text, line->format)) {
            char escaped[8];
            snprintf(escaped, sizeof escaped, "%s%02x", line->format == LOG_FORMAT_JSON ? "\\u00" : "\\x",
                     (unsigned)(unsigned char)*text);
            fits = line_add(line, escaped, strlen(escaped));
            text++;
        } else {
            fits = line_add(line, text, length);
            text += length;
        }
    }
}

static void line_add_raw(struct line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARN:
        return "warn";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "error";
}

/* RFC 3339, UTC, milliseconds. */
static void format_now(char *ret_text, size_t capacity)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    char seconds[32];
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(ret_text, capacity, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

void log_line(const struct log *log, enum log_level level, const char *actor, const char *event, const char *format,
              ...)
{
    if (level > log->level)
        return;
    char now[48], details[LOG_LINE_MAX];
    format_now(now, sizeof now);
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(details, sizeof details, format, arguments);
    va_end(arguments);
    bool has_details = written > 0;

    static const char *const separators[][5] = {
        [LOG_FORMAT_TEXT] = {"", " ", " ", " ", " "},
        [LOG_FORMAT_JSON] = {"{\"ts\":\"", "\",\"level\":\"", "\",\"actor\":\"", "\",\"event\":\"", "\",\"detail\":\""},
    };
    const char *parts[] = {now, level_name(level), actor, event, details};
    struct line line = {.format = log->format, .length = 0};
    for (size_t i = 0; i < (has_details ? 5 : 4); i++) {
        line_add_raw(&line, separators[log->format][i]);
        line_add_text(&line, parts[i]);
    }
    line_end(&line);
    int saved_errno = errno;
    while (write(log->fd, line.text, line.length) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}
