#include "exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it. */
#include <cmocka.h>

enum { LINE_MAX_BYTES = 1024, LINES_MAX = 2048 };

/* What was read so far. */
struct reader {
    char family[LINE_MAX_BYTES]; /* of the last HELP */
    bool has_type;
    bool is_histogram;
    size_t samples; /* of this family */
    size_t count;
    char *seen[LINES_MAX]; /* "# HELP name" and series */
};

/* Takes a line off the front of *text. false: none is left. */
static bool next_line(struct span *text, char line[LINE_MAX_BYTES])
{
    if (text->length == 0)
        return false;
    const uint8_t *end = memchr(text->data, '\n', text->length);
    if (end == NULL)
        fail_msg("the last line has no end");
    size_t length = (size_t)(end - text->data);
    assert_true(length < LINE_MAX_BYTES);
    memcpy(line, text->data, length);
    line[length] = '\0';
    assert_int_equal(strlen(line), length);
    *text = span_of(end + 1, text->length - length - 1);
    return true;
}

static size_t name_length(const char *text, const char *more)
{
    static const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    char all[128];
    snprintf(all, sizeof all, "%s%s0123456789", letters, more);
    return strspn(text, letters) == 0 ? 0 : strspn(text, all);
}

static void remember(struct reader *reader, const char *text, size_t length, const char *line)
{
    char *seen = strndup(text, length);
    for (size_t i = 0; i < reader->count; i++)
        if (strcmp(reader->seen[i], seen) == 0)
            fail_msg("comes twice: %s", line);
    assert_true(reader->count < LINES_MAX);
    reader->seen[reader->count++] = seen;
}

static void read_help(struct reader *reader, const char *line)
{
    const char *name = line + strlen("# HELP ");
    size_t length = name_length(name, ":");
    if (length == 0 || name[length] != ' ' || name[length + 1] == '\0')
        fail_msg("no HELP: %s", line);
    if (reader->count > 0 && reader->samples == 0)
        fail_msg("a family without samples before: %s", line);
    remember(reader, line, strlen("# HELP ") + length, line);
    snprintf(reader->family, sizeof reader->family, "%.*s", (int)length, name);
    reader->has_type = false;
    reader->samples = 0;
}

static void read_type(struct reader *reader, const char *line)
{
    char gauge[LINE_MAX_BYTES + 32], counter[LINE_MAX_BYTES + 32], histogram[LINE_MAX_BYTES + 32];
    snprintf(gauge, sizeof gauge, "# TYPE %s gauge", reader->family);
    snprintf(counter, sizeof counter, "# TYPE %s counter", reader->family);
    snprintf(histogram, sizeof histogram, "# TYPE %s histogram", reader->family);
    bool is_counter = strcmp(line, counter) == 0;
    reader->is_histogram = strcmp(line, histogram) == 0;
    bool is_known = is_counter || reader->is_histogram || strcmp(line, gauge) == 0;
    if (reader->has_type || reader->samples > 0 || !is_known)
        fail_msg("no TYPE of %s: %s", reader->family, line);
    const char *total = strstr(reader->family, "_total");
    if (is_counter != (total != NULL && strcmp(total, "_total") == 0))
        fail_msg("only counters are called _total: %s", line);
    reader->has_type = true;
}

/* The length of {name="value",...}; 0: there is none. */
static size_t labels_length(const char *labels, const char *line)
{
    const char *next = labels;
    if (*next != '{')
        return 0;
    do {
        next++;
        size_t name = name_length(next, "");
        if (name == 0 || strncmp(next + name, "=\"", 2) != 0)
            fail_msg("no label: %s", line);
        for (next += name + 2; *next != '"'; next++) {
            if (*next == '\\' && strchr("\\\"n", *++next) == NULL)
                fail_msg("no escape: %s", line);
            if (*next == '\0')
                fail_msg("a label's value does not end: %s", line);
        }
        next++;
    } while (*next == ',');
    if (*next != '}')
        fail_msg("labels do not end: %s", line);
    return (size_t)(next + 1 - labels);
}

/* The length of _bucket, _sum or _count at the end of a histogram's name; 0: another sample has none. */
static size_t part_length(const struct reader *reader, const char *line, size_t name)
{
    static const char *const parts[] = {"_bucket", "_sum", "_count"};
    for (size_t i = 0; reader->is_histogram && i < sizeof parts / sizeof *parts; i++) {
        size_t length = strlen(parts[i]);
        if (name > length && strncmp(line + name - length, parts[i], length) == 0)
            return length;
    }
    if (reader->is_histogram)
        fail_msg("no part of a histogram: %s", line);
    return 0;
}

static void read_sample(struct reader *reader, const char *line)
{
    size_t series_name = name_length(line, ":");
    size_t name = series_name - part_length(reader, line, series_name);
    if (name != strlen(reader->family) || strncmp(line, reader->family, name) != 0 || !reader->has_type)
        fail_msg("no sample of %s: %s", reader->family, line);
    size_t series = series_name + labels_length(line + series_name, line);
    const char *value = line + series + 1;
    char *end = NULL;
    strtod(value, &end);
    if (line[series] != ' ' || *value == ' ' || end == value || *end != '\0')
        fail_msg("no value: %s", line);
    remember(reader, line, series, line);
    reader->samples++;
}

void exposition_check(struct span text)
{
    struct reader reader = {0};
    char line[LINE_MAX_BYTES];
    while (next_line(&text, line)) {
        if (strncmp(line, "# HELP ", 7) == 0)
            read_help(&reader, line);
        else if (strncmp(line, "# TYPE ", 7) == 0)
            read_type(&reader, line);
        else
            read_sample(&reader, line);
    }
    assert_true(reader.samples > 0);
    while (reader.count > 0)
        free(reader.seen[--reader.count]);
}

const char *exposition_value(struct span text, const char *series)
{
    static char line[LINE_MAX_BYTES];
    size_t length = strlen(series);
    while (next_line(&text, line))
        if (strncmp(line, series, length) == 0 && line[length] == ' ')
            return line + length + 1;
    return NULL;
}

void exposition_expect(struct span text, const char *series, const char *value)
{
    const char *found = exposition_value(text, series);
    if (found == NULL)
        fail_msg("%s is not there", series);
    else if (strcmp(found, value) != 0)
        fail_msg("%s is %s, not %s", series, found, value);
}

size_t exposition_count(struct span text, const char *prefix)
{
    char line[LINE_MAX_BYTES];
    size_t count = 0;
    while (next_line(&text, line))
        if (strncmp(line, prefix, strlen(prefix)) == 0)
            count++;
    return count;
}
