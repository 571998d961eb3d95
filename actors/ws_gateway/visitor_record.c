#include "visitor_record.h"

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "visitor.h"

void visitor_record_arrive(struct visitor *visitor)
{
    if (visitor->record.came_ms == 0)
        visitor->record.came_ms = monotonic_ms();
}

void visitor_record_begin(struct visitor *visitor, const struct http_head *head)
{
    visitor_record_arrive(visitor);
    visitor->record = (struct visitor_record){
        .came_ms = visitor->record.came_ms,
        .reason = visitor->record.reason,
        .is_open = true,
        .has_head = head,
        .session = visitor->binding->session,
        .binding = binding_id(visitor->binding),
        .method = "-",
    };
    if (!head || !visitor->gateway->options->access_log)
        return;
    struct visitor_record *record = &visitor->record;
    size_t shown = head->method.length < METHOD_SHOWN_MAX ? head->method.length : METHOD_SHOWN_MAX;
    memcpy(record->method, head->method.data, shown);
    record->method[shown] = '\0';
    record->target = strndup((const char *)head->target.data,
                             head->target.length < LOG_VALUE_MAX ? head->target.length : LOG_VALUE_MAX + 1);
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
    record->status = visitor->answer.status;
    record->answered_ms = monotonic_ms();
    if (record->has_head)
        histogram_observe(&counts->first_byte, record->answered_ms - record->came_ms);
}

void visitor_record_because(struct visitor *visitor, const char *reason)
{
    if (!visitor->record.reason && visitor->gateway->options->access_log)
        visitor->record.reason = strdup(reason);
}

static void write_line(struct visitor *visitor, uint64_t total_ms)
{
    const struct visitor_record *record = &visitor->record;
    uint64_t first_byte_ms = record->answered_ms ? record->answered_ms - record->came_ms : total_ms;
    log_access(&visitor->gateway->log, "request", log_session(&record->session), log_binding(record->binding),
               log_port(visitor->binding->port), log_peer(visitor->peer), log_text("method", record->method),
               log_text("target", record->target), log_number("status", record->status),
               log_number("received", record->received_bytes), log_number("sent", record->sent_bytes),
               log_number("first_byte_ms", first_byte_ms), log_number("total_ms", total_ms),
               log_reason(record->reason ? record->reason : "complete"));
}

void visitor_record_end(struct visitor *visitor)
{
    struct visitor_record *record = &visitor->record;
    if (record->is_open) {
        uint64_t total_ms = monotonic_ms() - record->came_ms;
        /* How long a WebSocket stays open says nothing of the service. */
        if (record->has_head && visitor->answer.framing != ANSWER_RAW)
            histogram_observe(&visitor->gateway->counts.duration, total_ms);
        if (visitor->gateway->options->access_log)
            write_line(visitor, total_ms);
    }
    free(record->target);
    free(record->reason);
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
