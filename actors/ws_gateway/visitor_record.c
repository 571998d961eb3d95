#include "visitor_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "binding.h"
#include "driver_connection.h"
#include "tunnel_session.h"
#include "visitor.h"

enum { TARGET_SHOWN_MAX = 512 /* bytes of a target in the access log */ };

static char *describe_request(const struct http_head *head)
{
    int target_length = head->target.length < TARGET_SHOWN_MAX ? (int)head->target.length : TARGET_SHOWN_MAX;
    char *text = NULL;
    if (asprintf(&text, "%.*s %.*s", (int)head->method.length, (const char *)head->method.data, target_length,
                 (const char *)head->target.data) < 0)
        return NULL;
    return text;
}

void visitor_record_begin(struct visitor *visitor, const struct http_head *head)
{
    const struct tunnel_session *session = binding_session(visitor->binding);
    visitor->record = (struct visitor_record){.is_open = true, .began_ms = monotonic_ms()};
    if (session)
        visitor->record.session = session->id;
    if (visitor->gateway->options->access_log)
        visitor->record.request = describe_request(head);
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
    histogram_observe(&counts->first_byte, record->answered_ms - record->began_ms);
}

void visitor_record_because(struct visitor *visitor, const char *reason)
{
    if (!visitor->record.reason)
        visitor->record.reason = reason;
}

static void write_line(const struct visitor *visitor, uint64_t total_ms)
{
    const struct visitor_record *record = &visitor->record;
    uint64_t first_byte_ms = record->answered_ms ? record->answered_ms - record->began_ms : total_ms;
    GATEWAY_LOG(visitor->gateway, LOG_LEVEL_INFO, "request",
                "session=%s bind=%u peer=%s request=\"%s\" status=%u received=%" PRIu64 " sent=%" PRIu64
                " first_byte_ms=%" PRIu64 " total_ms=%" PRIu64 " ended=\"%s\"",
                record->session.text, (unsigned)visitor->binding->id, visitor->peer, record->request,
                visitor->answer.status, record->received_bytes, record->sent_bytes, first_byte_ms, total_ms,
                record->reason ? record->reason : "complete");
}

void visitor_record_end(struct visitor *visitor)
{
    struct visitor_record *record = &visitor->record;
    if (!record->is_open)
        return;
    uint64_t total_ms = monotonic_ms() - record->began_ms;
    if (visitor->answer.framing != ANSWER_RAW) /* how long a WebSocket stays open says nothing of the service */
        histogram_observe(&visitor->gateway->counts.duration, total_ms);
    if (record->request)
        write_line(visitor, total_ms);
    free(record->request);
    *record = (struct visitor_record){0};
}
