#include "metric_report.h"

#include <stdio.h>

void metric_report_add_part(struct metric_report *report, enum metric metric, enum metric_part part, const char *labels,
                            double value)
{
    if (!message_pack(MESSAGE_OF(metric_row, .metric = metric, .part = part, .labels = labels, .value = value),
                      &report->samples))
        report->is_cut = true;
}

void metric_report_add(struct metric_report *report, enum metric metric, const char *labels, double value)
{
    metric_report_add_part(report, metric, METRIC_PART_value, labels, value);
}

void metric_report_add_mailbox(struct metric_report *report, const struct mailbox *mailbox, enum actor actor)
{
    char labels[64];
    snprintf(labels, sizeof labels, "actor=\"%s\"", actor_name(actor));
    struct mailbox_counts counts = mailbox_counts(mailbox);
    metric_report_add(report, METRIC_mailbox_messages_total, labels, (double)counts.received);
    metric_report_add(report, METRIC_mailbox_refused_total, labels, (double)counts.refused);
    metric_report_add(report, METRIC_mailbox_lost_total, labels, (double)counts.lost);
}

void metric_report_send(struct metric_report *report, struct mailbox *mailbox, enum actor actor, uint32_t shard,
                        uint64_t ref)
{
    struct span samples = report->is_cut ? (struct span){0} : message_buffer_span(&report->samples);
    mailbox_send(mailbox, MESSAGE_OF(metrics_reported, .ref = ref, .actor = actor, .shard = shard, .samples = samples));
    message_buffer_done(&report->samples);
    *report = (struct metric_report){0};
}
