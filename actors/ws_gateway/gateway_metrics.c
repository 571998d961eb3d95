#include "gateway_metrics.h"

#include <stdio.h>

#include "driver_connection.h"
#include "metric_labels.h"
#include "metric_report.h"
#include "tunnel_frame.h"
#include "tunnel_session.h"

enum { LABELS_MAX = 128 };

#define TO_DRIVER  "to_driver"
#define TO_VISITOR "to_visitor"

static void add_by(struct metric_report *report, enum metric metric, const char *name, const char *value,
                   const char *other_name, const char *other_value, uint64_t count)
{
    char labels[LABELS_MAX] = "";
    if (metric_labels_add(labels, sizeof labels, name, value) &&
        (!other_name || metric_labels_add(labels, sizeof labels, other_name, other_value)))
        metric_report_add(report, metric, labels, (double)count);
}

/* The codes that end a driver's connection (protocol section 2). */
static const enum error_code driver_faults[] = {CODE_PROTOCOL_ERROR, CODE_FLOW_CONTROL, CODE_FRAME_SIZE};

static void add_codes(struct metric_report *report, const struct gateway_counts *counts)
{
    for (unsigned code = 0; code < GATEWAY_RESET_CODES; code++) {
        const char *text = error_code_text(code);
        add_by(report, METRIC_streams_reset_total, "code", text, "by", "kit", counts->resets_sent[code]);
        add_by(report, METRIC_streams_reset_total, "code", text, "by", "driver", counts->resets_received[code]);
    }
    for (size_t i = 0; i < sizeof driver_faults / sizeof *driver_faults; i++)
        add_by(report, METRIC_protocol_errors_total, "code", error_code_text(driver_faults[i]), NULL, NULL,
               counts->driver_errors[driver_faults[i]]);
}

static void add_traffic(struct metric_report *report, const struct gateway_counts *counts)
{
    for (enum bind_mode mode = 0; mode < BIND_MODE_OTHER; mode++) {
        const struct gateway_traffic *traffic = &counts->traffic[mode];
        const char *name = bind_mode_name(mode);
        add_by(report, METRIC_stream_bytes_total, "direction", TO_DRIVER, "mode", name, traffic->bytes_to_drivers);
        add_by(report, METRIC_stream_bytes_total, "direction", TO_VISITOR, "mode", name, traffic->bytes_to_visitors);
        add_by(report, METRIC_stream_frames_total, "direction", TO_DRIVER, "mode", name, traffic->frames_to_drivers);
        add_by(report, METRIC_stream_frames_total, "direction", TO_VISITOR, "mode", name, traffic->frames_to_visitors);
    }
}

/* What is in flight now. */
struct held {
    uint64_t to_driver_bytes;
    uint64_t to_visitor_bytes;
    uint64_t stream_blocked_ms; /* of those that are blocked still */
    uint64_t session_blocked_ms;
};

static uint64_t since(uint64_t begun_ms, uint64_t now_ms)
{
    return begun_ms != 0 ? now_ms - begun_ms : 0;
}

static void add_held(const struct tunnel_session *session, uint64_t now_ms, struct held *held)
{
    const struct stream *stream;
    held->session_blocked_ms += since(session->blocked_since_ms, now_ms);
    TAILQ_FOREACH(stream, &session->all, session_link)
    {
        held->to_driver_bytes += stream_waiting(stream);
        held->to_visitor_bytes += stream->received - stream->consumed;
        held->stream_blocked_ms += since(stream->blocked_since_ms, now_ms);
    }
}

static void add_flow(struct metric_report *report, struct gateway *gateway)
{
    const struct gateway_counts *counts = &gateway->counts;
    struct held held = {0};
    uint64_t now_ms = monotonic_ms();
    for (const struct driver_connection *driver = zhashx_first(gateway->drivers); driver;
         driver = zhashx_next(gateway->drivers))
        if (driver->session && driver->session->primary == driver)
            add_held(driver->session, now_ms, &held);
    add_by(report, METRIC_buffered_bytes, "direction", TO_DRIVER, NULL, NULL, held.to_driver_bytes);
    add_by(report, METRIC_buffered_bytes, "direction", TO_VISITOR, NULL, NULL, held.to_visitor_bytes);
    metric_report_add(report, METRIC_blocked_seconds_total, "window=\"stream\"",
                      (double)(counts->stream_blocked_ms + held.stream_blocked_ms) / 1000);
    metric_report_add(report, METRIC_blocked_seconds_total, "window=\"session\"",
                      (double)(counts->session_blocked_ms + held.session_blocked_ms) / 1000);
}

static unsigned count_sessions(struct gateway *gateway)
{
    unsigned count = 0;
    for (const struct driver_connection *driver = zhashx_first(gateway->drivers); driver;
         driver = zhashx_next(gateway->drivers))
        count += driver->session && driver->session->primary == driver;
    return count;
}

static void add_shard(struct metric_report *report, struct gateway *gateway, uint64_t asked_ms)
{
    char labels[LABELS_MAX];
    (void)snprintf(labels, sizeof labels, "shard=\"%u\"", (unsigned)gateway->shard);
    metric_report_add(report, METRIC_shard_sessions, labels, count_sessions(gateway));
    metric_report_add(report, METRIC_event_loop_lag_seconds, labels, (double)(monotonic_ms() - asked_ms) / 1000);
}

static void add_refusals(struct metric_report *report, const struct gateway_counts *counts)
{
    static const char *const refusals[STREAM_REFUSAL_COUNT] = {
        [STREAM_TOO_MANY] = "max_streams",          [STREAM_SESSION_ENDING] = "session_ending",
        [STREAM_DRIVER_STALLED] = "driver_stalled", [STREAM_NO_MEMORY] = "no_memory",
        [STREAM_DRIVER_AWAY] = "driver_away",       [STREAM_NO_DESCRIPTOR] = "no_descriptor",
        [STREAM_BAD_REQUEST] = "bad_request",       [STREAM_HEAD_TOO_LARGE] = "head_too_large",
        [STREAM_HEAD_TOO_SLOW] = "head_too_slow",
    };
    static const char *const drops[DRIVER_DROP_COUNT] = {
        [DROP_PRE_AUTH_CAP] = "pre_auth_cap",
        [DROP_HELLO_TIMEOUT] = "hello_timeout",
        [DROP_BAD_FIRST_MESSAGE] = "bad_first_message",
        [DROP_NO_DESCRIPTOR] = "no_descriptor",
    };
    static const char *const base_refusals[BASE_REFUSAL_COUNT] = {
        [BASE_UNTRUSTED_SOURCE] = "untrusted_source",
        [BASE_TOO_MANY] = "too_many_connections",
        [BASE_HOST] = "host",
        [BASE_ORIGIN] = "origin",
        [BASE_BAD_HANDSHAKE] = "bad_handshake",
        [BASE_DRAINING] = "draining",
        [BASE_TLS] = "tls",
    };
    uint64_t dropped = 0;
    for (int i = 0; i < STREAM_REFUSAL_COUNT; i++)
        add_by(report, METRIC_streams_refused_total, "reason", refusals[i], NULL, NULL, counts->streams_refused[i]);
    for (int i = 0; i < BASE_REFUSAL_COUNT; i++)
        add_by(report, METRIC_base_refused_total, "reason", base_refusals[i], NULL, NULL, counts->base_refused[i]);
    for (int i = 0; i < DRIVER_DROP_COUNT; i++) {
        dropped += counts->handshakes_dropped[i];
        add_by(report, METRIC_handshakes_dropped_total, "reason", drops[i], NULL, NULL, counts->handshakes_dropped[i]);
    }
    add_by(report, METRIC_handshakes_total, "result", "dropped", NULL, NULL, dropped);
}

static void add_answers(struct metric_report *report, const struct gateway_counts *counts)
{
    static const char *const classes[GATEWAY_ANSWER_CLASSES] = {"0xx", "1xx", "2xx", "3xx", "4xx", "5xx"};
    for (unsigned class = 1; class < GATEWAY_ANSWER_CLASSES; class ++)
        add_by(report, METRIC_http_answers_total, "class", classes[class], NULL, NULL, counts->answers[class]);
}

void gateway_metrics_report(struct gateway *gateway, const struct message_report_metrics *report)
{
    const struct gateway_counts *counts = &gateway->counts;
    struct metric_report samples = {0};
    /* Of all shards together it is what is left: only shard 0 has a limit, the others' part is what they use of it. */
    const struct allowance *permits = &gateway->allowances[LIMIT_FD_PERMITS];
    metric_report_add(&samples, METRIC_fd_permits_available, "", (double)permits->limit - (double)permits->used);
    metric_report_add(&samples, METRIC_streams_active, "", (double)counts->streams_active);
    metric_report_add(&samples, METRIC_streams_opened_total, "", (double)counts->streams_opened);
    add_traffic(&samples, counts);
    add_refusals(&samples, counts);
    add_flow(&samples, gateway);
    add_shard(&samples, gateway, report->asked_ms);
    metric_report_add(&samples, METRIC_connections_shed_total, "", (double)counts->connections_shed);
    metric_report_add(&samples, METRIC_stalled_buffer_bytes, "",
                      (double)gateway->allowances[LIMIT_BUFFERED_BYTES].used);
    metric_report_add(&samples, METRIC_stalled_resets_total, "", (double)counts->stalled_resets);
    metric_report_add(&samples, METRIC_window_growth_bytes, "", (double)gateway->window_budget.used);
    metric_report_add(&samples, METRIC_window_growth_bytes_total, "", (double)counts->window_growth);
    add_codes(&samples, counts);
    add_answers(&samples, counts);
    histogram_report(&counts->duration, METRIC_request_duration_seconds, &samples);
    histogram_report(&counts->first_byte, METRIC_request_first_byte_seconds, &samples);
    metric_report_add_mailbox(&samples, gateway->mailbox, ACTOR_ws_gateway);
    metric_report_send(&samples, gateway->mailbox, ACTOR_ws_gateway, gateway->shard, report->ref);
}
