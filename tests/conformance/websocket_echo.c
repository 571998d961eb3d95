/* The project's WebSocket layer (proto/websocket_*.c) with an echo behind it, for peers that others wrote: what comes
 * in a message goes back in one of the same kind.
 *
 *   websocket_echo listen        serves on a free port of loopback, which it prints; ends with its standard input
 *   websocket_echo dial PORT     one connection in the client's role, to a server there; ends with it
 *
 * The opening handshake is as little as the peers need: the daemon's own has tests of its own. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"
#include "websocket.h"

enum { MESSAGE_MAX = 32 * 1024 * 1024, HEAD_MAX = 8192 };

struct peer {
    struct bufferevent *socket;
    enum websocket_role role;
    struct websocket_reader reader;
    struct evbuffer *message;
    bool is_open;   /* the handshake is done */
    bool is_ending; /* our close frame is said */
};

static struct event_base *loop;

static void end_peer(struct peer *peer)
{
    if (peer->role == WEBSOCKET_CLIENT)
        event_base_loopexit(loop, NULL);
    websocket_reader_done(&peer->reader);
    evbuffer_free(peer->message);
    bufferevent_free(peer->socket);
    free(peer);
}

static void echo(struct peer *peer, struct evbuffer *out)
{
    enum websocket_event event;
    while ((event = websocket_read(&peer->reader, bufferevent_get_input(peer->socket), peer->message)) !=
           WEBSOCKET_MORE)
        switch (event) {
        case WEBSOCKET_MESSAGE:
            websocket_write(peer->role, WEBSOCKET_BINARY, peer->message, out);
            break;
        case WEBSOCKET_TEXT_MESSAGE:
            websocket_write(peer->role, WEBSOCKET_TEXT, peer->message, out);
            break;
        case WEBSOCKET_PINGED:
            websocket_write_control(peer->role, WEBSOCKET_PONG,
                                    span_of(peer->reader.control, peer->reader.control_length), out);
            break;
        case WEBSOCKET_CLOSED:
            websocket_write_close(peer->role, peer->reader.close_code, "", out);
            peer->is_ending = true;
            break;
        case WEBSOCKET_BAD:
            websocket_write_close(peer->role, peer->reader.close_code, peer->reader.why, out);
            peer->is_ending = true;
            break;
        case WEBSOCKET_TEXT_BEGUN:
        case WEBSOCKET_PONGED:
        case WEBSOCKET_MORE:
            break;
        }
}

/* The value of a header field of ours, "" when there is none. */
static struct span field_of(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);
    if (at == NULL)
        return span_of_string("");
    at += strlen(name);
    at += strspn(at, " ");
    return span_of((const uint8_t *)at, strcspn(at, "\r\n"));
}

/* false: not whole yet. */
static bool shake_hands(struct peer *peer)
{
    struct evbuffer *in = bufferevent_get_input(peer->socket);
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    char head[HEAD_MAX + 1] = {0};
    check(evbuffer_get_length(in) <= HEAD_MAX || end.pos >= 0);
    if (end.pos < 0)
        return false;
    check(evbuffer_remove(in, head, (size_t)end.pos + 4) == end.pos + 4);
    peer->is_open = true;
    if (peer->role == WEBSOCKET_CLIENT)
        return true;
    struct span key = field_of(head, "Sec-WebSocket-Key:");
    char accept[WEBSOCKET_ACCEPT_LENGTH + 1];
    check(websocket_key_is_valid(key));
    websocket_accept_key(key, accept);
    evbuffer_add_printf(bufferevent_get_output(peer->socket),
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
    return true;
}

static void on_read(struct bufferevent *socket, void *arg)
{
    struct peer *peer = arg;
    (void)socket;
    if (peer->is_open || shake_hands(peer))
        echo(peer, bufferevent_get_output(peer->socket));
}

static void on_written(struct bufferevent *socket, void *arg)
{
    struct peer *peer = arg;
    if (peer->is_ending) /* and what still comes is read, lest a reset overtakes the close frame */
        shutdown(bufferevent_getfd(socket), SHUT_WR);
}

static void on_event(struct bufferevent *socket, short what, void *arg)
{
    struct peer *peer = arg;
    (void)socket;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
        end_peer(peer);
}

static struct peer *peer_new(evutil_socket_t fd, enum websocket_role role)
{
    struct peer *peer = calloc(1, sizeof *peer);
    check(peer != NULL);
    *peer = (struct peer){
        .socket = bufferevent_socket_new(loop, fd, BEV_OPT_CLOSE_ON_FREE),
        .role = role,
        .message = evbuffer_new(),
    };
    check(peer->socket != NULL && peer->message != NULL && websocket_reader_init(&peer->reader, role, MESSAGE_MAX));
    peer->reader.accept_text = true;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    bufferevent_setcb(peer->socket, on_read, on_written, on_event, peer);
    bufferevent_enable(peer->socket, EV_READ | EV_WRITE);
    return peer;
}

static void on_accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length,
                        void *arg)
{
    (void)listener;
    (void)address;
    (void)length;
    (void)arg;
    peer_new(fd, WEBSOCKET_SERVER);
}

static void on_stdin(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    event_base_loopexit(loop, NULL);
}

static void serve(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct evconnlistener *listener =
        evconnlistener_new_bind(loop, on_accepted, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1,
                                (struct sockaddr *)&address, (int)sizeof address);
    check(listener != NULL);
    check(getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length) == 0);
    printf("%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    struct event *input = event_new(loop, 0, EV_READ, on_stdin, NULL);
    check(input != NULL && event_add(input, NULL) == 0);
    event_base_dispatch(loop);
    event_free(input);
    evconnlistener_free(listener);
}

static void dial(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char key[WEBSOCKET_KEY_LENGTH + 1];
    check(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    check(evutil_make_socket_nonblocking(fd) == 0 && websocket_random_key(key));
    struct peer *peer = peer_new(fd, WEBSOCKET_CLIENT);
    evbuffer_add_printf(bufferevent_get_output(peer->socket),
                        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
                        key);
    event_base_dispatch(loop);
}

int main(int argc, char *argv[])
{
    struct event_config *config = event_config_new();
    check(config != NULL &&
          event_config_avoid_method(config, "epoll") == 0); /* which takes no file as standard input */
    loop = event_base_new_with_config(config);
    event_config_free(config);
    check(loop != NULL);
    if (argc == 2 && strcmp(argv[1], "listen") == 0)
        serve();
    else if (argc == 3 && strcmp(argv[1], "dial") == 0)
        dial((uint16_t)strtoul(argv[2], NULL, 10));
    else
        return 2;
    event_base_free(loop);
    return 0;
}
