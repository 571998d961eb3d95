#include "gateway_metrics.h"

#include "metric_labels.h"
#include "metric_report.h"
#include "tunnel_frame.h"

enum { LABELS_MAX = 128 };

static void add_by(struct metric_report *report, enum metric metric, const char *name, const char *value,
                   const char *other_name, const char *other_value, uint64_t count)
{
    char labels[LABELS_MAX] = "";
    if (metric_labels_add(labels, sizeof labels, name, value) &&
        (!other_name || metric_labels_add(labels, sizeof labels, other_name, other_value)))
        metric_report_add(report, metric, labels, (double)count);
}

static void add_resets(struct metric_report *report, const struct gateway_counts *counts)
{
    for (unsigned code = 0; code < GATEWAY_RESET_CODES; code++) {
        const char *text = error_code_text(code);
        if (counts->resets_sent[code] > 0)
            add_by(report, METRIC_streams_reset_total, "code", text, "by", "kit", counts->resets_sent[code]);
        if (counts->resets_received[code] > 0)
            add_by(report, METRIC_streams_reset_total, "code", text, "by", "driver", counts->resets_received[code]);
        if (counts->driver_errors[code] > 0)
            add_by(report, METRIC_protocol_errors_total, "code", text, NULL, NULL, counts->driver_errors[code]);
    }
}

static void add_traffic(struct metric_report *report, const struct gateway_counts *counts)
{
    add_by(report, METRIC_stream_bytes_total, "direction", "to_driver", "mode", "expose", counts->bytes_to_drivers);
    add_by(report, METRIC_stream_bytes_total, "direction", "to_visitor", "mode", "expose", counts->bytes_to_visitors);
    add_by(report, METRIC_stream_frames_total, "direction", "to_driver", "mode", "expose", counts->frames_to_drivers);
    add_by(report, METRIC_stream_frames_total, "direction", "to_visitor", "mode", "expose", counts->frames_to_visitors);
}

static void add_refusals(struct metric_report *report, const struct gateway_counts *counts)
{
    static const char *const refusals[STREAM_REFUSAL_COUNT] = {
        [STREAM_TOO_MANY] = "max_streams",
        [STREAM_SESSION_ENDING] = "session_ending",
        [STREAM_DRIVER_STALLED] = "driver_stalled",
        [STREAM_NO_MEMORY] = "no_memory",
    };
    static const char *const drops[DRIVER_DROP_COUNT] = {
        [DROP_PRE_AUTH_CAP] = "pre_auth_cap",
        [DROP_HELLO_TIMEOUT] = "hello_timeout",
        [DROP_BAD_FIRST_MESSAGE] = "bad_first_message",
        [DROP_NO_DESCRIPTOR] = "no_descriptor",
    };
    for (int i = 0; i < STREAM_REFUSAL_COUNT; i++)
        add_by(report, METRIC_streams_refused_total, "reason", refusals[i], NULL, NULL, counts->streams_refused[i]);
    for (int i = 0; i < DRIVER_DROP_COUNT; i++)
        add_by(report, METRIC_handshakes_dropped_total, "reason", drops[i], NULL, NULL, counts->handshakes_dropped[i]);
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
    metric_report_add(&samples, METRIC_fd_permits_available, "",
                      gateway->fd_permits > 0 ? (double)gateway->fd_permits : 0);
    metric_report_add(&samples, METRIC_streams_active, "", (double)counts->streams_active);
    metric_report_add(&samples, METRIC_streams_opened_total, "", (double)counts->streams_opened);
    add_traffic(&samples, counts);
    add_refusals(&samples, counts);
    metric_report_add(&samples, METRIC_blocked_seconds_total, "", (double)counts->blocked_ms / 1000);
    metric_report_add(&samples, METRIC_event_loop_lag_seconds, "", (double)(monotonic_ms() - report->asked_ms) / 1000);
    metric_report_add(&samples, METRIC_connections_shed_total, "", (double)counts->connections_shed);
    metric_report_add(&samples, METRIC_stalled_buffer_bytes, "", (double)gateway->budgeted_bytes);
    metric_report_add(&samples, METRIC_stalled_resets_total, "", (double)counts->stalled_resets);
    add_resets(&samples, counts);
    add_answers(&samples, counts);
    histogram_report(&counts->duration, METRIC_request_duration_seconds, &samples);
    histogram_report(&counts->first_byte, METRIC_request_first_byte_seconds, &samples);
    metric_report_add_mailbox(&samples, gateway->mailbox, ACTOR_ws_gateway);
    metric_report_send(&samples, gateway->mailbox, ACTOR_ws_gateway, gateway->shard, report->ref);
}
