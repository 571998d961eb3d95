/* An actor's answer to report_metrics: samples are added one by one, then sent together. */
#ifndef HOODY_ACTORS_METRIC_REPORT_H
#define HOODY_ACTORS_METRIC_REPORT_H

#include "mailbox.h"
#include "metric_ids.h"

/* Zero-initialised is empty. */
struct metric_report {
    struct message_buffer samples;
    bool is_cut; /* out of memory: samples are missing, so none is sent */
};

/* labels: `kind="http",mode="expose"`, "": none. */
void metric_report_add(struct metric_report *report, enum metric metric, const char *labels, double value);
void metric_report_add_part(struct metric_report *report, enum metric metric, enum metric_part part, const char *labels,
                            double value);
/* What a mailbox counts of itself, labelled with its actor's name. */
void metric_report_add_mailbox(struct metric_report *report, const struct mailbox *mailbox, enum actor actor);
/* Answers the report_metrics of this ref, and empties the report. */
void metric_report_send(struct metric_report *report, struct mailbox *mailbox, enum actor actor, uint32_t shard,
                        uint64_t ref);

#endif
