/* A link of that round trip time and capacity, for a kernel without netem: bench_link PORT TARGET_PORT RTT_MS
 * MBIT_PER_S relays 127.0.0.1:PORT to 127.0.0.1:TARGET_PORT.
 *
 * Each byte leaves half a round trip after the link had room for it; all connections share the link, each way for
 * itself. It queues QUEUE_NS worth of bytes, as a router does, then stops reading. As each side's TCP ends here, TCP's
 * own windows don't see the delay: a plain sender gets the whole capacity, and one that waits for grants from the far
 * side gets its window a round trip. */
#include <errno.h>
#include <fcntl.h>
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
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_NS       UINT64_C(50000000)
#define SECOND_NS      UINT64_C(1000000000)
#define READ_MAX       (64 << 10)
#define ENTRIES        (1 << 14) /* reads that are under way in one direction of a connection */
#define EVENTS_AT_ONCE 64
#define NEVER          UINT64_MAX

/* What was read in one go; length 0 is the end. */
struct entry {
    uint64_t due; /* ns */
    size_t length;
};

/* One direction of one connection: bytes and entries in rings; positions only grow. */
struct flow {
    int from, to;
    bool readable, writable, ended;
    unsigned char *bytes;
    uint64_t head, tail; /* read from here, written to here */
    struct entry entries[ENTRIES];
    uint64_t first, next;
    uint64_t *wire; /* of the link in this direction */
};

struct pair {
    struct flow flows[2];
    struct pair *following;
    bool broken;
};

/* In epoll's data: whose event it is. */
struct end {
    struct pair *pair;
    int side;
};

static uint64_t capacity; /* bytes a second */
static uint64_t delay_ns; /* one way */
static size_t ring;       /* bytes, a power of two */
static uint64_t wires[2]; /* when each way of the link is free again, ns */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* The ring's bytes from `position` on, `length` of them, in up to two pieces. */
static int span(const struct flow *flow, uint64_t position, size_t length, struct iovec *ret_pieces)
{
    size_t offset = (size_t)(position & (ring - 1));
    size_t first = length < ring - offset ? length : ring - offset;
    ret_pieces[0] = (struct iovec){.iov_base = flow->bytes + offset, .iov_len = first};
    ret_pieces[1] = (struct iovec){.iov_base = flow->bytes, .iov_len = length - first};
    return length > first ? 2 : 1;
}

static bool has_room(const struct flow *flow)
{
    return flow->next - flow->first < ENTRIES && ring - (flow->tail - flow->head) >= READ_MAX;
}

/* false: the connection is broken. */
static bool take(struct flow *flow, uint64_t now)
{
    while (flow->readable && !flow->ended && has_room(flow) && *flow->wire < now + QUEUE_NS) {
        struct iovec pieces[2];
        ssize_t n = readv(flow->from, pieces, span(flow, flow->tail, READ_MAX, pieces));
        if (n < 0 && errno == EAGAIN) {
            flow->readable = false;
            return true;
        }
        if (n < 0)
            return false;
        uint64_t start = *flow->wire > now ? *flow->wire : now;
        *flow->wire = start + (uint64_t)n * SECOND_NS / capacity;
        flow->entries[flow->next++ % ENTRIES] = (struct entry){.due = *flow->wire + delay_ns, .length = (size_t)n};
        flow->tail += (uint64_t)n;
        flow->ended = n == 0;
    }
    return true;
}

static bool give(struct flow *flow, uint64_t now)
{
    while (flow->writable && flow->first < flow->next) {
        struct entry *entry = &flow->entries[flow->first % ENTRIES];
        if (entry->due > now)
            return true;
        if (entry->length > 0) {
            struct iovec pieces[2];
            ssize_t n = writev(flow->to, pieces, span(flow, flow->head, entry->length, pieces));
            if (n < 0 && errno == EAGAIN) {
                flow->writable = false;
                return true;
            }
            if (n < 0)
                return false;
            flow->head += (uint64_t)n;
            entry->length -= (size_t)n;
            if (entry->length > 0)
                continue;
        } else {
            shutdown(flow->to, SHUT_WR);
        }
        flow->first++;
    }
    return true;
}

/* When the flow has to be looked at again without an event. */
static uint64_t next_look(const struct flow *flow)
{
    uint64_t look = NEVER;
    if (flow->writable && flow->first < flow->next)
        look = flow->entries[flow->first % ENTRIES].due;
    if (flow->readable && !flow->ended && has_room(flow) && *flow->wire - QUEUE_NS < look)
        look = *flow->wire - QUEUE_NS;
    return look;
}

static bool is_over(const struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        if (!pair->flows[i].ended || pair->flows[i].first < pair->flows[i].next)
            return pair->broken;
    }
    return true;
}

static void watch(int epoll, int fd, struct pair *pair, int side)
{
    struct end *end = malloc(sizeof *end); // for as long as this process lives, which is one measurement
    if (end == NULL)
        die("malloc");
    *end = (struct end){.pair = pair, .side = side};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = end};
    int on = 1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

/* NULL: there is nothing behind the link. */
static struct pair *connect_pair(int epoll, int near, uint16_t target, struct pair *following)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(target),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (far < 0 || connect(far, (struct sockaddr *)&address, sizeof address) < 0) {
        close(far);
        close(near);
        return NULL;
    }
    struct pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL)
        die("calloc");
    pair->following = following;
    for (int i = 0; i < 2; i++) {
        pair->flows[i].from = i == 0 ? near : far;
        pair->flows[i].to = i == 0 ? far : near;
        pair->flows[i].wire = &wires[i];
        pair->flows[i].bytes = malloc(ring);
        if (pair->flows[i].bytes == NULL)
            die("malloc");
        watch(epoll, pair->flows[i].from, pair, i);
    }
    return pair;
}

static void free_pair(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        close(pair->flows[i].from);
        free(pair->flows[i].bytes);
    }
    free(pair);
}

/* Moves what can be moved in all pairs, frees those that are over: when to look again. */
static uint64_t move_all(struct pair **pairs)
{
    uint64_t look = NEVER;
    for (struct pair **at = pairs; *at != NULL;) {
        struct pair *pair = *at;
        for (int i = 0; i < 2 && !pair->broken; i++)
            pair->broken = !give(&pair->flows[i], now_ns()) || !take(&pair->flows[i], now_ns());
        if (is_over(pair)) {
            *at = pair->following;
            free_pair(pair);
            continue;
        }
        for (int i = 0; i < 2; i++) {
            uint64_t next = next_look(&pair->flows[i]);
            look = next < look ? next : look;
        }
        at = &pair->following;
    }
    return look;
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0)
        die("listen");
    return fd;
}

static void note_event(const struct epoll_event *event)
{
    const struct end *end = event->data.ptr;
    struct flow *out = &end->pair->flows[end->side], *in = &end->pair->flows[1 - end->side];
    if ((event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        out->readable = true;
    if ((event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        in->writable = true;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("Usage: bench_link PORT TARGET_PORT RTT_MS MBIT_PER_S\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    delay_ns = strtoull(argv[3], NULL, 10) * 1000000 / 2;
    capacity = strtoull(argv[4], NULL, 10) * 1000000 / 8;
    for (ring = 1 << 20; ring < 2 * capacity * (delay_ns + QUEUE_NS) / SECOND_NS;)
        ring *= 2;
    int listener = listen_on((uint16_t)atoi(argv[1]));
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event accepts = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepts);
    struct pair *pairs = NULL;
    for (;;) {
        uint64_t look = move_all(&pairs), now = now_ns();
        uint64_t rest = look > now ? look - now : 0;
        struct timespec timeout = {.tv_sec = (time_t)(rest / SECOND_NS), .tv_nsec = (long)(rest % SECOND_NS)};
        struct epoll_event events[EVENTS_AT_ONCE];
        int n = epoll_pwait2(epoll, events, EVENTS_AT_ONCE, look == NEVER ? NULL : &timeout, NULL);
        for (int i = 0; i < n; i++) {
            int near;
            if (events[i].data.ptr != NULL) {
                note_event(&events[i]);
            } else if ((near = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                struct pair *pair = connect_pair(epoll, near, (uint16_t)atoi(argv[2]), pairs);
                pairs = pair != NULL ? pair : pairs;
            }
        }
    }
}
