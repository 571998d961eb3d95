#include "local_service.h"

enum { HTTP_PORT = 80, PATIENCE_MARGIN_S = 1 /* close before the service does */ };

void local_service_init(struct local_service *service, struct loop *loop, const struct endpoint *endpoint,
                        enum host_policy host_policy, const char *fixed_host)
{
    *service = (struct local_service){
        .loop = loop, .endpoint = *endpoint, .host_policy = host_policy, .fixed_host = fixed_host};
    host_port_format_authority(&endpoint->where, HTTP_PORT, service->own_host);
    TAILQ_INIT(&service->idle);
}

static void forget_idle(struct local_service *service, struct local_connection *connection)
{
    TAILQ_REMOVE(&service->idle, connection, idle_entry);
    service->idle_count--;
}

static void close_idle(struct local_service *service, struct local_connection *connection)
{
    forget_idle(service, connection);
    local_connection_destroy(&connection, false);
}

void local_service_drop_idle(struct local_service *service)
{
    while (service->idle_count > 0)
        close_idle(service, TAILQ_FIRST(&service->idle));
}

void local_service_done(struct local_service *service)
{
    local_service_drop_idle(service);
}

/* Whatever an idle connection does, bytes that nobody asked for included: it ends. */
static void on_idle_input(void *owner)
{
    struct local_connection *connection = owner;
    close_idle(connection->idles_at, connection);
}

static void on_idle_consumed(void *owner, size_t bytes)
{
    (void)owner;
    (void)bytes;
}

static void on_idle_flushed(void *owner)
{
    (void)owner;
}

static void on_idle_ended(void *owner, enum local_end end)
{
    (void)end;
    on_idle_input(owner);
}

static const struct local_connection_events IDLE_EVENTS = {
    .on_input = on_idle_input,
    .on_consumed = on_idle_consumed,
    .on_flushed = on_idle_flushed,
    .on_ended = on_idle_ended,
};

struct local_connection *local_service_take(struct local_service *service)
{
    while (service->idle_count > 0) {
        struct local_connection *connection = TAILQ_FIRST(&service->idle);
        if (local_connection_is_stale(connection)) {
            close_idle(service, connection);
            continue;
        }
        forget_idle(service, connection);
        local_connection_idle(connection, 0);
        connection->is_reused = true;
        return connection;
    }
    return NULL;
}

static unsigned idle_seconds(unsigned patience)
{
    if (patience > LOCAL_IDLE_S)
        return LOCAL_IDLE_S;
    return patience > PATIENCE_MARGIN_S ? patience - PATIENCE_MARGIN_S : PATIENCE_MARGIN_S;
}

void local_service_give(struct local_service *service, struct local_connection **p_connection, unsigned seconds)
{
    struct local_connection *connection = *p_connection;
    *p_connection = NULL;
    connection->idles_at = service;
    TAILQ_INSERT_HEAD(&service->idle, connection, idle_entry);
    service->idle_count++;
    local_connection_own(connection, &IDLE_EVENTS, connection);
    local_connection_idle(connection, idle_seconds(seconds));
    if (service->idle_count > LOCAL_IDLE_MAX)
        close_idle(service, TAILQ_LAST(&service->idle, idle_queue));
}

const char *local_service_host(const struct local_service *service, const struct stream_open *open)
{
    switch (service->host_policy) {
    case HOST_REWRITE:
        return service->own_host;
    case HOST_PRESERVE: {
        const char *host = field_list_find(&open->fields, "host");
        return host != NULL ? host : service->own_host;
    }
    case HOST_FIXED:
        return service->fixed_host;
    }
    return service->own_host;
}
