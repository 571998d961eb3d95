/* What a visitor is waited for, and for how long (protocol section 9). */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "bulk_read.h"
#include "tcp_socket.h"
#include "tunnel_session.h"
#include "visitor.h"

enum {
    HALF_CLOSED_MS = 30000, /* old drivers never end a stream after the kit's EOF */
    LOOKS_MAX = 16,         /* turns, in each of which epoll tells of twice as many sockets as before, from 32 */
};

static uint64_t wait_ms(const struct gateway *gateway, enum visitor_deadline kind)
{
    const struct options *options = gateway->options;
    switch (kind) {
    case DEADLINE_NONE:
    case DEADLINE_KINDS:
        break;
    case DEADLINE_FIRST_HEAD:
    case DEADLINE_HEAD:
        return options->head_timeout;
    case DEADLINE_KEEPALIVE:
        return options->keepalive_timeout;
    case DEADLINE_BODY:
        return options->body_timeout;
    case DEADLINE_RESPONSE:
        return options->response_timeout;
    case DEADLINE_HALF_CLOSED:
        return HALF_CLOSED_MS;
    }
    return 0;
}

static enum visitor_deadline deadline_due(const struct visitor *visitor)
{
    switch (visitor->phase) {
    case VISITOR_IDLE:
        if (http_reader_in_message(visitor->reader))
            return DEADLINE_HEAD;
        return visitor->deadline_kind == DEADLINE_FIRST_HEAD ? DEADLINE_FIRST_HEAD : DEADLINE_KEEPALIVE;
    case VISITOR_EXCHANGE:
        if (!visitor->request_ended && !visitor->is_paused)
            return DEADLINE_BODY;
        return visitor->answer.head_written ? DEADLINE_NONE : DEADLINE_RESPONSE;
    case VISITOR_DISCARDING:
        return DEADLINE_BODY;
    case VISITOR_UPGRADED:
        return visitor->request_ended && visitor->stream && visitor->stream->session->driver == DRIVER_KIND_OLD
                   ? DEADLINE_HALF_CLOSED
                   : DEADLINE_NONE;
    case VISITOR_GONE:
        break;
    }
    return DEADLINE_NONE;
}

static void leave_list(struct visitor *visitor)
{
    if (visitor->deadline_kind != DEADLINE_NONE)
        TAILQ_REMOVE(&visitor->gateway->deadlines[visitor->deadline_kind].visitors, visitor, deadline_link);
    visitor->deadline_kind = DEADLINE_NONE;
}

static void enter_list(struct visitor *visitor, enum visitor_deadline kind)
{
    struct deadline_list *list = &visitor->gateway->deadlines[kind];
    uint64_t ms = wait_ms(visitor->gateway, kind);
    visitor->deadline_kind = kind;
    visitor->deadline_ms = monotonic_ms() + ms;
    TAILQ_INSERT_TAIL(&list->visitors, visitor, deadline_link);
    if (!event_pending(list->timer, EV_TIMEOUT, NULL)) {
        struct timeval after = gateway_timeval(ms);
        event_add(list->timer, &after);
    }
}

void visitor_set_deadline(struct visitor *visitor, bool progressed)
{
    enum visitor_deadline kind = deadline_due(visitor);
    bool counts_progress = kind == DEADLINE_BODY || kind == DEADLINE_RESPONSE || kind == DEADLINE_HALF_CLOSED;
    if (kind == visitor->deadline_kind && !(progressed && counts_progress))
        return;
    leave_list(visitor);
    if (kind != DEADLINE_NONE)
        enter_list(visitor, kind);
}

void visitor_begin_deadlines(struct visitor *visitor)
{
    enter_list(visitor, DEADLINE_FIRST_HEAD);
}

void visitor_end_deadlines(struct visitor *visitor)
{
    leave_list(visitor);
}

static void on_deadline(struct visitor *visitor, enum visitor_deadline kind)
{
    switch (kind) {
    case DEADLINE_NONE:
    case DEADLINE_KINDS:
        break;
    case DEADLINE_HEAD:
        visitor->gateway->counts.streams_refused[STREAM_HEAD_TOO_SLOW]++;
        visitor->phase = VISITOR_EXCHANGE;
        visitor_record_begin(visitor, NULL);
        http_answer_init(&visitor->answer, (struct http_answer_request){.version_minor = 1});
        visitor_fail_exchange(visitor, 408, "the request's head did not arrive in time");
        break;
    case DEADLINE_FIRST_HEAD:
    case DEADLINE_KEEPALIVE:
        visitor_close(visitor);
        break;
    case DEADLINE_BODY:
        if (visitor->phase == VISITOR_DISCARDING)
            visitor_close(visitor);
        else
            visitor_fail_exchange(visitor, 408, "the request's body made no progress");
        break;
    case DEADLINE_RESPONSE:
        visitor_fail_exchange(visitor, 504, "the service behind the tunnel did not answer in time");
        break;
    case DEADLINE_HALF_CLOSED:
        if (evbuffer_get_length(bufferevent_get_output(visitor->socket)) > 0) {
            visitor_set_deadline(visitor, true); /* it is the visitor who waits: its driver may have more */
            break;
        }
        visitor_record_because(visitor, "half-closed and idle");
        stream_reset(&visitor->stream, CODE_IDLE_TIMEOUT, "half-closed and idle");
        visitor_close(visitor);
        break;
    }
}

static bool is_unheard(const struct visitor *visitor)
{
    return visitor->prompt.reads && bulk_read_waiting(bufferevent_getfd(visitor->socket)) > 0;
}

/* After a freeze of this process what was waited for lies in the sockets, and the clock alone would call it late: so
 * the loop asks for them once more, and again while it has not told of all. Whoever never stops sending gains a few
 * turns. */
static bool should_look_again(const struct deadline_list *list, const struct visitor *late)
{
    return list->looks == 0 || (list->looks < LOOKS_MAX && is_unheard(late));
}

/* What is over is over at once: none of them may put itself back in front of the others. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct deadline_list *list = arg;
    struct visitor *visitor = NULL;
    uint64_t now_ms = monotonic_ms();
    while ((visitor = TAILQ_FIRST(&list->visitors)) && visitor->deadline_ms <= now_ms) {
        enum visitor_deadline kind = visitor->deadline_kind;
        if (should_look_again(list, visitor)) {
            list->looks++;
            event_add(list->timer, &(struct timeval){0});
            return;
        }
        leave_list(visitor);
        on_deadline(visitor, kind);
    }
    list->looks = 0;
    if (visitor) {
        struct timeval after = gateway_timeval(visitor->deadline_ms - now_ms);
        event_add(list->timer, &after);
    }
}

bool visitor_deadlines_init(struct gateway *gateway)
{
    bool is_whole = true;
    for (int kind = 0; kind < DEADLINE_KINDS; kind++) {
        struct deadline_list *list = &gateway->deadlines[kind];
        TAILQ_INIT(&list->visitors);
        list->timer = evtimer_new(gateway->loop, on_timer, list);
        is_whole = is_whole && list->timer;
    }
    return is_whole;
}

void visitor_deadlines_done(struct gateway *gateway)
{
    for (int kind = 0; kind < DEADLINE_KINDS; kind++)
        if (gateway->deadlines[kind].timer)
            event_free(gateway->deadlines[kind].timer);
}
