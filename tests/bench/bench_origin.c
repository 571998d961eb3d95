/* The service behind the tunnel for what nginx is not: bench_origin RAW_PORT HTTP_PORT, both on 127.0.0.1, one epoll
 * loop.
 *
 * RAW_PORT: a connection's first byte says what it is to be.
 *   e   echo, that byte included
 *   s   a source: zeros without end
 *   k   a sink: reads until the visitor's end, then answers the number of bytes after the k, in decimal, and ends
 * HTTP_PORT: a request with a body (Content-Length) is answered with its number of bytes, in decimal; one without gets
 * an event stream of one event that stays open.
 *
 * Bodies are discarded in the kernel (MSG_TRUNC): this program shares the cores with what is measured. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 256
#define CHUNK          (1 << 20) /* the most that is discarded or written in one call */
#define HEAD_MAX       8192
#define BACKLOG        4096

enum role { ROLE_LISTEN_RAW, ROLE_LISTEN_HTTP, ROLE_FRESH, ROLE_ECHO, ROLE_SOURCE, ROLE_SINK, ROLE_HTTP };

struct connection {
    enum role role;
    int fd;
    uint64_t received; /* SINK: so far */
    uint64_t body;     /* HTTP: length of the body that is being read, 0: a head is */
    uint64_t missing;  /* HTTP: of it */
    char *head;        /* HTTP: what there is of it */
    size_t head_length;
};

static const char zeros[CHUNK];
static const char event_stream[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    "d\r\ndata: hello\n\n\r\n";

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int epoll, int operation, struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll, operation, c->fd, &event) < 0)
        die("epoll_ctl");
}

static struct connection *add(int epoll, int fd, enum role role)
{
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL)
        die("calloc");
    *c = (struct connection){.role = role, .fd = fd};
    watch(epoll, EPOLL_CTL_ADD, c, EPOLLIN);
    return c;
}

static void end(struct connection *c)
{
    close(c->fd);
    free(c->head);
    free(c);
}

static void add_listener(int epoll, const char *port, enum role role)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(port)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0)
        die("listen");
    add(epoll, fd, role);
}

static void take_all(int epoll, const struct connection *listener)
{
    int fd;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        add(epoll, fd, listener->role == ROLE_LISTEN_RAW ? ROLE_FRESH : ROLE_HTTP);
    }
}

/* What is small enough for any socket buffer. */
static bool tell(const struct connection *c, const char *text, size_t length)
{
    return send(c->fd, text, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* These return whether the connection lives on. */

static bool be_fresh(int epoll, struct connection *c)
{
    char what;
    if (recv(c->fd, &what, 1, 0) <= 0)
        return false;
    switch (what) {
    case 'e':
        c->role = ROLE_ECHO;
        return tell(c, &what, 1);
    case 's':
        c->role = ROLE_SOURCE;
        watch(epoll, EPOLL_CTL_MOD, c, EPOLLIN | EPOLLOUT);
        return true;
    case 'k':
        c->role = ROLE_SINK;
        return true;
    }
    return false;
}

static bool be_echo(const struct connection *c)
{
    char bytes[4096];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
    return n > 0 && tell(c, bytes, (size_t)n);
}

static bool be_source(const struct connection *c, uint32_t events)
{
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) // the visitor has seen enough
        return false;
    return send(c->fd, zeros, CHUNK, MSG_NOSIGNAL) >= 0 || errno == EAGAIN;
}

static bool be_sink(struct connection *c)
{
    char text[32];
    ssize_t n = recv(c->fd, NULL, CHUNK, MSG_TRUNC);
    if (n > 0) {
        c->received += (uint64_t)n;
        return true;
    }
    if (n == 0)
        tell(c, text, (size_t)snprintf(text, sizeof text, "%ju", (uintmax_t)c->received));
    return false;
}

static bool answer_length(const struct connection *c)
{
    char digits[32], text[128];
    int length = snprintf(digits, sizeof digits, "%ju", (uintmax_t)c->body);
    return tell(c, text,
                (size_t)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", length, digits));
}

static bool read_body(struct connection *c)
{
    ssize_t n = recv(c->fd, NULL, c->missing < CHUNK ? c->missing : CHUNK, MSG_TRUNC);
    if (n <= 0)
        return false;
    c->missing -= (uint64_t)n;
    if (c->missing > 0)
        return true;
    bool lives = answer_length(c);
    c->body = 0;
    return lives;
}

/* A whole head is there: its end, and what came of the body. */
static bool begin_answer(struct connection *c, const char *end_of_head)
{
    const char *field = strcasestr(c->head, "\r\ncontent-length:");
    size_t more = c->head_length - (size_t)(end_of_head - c->head);
    c->head_length = 0;
    if (field == NULL || field > end_of_head)
        return tell(c, event_stream, sizeof event_stream - 1);
    c->body = strtoull(field + sizeof "\r\ncontent-length:" - 1, NULL, 10);
    if (more > c->body)
        return false; // nobody here asks before the answer
    c->missing = c->body - more;
    if (c->missing > 0)
        return true;
    bool lives = answer_length(c);
    c->body = 0;
    return lives;
}

static bool be_http(struct connection *c)
{
    if (c->missing > 0)
        return read_body(c);
    if (c->head == NULL && (c->head = malloc(HEAD_MAX)) == NULL)
        die("malloc");
    ssize_t n = recv(c->fd, c->head + c->head_length, HEAD_MAX - 1 - c->head_length, 0);
    if (n <= 0)
        return false;
    c->head_length += (size_t)n;
    c->head[c->head_length] = '\0';
    const char *empty = strstr(c->head, "\r\n\r\n");
    return empty != NULL ? begin_answer(c, empty + 4) : c->head_length < HEAD_MAX - 1;
}

static bool serve(int epoll, struct connection *c, uint32_t events)
{
    switch (c->role) {
    case ROLE_LISTEN_RAW:
    case ROLE_LISTEN_HTTP:
        take_all(epoll, c);
        return true;
    case ROLE_FRESH:
        return be_fresh(epoll, c);
    case ROLE_ECHO:
        return be_echo(c);
    case ROLE_SOURCE:
        return be_source(c, events);
    case ROLE_SINK:
        return be_sink(c);
    case ROLE_HTTP:
        return be_http(c);
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("Usage: bench_origin RAW_PORT HTTP_PORT\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("epoll_create1");
    add_listener(epoll, argv[1], ROLE_LISTEN_RAW);
    add_listener(epoll, argv[2], ROLE_LISTEN_HTTP);
    for (;;) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int n = epoll_wait(epoll, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < n; i++) { // a connection has one event here: it may be freed
            struct connection *c = events[i].data.ptr;
            if (!serve(epoll, c, events[i].events))
                end(c);
        }
    }
}
