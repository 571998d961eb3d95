/* The driver's TARGET and URL: any text; what is accepted is written and read again to the same. */
#include "fuzz_input.h"

#include "check.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>

static bool same_place(const struct host_port *a, const struct host_port *b)
{
    return strcmp(a->host, b->host) == 0 && a->port == b->port;
}

static void check_target(const char *text)
{
    struct host_port target, again;
    char written[HOST_PORT_BYTES];
    const char *why = NULL;
    if (!target_parse(text, &target, &why)) {
        check(why != NULL && strlen(why) > 0);
        return;
    }
    check(strlen(target.host) > 0 && target.port > 0);
    host_port_format(&target, written);
    check(target_parse(written, &again, &why) && same_place(&target, &again));
}

static void check_url(const char *text)
{
    struct server_url url, again;
    char where[HOST_PORT_BYTES], written[HOST_PORT_BYTES + SERVER_PATH_BYTES + 8];
    const char *why = NULL;
    if (!server_url_parse(text, &url, &why)) {
        check(why != NULL && strlen(why) > 0);
        return;
    }
    check(strlen(url.where.host) > 0 && url.where.port > 0 && url.path[0] == '/');
    /* It stands in a request line. */
    for (const char *at = url.path; *at != '\0'; at++)
        check(*at > 0x20 && *at < 0x7F);
    host_port_format_authority(&url.where, url.is_tls ? 443 : 80, where);
    (void)snprintf(written, sizeof written, "%s://%s%s", url.is_tls ? "wss" : "ws", where, url.path);
    check(server_url_parse(written, &again, &why) && same_place(&url.where, &again.where));
    check(url.is_tls == again.is_tls && strcmp(url.path, again.path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(span_of(data, size));
    check_target(text);
    check_url(text);
    free(text);
    return 0;
}
