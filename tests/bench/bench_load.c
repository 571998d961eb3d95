/* Loads what wrk does not: bench_load MODE PORT CONNECTIONS SECONDS [PATH [LENGTH]] against 127.0.0.1:PORT, one epoll
 * loop.
 *
 *   download     GET PATH, kept alive, again and again; bodies must be as long as Content-Length says
 *   upload       PUT PATH of LENGTH bytes; the answer must be that number
 *   raw-download bench_origin's source
 *   raw-upload   bench_origin's sink; its answer must be the number of bytes sent
 *   ping-pong    bench_origin's echo, one byte at a time; it must be the same byte
 *   hold         bench_origin's echo after one byte, or with PATH its event stream after one event: "held" is printed
 *                when all are there, and they stay until standard input ends
 *
 * Prints one line of JSON: seconds, bytes and operations since the warm-up, all_bytes and all_operations, p50_us and
 * p99_us of an operation. What is not as it must be ends it with status 1 and a line on standard error. */
#include "histogram.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 256
#define CHUNK          (1 << 20) /* the most that is discarded or written in one call */
#define HEAD_MAX       4096
#define WARM_UP        0.2                   /* of the time, which comes on top */
#define PATIENCE_NS    UINT64_C(20000000000) /* without any progress */
#define DIAL_AT_ONCE   64

enum mode { MODE_DOWNLOAD, MODE_UPLOAD, MODE_RAW_DOWNLOAD, MODE_RAW_UPLOAD, MODE_PING_PONG, MODE_HOLD };
static const char *const mode_names[] = {"download", "upload", "raw-download", "raw-upload", "ping-pong", "hold"};
#define MODES (sizeof mode_names / sizeof mode_names[0])

/* What a connection is doing; each mode passes through some of these. */
enum phase { PHASE_SENDING, PHASE_HEAD, PHASE_BODY, PHASE_HELD, PHASE_DONE };

struct connection {
    int fd;
    enum phase phase;
    uint64_t left;  /* SENDING: of the body; BODY: of the answer */
    uint64_t sent;  /* RAW_UPLOAD: so far */
    uint64_t begun; /* when the operation began, ns */
    char head[HEAD_MAX];
    size_t length; /* of what there is in head */
    unsigned char ping;
};

struct load {
    enum mode mode;
    const char *path;
    uint64_t upload_length;
    uint16_t port;
    int epoll;
    uint64_t now;   /* ns */
    uint64_t start; /* of what is counted */
    uint64_t stop;  /* nothing is begun from here on */
    bool stopping;
    size_t running; /* connections that are not DONE */
    size_t held;
    size_t dialling;                    /* HOLD: not HELD yet */
    uint64_t bytes, operations;         /* since the warm-up */
    uint64_t all_bytes, all_operations; /* from the beginning */
    uint64_t progress;                  /* when a byte moved last */
    struct histogram latencies;
};

static const char zeros[CHUNK];

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bench_load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void watch(const struct load *load, int operation, struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(load->epoll, operation, c->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

static void tell(const struct connection *c, const void *bytes, size_t length)
{
    if (send(c->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        fail("could not send: %s", strerror(errno));
}

static void count(struct load *load, uint64_t bytes)
{
    load->progress = load->now;
    load->all_bytes += bytes;
    if (load->now >= load->start)
        load->bytes += bytes;
}

static void count_operation(struct load *load, const struct connection *c)
{
    load->progress = load->now;
    load->all_operations++;
    if (c->begun >= load->start) {
        load->operations++;
        histogram_add(&load->latencies, load->now - c->begun);
    }
}

static void finish(struct load *load, struct connection *c)
{
    close(c->fd);
    c->phase = PHASE_DONE;
    load->running--;
}

static void begin(struct load *load, struct connection *c)
{
    char head[HEAD_MAX];
    int length = 0;
    c->begun = load->now;
    c->length = 0;
    switch (load->mode) {
    case MODE_DOWNLOAD:
        length = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", load->path);
        c->phase = PHASE_HEAD;
        break;
    case MODE_UPLOAD:
        length = snprintf(head, sizeof head, "PUT %s HTTP/1.1\r\nHost: bench\r\nContent-Length: %" PRIu64 "\r\n\r\n",
                          load->path, load->upload_length);
        c->left = load->upload_length;
        c->phase = PHASE_SENDING;
        watch(load, EPOLL_CTL_MOD, c, EPOLLOUT);
        break;
    case MODE_RAW_DOWNLOAD:
        length = snprintf(head, sizeof head, "s");
        c->left = UINT64_MAX;
        c->phase = PHASE_BODY;
        break;
    case MODE_RAW_UPLOAD:
        length = snprintf(head, sizeof head, "k");
        c->left = UINT64_MAX;
        c->phase = PHASE_SENDING;
        watch(load, EPOLL_CTL_MOD, c, EPOLLOUT);
        break;
    case MODE_PING_PONG:
        c->ping = (unsigned char)(c->sent++ == 0 ? 'e' : c->ping + 1); // the first byte asks for an echo
        head[0] = (char)c->ping;
        length = 1;
        c->phase = PHASE_BODY;
        break;
    case MODE_HOLD:
        length = load->path != NULL ? snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", load->path)
                                    : snprintf(head, sizeof head, "e");
        c->phase = PHASE_BODY;
        break;
    }
    tell(c, head, (size_t)length);
}

static void operation_done(struct load *load, struct connection *c)
{
    count_operation(load, c);
    if (load->stopping)
        finish(load, c);
    else
        begin(load, c);
}

/* Reads into the head until its empty line: the start of the body, NULL: not there yet. */
static const char *read_head(struct connection *c)
{
    ssize_t n = recv(c->fd, c->head + c->length, sizeof c->head - 1 - c->length, 0);
    if (n < 0 && errno == EAGAIN)
        return NULL;
    if (n <= 0)
        fail("the answer ended in its head");
    c->length += (size_t)n;
    c->head[c->length] = '\0';
    const char *empty = strstr(c->head, "\r\n\r\n");
    if (empty == NULL && c->length == sizeof c->head - 1)
        fail("the answer's head is too long");
    if (empty != NULL && strncmp(c->head, "HTTP/1.1 200 ", 13) != 0)
        fail("the answer is no 200: %.60s", c->head);
    return empty != NULL ? empty + 4 : NULL;
}

static void on_head(struct load *load, struct connection *c)
{
    const char *body = read_head(c);
    if (body == NULL)
        return;
    const char *field = strcasestr(c->head, "\r\ncontent-length:");
    if (field == NULL || field > body)
        fail("the answer has no Content-Length");
    uint64_t length = strtoull(field + sizeof "\r\ncontent-length:" - 1, NULL, 10);
    size_t more = c->length - (size_t)(body - c->head);
    if (more > length)
        fail("the answer is longer than its Content-Length");
    if (load->mode == MODE_UPLOAD) {
        if (more < length)
            return;
        if (strtoull(body, NULL, 10) != load->upload_length)
            fail("the service got %.20s bytes instead of %" PRIu64, body, load->upload_length);
        operation_done(load, c);
        return;
    }
    count(load, more);
    c->left = length - more;
    c->phase = PHASE_BODY;
}

static void on_body(struct load *load, struct connection *c)
{
    ssize_t n = recv(c->fd, NULL, c->left < CHUNK ? c->left : CHUNK, MSG_TRUNC);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        fail("the body ended %" PRIu64 " bytes too early: %s", c->left, n < 0 ? strerror(errno) : "end");
    count(load, (uint64_t)n);
    if (load->mode == MODE_DOWNLOAD && (c->left -= (uint64_t)n) == 0)
        operation_done(load, c);
}

static void on_pong(struct load *load, struct connection *c)
{
    unsigned char pong[2];
    ssize_t n = recv(c->fd, pong, sizeof pong, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n != 1 || pong[0] != c->ping)
        fail("the echo of one byte is %zd bytes, or another one", n);
    count(load, 1);
    operation_done(load, c);
}

static void on_held(struct load *load, struct connection *c)
{
    ssize_t n = recv(c->fd, c->head + c->length, sizeof c->head - 1 - c->length, 0);
    if (n <= 0)
        fail("a connection to be held ended");
    if (c->phase == PHASE_HELD) // what ends the event's chunk
        return;
    c->length += (size_t)n;
    c->head[c->length] = '\0';
    if (load->path != NULL ? strstr(c->head, "data: hello\n\n") == NULL : c->head[0] != 'e')
        return;
    c->phase = PHASE_HELD;
    load->progress = load->now;
    load->held++;
    load->dialling--;
}

/* The body of an upload; of a raw one until it's time to stop. */
static void send_body(struct load *load, struct connection *c)
{
    if (load->mode == MODE_RAW_UPLOAD && load->stopping) {
        shutdown(c->fd, SHUT_WR);
        c->phase = PHASE_HEAD;
        c->length = 0;
        watch(load, EPOLL_CTL_MOD, c, EPOLLIN);
        return;
    }
    ssize_t n = send(c->fd, zeros, c->left < CHUNK ? c->left : CHUNK, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0)
        fail("the upload was cut: %s", strerror(errno));
    load->progress = load->now;
    load->bytes += (uint64_t)n; // the clock stops when the last one has arrived
    load->all_bytes += (uint64_t)n;
    c->sent += (uint64_t)n;
    if (load->mode == MODE_UPLOAD && (c->left -= (uint64_t)n) == 0) {
        c->phase = PHASE_HEAD;
        watch(load, EPOLL_CTL_MOD, c, EPOLLIN);
    }
}

static void on_sink_told(struct load *load, struct connection *c)
{
    ssize_t n = recv(c->fd, c->head + c->length, sizeof c->head - 1 - c->length, 0);
    if (n < 0)
        fail("the sink's answer is lost: %s", strerror(errno));
    if (n > 0) {
        c->length += (size_t)n;
        return;
    }
    c->head[c->length] = '\0';
    if (strtoull(c->head, NULL, 10) != c->sent)
        fail("the service got '%s' bytes instead of %" PRIu64, c->head, c->sent);
    count_operation(load, c);
    finish(load, c);
}

static void on_event(struct load *load, struct connection *c)
{
    switch (c->phase) {
    case PHASE_SENDING:
        send_body(load, c);
        break;
    case PHASE_HEAD:
        if (load->mode == MODE_RAW_UPLOAD)
            on_sink_told(load, c);
        else
            on_head(load, c);
        break;
    case PHASE_BODY:
        if (load->mode == MODE_PING_PONG)
            on_pong(load, c);
        else if (load->mode == MODE_HOLD)
            on_held(load, c);
        else
            on_body(load, c);
        break;
    case PHASE_HELD:
        on_held(load, c);
        break;
    case PHASE_DONE:
        break;
    }
}

static void dial(struct load *load, struct connection *c)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(load->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("could not connect: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    load->now = now_ns();
    watch(load, EPOLL_CTL_ADD, c, EPOLLIN);
    begin(load, c);
}

static void wait_for_events(struct load *load, int timeout_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int n = epoll_wait(load->epoll, events, EVENTS_AT_ONCE, timeout_ms);
    load->now = now_ns();
    for (int i = 0; i < n; i++) {
        on_event(load, events[i].data.ptr);
        load->now = now_ns();
    }
    if (load->now > load->progress + PATIENCE_NS)
        fail("nothing moves");
}

static void hold(struct load *load, struct connection *connections, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        load->dialling++;
        dial(load, &connections[i]);
        while (load->dialling >= DIAL_AT_ONCE)
            wait_for_events(load, 1000);
    }
    while (load->held < count)
        wait_for_events(load, 1000);
    puts("held");
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    for (load->progress = now_ns();;) { // whatever ended meanwhile is told of now
        struct epoll_event event;
        if (epoll_wait(load->epoll, &event, 1, 0) == 0)
            return;
        on_held(load, event.data.ptr);
    }
}

static void run(struct load *load, struct connection *connections, size_t count, double seconds)
{
    bool counts_all = load->mode == MODE_UPLOAD || load->mode == MODE_RAW_UPLOAD;
    load->start = now_ns() + (counts_all ? 0 : (uint64_t)(WARM_UP * seconds * 1e9));
    load->stop = load->start + (uint64_t)(seconds * 1e9);
    for (size_t i = 0; i < count; i++)
        dial(load, &connections[i]);
    load->running = count;
    while (!load->stopping) {
        wait_for_events(load, (int)((load->stop - load->now) / 1000000) + 1);
        load->stopping = load->now >= load->stop;
    }
    uint64_t end = counts_all ? 0 : load->now;
    while (counts_all && load->running > 0)
        wait_for_events(load, 1000);
    if (counts_all)
        end = load->now;
    if (load->operations == 0 && load->bytes == 0)
        fail("nothing came");
    printf("{\"seconds\": %.6f, \"bytes\": %" PRIu64 ", \"operations\": %" PRIu64 ", \"all_bytes\": %" PRIu64
           ", \"all_operations\": %" PRIu64 ", \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
           (double)(end - load->start) / 1e9, load->bytes, load->operations, load->all_bytes, load->all_operations,
           (double)histogram_quantile(&load->latencies, 0.5) / 1e3,
           (double)histogram_quantile(&load->latencies, 0.99) / 1e3);
}

int main(int argc, char **argv)
{
    static struct load load;
    size_t mode = MODES;
    for (size_t i = 0; argc >= 5 && i < MODES; i++) {
        if (strcmp(argv[1], mode_names[i]) == 0)
            mode = i;
    }
    if (mode == MODES || argc > 7) {
        fputs("Usage: bench_load MODE PORT CONNECTIONS SECONDS [PATH [LENGTH]]\n", stderr);
        return 2;
    }
    size_t count = strtoul(argv[3], NULL, 10);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    load.mode = (enum mode)mode;
    load.port = (uint16_t)atoi(argv[2]);
    load.path = argc > 5 ? argv[5] : NULL;
    load.upload_length = argc > 6 ? strtoull(argv[6], NULL, 10) : 0;
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.now = load.progress = now_ns();
    struct connection *connections = calloc(count, sizeof *connections);
    if (connections == NULL || load.epoll < 0)
        fail("no memory for %zu connections", count);
    if (load.mode == MODE_HOLD)
        hold(&load, connections, count);
    else
        run(&load, connections, count, strtod(argv[4], NULL));
    free(connections);
    return 0;
}
