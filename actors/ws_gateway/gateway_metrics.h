/* The gateway's numbers for a scrape. */
#ifndef HOODY_TUNNEL_GATEWAY_METRICS_H
#define HOODY_TUNNEL_GATEWAY_METRICS_H

#include "gateway.h"
#include "message.h"

void gateway_metrics_report(struct gateway *gateway, const struct message_report_metrics *report);

#endif
