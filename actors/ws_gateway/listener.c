#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp_socket.h"

enum {
    SHED_MAX = 256, /* connections closed in one go */
    /* Without LEV_OPT_CLOSE_ON_FREE: a descriptor may outlive its loop. */
    LISTENER_FLAGS = LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED,
};

static socklen_t make_address(const char *ip, uint32_t port, struct sockaddr_storage *ret_address)
{
    memset(ret_address, 0, sizeof *ret_address);
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)ret_address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)ret_address;
    if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        return sizeof *in;
    }
    if (inet_pton(AF_INET6, ip, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        return sizeof *in6;
    }
    return 0;
}

uint16_t listener_port(struct evconnlistener *listener)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address = {.in6 = {0}};
    socklen_t length = sizeof address;
    if (getsockname(evconnlistener_get_fd(listener), &address.any, &length) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET ? address.in.sin_port : address.in6.sin6_port);
}

struct evconnlistener *listener_open(struct gateway *gateway, const char *ip, uint32_t port,
                                     evconnlistener_cb on_accepted, void *arg)
{
    struct sockaddr_storage address;
    socklen_t length = make_address(ip, port, &address);
    if (length == 0) {
        errno = EINVAL;
        return NULL;
    }
    struct evconnlistener *listener =
        evconnlistener_new_bind(gateway->loop, on_accepted, arg, LISTENER_FLAGS | LEV_OPT_REUSEABLE, SOMAXCONN,
                                (struct sockaddr *)&address, (int)length);
    if (listener)
        tcp_socket_prepare(evconnlistener_get_fd(listener)); /* what it accepts inherits that */
    return listener;
}

struct evconnlistener *listener_adopt(struct gateway *gateway, int fd, evconnlistener_cb on_accepted, void *arg)
{
    struct evconnlistener *listener = evconnlistener_new(gateway->loop, on_accepted, arg, LISTENER_FLAGS, 0, fd);
    if (!listener)
        close(fd);
    return listener;
}

int listener_release(struct evconnlistener **p_listener)
{
    int fd = evconnlistener_get_fd(*p_listener);
    evconnlistener_free(*p_listener);
    *p_listener = NULL;
    return fd;
}

void listener_close(struct evconnlistener **p_listener)
{
    if (*p_listener)
        close(listener_release(p_listener));
}

int listener_open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static unsigned shed(int listener_fd)
{
    unsigned count = 0;
    int fd = -1;
    while (count < SHED_MAX && (fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        close(fd);
        count++;
    }
    return count;
}

void listener_shed(struct gateway *gateway, struct evconnlistener *listener, const struct session_id *session,
                   struct bind_id binding)
{
    int error = EVUTIL_SOCKET_ERROR();
    unsigned count = 0;
    if (error == EMFILE || error == ENFILE) {
        if (gateway->spare_fd >= 0)
            close(gateway->spare_fd);
        count = shed(evconnlistener_get_fd(listener));
        gateway->spare_fd = listener_open_spare();
        gateway->counts.connections_shed += count;
    }
    log_warn(&gateway->log, "accept-failed", log_session(session), log_binding(binding),
             log_port(listener_port(listener)), log_number("closed", count), log_reason(strerror(error)));
}
