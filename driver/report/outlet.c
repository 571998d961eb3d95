#include "report/outlet.h"

#include "check.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PIECE_BYTES = 512 }; /* that a descriptor takes without a pause when it says that it is ready */

struct outlet {
    int fd;
    bool is_own;    /* opened anew: without waiting, whatever others do with theirs */
    bool is_direct; /* a file, or nothing at all: never waits */
    int error;      /* errno of the write that failed; 0: none yet. Nothing leaves any more */
    struct evbuffer *waiting;
    struct event *event; /* NULL: no loop yet */
    void (*on_empty)(void *owner);
    void *owner;
};

/* Pipes and terminals can be opened again: O_NONBLOCK on the one that we were given would change it for the shell, too.
 */
static int open_anew(int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

struct outlet *outlet_new(int fd)
{
    struct outlet *outlet = calloc(1, sizeof *outlet);
    struct stat facts = {0};
    check(outlet != NULL);
    bool is_known = fstat(fd, &facts) == 0;
    bool may_wait = is_known && (S_ISFIFO(facts.st_mode) || S_ISSOCK(facts.st_mode) || isatty(fd));
    int own = may_wait ? open_anew(fd) : -1;
    *outlet = (struct outlet){
        .fd = own >= 0 ? own : fd,
        .is_own = own >= 0,
        .is_direct = !may_wait,
        .waiting = evbuffer_new(),
    };
    check(outlet->waiting != NULL);
    return outlet;
}

void outlet_destroy(struct outlet **p_outlet)
{
    struct outlet *outlet = *p_outlet;
    *p_outlet = NULL;
    if (outlet == NULL)
        return;
    outlet_detach(outlet);
    if (outlet->is_own)
        close(outlet->fd);
    evbuffer_free(outlet->waiting);
    free(outlet);
}

static bool is_ready(const struct outlet *outlet, int ms)
{
    struct pollfd writable = {.fd = outlet->fd, .events = POLLOUT};
    return poll(&writable, 1, ms) > 0;
}

/* -1: not now. */
static ssize_t write_some(struct outlet *outlet, const void *bytes, size_t length)
{
    if (!outlet->is_own && !outlet->is_direct) {
        if (!is_ready(outlet, 0))
            return -1;
        length = length < PIECE_BYTES ? length : PIECE_BYTES;
    }
    ssize_t written = write(outlet->fd, bytes, length);
    if (written < 0 && errno != EAGAIN && errno != EINTR)
        outlet->error = errno;
    return written;
}

static void write_waiting(struct outlet *outlet)
{
    for (size_t length; outlet->error == 0 && (length = evbuffer_get_contiguous_space(outlet->waiting)) > 0;) {
        ssize_t written = write_some(outlet, evbuffer_pullup(outlet->waiting, (ev_ssize_t)length), length);
        if (written < 0)
            break;
        evbuffer_drain(outlet->waiting, (size_t)written);
    }
    if (outlet->error != 0)
        outlet_clear(outlet);
}

static void await_room(struct outlet *outlet)
{
    if (outlet->event != NULL && !outlet_is_empty(outlet))
        (void)event_add(outlet->event, NULL); /* what can't be watched is tried with the next text */
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct outlet *outlet = arg;
    write_waiting(outlet);
    await_room(outlet);
    if (outlet_is_empty(outlet))
        outlet->on_empty(outlet->owner);
}

void outlet_attach(struct outlet *outlet, struct loop *loop, void (*on_empty)(void *owner), void *owner)
{
    check(outlet->event == NULL);
    outlet->on_empty = on_empty;
    outlet->owner = owner;
    outlet->event = event_new(loop_base(loop), outlet->fd, EV_WRITE, on_writable, outlet);
    check(outlet->event != NULL);
    await_room(outlet);
}

void outlet_detach(struct outlet *outlet)
{
    if (outlet->event != NULL)
        event_free(outlet->event);
    outlet->event = NULL;
}

bool outlet_add(struct outlet *outlet, const char *bytes, size_t length)
{
    if (length > outlet_room(outlet))
        return false;
    check(evbuffer_add(outlet->waiting, bytes, length) == 0);
    write_waiting(outlet);
    await_room(outlet);
    return outlet->error == 0;
}

size_t outlet_room(const struct outlet *outlet)
{
    return outlet->error != 0 ? 0 : OUTLET_WAITING_MAX - evbuffer_get_length(outlet->waiting);
}

bool outlet_is_empty(const struct outlet *outlet)
{
    return evbuffer_get_length(outlet->waiting) == 0;
}

int outlet_error(const struct outlet *outlet)
{
    return outlet->error == EPIPE ? 0 : outlet->error;
}

void outlet_clear(struct outlet *outlet)
{
    evbuffer_drain(outlet->waiting, evbuffer_get_length(outlet->waiting));
}

static int64_t now_ms(void)
{
    struct timespec now;
    check(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void outlet_flush(struct outlet *outlet, unsigned ms)
{
    int64_t until = now_ms() + ms;
    write_waiting(outlet);
    for (int64_t left = ms; !outlet_is_empty(outlet) && left > 0; left = until - now_ms()) {
        if (is_ready(outlet, (int)left))
            write_waiting(outlet);
    }
}
