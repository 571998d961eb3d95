/* One event, one line, one write. */
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "utf8.h"

/* ---- a line in the making ------------------------------------------------------------------------------------- */

struct line {
    enum log_format format;
    bool is_cut; /* something did not fit */
    size_t length;
    char text[LOG_LINE_MAX];
};

enum {
    TAIL_MAX = 64, /* bytes kept free for `suppressed`, `cut` and the line's end */
    QUOTE_MAX = 1, /* and for the end of a text */
};

static size_t line_room(const struct line *line)
{
    return sizeof line->text - TAIL_MAX - line->length;
}

/* Into the room that the caller knows of. */
static void line_put(struct line *line, const char *bytes, size_t length)
{
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
}

/* All of it, or nothing: then the line is cut. */
static bool line_add(struct line *line, const char *text)
{
    bool fits = strlen(text) <= line_room(line);
    if (fits)
        line_put(line, text, strlen(text));
    else
        line->is_cut = true;
    return fits;
}

static void line_end(struct line *line, uint64_t suppressed)
{
    bool is_json = line->format == LOG_FORMAT_JSON;
    char tail[TAIL_MAX + 1], counted[48] = "";
    if (suppressed > 0)
        snprintf(counted, sizeof counted, is_json ? ",\"suppressed\":%" PRIu64 : " suppressed=%" PRIu64, suppressed);
    const char *cut = is_json ? ",\"cut\":true" : " cut=true";
    snprintf(tail, sizeof tail, "%s%s%s\n", counted, line->is_cut ? cut : "", is_json ? "}" : "");
    line_put(line, tail, strlen(tail));
}

/* ---- text from anywhere --------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character that text begins with; 0: it begins with none. */
static size_t character_length(struct span text)
{
    enum { CHARACTER_MAX = 4 };
    for (size_t length = 1; length <= CHARACTER_MAX && length <= text.length; length++)
        if (utf8_is_valid(span_of(text.data, length)))
            return length;
    return 0;
}

/* Of a character of up to three bytes. */
static unsigned code_point(struct span character)
{
    const uint8_t *c = character.data;
    if (character.length == 1)
        return c[0];
    if (character.length == 2)
        return (c[0] & 0x1fU) << 6 | (c[1] & 0x3fU);
    return (c[0] & 0x0fU) << 12 | (c[1] & 0x3fU) << 6 | (c[2] & 0x3fU);
}

/* What ends a line, steers a terminal or turns its reading direction, and what would end the text. */
static bool is_escaped(struct span character)
{
    unsigned code = character.length <= 3 ? code_point(character) : UINT16_MAX;
    bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    bool is_separator = code == 0x2028 || code == 0x2029;
    bool turns_direction = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return is_control || is_separator || turns_direction || code == '"' || code == '\\';
}

struct escaped {
    char text[16];
};

/* One character, or one byte that is none: in JSON such a byte is read as Latin-1. */
static struct escaped escape(struct span character, enum log_format format)
{
    struct escaped escaped;
    size_t length = 0;
    if (character.data[0] == '"' || character.data[0] == '\\')
        snprintf(escaped.text, sizeof escaped.text, "\\%c", character.data[0]);
    else if (format == LOG_FORMAT_JSON)
        snprintf(escaped.text, sizeof escaped.text, "\\u%04x", code_point(character));
    else
        for (size_t i = 0; i < character.length; i++, length += 4)
            snprintf(escaped.text + length, sizeof escaped.text - length, "\\x%02x", character.data[i]);
    return escaped;
}

/* May stand in a text line without quotes. */
static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = text.data[i];
        bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_word && (c == '\0' || strchr("._:/-+@%,*[]", c) == NULL))
            return false;
    }
    return text.length > 0;
}

/* What does not fit is cut between characters. */
static void line_add_characters(struct line *line, struct span text)
{
    size_t end = line->length + LOG_VALUE_MAX;
    while (text.length > 0) {
        size_t length = character_length(text);
        struct span character = span_of(text.data, length > 0 ? length : 1);
        bool escapes = length == 0 || is_escaped(character);
        struct escaped escaped = {""};
        if (escapes)
            escaped = escape(character, line->format);
        const char *bytes = escapes ? escaped.text : (const char *)character.data;
        size_t written = escapes ? strlen(escaped.text) : character.length;
        if (written + QUOTE_MAX > line_room(line) || line->length + written > end) {
            line->is_cut = true;
            return;
        }
        line_put(line, bytes, written);
        text = span_of(text.data + character.length, text.length - character.length);
    }
}

/* ---- fields --------------------------------------------------------------------------------------------------- */

static void line_add_text(struct line *line, const struct log_field *field)
{
    enum { VALUE_ROOM_MIN = 16 }; /* less shows nothing */
    bool is_json = line->format == LOG_FORMAT_JSON;
    bool is_quoted = is_json || !is_plain(field->text);
    char begin[64];
    snprintf(begin, sizeof begin, is_json ? ",\"%s\":\"" : " %s=%s", field->key, is_quoted ? "\"" : "");
    if (strlen(begin) + VALUE_ROOM_MIN > line_room(line)) {
        line->is_cut = true;
        return;
    }
    line_add(line, begin);
    line_add_characters(line, field->text);
    if (is_quoted)
        line_add(line, "\"");
}

static void line_add_plain(struct line *line, const char *key, const char *value)
{
    char text[96];
    snprintf(text, sizeof text, line->format == LOG_FORMAT_JSON ? ",\"%s\":%s" : " %s=%s", key, value);
    line_add(line, text);
}

static void line_add_field(struct line *line, const struct log_field *field)
{
    char value[32];
    switch (field->kind) {
    case LOG_FIELD_END:
    case LOG_FIELD_ABSENT:
        break;
    case LOG_FIELD_TEXT:
        line_add_text(line, field);
        break;
    case LOG_FIELD_UNSIGNED:
        snprintf(value, sizeof value, "%" PRIu64, field->number);
        line_add_plain(line, field->key, value);
        break;
    case LOG_FIELD_SIGNED:
        snprintf(value, sizeof value, "%" PRId64, field->signed_number);
        line_add_plain(line, field->key, value);
        break;
    case LOG_FIELD_BOOL:
        line_add_plain(line, field->key, field->flag ? "true" : "false");
        break;
    }
}

/* ---- what every line begins with ------------------------------------------------------------------------------ */

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

/* RFC 3339, UTC, milliseconds; then words of our own. */
static void line_begin(struct line *line, const struct timespec *utc, enum log_level level, const char *actor,
                       const char *event)
{
    char seconds[32], begin[256];
    struct tm parts;
    gmtime_r(&utc->tv_sec, &parts);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(begin, sizeof begin,
             line->format == LOG_FORMAT_JSON
                 ? "{\"ts\":\"%s.%03ldZ\",\"level\":\"%s\",\"actor\":\"%s\",\"event\":\"%s\""
                 : "%s.%03ldZ %s %s %s",
             seconds, utc->tv_nsec / 1000000, level_name(level), actor, event);
    line_add(line, begin);
}

/* Whoever reads the log may have stopped: then lines are lost, but nobody waits. A pipe that is ready takes a whole
 * line. false: it was not written. */
static bool line_write(const struct log *log, const struct line *line)
{
    struct pollfd writable = {.fd = log->fd, .events = POLLOUT};
    ssize_t written;
    if (poll(&writable, 1, 0) == 0)
        return false;
    while ((written = write(log->fd, line->text, line->length)) < 0 && errno == EINTR)
        ;
    return written >= 0;
}

/* ---- limits --------------------------------------------------------------------------------------------------- */

static struct log_bucket *find_bucket(struct logger *logger, const char *event)
{
    for (size_t i = 0; i < logger->bucket_count; i++)
        if (strcmp(logger->buckets[i].event, event) == 0)
            return &logger->buckets[i];
    if (logger->bucket_count == LOG_EVENTS_MAX)
        return &logger->buckets[LOG_EVENTS_MAX - 1];
    struct log_bucket *bucket = &logger->buckets[logger->bucket_count++];
    bucket->event = event;
    return bucket;
}

/* Each line puts the moment off when the burst is whole again, but not further than a burst. */
static bool take_token(struct log_bucket *bucket, uint64_t now_ms)
{
    uint64_t filled_ms = (bucket->filled_ms > now_ms ? bucket->filled_ms : now_ms) + LOG_INTERVAL_MS;
    if (filled_ms - now_ms > (uint64_t)LOG_BURST * LOG_INTERVAL_MS)
        return false;
    bucket->filled_ms = filled_ms;
    return true;
}

/* ---- the interface -------------------------------------------------------------------------------------------- */

struct logger logger_of(const struct log *log, const char *actor)
{
    return (struct logger){.log = log, .actor = actor};
}

void log_line_at(struct logger *logger, enum log_level level, bool is_limited, const char *event,
                 const struct log_field *fields, const struct timespec *utc, uint64_t now_ms)
{
    if (level > logger->log->level)
        return;
    int saved_errno = errno;
    struct log_bucket *bucket = find_bucket(logger, event);
    if (is_limited && !take_token(bucket, now_ms)) {
        bucket->suppressed++;
        return;
    }
    struct line line = {.format = logger->log->format, .is_cut = false, .length = 0};
    line_begin(&line, utc, level, logger->actor, event);
    for (const struct log_field *field = fields; field->kind != LOG_FIELD_END; field++)
        line_add_field(&line, field);
    line_end(&line, bucket->suppressed);
    if (line_write(logger->log, &line))
        bucket->suppressed = 0;
    else
        bucket->suppressed++;
    errno = saved_errno;
}

void log_line(struct logger *logger, enum log_level level, bool is_limited, const char *event,
              const struct log_field *fields)
{
    if (level > logger->log->level)
        return;
    int saved_errno = errno;
    struct timespec utc, now;
    clock_gettime(CLOCK_REALTIME, &utc);
    clock_gettime(CLOCK_MONOTONIC, &now);
    errno = saved_errno;
    log_line_at(logger, level, is_limited, event, fields, &utc,
                (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

void logger_done(struct logger *logger)
{
    for (size_t i = 0; i < logger->bucket_count; i++) {
        struct log_bucket *bucket = &logger->buckets[i];
        if (bucket->suppressed > 0)
            log_line(logger, LOG_LEVEL_WARN, false, "lines-suppressed",
                     LOG_FIELDS(log_text("of", bucket->event), log_number("suppressed", bucket->suppressed)));
        bucket->suppressed = 0;
    }
}
