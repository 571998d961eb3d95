#include "pull.h"

#include <arpa/inet.h>

static bool host_is_address(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

enum exit_status pull_run(const struct options *options)
{
    struct tunnel tunnel;
    struct tcp_target target;
    if (!host_is_address(options->host)) {
        tunnel_note("--host must be a loopback address, such as 127.0.0.1 or ::1, not '%s'", options->host);
        return EXIT_USAGE;
    }
    if (!tunnel_init(&tunnel, options))
        return tunnel.status;
    tcp_target_init(&target, tunnel.loop, &tunnel.target, options->connect_timeout_ms);
    tunnel.wish.target = &target;
    tunnel.wish.host = options->host;
    /* Whether it is up is not asked: a raw service takes notice of every connection, some take only one. */
    tunnel_connect(&tunnel);
    tunnel_run(&tunnel);
    tunnel_done(&tunnel);
    return tunnel.status;
}
