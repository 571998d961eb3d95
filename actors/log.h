/* Logs: one event a line on standard error, RFC 3339 UTC, written with a single write so that actors' lines never mix.
 */
#ifndef HOODY_ACTORS_LOG_H
#define HOODY_ACTORS_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Immutable once the actors run: shared by all of them, never written. */
struct log {
    int fd;
    enum log_level level;
    enum log_format format;
};

enum { LOG_LINE_MAX = 2048 }; /* bytes; longer lines are cut */

/* `actor` is the tag (actor_name), `event` a short name such as "session-opened"; `format` makes its details as
 * `key=value` pairs. Control characters from outside are escaped. Never give it a token. */
void log_line(const struct log *log, enum log_level level, const char *actor, const char *event, const char *format,
              ...) __attribute__((format(printf, 5, 6)));

#define log_error(log, actor, event, ...) log_line(log, LOG_LEVEL_ERROR, actor, event, __VA_ARGS__)
#define log_warn(log, actor, event, ...)  log_line(log, LOG_LEVEL_WARN, actor, event, __VA_ARGS__)
#define log_info(log, actor, event, ...)  log_line(log, LOG_LEVEL_INFO, actor, event, __VA_ARGS__)
#define log_debug(log, actor, event, ...) log_line(log, LOG_LEVEL_DEBUG, actor, event, __VA_ARGS__)

#endif
