/* What a visitor is waited for, and for how long (protocol section 9). */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "tcp_socket.h"
#include "tunnel_session.h"
#include "visitor.h"

enum { HALF_CLOSED_MS = 30000 /* old drivers never end a stream after the kit's EOF */ };

static uint64_t deadline_ms(const struct visitor *visitor, enum visitor_deadline kind)
{
    const struct options *options = visitor->gateway->options;
    switch (kind) {
    case DEADLINE_NONE:
        break;
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
        return http_reader_in_message(visitor->reader) ? DEADLINE_HEAD : DEADLINE_KEEPALIVE;
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

void visitor_set_deadline(struct visitor *visitor, bool progressed)
{
    enum visitor_deadline kind = deadline_due(visitor);
    bool counts_progress = kind == DEADLINE_BODY || kind == DEADLINE_RESPONSE || kind == DEADLINE_HALF_CLOSED;
    if (kind == visitor->deadline_kind && !(progressed && counts_progress))
        return;
    visitor->deadline_kind = kind;
    if (kind == DEADLINE_NONE) {
        event_del(visitor->deadline);
        return;
    }
    struct timeval after = gateway_timeval(deadline_ms(visitor, kind));
    event_add(visitor->deadline, &after);
}

void visitor_on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct visitor *visitor = arg;
    switch (visitor->deadline_kind) {
    case DEADLINE_NONE:
        break;
    case DEADLINE_HEAD:
        visitor->gateway->counts.streams_refused[STREAM_HEAD_TOO_SLOW]++;
        visitor->phase = VISITOR_EXCHANGE;
        visitor_record_begin(visitor, NULL);
        http_answer_init(&visitor->answer, (struct http_answer_request){.version_minor = 1});
        visitor_fail_exchange(visitor, 408, "the request's head did not arrive in time");
        break;
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
