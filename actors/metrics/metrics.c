/* metrics: the Prometheus text (protocol section 8).
 *
 * Owns    the catalogue (actors/metrics.def) and its text. It keeps no values: every scrape asks for fresh ones.
 * Hears   render_metrics, metrics_reported.
 * Says    report_metrics to each gateway shard, session-manager, binding-registry and admin-http; metrics_rendered.
 *
 * A round asks every reporter once. The scrapes heard in one burst share a round, and so do those that wait while
 * ROUNDS_MAX rounds run; nobody joins a running round, whose values may be older than the scrape: what an API call
 * changed before a scrape must show in it. A round ends when all have reported, or after ROUND_MS with what came. An
 * actor with several shards counts only when all of them reported: a sum that lacks a shard would look like a counter
 * that was reset. */
#include "metrics.h"

#include <math.h>

#include "actor.h"
#include "check.h"
#include "gateway_shards.h"
#include "metric_labels.h"
#include "metric_report.h"
#include "metrics/metric_table.h"
#include "metrics/process_metrics.h"
#include "process_facts.h"
#include "rows.h"

enum {
    ROUND_MS = 1000, /* less than admin-http waits */
    ROUNDS_MAX = 4,
    SCRAPES_MAX = 256, /* that wait for one round; admin-http has no more calls open */
    REPORTERS_MAX = SHARDS_MAX + 3,
};

struct reporter {
    enum actor actor;
    uint32_t shard;
};

/* Refs of render_metrics. */
struct scrapes {
    uint64_t refs[SCRAPES_MAX];
    size_t count;
};

struct round {
    uint64_t ref; /* of report_metrics; 0: not running */
    uint64_t deadline_ms;
    bool has_reported[REPORTERS_MAX];
    struct message_buffer samples[REPORTERS_MAX];
    struct scrapes scrapes; /* to be answered */
};

struct metrics {
    struct mailbox *mailbox; /* borrowed */
    struct logger log;
    struct reporter reporters[REPORTERS_MAX];
    size_t reporter_count;
    double start_seconds; /* of the process, since the epoch; NaN: not known */
    uint64_t last_ref;
    struct scrapes waiting; /* for a round to begin */
    struct round rounds[ROUNDS_MAX];
};

/* ---- the text ------------------------------------------------------------------------------------------------- */

static bool actor_has_reported(const struct metrics *self, const struct round *round, enum actor actor)
{
    for (size_t i = 0; i < self->reporter_count; i++)
        if (self->reporters[i].actor == actor && !round->has_reported[i])
            return false;
    return true;
}

static size_t count_missing(const struct metrics *self, const struct round *round)
{
    size_t missing = 0;
    for (size_t i = 0; i < self->reporter_count; i++)
        if (!round->has_reported[i])
            missing++;
    return missing;
}

static void add_reports(struct metrics *self, const struct round *round, struct metric_table *table)
{
    for (size_t i = 0; i < self->reporter_count; i++) {
        const struct reporter *reporter = &self->reporters[i];
        if (!actor_has_reported(self, round, reporter->actor))
            continue;
        size_t refused = metric_table_add_rows(table, message_buffer_span(&round->samples[i]));
        if (refused > 0)
            log_warn(&self->log, "samples-refused", log_text("of", actor_name(reporter->actor)),
                     log_number("shard", reporter->shard), log_number("samples", refused));
    }
}

static void add_own(const struct metrics *self, const struct round *round, struct metric_table *table)
{
    char labels[64] = "";
    check(metric_labels_add(labels, sizeof labels, "version", HOODY_VERSION));
    check(metric_table_add(table, METRIC_build_info, labels, 1));
    check(metric_table_add(table, METRIC_scrape_reports_missing, "", (double)count_missing(self, round)));

    struct metric_report report = {0};
    metric_report_add_mailbox(&report, self->mailbox, ACTOR_metrics);
    check(metric_table_add_rows(table, message_buffer_span(&report.samples)) == 0);
    message_buffer_done(&report.samples);
}

/* The caller frees ret_text. */
static void round_render(struct metrics *self, const struct round *round, char **ret_text, size_t *ret_length)
{
    struct metric_table *table = metric_table_new();
    add_reports(self, round, table);
    add_own(self, round, table);
    FILE *out = open_memstream(ret_text, ret_length);
    check(out != NULL);
    metric_table_write(table, out);
    process_metrics_write(self->start_seconds, out);
    check(fclose(out) == 0);
    metric_table_destroy(&table);
}

/* ---- rounds --------------------------------------------------------------------------------------------------- */

static struct round *round_find(struct metrics *self, uint64_t ref)
{
    for (size_t i = 0; i < ROUNDS_MAX; i++)
        if (self->rounds[i].ref == ref)
            return &self->rounds[i];
    return NULL;
}

static void round_begin(struct metrics *self, struct round *round, uint64_t now_ms)
{
    round->ref = ++self->last_ref;
    round->deadline_ms = now_ms + ROUND_MS;
    round->scrapes = self->waiting;
    self->waiting.count = 0;
    for (size_t i = 0; i < self->reporter_count; i++) /* one that cannot be asked is one that does not answer */
        mailbox_send_to(
            self->mailbox, self->reporters[i].actor, self->reporters[i].shard,
            MESSAGE_OF(report_metrics, .shard = self->reporters[i].shard, .ref = round->ref, .asked_ms = now_ms));
}

static void round_clear(struct round *round)
{
    for (size_t i = 0; i < REPORTERS_MAX; i++)
        message_buffer_done(&round->samples[i]);
    memset(round, 0, sizeof *round);
}

static void round_end(struct metrics *self, struct round *round)
{
    char *text = NULL;
    size_t length = 0;
    round_render(self, round, &text, &length);
    for (size_t i = 0; i < round->scrapes.count; i++)
        mailbox_send(self->mailbox,
                     MESSAGE_OF(metrics_rendered, .ref = round->scrapes.refs[i], .text = span_of(text, length)));
    free(text);
    round_clear(round);
}

/* ---- handlers ------------------------------------------------------------------------------------------------- */

static void on_render_metrics(struct metrics *self, const struct message *message)
{
    if (self->waiting.count == SCRAPES_MAX) {
        log_warn(&self->log, "scrape-dropped", log_number("ref", message->render_metrics.ref),
                 log_number("waiting", self->waiting.count));
        return;
    }
    self->waiting.refs[self->waiting.count++] = message->render_metrics.ref;
}

static void on_metrics_reported(struct metrics *self, const struct message *message)
{
    const struct message_metrics_reported *reported = &message->metrics_reported;
    struct round *round = reported->ref != 0 ? round_find(self, reported->ref) : NULL;
    if (round == NULL) {
        log_debug(&self->log, "late-report", log_number("ref", reported->ref),
                  log_text("of", actor_name((enum actor)reported->actor)), log_number("shard", reported->shard));
        return;
    }
    for (size_t i = 0; i < self->reporter_count; i++) {
        const struct reporter *reporter = &self->reporters[i];
        if (reporter->actor == reported->actor && reporter->shard == reported->shard && !round->has_reported[i])
            round->has_reported[i] = rows_append(&round->samples[i], reported->samples);
    }
    if (count_missing(self, round) == 0)
        round_end(self, round);
}

/* ---- timers --------------------------------------------------------------------------------------------------- */

static void end_due_rounds(struct metrics *self, uint64_t now_ms)
{
    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        struct round *round = &self->rounds[i];
        if (round->ref == 0 || round->deadline_ms > now_ms)
            continue;
        for (size_t reporter = 0; reporter < self->reporter_count; reporter++)
            if (!round->has_reported[reporter])
                log_warn(&self->log, "report-missing", log_text("of", actor_name(self->reporters[reporter].actor)),
                         log_number("shard", self->reporters[reporter].shard));
        round_end(self, round);
    }
}

static uint64_t on_time(void *context, uint64_t now_ms)
{
    struct metrics *self = context;
    end_due_rounds(self, now_ms);
    struct round *idle = round_find(self, 0);
    if (self->waiting.count > 0 && idle != NULL)
        round_begin(self, idle, now_ms);
    uint64_t wake_ms = UINT64_MAX;
    for (size_t i = 0; i < ROUNDS_MAX; i++)
        if (self->rounds[i].ref != 0 && self->rounds[i].deadline_ms < wake_ms)
            wake_ms = self->rounds[i].deadline_ms;
    return wake_ms;
}

/* ---- dispatch and entry --------------------------------------------------------------------------------------- */

typedef void handler(struct metrics *self, const struct message *message);

static handler *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_render_metrics] = on_render_metrics,
    [MESSAGE_metrics_reported] = on_metrics_reported,
};

static void on_message(void *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    if (handlers[message->type] != NULL)
        handlers[message->type](self, message);
}

static void metrics_destroy(void **p_self)
{
    struct metrics *self = *p_self;
    if (self == NULL)
        return;
    for (size_t i = 0; i < ROUNDS_MAX; i++)
        round_clear(&self->rounds[i]);
    logger_done(&self->log);
    free(self);
    *p_self = NULL;
}

static void *metrics_new(const struct options *options, struct mailbox *mailbox, const struct log *log)
{
    struct metrics *self = zmalloc(sizeof *self);
    self->mailbox = mailbox;
    self->log = logger_of(log, actor_name(ACTOR_metrics));
    for (uint32_t shard = 0; shard < gateway_shards(options); shard++)
        self->reporters[self->reporter_count++] = (struct reporter){ACTOR_ws_gateway, shard};
    self->reporters[self->reporter_count++] = (struct reporter){ACTOR_session_manager, 0};
    self->reporters[self->reporter_count++] = (struct reporter){ACTOR_binding_registry, 0};
    self->reporters[self->reporter_count++] = (struct reporter){ACTOR_admin_http, 0};
    struct timespec start;
    bool knows_start = process_start_time_read(&start);
    self->start_seconds = knows_start ? (double)start.tv_sec + (double)start.tv_nsec / 1e9 : (double)NAN;
    return self;
}

const struct actor_spec metrics_actor = {
    .actor = ACTOR_metrics,
    .new = metrics_new,
    .destroy = metrics_destroy,
    .on_message = on_message,
    .on_time = on_time,
};
