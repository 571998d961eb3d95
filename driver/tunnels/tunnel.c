#include "tunnel.h"

#include "tunnel_set.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROBE_TIMEOUT_MS = 5000 };

static enum host_policy host_policy_of(const char *value)
{
    if (strcmp(value, "rewrite") == 0)
        return HOST_REWRITE;
    return strcmp(value, "preserve") == 0 ? HOST_PRESERVE : HOST_FIXED;
}

bool tunnel_init(struct tunnel *ret_tunnel, struct tunnel_set *set, const struct tunnel_plan *plan)
{
    struct tunnel *tunnel = ret_tunnel;
    const struct exchange_place place = {.observers = &set->observers, .tunnel = tunnel_number(set, tunnel)};
    const char *why = NULL;
    *tunnel = (struct tunnel){
        .plan = plan,
        .set = set,
        .wish = {.port = plan->port, .label = plan->label},
    };
    if (!endpoint_resolve(&plan->target, &tunnel->target, &why)) {
        char text[TUNNEL_WHY_BYTES];
        snprintf(text, sizeof text, "the target %s is not known: %s", plan->target.host, why);
        report_ended(set->report, text, EXIT_FAILED);
        return false;
    }
    switch (plan->kind) {
    case TUNNEL_EXPOSE:
        local_service_init(&tunnel->service, set->loop, &tunnel->target, host_policy_of(plan->host_header),
                           plan->host_header);
        tunnel->service.place = place;
        tunnel->wish.service = &tunnel->service;
        tunnel->wish.takeover = plan->takeover;
        break;
    case TUNNEL_PULL:
        tcp_target_init(&tunnel->tcp, set->loop, &tunnel->target, plan->connect_timeout_ms);
        tunnel->tcp.place = place;
        tunnel->wish.target = &tunnel->tcp;
        tunnel->wish.host = plan->host;
        break;
    }
    const struct report_tunnel facts = {
        .is_raw = plan->kind == TUNNEL_PULL,
        .target = tunnel->target.name,
        .name = plan->name,
        .label = plan->label,
    };
    report_add_tunnel(set->report, &facts);
    return true;
}

void tunnel_done(struct tunnel *tunnel)
{
    dial_destroy(&tunnel->probe);
    if (tunnel->wish.service != NULL)
        local_service_done(&tunnel->service);
}

static void on_probed(void *owner, int fd, int error)
{
    struct tunnel *tunnel = owner;
    dial_destroy(&tunnel->probe);
    if (fd >= 0)
        close(fd);
    tunnel_set_probed(tunnel->set, tunnel, fd >= 0 ? 0 : error);
}

void tunnel_probe(struct tunnel *tunnel)
{
    if (tunnel->plan->kind == TUNNEL_EXPOSE)
        tunnel->probe = dial_new(tunnel->set->loop, &tunnel->target, PROBE_TIMEOUT_MS, on_probed, tunnel);
}
