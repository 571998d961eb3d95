#include "inspect.h"

#include "check.h"
#include "inspect_server.h"
#include "recorder.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct inspect {
    struct inspect_api api;
    struct inspect_feed *feed;
    struct inspect_server *server;
    struct recorder *recorder;
    struct host_port listening;
    char url[INSPECT_URL_BYTES];
};

static void on_store_changed(void *owner)
{
    struct inspect *inspect = owner;
    if (inspect->feed != NULL)
        inspect_feed_stir(inspect->feed);
}

struct inspect *inspect_new(struct loop *loop, const struct host_port *where, bool shows_secrets)
{
    struct inspect *inspect = calloc(1, sizeof *inspect);
    char authority[HOST_PORT_BYTES];
    check(inspect != NULL);
    inspect->api.store = inspect_store_new(on_store_changed, inspect);
    inspect->api.view = (struct inspect_view){.store = inspect->api.store, .shows_secrets = shows_secrets};
    inspect->api.replayer = replayer_new(loop, inspect->api.store);
    inspect->feed = inspect_feed_new(loop, &inspect->api.view);
    inspect->recorder = recorder_new(inspect->api.store);
    inspect->server = inspect_server_new(loop, where, &inspect->api, inspect->feed, &inspect->listening);
    if (inspect->server == NULL) {
        int error = errno;
        inspect_destroy(&inspect);
        errno = error;
        return NULL;
    }
    inspect_guard_init(&inspect->api.guard, &inspect->listening);
    host_port_format(&inspect->listening, authority);
    snprintf(inspect->url, sizeof inspect->url, "http://%s", authority);
    return inspect;
}

void inspect_destroy(struct inspect **p_inspect)
{
    struct inspect *inspect = *p_inspect;
    *p_inspect = NULL;
    if (inspect == NULL)
        return;
    inspect_server_destroy(&inspect->server);
    replayer_destroy(&inspect->api.replayer);
    recorder_destroy(&inspect->recorder);
    inspect_feed_destroy(&inspect->feed);
    inspect_store_destroy(&inspect->api.store);
    free(inspect);
}

const char *inspect_url(const struct inspect *inspect)
{
    return inspect->url;
}

bool inspect_is_at(const struct inspect *inspect, const struct host_port *target)
{
    bool is_of_all = strcmp(target->host, "0.0.0.0") == 0 || strcmp(target->host, "::") == 0;
    return target->port == inspect->listening.port &&
           (is_of_all || strcasecmp(target->host, "localhost") == 0 || host_is_loopback(target->host));
}

void inspect_add_tunnel(struct inspect *inspect, size_t tunnel, const char *name, struct local_service *service)
{
    recorder_name_tunnel(inspect->recorder, tunnel, name, service);
}

struct exchange_observer inspect_observer(struct inspect *inspect)
{
    return recorder_observer(inspect->recorder);
}
