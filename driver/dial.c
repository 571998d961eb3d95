#include "dial.h"

#include "check.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool resolve(const struct host_port *where, int flags, struct endpoint *ret_endpoint, const char **ret_why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    struct addrinfo *list = NULL;
    struct endpoint endpoint = {.where = *where};
    char port[8];

    snprintf(port, sizeof port, "%u", (unsigned)where->port);
    int error = getaddrinfo(where->host, port, &hints, &list);
    if (error != 0) {
        *ret_why = gai_strerror(error);
        return false;
    }
    for (struct addrinfo *info = list; info != NULL && endpoint.count < ENDPOINT_ADDRESSES_MAX; info = info->ai_next) {
        memcpy(&endpoint.addresses[endpoint.count], info->ai_addr, info->ai_addrlen);
        endpoint.lengths[endpoint.count++] = info->ai_addrlen;
    }
    freeaddrinfo(list);
    host_port_format(where, endpoint.name);
    *ret_endpoint = endpoint;
    return true;
}

bool endpoint_resolve(const struct host_port *where, struct endpoint *ret_endpoint, const char **ret_why)
{
    return resolve(where, 0, ret_endpoint, ret_why);
}

bool endpoint_of_address(const struct host_port *where, struct endpoint *ret_endpoint)
{
    const char *why = NULL;
    return resolve(where, AI_NUMERICHOST, ret_endpoint, &why);
}

struct dial {
    struct loop *loop;
    const struct endpoint *endpoint;
    struct event *event; /* the socket being connected, or the timer that reports a failure at once */
    int fd;
    size_t next; /* address to try */
    int error;   /* of the last attempt */
    struct timeval timeout;
    dial_done *done;
    void *owner;
};

static void on_dial_event(evutil_socket_t fd, short what, void *arg);

static void free_event(void *object)
{
    event_free(object);
}

/* A socket on its way to the address; -1: errno. */
static int begin_connect(const struct sockaddr_storage *address, socklen_t length)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)address, length) == 0 || errno == EINPROGRESS)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* false: no address left. */
static bool try_next(struct dial *dial)
{
    while (dial->next < dial->endpoint->count) {
        size_t i = dial->next++;
        dial->fd = begin_connect(&dial->endpoint->addresses[i], dial->endpoint->lengths[i]);
        if (dial->fd < 0) {
            dial->error = errno;
            continue;
        }
        if (dial->event != NULL)
            loop_reap(dial->loop, free_event, dial->event);
        dial->event = event_new(loop_base(dial->loop), dial->fd, EV_WRITE, on_dial_event, dial);
        check(dial->event != NULL && event_add(dial->event, &dial->timeout) == 0);
        return true;
    }
    return false;
}

/* Nobody listens there, and the kernel has given us that very port: to connect is then a simultaneous open of both ends
 * at once (RFC 9293 section 3.5), and what we say we would hear. */
static bool is_with_itself(int fd)
{
    struct sockaddr_storage own = {0}, peer = {0};
    socklen_t own_length = sizeof own, peer_length = sizeof peer;
    return getsockname(fd, (struct sockaddr *)&own, &own_length) == 0 &&
           getpeername(fd, (struct sockaddr *)&peer, &peer_length) == 0 && own_length == peer_length &&
           memcmp(&own, &peer, own_length) == 0;
}

static void on_dial_event(evutil_socket_t fd, short what, void *arg)
{
    struct dial *dial = arg;
    if (fd >= 0) {
        socklen_t length = sizeof dial->error;
        dial->error = ETIMEDOUT;
        if ((what & EV_WRITE) != 0)
            check(getsockopt(fd, SOL_SOCKET, SO_ERROR, &dial->error, &length) == 0);
        if (dial->error == 0 && is_with_itself(fd))
            dial->error = ECONNREFUSED;
        dial->fd = -1;
        if (dial->error == 0) {
            dial->done(dial->owner, fd, 0);
            return;
        }
        event_del(dial->event);
        close(fd);
        if (try_next(dial))
            return;
    }
    dial->done(dial->owner, -1, dial->error);
}

struct dial *dial_new(struct loop *loop, const struct endpoint *endpoint, unsigned timeout_ms, dial_done *done,
                      void *owner)
{
    struct dial *dial = calloc(1, sizeof *dial);
    check(dial != NULL);
    *dial = (struct dial){
        .loop = loop,
        .endpoint = endpoint,
        .fd = -1,
        .timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000},
        .done = done,
        .owner = owner,
    };
    if (!try_next(dial)) {
        const struct timeval at_once = {0};
        dial->event = event_new(loop_base(loop), -1, 0, on_dial_event, dial);
        check(dial->event != NULL && event_add(dial->event, &at_once) == 0);
    }
    return dial;
}

static void free_dial(void *object)
{
    struct dial *dial = object;
    event_free(dial->event);
    free(dial);
}

void dial_destroy(struct dial **p_dial)
{
    struct dial *dial = *p_dial;
    *p_dial = NULL;
    if (dial == NULL)
        return;
    event_del(dial->event);
    if (dial->fd >= 0)
        close(dial->fd);
    dial->fd = -1;
    loop_reap(dial->loop, free_dial, dial);
}

const char *dial_error_text(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "refused the connection";
    case ETIMEDOUT:
        return "does not answer";
    case EHOSTUNREACH:
    case ENETUNREACH:
        return "can't be reached from here";
    case ECONNRESET:
        return "reset the connection";
    default:
        return strerror(error);
    }
}
