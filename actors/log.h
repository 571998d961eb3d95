/* Logs: one event a line on standard error, RFC 3339 UTC, written with a single write so that actors' lines never mix.
 *
 *   text   2026-01-31T12:00:00.000Z info session-manager session-parked session=S-4f... bindings=2 reason="no driver"
 *   json   {"ts":"2026-...Z","level":"info","actor":"session-manager","event":"session-parked","session":"S-4f...",...}
 *
 * A line is typed fields, never a format: no value can forge a field or a line. The same thing has the same key in
 * every line (session, binding, connection, peer, port, reason...). Never give it a token.
 *
 * Nobody waits for the log: while its reader has stopped and the pipe is full, lines are lost, and counted like those
 * that are suppressed. */
#ifndef HOODY_ACTORS_LOG_H
#define HOODY_ACTORS_LOG_H

#include <stdbool.h>

#include "ids.h"
#include "span.h"

struct timespec;

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Immutable once the actors run: shared by all of them, never written. */
struct log {
    int fd;
    enum log_level level;
    enum log_format format;
};

enum {
    LOG_LINE_MAX = 4096,  /* bytes: what a pipe takes in one piece (PIPE_BUF); what does not fit is left out */
    LOG_VALUE_MAX = 1024, /* bytes of one text as written, escapes included; the rest of it is left out */
    /* Someone outside may cause the same event as often as he likes: of each event of each actor, so many lines in one
     * go (three sessions' worth of ports), and then one as often as this. The next line that is written says how many
     * were not. */
    LOG_BURST = 100,
    LOG_INTERVAL_MS = 1000,
    LOG_EVENTS_MAX = 32, /* events of one actor that are limited each for itself; what is more shares one limit */
};

/* How often an event was said. */
struct log_bucket {
    const char *event;   /* borrowed: static */
    uint64_t filled_ms;  /* when, on the monotonic clock, the whole burst may be said again */
    uint64_t suppressed; /* lines not written since the last one that was */
};

/* One actor's pen: belongs to its thread. */
struct logger {
    const struct log *log; /* borrowed */
    const char *actor;     /* the tag (actor_name); borrowed: static */
    struct log_bucket buckets[LOG_EVENTS_MAX];
    size_t bucket_count;
};

struct logger logger_of(const struct log *log, const char *actor);
/* Says what was suppressed and no later line has told of. */
void logger_done(struct logger *logger);

/* ---- fields: keys are static, plain words; texts are borrowed until the line is written ---- */

struct log_field {
    enum { LOG_FIELD_END, LOG_FIELD_ABSENT, LOG_FIELD_TEXT, LOG_FIELD_UNSIGNED, LOG_FIELD_SIGNED, LOG_FIELD_BOOL } kind;
    const char *key;
    union {
        struct span text; /* any bytes */
        uint64_t number;
        int64_t signed_number;
        bool flag;
    };
};

static inline struct log_field log_span(const char *key, struct span text)
{
    return (struct log_field){.kind = LOG_FIELD_TEXT, .key = key, .text = text};
}

/* NULL: no field. */
static inline struct log_field log_text(const char *key, const char *text)
{
    return text != NULL ? log_span(key, span_of_string(text)) : (struct log_field){.kind = LOG_FIELD_ABSENT};
}

static inline struct log_field log_number(const char *key, uint64_t number)
{
    return (struct log_field){.kind = LOG_FIELD_UNSIGNED, .key = key, .number = number};
}

static inline struct log_field log_signed(const char *key, int64_t number)
{
    return (struct log_field){.kind = LOG_FIELD_SIGNED, .key = key, .signed_number = number};
}

static inline struct log_field log_flag(const char *key, bool flag)
{
    return (struct log_field){.kind = LOG_FIELD_BOOL, .key = key, .flag = flag};
}

/* NULL, or none: no field. */
static inline struct log_field log_session(const struct session_id *session)
{
    return log_text("session", session == NULL || session_id_is_none(session) ? NULL : session->text);
}

/* None: no field. */
static inline struct log_field log_binding(struct bind_id binding)
{
    return binding.value != 0 ? log_number("binding", binding.value) : (struct log_field){.kind = LOG_FIELD_ABSENT};
}

/* None: no field. */
static inline struct log_field log_connection(struct connection_id connection)
{
    return connection.value != 0 ? log_number("connection", connection.value)
                                 : (struct log_field){.kind = LOG_FIELD_ABSENT};
}

static inline struct log_field log_peer(const char *peer)
{
    return log_text("peer", peer);
}

static inline struct log_field log_port(uint16_t port)
{
    return log_number("port", port);
}

static inline struct log_field log_reason(const char *reason)
{
    return log_text("reason", reason);
}

/* ---- lines: log_info(&self->log, "session-parked", log_session(&id), log_number("bindings", count)) ---- */

/* `event` is static and short. One field at least. */
#define log_error(logger, event, ...) log_line(logger, LOG_LEVEL_ERROR, false, event, LOG_FIELDS(__VA_ARGS__))
#define log_warn(logger, event, ...)  log_line(logger, LOG_LEVEL_WARN, true, event, LOG_FIELDS(__VA_ARGS__))
#define log_info(logger, event, ...)  log_line(logger, LOG_LEVEL_INFO, true, event, LOG_FIELDS(__VA_ARGS__))
#define log_debug(logger, event, ...) log_line(logger, LOG_LEVEL_DEBUG, true, event, LOG_FIELDS(__VA_ARGS__))
/* Of info, and never suppressed: each one was asked for. */
#define log_access(logger, event, ...) log_line(logger, LOG_LEVEL_INFO, false, event, LOG_FIELDS(__VA_ARGS__))

/* ---- what the macros stand on ---- */

/* clang-format off */
#define LOG_FIELDS(...) (const struct log_field[]){__VA_ARGS__, {.kind = LOG_FIELD_END}}
/* clang-format on */

/* errno is left alone. */
void log_line(struct logger *logger, enum log_level level, bool is_limited, const char *event,
              const struct log_field *fields);
/* The same with time as an argument: for the line, and for the limit. */
void log_line_at(struct logger *logger, enum log_level level, bool is_limited, const char *event,
                 const struct log_field *fields, const struct timespec *utc, uint64_t now_ms);

#endif
