#include "local_connection.h"

#include "buffer_move.h"
#include "bulk_read.h"
#include "check.h"
#include "http_forward.h"
#include "http_reader.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    READ_CHUNK = 65536,   /* bytes per read of the socket: what may lie here of a stream that is stalled */
    WRITE_CHUNK = 131072, /* and per write */
};

static bool has_input(const struct local_connection *connection)
{
    return evbuffer_get_length(bufferevent_get_input(connection->bev)) > 0;
}

/* Input first, then the end behind it, unless the owner has had enough, or is another one now who will be told anew. */
static void report(struct local_connection *connection, bool has_news)
{
    const struct local_connection_events *events = connection->events;
    void *owner = connection->owner;
    if (connection->is_paused)
        return;
    if (has_news)
        events->on_input(owner);
    if (connection->has_end && !connection->is_paused && !connection->is_destroyed && connection->owner == owner) {
        connection->has_end = false;
        events->on_ended(owner, connection->end);
    }
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct local_connection *connection = arg;
    bulk_read_on(&connection->prompt, READ_CHUNK);
    report(connection, true);
}

static void on_resume_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    report(arg, true);
}

static void set_reset_on_close(struct local_connection *connection, bool resets)
{
    const struct linger linger = {.l_onoff = resets, .l_linger = 0};
    setsockopt(bufferevent_getfd(connection->bev), SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static void shut_if_empty(struct local_connection *connection)
{
    if (!connection->ends_when_empty || !local_connection_is_flushed(connection))
        return;
    set_reset_on_close(connection, false);
    shutdown(bufferevent_getfd(connection->bev), SHUT_WR);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct local_connection *connection = arg;
    shut_if_empty(connection);
    if (local_connection_is_flushed(connection))
        connection->events->on_flushed(connection->owner);
}

/* DATA that counted as unsent and is not in the output any more has left. What remains there may be heads and chunk
 * framing too: so never too early. */
static void count_consumed(struct local_connection *connection, size_t remaining)
{
    if (connection->unsent <= remaining)
        return;
    size_t consumed = connection->unsent - remaining;
    connection->unsent = remaining;
    connection->events->on_consumed(connection->owner, consumed);
}

static void on_taken(void *arg, size_t left)
{
    count_consumed(arg, left);
}

static void on_write_failed(struct local_connection *connection, int error)
{
    connection->cannot_write = true;
    connection->was_reset = error != EPIPE; /* EPIPE: its FIN came before the reset */
    bufferevent_disable(connection->bev, EV_WRITE);
    prompt_socket_stop_writing(&connection->prompt);
    count_consumed(connection, 0);
    connection->events->on_ended(connection->owner, LOCAL_WRITE_FAILED);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    struct local_connection *connection = arg;
    int error = EVUTIL_SOCKET_ERROR();
    if ((what & BEV_EVENT_WRITING) != 0) {
        on_write_failed(connection, error);
        return;
    }
    connection->has_end = true;
    if ((what & BEV_EVENT_TIMEOUT) != 0)
        connection->end = LOCAL_IDLED;
    else
        connection->end = (what & BEV_EVENT_EOF) != 0 ? LOCAL_ENDED : LOCAL_READ_FAILED;
    report(connection, has_input(connection));
}

struct local_connection *local_connection_new(struct loop *loop, int fd)
{
    struct local_connection *connection = calloc(1, sizeof *connection);
    check(connection != NULL);
    connection->loop = loop;
    connection->bev = bufferevent_socket_new(loop_base(loop), fd, BEV_OPT_CLOSE_ON_FREE);
    connection->reader = http_reader_new(HTTP_ANSWERS);
    connection->resume_timer = evtimer_new(loop_base(loop), on_resume_timer, connection);
    check(connection->bev != NULL && connection->reader != NULL && connection->resume_timer != NULL);
    http_reader_share(connection->reader, loop_heads(loop));
    bufferevent_set_max_single_read(connection->bev, READ_CHUNK);
    bufferevent_set_max_single_write(connection->bev, WRITE_CHUNK);
    check(prompt_socket_begin(&connection->prompt, loop_writes(loop), connection->bev, on_taken));
    return connection;
}

static void free_connection(void *object)
{
    struct local_connection *connection = object;
    bufferevent_free(connection->bev);
    http_reader_destroy(&connection->reader);
    event_free(connection->resume_timer);
    free(connection);
}

void local_connection_destroy(struct local_connection **p_connection, bool aborts)
{
    struct local_connection *connection = *p_connection;
    *p_connection = NULL;
    if (connection == NULL)
        return;
    connection->is_destroyed = true;
    bufferevent_setcb(connection->bev, NULL, NULL, NULL, NULL);
    if (aborts) {
        prompt_socket_write(&connection->prompt); /* what came before the end is there before it, as of one peer */
        set_reset_on_close(connection, true);
    }
    prompt_socket_end(&connection->prompt);
    bufferevent_disable(connection->bev, EV_WRITE);
    evtimer_del(connection->resume_timer);
    loop_reap(connection->loop, free_connection, connection);
}

void local_connection_own(struct local_connection *connection, const struct local_connection_events *events,
                          void *owner)
{
    connection->events = events;
    connection->owner = owner;
    bufferevent_setcb(connection->bev, on_read, on_write, on_event, connection);
    evtimer_del(connection->resume_timer); /* was for the owner before */
    connection->is_paused = false;
    local_connection_resume_reading(connection);
}

struct evbuffer *local_connection_input(struct local_connection *connection)
{
    return bufferevent_get_input(connection->bev);
}

struct evbuffer *local_connection_output(struct local_connection *connection)
{
    return bufferevent_get_output(connection->bev);
}

bool local_connection_is_flushed(const struct local_connection *connection)
{
    return connection->cannot_write || evbuffer_get_length(bufferevent_get_output(connection->bev)) == 0;
}

void local_connection_write(struct local_connection *connection, struct evbuffer *data, size_t length, bool as_chunk)
{
    struct evbuffer *output = bufferevent_get_output(connection->bev);
    if (connection->cannot_write) {
        evbuffer_drain(data, length);
        connection->events->on_consumed(connection->owner, length);
        return;
    }
    connection->unsent += length;
    if (as_chunk)
        http_chunk_write(data, length, output);
    else
        buffer_move(data, output, length);
}

void local_connection_need_fin(struct local_connection *connection)
{
    set_reset_on_close(connection, true);
}

void local_connection_end_writing(struct local_connection *connection)
{
    connection->ends_when_empty = true;
    shut_if_empty(connection);
}

void local_connection_write_within(struct local_connection *connection, unsigned seconds)
{
    const struct timeval wait = {.tv_sec = seconds};
    bufferevent_set_timeouts(connection->bev, NULL, &wait);
}

bool local_connection_is_quiet(const struct local_connection *connection)
{
    return !connection->cannot_write && !connection->has_end && !has_input(connection) &&
           local_connection_is_flushed(connection);
}

void local_connection_pause_reading(struct local_connection *connection)
{
    connection->is_paused = true;
    prompt_socket_read(&connection->prompt, false);
    evtimer_del(connection->resume_timer);
}

void local_connection_resume_reading(struct local_connection *connection)
{
    const struct timeval at_once = {0};
    bool is_due = connection->is_paused || connection->has_end || has_input(connection);
    connection->is_paused = false;
    if (!connection->has_end)
        prompt_socket_read(&connection->prompt, true);
    if (is_due)
        check(evtimer_add(connection->resume_timer, &at_once) == 0);
}

void local_connection_idle(struct local_connection *connection, unsigned seconds)
{
    prompt_socket_wait(&connection->prompt, seconds);
}

bool local_connection_is_stale(struct local_connection *connection)
{
    char byte;
    return recv(bufferevent_getfd(connection->bev), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
           (errno != EAGAIN && errno != EWOULDBLOCK);
}
