#include "inspect_server.h"

#include "check.h"
#include "dial.h"
#include "http_answer.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

enum {
    BACKLOG = 32,
    FIELDS_BYTES = 1024,
    ACCEPT_PAUSE_S = 1,
    INPUT_MAX = 2 * HTTP_HEAD_MAX,
    LINGER_S = 2,
    LINGER_BYTES_MAX = 1 << 20
};

struct client {
    LIST_ENTRY(client) entry;
    struct inspect_server *server;
    struct bufferevent *bev;
    struct http_reader *reader;
    struct evbuffer *body; /* of requests: nothing may come */
    struct inspect_listener listener;
    bool listens;     /* the answer is an event stream */
    bool closes;      /* when what is queued has left */
    bool has_ended;   /* the peer sends no more */
    bool lingers;     /* all is said; what still comes is dropped, so that no reset overtakes the answer */
    size_t lingering; /* bytes dropped so */
};

struct inspect_server {
    struct loop *loop;
    struct inspect_api *api;
    struct inspect_feed *feed;
    struct evconnlistener *listener;
    struct event *accept_again;
    LIST_HEAD(, client) clients;
    unsigned count;
};

static void free_client(void *object)
{
    struct client *client = object;
    bufferevent_free(client->bev);
    http_reader_destroy(&client->reader);
    evbuffer_free(client->body);
    free(client);
}

static void end_client(struct client *client)
{
    if (client->listens)
        inspect_feed_leave(&client->listener);
    LIST_REMOVE(client, entry);
    client->server->count--;
    bufferevent_setcb(client->bev, NULL, NULL, NULL, NULL);
    bufferevent_disable(client->bev, EV_READ | EV_WRITE);
    loop_reap(client->server->loop, free_client, client);
}

/* What is queued has left. */
static void close_client(struct client *client)
{
    const struct timeval patience = {.tv_sec = LINGER_S};
    if (client->has_ended) {
        end_client(client);
        return;
    }
    client->lingers = true;
    shutdown(bufferevent_getfd(client->bev), SHUT_WR);
    bufferevent_set_timeouts(client->bev, &patience, NULL);
}

/* ---- answers ---- */

static struct evbuffer *output_of(const struct client *client)
{
    return bufferevent_get_output(client->bev);
}

static void begin_feed(struct client *client, const char *type)
{
    const struct timeval patience = {.tv_sec = INSPECT_CLIENT_IDLE_S};
    struct evbuffer *out = output_of(client);
    check(evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n%sConnection: close\r\n\r\n", type,
                              INSPECT_FIELDS) > 0);
    bufferevent_set_timeouts(client->bev, NULL, &patience);
    client->listens = true;
    inspect_feed_join(client->server->feed, &client->listener, out);
}

static void answer(struct client *client, const struct http_head *head)
{
    struct inspect_answer said = inspect_api_answer(client->server->api, head);
    const struct http_answer_request request = {
        .is_head = span_equals(head->method, "HEAD"),
        .is_upgrade = head->is_upgrade,
        .version_minor = head->version_minor,
        .keeps_alive = head->keeps_alive,
    };
    if (said.is_feed && !request.is_head) {
        begin_feed(client, said.type);
    } else {
        char fields[FIELDS_BYTES];
        int length = snprintf(fields, sizeof fields, "%s%s", INSPECT_FIELDS, said.fields);
        check(length > 0 && (size_t)length < sizeof fields);
        client->closes =
            !http_answer_own_body(request, said.status, fields, said.type, said.body, false, output_of(client));
    }
    free(said.owned);
}

static void refuse(struct client *client, uint16_t status, const char *text)
{
    const struct http_answer_request request = {.version_minor = 1};
    http_answer_own(request, status, INSPECT_FIELDS, text, true, output_of(client));
    client->closes = true;
}

/* ---- requests ---- */

static bool has_body(const struct http_head *head)
{
    return head->framing == HTTP_CHUNKED || (head->framing == HTTP_BY_LENGTH && head->content_length > 0);
}

/* false: nothing more for now. */
static bool on_reader_event(struct client *client, enum http_event event)
{
    const struct http_head *head = http_reader_head(client->reader);
    switch (event) {
    case HTTP_MORE:
        return false;
    case HTTP_HEAD:
        if (has_body(head))
            refuse(client, 413, "no request here has a body\n");
        else
            answer(client, head);
        return true;
    case HTTP_BODY:
    case HTTP_END:
        return true;
    case HTTP_BAD:
        refuse(client, http_reader_error(client->reader).status, http_reader_error(client->reader).text);
        return false;
    }
    return false;
}

/* One answer after the other: the next request is read when the last answer has left. */
static void read_requests(struct client *client)
{
    struct evbuffer *in = bufferevent_get_input(client->bev);
    enum http_event event;
    do {
        if (client->closes || client->listens) {
            evbuffer_drain(in, evbuffer_get_length(in));
            return;
        }
        if (evbuffer_get_length(output_of(client)) > 0 && http_reader_head(client->reader) == NULL)
            return;
        event = http_reader_read(client->reader, in, client->body, BUFSIZ);
    } while (on_reader_event(client, event));
}

static void drop_input(struct client *client)
{
    struct evbuffer *in = bufferevent_get_input(client->bev);
    client->lingering += evbuffer_get_length(in);
    evbuffer_drain(in, evbuffer_get_length(in));
    if (client->lingering > LINGER_BYTES_MAX)
        end_client(client);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct client *client = arg;
    if (client->lingers)
        drop_input(client);
    else
        read_requests(client);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct client *client = arg;
    if (client->closes)
        close_client(client);
    else if (client->listens)
        inspect_feed_stir(client->server->feed);
    else
        read_requests(client);
}

/* Whoever has ended his direction may still take his answer; of the event stream he would take no notice. */
static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    struct client *client = arg;
    bool is_end = (what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_READING) != 0;
    if (!is_end || client->listens || evbuffer_get_length(output_of(client)) == 0) {
        end_client(client);
        return;
    }
    client->has_ended = true;
    client->closes = true;
}

/* ---- connections ---- */

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int peer_length,
                      void *arg)
{
    (void)listener;
    (void)peer;
    (void)peer_length;
    struct inspect_server *server = arg;
    const struct timeval patience = {.tv_sec = INSPECT_CLIENT_IDLE_S};
    const int on = 1;
    if (server->count == INSPECT_CLIENTS_MAX) {
        close(fd);
        return;
    }
    struct client *client = calloc(1, sizeof *client);
    check(client != NULL);
    *client = (struct client){
        .server = server,
        .bev = bufferevent_socket_new(loop_base(server->loop), fd, BEV_OPT_CLOSE_ON_FREE),
        .reader = http_reader_new(HTTP_REQUESTS),
        .body = evbuffer_new(),
    };
    check(client->bev != NULL && client->reader != NULL && client->body != NULL);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    LIST_INSERT_HEAD(&server->clients, client, entry);
    server->count++;
    bufferevent_setcb(client->bev, on_read, on_written, on_event, client);
    bufferevent_setwatermark(client->bev, EV_READ, 0, INPUT_MAX); /* whoever sends on without taking answers */
    bufferevent_set_timeouts(client->bev, &patience, &patience);
    bufferevent_enable(client->bev, EV_READ | EV_WRITE);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct inspect_server *server = arg;
    evconnlistener_enable(server->listener);
}

/* Out of descriptors, most likely: the loop would try without end. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct inspect_server *server = arg;
    const struct timeval pause = {.tv_sec = ACCEPT_PAUSE_S};
    evconnlistener_disable(listener);
    check(evtimer_add(server->accept_again, &pause) == 0);
}

static uint16_t port_of(evutil_socket_t fd)
{
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    check(getsockname(fd, (struct sockaddr *)&bound, &length) == 0);
    return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                             : ((struct sockaddr_in *)&bound)->sin_port);
}

static bool listen_on(struct inspect_server *server, const struct host_port *where)
{
    struct endpoint endpoint;
    if (!endpoint_of_address(where, &endpoint)) {
        errno = EADDRNOTAVAIL;
        return false;
    }
    server->listener = evconnlistener_new_bind(
        loop_base(server->loop), on_accept, server, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
        BACKLOG, (struct sockaddr *)&endpoint.addresses[0], (int)endpoint.lengths[0]);
    return server->listener != NULL;
}

static bool listen_near(struct inspect_server *server, const struct host_port *where, struct host_port *ret_where)
{
    struct host_port tried = *where;
    for (unsigned i = 0; i < INSPECT_PORTS_TRIED; i++) {
        if (listen_on(server, &tried)) {
            tried.port = port_of(evconnlistener_get_fd(server->listener));
            *ret_where = tried;
            return true;
        }
        if (errno != EADDRINUSE || tried.port == UINT16_MAX)
            return false;
        tried.port++;
    }
    return false;
}

struct inspect_server *inspect_server_new(struct loop *loop, const struct host_port *where, struct inspect_api *api,
                                          struct inspect_feed *feed, struct host_port *ret_where)
{
    struct inspect_server *server = calloc(1, sizeof *server);
    check(server != NULL);
    *server = (struct inspect_server){.loop = loop, .api = api, .feed = feed};
    LIST_INIT(&server->clients);
    if (!listen_near(server, where, ret_where)) {
        free(server);
        return NULL;
    }
    server->accept_again = evtimer_new(loop_base(loop), on_accept_again, server);
    check(server->accept_again != NULL);
    evconnlistener_set_error_cb(server->listener, on_accept_error);
    return server;
}

void inspect_server_destroy(struct inspect_server **p_server)
{
    struct inspect_server *server = *p_server;
    *p_server = NULL;
    if (server == NULL)
        return;
    while (!LIST_EMPTY(&server->clients))
        end_client(LIST_FIRST(&server->clients));
    evconnlistener_free(server->listener);
    event_free(server->accept_again);
    free(server);
}
