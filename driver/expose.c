#include "expose.h"

#include <string.h>
#include <unistd.h>

enum { PROBE_TIMEOUT_MS = 5000 };

struct expose {
    struct tunnel tunnel;
    struct local_service service;
    struct dial *probe; /* is the target up? before anything is published */
};

static void on_probed(void *owner, int fd, int error)
{
    struct expose *expose = owner;
    struct tunnel *tunnel = &expose->tunnel;
    dial_destroy(&expose->probe);
    if (fd < 0) {
        tunnel_note("the target %s %s: is the service running?", tunnel->target.name, dial_error_text(error));
        tunnel_stop(tunnel, EXIT_FAILED);
        return;
    }
    close(fd);
    tunnel_connect(tunnel);
}

static bool host_value_is_sane(const char *value)
{
    for (const char *c = value; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return *value != '\0';
}

static enum host_policy host_policy_of(const char *value)
{
    if (strcmp(value, "rewrite") == 0)
        return HOST_REWRITE;
    return strcmp(value, "preserve") == 0 ? HOST_PRESERVE : HOST_FIXED;
}

enum exit_status expose_run(const struct options *options)
{
    struct expose expose = {0};
    struct tunnel *tunnel = &expose.tunnel;
    if (!host_value_is_sane(options->host_header)) {
        tunnel_note("--host-header must be preserve, rewrite, or a Host such as example.com:8080");
        return EXIT_USAGE;
    }
    if (!tunnel_init(tunnel, options))
        return tunnel->status;
    local_service_init(&expose.service, tunnel->loop, &tunnel->target, host_policy_of(options->host_header),
                       options->host_header);
    tunnel->wish.service = &expose.service;
    tunnel->wish.takeover = options->takeover;
    expose.probe = dial_new(tunnel->loop, &tunnel->target, PROBE_TIMEOUT_MS, on_probed, &expose);
    tunnel_run(tunnel);
    dial_destroy(&expose.probe);
    persistent_session_destroy(&tunnel->session); /* before what it publishes */
    local_service_done(&expose.service);
    tunnel_done(tunnel);
    return tunnel->status;
}
