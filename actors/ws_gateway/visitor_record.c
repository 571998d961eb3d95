#include "visitor_record.h"

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "check.h"
#include "visitor.h"

void visitor_record_arrive(struct visitor *visitor)
{
    if (visitor->record.came_ms == 0)
        visitor->record.came_ms = monotonic_ms();
}

/* NULL: no access log. */
static struct visitor_line *line_of(struct visitor *visitor)
{
    struct visitor_record *record = &visitor->record;
    if (!record->line && visitor->gateway->options->access_log) {
        record->line = calloc(1, sizeof *record->line);
        check(record->line); /* every request has its line */
    }
    return record->line;
}

static void begin_line(struct visitor_line *line, const struct binding *binding, const struct http_head *head)
{
    *line = (struct visitor_line){
        .reason = line->reason,
        .session = binding->session,
        .binding = binding_id(binding),
        .method = "-",
    };
    if (!head)
        return;
    size_t shown = head->method.length < METHOD_SHOWN_MAX ? head->method.length : METHOD_SHOWN_MAX;
    memcpy(line->method, head->method.data, shown);
    line->method[shown] = '\0';
    line->target = strndup((const char *)head->target.data,
                           head->target.length < LOG_VALUE_MAX ? head->target.length : LOG_VALUE_MAX + 1);
}

void visitor_record_begin(struct visitor *visitor, const struct http_head *head)
{
    struct visitor_line *line = line_of(visitor);
    visitor_record_arrive(visitor);
    visitor->record.is_open = true;
    visitor->record.has_head = head;
    if (line)
        begin_line(line, visitor->binding, head);
}

void visitor_record_answered(struct visitor *visitor)
{
    struct visitor_record *record = &visitor->record;
    struct gateway_counts *counts = &visitor->gateway->counts;
    unsigned class = visitor->answer.status / 100;
    if (class < GATEWAY_ANSWER_CLASSES)
        counts->answers[class]++;
    if (!record->is_open)
        return;
    record->answered_ms = monotonic_ms();
    if (record->line)
        record->line->status = visitor->answer.status;
    if (record->has_head)
        histogram_observe(&counts->first_byte, record->answered_ms - record->came_ms);
}

void visitor_record_received(struct visitor *visitor, size_t bytes)
{
    if (visitor->record.line)
        visitor->record.line->received_bytes += bytes;
}

void visitor_record_sent(struct visitor *visitor, size_t bytes)
{
    if (visitor->record.line)
        visitor->record.line->sent_bytes += bytes;
}

void visitor_record_because(struct visitor *visitor, const char *reason)
{
    struct visitor_line *line = line_of(visitor);
    if (line && !line->reason)
        line->reason = strdup(reason);
}

static void write_line(struct visitor *visitor, uint64_t total_ms)
{
    const struct visitor_record *record = &visitor->record;
    const struct visitor_line *line = record->line;
    uint64_t first_byte_ms = record->answered_ms ? record->answered_ms - record->came_ms : total_ms;
    log_access(&visitor->gateway->log, "request", log_session(&line->session), log_binding(line->binding),
               log_port(visitor->binding->port), log_peer(visitor->peer), log_text("method", line->method),
               log_text("target", line->target), log_number("status", line->status),
               log_number("received", line->received_bytes), log_number("sent", line->sent_bytes),
               log_number("first_byte_ms", first_byte_ms), log_number("total_ms", total_ms),
               log_reason(line->reason ? line->reason : "complete"));
}

static void forget_line(struct visitor_line *line)
{
    if (!line)
        return;
    free(line->target);
    free(line->reason);
    free(line);
}

void visitor_record_end(struct visitor *visitor)
{
    struct visitor_record *record = &visitor->record;
    if (record->is_open) {
        uint64_t total_ms = monotonic_ms() - record->came_ms;
        /* How long a WebSocket stays open says nothing of the service. */
        if (record->has_head && visitor->answer.framing != ANSWER_RAW)
            histogram_observe(&visitor->gateway->counts.duration, total_ms);
        if (record->line)
            write_line(visitor, total_ms);
    }
    forget_line(record->line);
    *record = (struct visitor_record){0};
}

void visitor_record_unheard(const struct binding *binding, const char *peer, unsigned status, size_t sent_bytes,
                            const char *reason)
{
    if (!binding->gateway->options->access_log)
        return;
    log_access(&binding->gateway->log, "request", log_session(&binding->session), log_binding(binding_id(binding)),
               log_port(binding->port), log_peer(peer), log_text("method", "-"), log_number("status", status),
               log_number("received", 0), log_number("sent", sent_bytes), log_number("first_byte_ms", 0),
               log_number("total_ms", 0), log_reason(reason));
}
