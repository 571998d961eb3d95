#include "base_connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

#include "browser_guard.h"
#include "driver_connection.h"
#include "http_answer.h"
#include "id_table.h"
#include "tcp_socket.h"
#include "tls_server.h"
#include "tunnel_handshake.h"

enum {
    API_CONNECTIONS_MAX = 256, /* beside drivers before their upgrade; not from the budget, but from the reserve */
    UNTAKEN_MAX = 131072,      /* bytes of earlier answers: a client that pipelines and takes none gets no more */
    API_BODY_MAX = 65536,      /* a body has no meaning to the API; more of it is not even read */
    API_ANSWER_MAX_MS = 5000,  /* it comes within 100 ms, or never */
    REFUSAL_LINGER_MS = 2000,
};

enum base_phase { BASE_READING, BASE_AWAITS_ANSWER, BASE_GONE };

struct base_connection {
    struct gateway *gateway;
    uint64_t id;
    struct bufferevent *socket;
    struct http_reader *reader;
    struct evbuffer *body; /* drained as it comes */
    size_t body_bytes;     /* of the current request */
    struct event *deadline;
    enum base_phase phase;
    struct http_answer_request request; /* what its answer must know */
    bool request_ended;
    bool input_ended; /* half-closed: what it asked before still gets its answers */
    bool awaits_head; /* the deadline is that of a head that has begun */
    bool peer_is_loopback;
    char peer[ADDRESS_TEXT_MAX];
    char peer_ip[ADDRESS_IP_MAX];
};

static struct evbuffer *output_of(struct base_connection *connection)
{
    return bufferevent_get_output(connection->socket);
}

/* ---- birth and death ---- */

static void bury_connection(void *object)
{
    struct base_connection *connection = object;
    tcp_socket_close(&connection->socket);
    http_reader_destroy(&connection->reader);
    if (connection->body)
        evbuffer_free(connection->body);
    if (connection->deadline)
        event_free(connection->deadline);
    free(connection);
}

static void forget(struct base_connection *connection)
{
    connection->phase = BASE_GONE;
    event_del(connection->deadline);
    id_table_remove(connection->gateway->base_connections, connection->id);
    gateway_bury(connection->gateway, connection, bury_connection);
}

static void close_gracefully(struct base_connection *connection)
{
    tcp_socket_linger(connection->gateway, &connection->socket, NULL, REFUSAL_LINGER_MS);
    forget(connection);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct base_connection *connection = arg;
    if (connection->phase == BASE_AWAITS_ANSWER)
        http_answer_own(connection->request, 503, "Retry-After: 1\r\n", "the API is not answering", true,
                        output_of(connection));
    else if (http_reader_in_message(connection->reader) && connection->phase == BASE_READING)
        http_answer_own(connection->request, 408, "", "the request did not arrive in time", true,
                        output_of(connection));
    close_gracefully(connection);
}

static void set_deadline(struct base_connection *connection, uint64_t ms)
{
    struct timeval after = gateway_timeval(ms);
    event_add(connection->deadline, &after);
}

static struct bufferevent *new_socket(struct gateway *gateway, evutil_socket_t fd)
{
    return gateway->tls ? tls_server_accept(gateway->tls, gateway->loop, fd) : tcp_socket_new(gateway->loop, fd);
}

/* Says no to a connection of which nothing was read. */
static void refuse_connection(struct gateway *gateway, evutil_socket_t fd, uint16_t status, const char *text)
{
    struct http_answer_request request = {.version_minor = 1};
    struct bufferevent *socket = new_socket(gateway, fd);
    if (!socket)
        return;
    http_answer_own(request, status, "", text, true, bufferevent_get_output(socket));
    tcp_socket_linger(gateway, &socket, NULL, REFUSAL_LINGER_MS);
}

static void on_readable(struct bufferevent *socket, void *arg);
static void on_writable(struct bufferevent *socket, void *arg);
static void on_socket_event(struct bufferevent *socket, short what, void *arg);

/* Kept open for a next request, which has not begun. */
static bool is_idle(const struct base_connection *connection)
{
    return connection->phase == BASE_READING && !connection->awaits_head && !http_reader_in_message(connection->reader);
}

/* Who only might ask again must not keep a driver out. */
static void close_oldest_idle(struct gateway *gateway)
{
    struct base_connection *oldest = NULL;
    for (struct base_connection *connection = zhashx_first(gateway->base_connections); connection;
         connection = zhashx_next(gateway->base_connections))
        if (is_idle(connection) && (!oldest || connection->id < oldest->id))
            oldest = connection;
    if (oldest)
        close_gracefully(oldest);
}

static bool is_full(const struct gateway *gateway)
{
    return zhashx_size(gateway->base_connections) >= API_CONNECTIONS_MAX + gateway->options->max_pre_auth_connections;
}

void base_connection_accept(struct gateway *gateway, evutil_socket_t fd, const struct sockaddr *peer)
{
    if (!gateway_trusts(gateway, peer)) {
        gateway->counts.base_refused[BASE_UNTRUSTED_SOURCE]++;
        refuse_connection(gateway, fd, 403, "");
        return;
    }
    if (is_full(gateway))
        close_oldest_idle(gateway);
    if (is_full(gateway)) {
        gateway->counts.base_refused[BASE_TOO_MANY]++;
        refuse_connection(gateway, fd, 503, "too many connections");
        return;
    }
    struct base_connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        evutil_closesocket(fd);
        return;
    }
    connection->gateway = gateway;
    connection->id = gateway_next_connection_id(gateway).value;
    connection->socket = new_socket(gateway, fd);
    connection->reader = http_reader_new(HTTP_REQUESTS);
    connection->body = evbuffer_new();
    connection->deadline = evtimer_new(gateway->loop, on_deadline, connection);
    if (!connection->socket || !connection->reader || !connection->body || !connection->deadline) {
        bury_connection(connection);
        return;
    }
    connection->request.version_minor = 1;
    connection->peer_is_loopback = address_is_loopback(peer);
    address_print(peer, connection->peer);
    address_print_ip(peer, connection->peer_ip);
    bufferevent_setcb(connection->socket, on_readable, on_writable, on_socket_event, connection);
    if (bufferevent_enable(connection->socket, EV_READ | EV_WRITE) < 0) {
        bury_connection(connection);
        return;
    }
    id_table_add(gateway->base_connections, &connection->id, connection);
    connection->awaits_head = true;
    set_deadline(connection, gateway->options->head_timeout);
}

/* ---- answers ---- */

static void read_requests(struct base_connection *connection);

static void refuse(struct base_connection *connection, uint16_t status, const char *fields, const char *text)
{
    http_answer_own(connection->request, status, fields, text, true, output_of(connection));
    close_gracefully(connection);
}

void base_connection_answered(struct gateway *gateway, const struct message_api_answered *answered)
{
    struct base_connection *connection = id_table_find(gateway->base_connections, answered->connection.value);
    if (!connection || connection->phase != BASE_AWAITS_ANSWER)
        return;
    char fields[128] = "";
    if (answered->allow[0] != '\0')
        (void)snprintf(fields, sizeof fields, "Allow: %s\r\n", answered->allow);
    bool is_last = connection->input_ended && evbuffer_get_length(bufferevent_get_input(connection->socket)) == 0;
    bool closes = !connection->request.keeps_alive || !connection->request_ended || is_last;
    http_answer_own_body(connection->request, (uint16_t)answered->status, fields, answered->content_type,
                         answered->body, closes, output_of(connection));
    if (closes) {
        close_gracefully(connection);
        return;
    }
    connection->phase = BASE_READING;
    connection->request = (struct http_answer_request){.version_minor = 1}; /* of the next one nothing is known */
    connection->awaits_head = false;
    set_deadline(connection, gateway->options->keepalive_timeout);
    read_requests(connection);
}

/* ---- requests ---- */

static char *copy_text(struct span span)
{
    return strndup(span.length > 0 ? (const char *)span.data : "", span.length);
}

static struct span field_value(const struct http_head *head, const char *name)
{
    const struct http_field *field = http_head_field(head, name);
    return field ? field->value : span_of(NULL, 0);
}

static void ask_admin(struct base_connection *connection, const struct http_head *head)
{
    struct gateway *gateway = connection->gateway;
    char *method = copy_text(head->method);
    char *target = copy_text(head->target);
    char *host = copy_text(head->host);
    char *origin = copy_text(field_value(head, "origin"));
    char *user_agent = copy_text(field_value(head, "user-agent"));
    connection->phase = BASE_AWAITS_ANSWER;
    set_deadline(connection, API_ANSWER_MAX_MS); /* a message that was lost would be waited for without end */
    bool sent =
        method && target && host && origin && user_agent &&
        mailbox_send(gateway->mailbox,
                     MESSAGE_OF(api_request, .shard = gateway->shard, .connection = {connection->id}, .method = method,
                                .target = target, .host = host, .has_origin = http_head_field(head, "origin") != NULL,
                                .origin = origin, .peer_ip = connection->peer_ip, .user_agent = user_agent));
    free(method);
    free(target);
    free(host);
    free(origin);
    free(user_agent);
    if (!sent)
        refuse(connection, 503, "Retry-After: 1\r\n", "the API is not answering");
}

static void upgrade(struct base_connection *connection, const struct tunnel_handshake *handshake, struct span bearer)
{
    evbuffer_add_printf(output_of(connection),
                        "HTTP/1.1 101 Switching Protocols\r\n"
                        "Upgrade: websocket\r\n"
                        "Connection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n"
                        "Sec-WebSocket-Protocol: %s\r\n"
                        "\r\n",
                        handshake->accept, subprotocol_name(handshake->subprotocol));
    bufferevent_setcb(connection->socket, NULL, NULL, NULL, NULL);
    driver_connection_begin(connection->gateway, &connection->socket, handshake->subprotocol, connection->peer, bearer);
    forget(connection);
}

static void refuse_upgrade(struct base_connection *connection, enum base_refusal refusal, uint16_t status,
                           const char *fields, const char *text)
{
    connection->gateway->counts.base_refused[refusal]++;
    refuse(connection, status, fields, text);
}

static void on_connect_request(struct base_connection *connection, const struct http_head *head)
{
    const struct options *options = connection->gateway->options;
    const struct http_field *origin = http_head_field(head, "origin");
    if (!browser_guard_admits_host(tunnel_handshake_host(head), connection->peer_is_loopback,
                                   options->admin_hosts.items, options->admin_hosts.count)) {
        refuse_upgrade(connection, BASE_HOST, 403, "", "this Host is not served here; name it with --admin-host\n");
        return;
    }
    if (origin &&
        !browser_guard_admits_origin(origin->value, options->allowed_origins.items, options->allowed_origins.count)) {
        refuse_upgrade(connection, BASE_ORIGIN, 403, "", "this Origin may not connect; name it with --allow-origin\n");
        return;
    }
    struct tunnel_handshake handshake;
    tunnel_handshake_check(head, &handshake);
    if (handshake.status != 101)
        refuse_upgrade(connection, BASE_BAD_HANDSHAKE, handshake.status, handshake.fields, handshake.text);
    else if (!connection->gateway->accepting)
        refuse_upgrade(connection, BASE_DRAINING, 503, "Retry-After: 5\r\n", "the kit is shutting down\n");
    else
        upgrade(connection, &handshake, tunnel_handshake_bearer(head));
}

static void on_head(struct base_connection *connection)
{
    const struct http_head *head = http_reader_head(connection->reader);
    connection->request = (struct http_answer_request){
        .is_head = span_equals(head->method, "HEAD"),
        .version_minor = head->version_minor,
        .keeps_alive = head->keeps_alive,
    };
    connection->request_ended = false;
    connection->body_bytes = 0;
    if (tunnel_handshake_is_for(head))
        on_connect_request(connection, head);
    else
        ask_admin(connection, head);
}

static void on_body(struct base_connection *connection)
{
    connection->body_bytes += evbuffer_get_length(connection->body);
    evbuffer_drain(connection->body, evbuffer_get_length(connection->body));
    if (connection->body_bytes > API_BODY_MAX)
        refuse(connection, 413, "", "the API takes no bodies");
}

/* One event of the reader. false: nothing more to read now. */
static bool read_one(struct base_connection *connection)
{
    struct evbuffer *in = bufferevent_get_input(connection->socket);
    struct http_error error;
    switch (http_reader_read(connection->reader, in, connection->body, API_BODY_MAX)) {
    case HTTP_HEAD:
        on_head(connection);
        return true;
    case HTTP_BODY:
        on_body(connection);
        return true;
    case HTTP_END:
        connection->request_ended = true;
        return true;
    case HTTP_BAD:
        error = http_reader_error(connection->reader);
        refuse(connection, error.status, "", error.text);
        return false;
    case HTTP_MORE:
        break;
    }
    return false;
}

static bool may_read(struct base_connection *connection)
{
    if (connection->phase == BASE_GONE || evbuffer_get_length(output_of(connection)) > UNTAKEN_MAX)
        return false;
    /* One request at a time: the next one waits for this one's answer. */
    return connection->phase == BASE_READING || (connection->phase == BASE_AWAITS_ANSWER && !connection->request_ended);
}

/* A kept connection may be idle for long, but not in the middle of a head. */
static void limit_head(struct base_connection *connection)
{
    if (connection->phase != BASE_READING || connection->awaits_head || !http_reader_in_message(connection->reader))
        return;
    connection->awaits_head = true;
    set_deadline(connection, connection->gateway->options->head_timeout);
}

static void read_requests(struct base_connection *connection)
{
    while (may_read(connection) && read_one(connection))
        ;
    if (connection->phase == BASE_GONE)
        return;
    if (connection->input_ended) {
        if (connection->phase == BASE_READING && may_read(connection)) /* what is left is no whole request */
            close_gracefully(connection);
        return;
    }
    if (!may_read(connection) && evbuffer_get_length(bufferevent_get_input(connection->socket)) > API_BODY_MAX)
        bufferevent_disable(connection->socket, EV_READ);
    else
        bufferevent_enable(connection->socket, EV_READ);
    limit_head(connection);
}

static void on_readable(struct bufferevent *socket, void *arg)
{
    (void)socket;
    read_requests(arg);
}

static void on_writable(struct bufferevent *socket, void *arg)
{
    (void)socket;
    read_requests(arg);
}

static void on_socket_event(struct bufferevent *socket, short what, void *arg)
{
    (void)socket;
    struct base_connection *connection = arg;
    if (tcp_socket_is_shaking_hands(connection->socket) && (what & (BEV_EVENT_ERROR | BEV_EVENT_EOF)))
        connection->gateway->counts.base_refused[BASE_TLS]++;
    if (what & BEV_EVENT_ERROR) {
        tcp_socket_close(&connection->socket);
        forget(connection);
    } else if (what & BEV_EVENT_EOF) {
        connection->input_ended = true;
        read_requests(connection);
    }
}

void base_connections_destroy(struct gateway *gateway)
{
    struct base_connection *connection = NULL;
    while ((connection = zhashx_first(gateway->base_connections)))
        close_gracefully(connection);
}
