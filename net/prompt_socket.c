#include "prompt_socket.h"

#include "bulk_read.h"
#include "check.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    READ_BYTES = 4096, /* as libevent does: bulk_read goes on behind that many */
    WRITE_EXTENTS = 16,
    TLS_RECORD = 16384, /* bytes at most */
};

void write_queue_init(struct write_queue *queue, void (*wake)(void *owner), void *owner)
{
    TAILQ_INIT(&queue->due);
    TAILQ_INIT(&queue->running);
    queue->wake = wake;
    queue->owner = owner;
}

bool write_queue_is_empty(const struct write_queue *queue)
{
    return TAILQ_EMPTY(&queue->due);
}

/* libevent waits for the socket to become writable, and goes on by itself. */
static bool is_left_to_libevent(const struct prompt_socket *prompt)
{
    return bufferevent_get_enabled(prompt->socket) & EV_WRITE;
}

static void make_due(struct prompt_socket *prompt)
{
    if (prompt->waits_in)
        return;
    prompt->waits_in = &prompt->queue->due;
    TAILQ_INSERT_TAIL(prompt->waits_in, prompt, link);
    prompt->queue->wake(prompt->queue->owner);
}

static void leave_queue(struct prompt_socket *prompt)
{
    if (prompt->waits_in)
        TAILQ_REMOVE(prompt->waits_in, prompt, link);
    prompt->waits_in = NULL;
}

static void tell_taken(const struct prompt_socket *prompt, size_t left)
{
    void *owner = NULL;
    bufferevent_getcb(prompt->socket, NULL, NULL, NULL, &owner);
    if (owner)
        prompt->on_taken(owner, left);
}

static void on_output_change(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct prompt_socket *prompt = arg;
    bool is_left = is_left_to_libevent(prompt);
    if (info->n_added > 0 && !is_left)
        make_due(prompt);
    if (info->n_deleted > 0 && is_left && evbuffer_get_length(output) == 0)
        bufferevent_disable(prompt->socket, EV_WRITE); /* prompt again */
    if (info->n_deleted > 0 && prompt->on_taken)
        tell_taken(prompt, evbuffer_get_length(output));
}

/* The callback is due as libevent has it: something was written, and the output has become as short as its watermark.
 */
static void tell_written(struct bufferevent *socket)
{
    bufferevent_data_cb on_written = NULL;
    void *owner = NULL;
    size_t low = 0;
    bufferevent_getcb(socket, NULL, &on_written, NULL, &owner);
    (void)bufferevent_getwatermark(socket, EV_WRITE, &low, NULL);
    if (on_written && evbuffer_get_length(bufferevent_get_output(socket)) <= low)
        on_written(socket, owner);
}

static void tell_write_failed(struct bufferevent *socket, int error)
{
    bufferevent_event_cb on_event = NULL;
    void *owner = NULL;
    bufferevent_getcb(socket, NULL, NULL, &on_event, &owner);
    EVUTIL_SET_SOCKET_ERROR(error);
    if (on_event)
        on_event(socket, BEV_EVENT_WRITING | BEV_EVENT_ERROR, owner);
}

/* As sendmsg: one piece is cheaper to send as what it is. */
static ssize_t send_front(evutil_socket_t fd, struct evbuffer *output, size_t most, bool is_last)
{
    struct evbuffer_iovec extents[WRITE_EXTENTS];
    int count = evbuffer_peek(output, (ev_ssize_t)most, NULL, extents, WRITE_EXTENTS);
    if (count > WRITE_EXTENTS)
        count = WRITE_EXTENTS;
    size_t left = most;
    for (int i = 0; i < count; i++) {
        extents[i].iov_len = extents[i].iov_len < left ? extents[i].iov_len : left;
        left -= extents[i].iov_len;
    }
    bool is_whole = most - left == evbuffer_get_length(output);
    int flags = is_last && is_whole ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
    if (count == 1)
        return send(fd, extents[0].iov_base, extents[0].iov_len, flags);
    const struct msghdr message = {.msg_iov = extents, .msg_iovlen = (size_t)count};
    return sendmsg(fd, &message, flags);
}

/* libevent tries again. */
static bool may_pass(int error)
{
    return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

/* A socket tells of a reset once, to the first who asks: to the next write it says EPIPE, and to the next read that all
 * ended well (tcp_sendmsg, tcp_recvmsg). So libevent must not ask after us. */
void prompt_socket_write(struct prompt_socket *prompt)
{
    if (!prompt->waits_in || is_left_to_libevent(prompt) || prompt->error != 0)
        return;
    struct evbuffer *output = bufferevent_get_output(prompt->socket);
    ssize_t written = 0;
    if (evbuffer_get_length(output) > 0)
        written = send_front(bufferevent_getfd(prompt->socket), output,
                             (size_t)bufferevent_get_max_single_write(prompt->socket), prompt->fin_follows);
    if (written > 0) {
        (void)evbuffer_unfreeze(output, 1); /* bufferevents keep others from draining it */
        check(evbuffer_drain(output, (size_t)written) == 0);
        (void)evbuffer_freeze(output, 1);
        prompt->has_written = true;
    } else if (written < 0 && !may_pass(errno)) {
        prompt->error = errno;
    }
}

/* At the turn's end. */
static void finish_writing(struct prompt_socket *prompt)
{
    struct bufferevent *socket = prompt->socket;
    prompt_socket_write(prompt);
    bool has_written = prompt->has_written;
    prompt->has_written = false;
    leave_queue(prompt);
    if (prompt->error != 0)
        tell_write_failed(socket, prompt->error);
    else if (evbuffer_get_length(bufferevent_get_output(socket)) > 0 && bufferevent_enable(socket, EV_WRITE) != 0)
        tell_write_failed(socket, errno); /* nobody lets us wait until there is room */
    else if (has_written)
        tell_written(socket);
}

void write_queue_run(struct write_queue *queue)
{
    struct prompt_socket *prompt = NULL;
    TAILQ_CONCAT(&queue->running, &queue->due, link);
    TAILQ_FOREACH(prompt, &queue->running, link)
    prompt->waits_in = &queue->running;
    while ((prompt = TAILQ_FIRST(&queue->running)))
        finish_writing(prompt);
}

/* ---- reading ---- */

/* libevent's own event of the socket, which it leaves alone while EV_READ is off: one of ours would cost each visitor
 * 128 bytes more. */
static struct event *readable_of(const struct prompt_socket *prompt)
{
    return &prompt->socket->ev_read;
}

static void assign_readable(struct prompt_socket *prompt, event_callback_fn callback, void *arg)
{
    struct event *readable = readable_of(prompt);
    check(event_assign(readable, event_get_base(readable), event_get_fd(readable), event_get_events(readable), callback,
                       arg) == 0);
}

static void tell_end(struct prompt_socket *prompt, int what, int error)
{
    bufferevent_event_cb on_event = NULL;
    void *owner = NULL;
    bufferevent_getcb(prompt->socket, NULL, NULL, &on_event, &owner);
    (void)prompt_socket_read(prompt, false);
    EVUTIL_SET_SOCKET_ERROR(error);
    if (on_event)
        on_event(prompt->socket, (short)(what | BEV_EVENT_READING), owner);
}

static void tell_read(struct prompt_socket *prompt)
{
    bufferevent_data_cb on_read = NULL;
    void *owner = NULL;
    bufferevent_getcb(prompt->socket, &on_read, NULL, NULL, &owner);
    if (on_read)
        on_read(prompt->socket, owner);
}

static void take_input(struct prompt_socket *prompt, const uint8_t *bytes, size_t length)
{
    struct evbuffer *input = bufferevent_get_input(prompt->socket);
    (void)evbuffer_unfreeze(input, 0); /* bufferevents keep others from adding to it */
    check(evbuffer_add(input, bytes, length) == 0);
    (void)evbuffer_freeze(input, 0);
    tell_read(prompt);
}

/* true: there is much again, and bulk_read_on has had its chance. Should nobody have taken it, next time is as ever. */
static bool leave_to_bulk_read(struct prompt_socket *prompt, evutil_socket_t fd)
{
    size_t waiting = prompt->reads_bulk ? bulk_read_waiting(fd) : 0;
    prompt->reads_bulk = false;
    if (waiting < READ_BYTES)
        return false;
    prompt->waiting = waiting;
    tell_read(prompt);
    prompt->waiting = 0;
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct prompt_socket *prompt = arg;
    uint8_t bytes[READ_BYTES];
    if (!(what & EV_READ)) {
        tell_end(prompt, BEV_EVENT_TIMEOUT, 0);
        return;
    }
    if (leave_to_bulk_read(prompt, fd))
        return;
    ssize_t length = recv(fd, bytes, sizeof bytes, 0);
    bool was_reset = prompt->error != 0 && prompt->error != EPIPE; /* EPIPE: behind the peer's FIN */
    if (length > 0)
        take_input(prompt, bytes, (size_t)length);
    else if (length == 0 && was_reset)
        tell_end(prompt, BEV_EVENT_ERROR, prompt->error);
    else if (length == 0)
        tell_end(prompt, BEV_EVENT_EOF, 0);
    else if (errno != EAGAIN && errno != EINTR)
        tell_end(prompt, BEV_EVENT_ERROR, errno);
}

static bool watch_input(struct prompt_socket *prompt, bool watches)
{
    if (prompt->is_tls)
        return (watches ? bufferevent_enable : bufferevent_disable)(prompt->socket, EV_READ) == 0;
    return (watches ? event_add(readable_of(prompt), NULL) : event_del(readable_of(prompt))) == 0;
}

bool prompt_socket_read(struct prompt_socket *prompt, bool reads)
{
    if (!prompt->socket || prompt->reads == reads)
        return true;
    if (!watch_input(prompt, reads) && reads)
        return false;
    prompt->reads = reads;
    return true;
}

void prompt_socket_wait(struct prompt_socket *prompt, unsigned seconds)
{
    const struct timeval wait = {.tv_sec = seconds};
    if (!prompt->reads || prompt->is_tls)
        return;
    if (seconds > 0)
        check(event_add(readable_of(prompt), &wait) == 0);
    else
        event_remove_timer(readable_of(prompt));
}

/* ---- TLS ---- */

static void cork(struct prompt_socket *prompt, bool corks)
{
    const int value = corks;
    if (prompt->is_corked == corks)
        return;
    (void)setsockopt(bufferevent_getfd(prompt->socket), IPPROTO_TCP, TCP_CORK, &value, sizeof value);
    prompt->is_corked = corks;
}

/* OpenSSL has a write for each record. Of several the kernel shall make full packets all the same, and wake the peer
 * for those: it does while the socket is corked, and keeps the rest for no longer than 200 ms (tcp(7)). */
static void on_tls_output_change(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    (void)info;
    cork(arg, evbuffer_get_length(output) > TLS_RECORD);
}

/* ---- birth and death ---- */

bool prompt_socket_begin(struct prompt_socket *prompt, struct write_queue *queue, struct bufferevent *socket,
                         prompt_taken on_taken)
{
    *prompt = (struct prompt_socket){.queue = queue, .on_taken = on_taken};
    bufferevent_disable(socket, EV_READ);
    struct evbuffer *output = bufferevent_get_output(socket);
    prompt->is_tls = bufferevent_openssl_get_ssl(socket);
    prompt->watch = evbuffer_add_cb(output, prompt->is_tls ? on_tls_output_change : on_output_change, prompt);
    if (!prompt->watch)
        return false;
    prompt->socket = socket;
    if (prompt->is_tls)
        return true;
    prompt->read_as = event_get_callback(readable_of(prompt));
    assign_readable(prompt, on_readable, prompt);
    if (evbuffer_get_length(output) == 0)
        bufferevent_disable(socket, EV_WRITE);
    return true;
}

void prompt_socket_stop_writing(struct prompt_socket *prompt)
{
    if (!prompt || !prompt->socket)
        return;
    if (prompt->watch)
        evbuffer_remove_cb_entry(bufferevent_get_output(prompt->socket), prompt->watch);
    prompt->watch = NULL;
    cork(prompt, false);
    leave_queue(prompt);
}

void prompt_socket_end(struct prompt_socket *prompt)
{
    if (!prompt || !prompt->socket)
        return;
    prompt_socket_stop_writing(prompt);
    (void)prompt_socket_read(prompt, false);
    if (!prompt->is_tls)
        assign_readable(prompt, prompt->read_as, prompt->socket);
    prompt->socket = NULL;
}
