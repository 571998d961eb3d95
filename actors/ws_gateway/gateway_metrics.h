/* The gateway's numbers for a scrape. */
#ifndef HOODY_ACTORS_GATEWAY_METRICS_H
#define HOODY_ACTORS_GATEWAY_METRICS_H

#include "gateway.h"
#include "message.h"

void gateway_metrics_report(struct gateway *gateway, const struct message_report_metrics *report);

#endif
