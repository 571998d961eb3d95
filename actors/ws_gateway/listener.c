#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

enum { LISTEN_BACKLOG = 1024 };

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
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length) != 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
    return ntohs(((struct sockaddr_in6 *)(void *)&address)->sin6_port);
}

struct evconnlistener *listener_open(struct gateway *gateway, const char *ip, uint32_t port,
                                     evconnlistener_cb on_accepted, void *arg, unsigned extra_flags)
{
    struct sockaddr_storage address;
    socklen_t length = make_address(ip, port, &address);
    if (length == 0) {
        errno = EINVAL;
        return NULL;
    }
    unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE | extra_flags;
    return evconnlistener_new_bind(gateway->loop, on_accepted, arg, flags, LISTEN_BACKLOG, (struct sockaddr *)&address,
                                   (int)length);
}
