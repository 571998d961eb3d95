/* What a visitor gets back: the stream's events, turned into an HTTP answer. */
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

#include "driver_connection.h"
#include "tcp_socket.h"
#include "tunnel_session.h"
#include "visitor.h"

enum {
    REASON_SHOWN_MAX = 200,   /* bytes of a driver's RESET reason in a 502 */
    INTERIM_WAIT_MAX = 131072 /* bytes of interim heads that the visitor has not taken; no credit bounds them */
};

void visitor_answer_own(struct visitor *visitor, uint16_t status, const char *extra_fields, const char *text)
{
    struct http_answer *answer = &visitor->answer;
    bool keeps_alive =
        http_answer_own(answer->request, status, extra_fields, text, visitor->must_close, visitor_output(visitor));
    answer->head_written = true;
    answer->status = status;
    answer->keeps_alive = keeps_alive;
    visitor->answer_ended = true;
    visitor_record_sent(visitor, answer->request.is_head ? 0 : strlen(text));
    visitor_record_answered(visitor);
    visitor_settle(visitor);
}

void visitor_refuse(struct visitor *visitor, uint16_t status, const char *extra_fields, const char *text)
{
    visitor_record_because(visitor, text);
    visitor_answer_own(visitor, status, extra_fields, text);
}

static void become_upgraded(struct visitor *visitor)
{
    visitor->phase = VISITOR_UPGRADED;
    visitor->paused.half_closes = true;
    visitor->request_ended = false; /* from here on: the visitor's own end */
    visitor->stream->is_gated = false;
    visitor_read(visitor); /* what was held */
}

static void refuse_upgrade(struct visitor *visitor)
{
    struct evbuffer *held = bufferevent_get_input(visitor->socket);
    evbuffer_drain(held, evbuffer_get_length(held));
    visitor->must_close = true;
    visitor->stream->is_gated = false;
    stream_end_input(visitor->stream);
    tunnel_session_send_turn(visitor->stream->session, visitor->stream); /* at once: its answer may be whole already */
}

static void limit_interim(struct visitor *visitor)
{
    if (evbuffer_get_length(visitor_output(visitor)) > INTERIM_WAIT_MAX)
        prompt_socket_write(&visitor->prompt); /* many may come in one turn */
    if (evbuffer_get_length(visitor_output(visitor)) > INTERIM_WAIT_MAX)
        stream_refuse(visitor->stream, CODE_ENHANCE_YOUR_CALM, "more interim heads than the visitor takes");
}

static void on_head(void *arg, const struct response_head *head)
{
    struct visitor *visitor = arg;
    if (http_answer_head(&visitor->answer, head, visitor_output(visitor)) != ANSWER_OK) {
        stream_refuse(visitor->stream, CODE_PROTOCOL_ERROR, "not a valid answer head");
        return;
    }
    if (!visitor->answer.head_written) {
        limit_interim(visitor);
        return;
    }
    visitor_record_answered(visitor);
    if (visitor->answer.framing == ANSWER_UNTIL_CLOSE || visitor->answer.framing == ANSWER_RAW)
        tcp_socket_need_fin(visitor->socket);
    if (visitor->answer.framing == ANSWER_RAW)
        become_upgraded(visitor);
    else if (visitor->is_upgrade)
        refuse_upgrade(visitor);
    visitor_set_deadline(visitor, false); /* not only when the visitor takes it: that may be long after */
}

static void on_data(void *arg, struct evbuffer *bytes)
{
    struct visitor *visitor = arg;
    if (visitor->answer_ended) { /* a stream whose answer is complete waits for its last byte to be read */
        evbuffer_drain(bytes, evbuffer_get_length(bytes));
        stream_note_unsent(visitor->stream, evbuffer_get_length(visitor_output(visitor)));
        return;
    }
    if (visitor->answer.framing != ANSWER_NO_BODY)
        visitor_record_sent(visitor, evbuffer_get_length(bytes));
    enum http_answer_verdict verdict = http_answer_body(&visitor->answer, bytes, visitor_output(visitor));
    evbuffer_drain(bytes, evbuffer_get_length(bytes));
    stream_note_unsent(visitor->stream, evbuffer_get_length(visitor_output(visitor)));
    if (verdict == ANSWER_OK)
        return;
    /* The visitor has its whole answer; what goes beyond is cut. */
    visitor_record_because(visitor, "the driver sent more than content-length");
    stream_reset(&visitor->stream, CODE_PROTOCOL_ERROR, "more DATA than content-length");
    visitor->answer_ended = true;
    visitor_settle(visitor);
    visitor_read(visitor);
}

static void on_end(void *arg)
{
    struct visitor *visitor = arg;
    if (visitor->answer_ended)
        return;
    if (http_answer_end(&visitor->answer, visitor_output(visitor)) != ANSWER_OK) {
        visitor_record_because(visitor, "the driver sent less than content-length");
        stream_reset(&visitor->stream, CODE_PROTOCOL_ERROR, "less DATA than content-length");
        visitor_abort(visitor);
        return;
    }
    visitor->answer_ended = true;
    visitor_settle(visitor);
    visitor_read(visitor); /* the next request may be here already */
}

/* Printable ASCII only: the reason comes from the driver. */
static void describe_reset(const char *what, uint32_t code, struct span reason, char *ret_text, size_t capacity)
{
    char shown[REASON_SHOWN_MAX + 1];
    size_t length = reason.length < REASON_SHOWN_MAX ? reason.length : REASON_SHOWN_MAX;
    for (size_t i = 0; i < length; i++)
        shown[i] = (char)(reason.data[i] >= 0x20 && reason.data[i] < 0x7F ? reason.data[i] : '?');
    shown[length] = '\0';
    (void)snprintf(ret_text, capacity, "%s: %s", what, length > 0 ? shown : error_code_text(code));
}

static void on_reset(void *arg, uint32_t code, struct span reason)
{
    struct visitor *visitor = arg;
    const bool both_ended = visitor->answer_ended && visitor->stream->eof_sent;
    visitor->stream = NULL;
    if (visitor->phase == VISITOR_GONE)
        return;
    /* Its whole answer is here, and may be taken; but not when it is for not being taken that the stream was reset. */
    if (visitor->phase == VISITOR_EXCHANGE && visitor->answer_ended && code != CODE_ENHANCE_YOUR_CALM) {
        visitor_settle(visitor);
        visitor_set_deadline(visitor, false);
        return;
    }
    if (visitor->phase == VISITOR_UPGRADED && both_ended && code != CODE_ENHANCE_YOUR_CALM) {
        visitor_close(visitor); /* whatever becomes of the driver: all it has to take is here */
        return;
    }
    if (visitor->phase == VISITOR_UPGRADED && visitor->answer_ended && code == CODE_NO_ERROR) {
        visitor_record_because(visitor, "the service reads no more");
        visitor_close(visitor);
        return;
    }
    char text[REASON_SHOWN_MAX + 64];
    bool was_answered = visitor->answer.head_written;
    describe_reset(was_answered ? "the tunnel cut the answer" : "the tunnel gave no answer", code, reason, text,
                   sizeof text);
    if (was_answered) {
        visitor_record_because(visitor, text);
        visitor_abort(visitor);
        return;
    }
    visitor_refuse(visitor, 502, "", text);
    visitor_read(visitor);
}

static void on_room(void *arg)
{
    struct visitor *visitor = arg;
    visitor_settle(visitor);
    visitor_read(visitor);
    if (visitor->phase == VISITOR_UPGRADED)
        visitor_set_deadline(visitor, true);
}

static bool has_head(void *arg)
{
    const struct visitor *visitor = arg;
    return visitor->answer.head_written;
}

const struct stream_events visitor_stream_events = {
    .mode = BIND_MODE_EXPOSE,
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_reset = on_reset,
    .on_room = on_room,
    .has_head = has_head,
};
