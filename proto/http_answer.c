#include "http_answer.h"

#include "buffer_move.h"
#include "check.h"
#include "http_forward.h"
#include "http_head_write.h"
#include "http_hop_by_hop.h"

#include <event2/buffer.h>
#include <stdio.h>

enum {
    STATUS_MIN = 100,
    STATUS_SWITCHING_PROTOCOLS = 101,
    STATUS_FIRST_FINAL = 200,
    STATUS_NO_CONTENT = 204,
    STATUS_NOT_MODIFIED = 304,
    STATUS_MAX = 599,
    STATUS_LINE_MAX = 64,
};

void http_answer_init(struct http_answer *answer, struct http_answer_request request)
{
    *answer = (struct http_answer){.request = request};
}

static bool has_body(struct http_answer_request request, uint16_t status)
{
    return !request.is_head && status != STATUS_NO_CONTENT && status != STATUS_NOT_MODIFIED;
}

/* Always our own version, also to 1.0 visitors (RFC 9110 section 6.2). */
static void write_status_line(struct http_head_writer *writer, uint16_t status)
{
    char line[STATUS_LINE_MAX];
    (void)snprintf(line, sizeof line, "HTTP/1.1 %03u %s\r\n", (unsigned)status, http_status_text(status));
    http_head_write_text(writer, line);
}

static void write_connection(struct http_head_writer *writer, struct http_answer_request request, bool keeps_alive)
{
    if (!keeps_alive) {
        http_head_write_text(writer, "Connection: close\r\n");
    } else if (request.version_minor == 0) {
        http_head_write_text(writer, "Connection: keep-alive\r\n");
    }
}

/* The sender's fields that may pass. `length`: NULL drops its Content-Length, otherwise it is written once, as read. */
static void write_fields(struct http_head_writer *writer, const struct response_head *head, const uint64_t *length)
{
    struct http_hop_by_hop hops;
    bool length_is_due = length != NULL;
    check(http_hop_by_hop_init_fields(&hops, &head->fields, head->status == STATUS_SWITCHING_PROTOCOLS));
    for (size_t i = 0; i < head->fields.count; i++) {
        const struct span name = span_of_string(head->fields.pairs[i].name);
        const struct span value = span_of_string(head->fields.pairs[i].value);
        if (!http_field_is_safe(name, value) || http_hop_by_hop_has(&hops, name)) {
            continue;
        }
        if (!span_equals_nocase(name, "content-length")) {
            http_head_write_field(writer, name, value);
        } else if (length_is_due) {
            http_head_write_length(writer, name, *length);
            length_is_due = false;
        }
    }
    http_hop_by_hop_done(&hops);
}

static void begin_head(struct http_head_writer *writer, const struct response_head *head, struct evbuffer *out)
{
    http_head_writer_begin(writer, out, http_head_fields_size(&head->fields) + HTTP_HEAD_OWN_MAX);
    write_status_line(writer, head->status);
}

/* Interim heads, and 101: neither says anything of a body. */
static void write_head_without_framing(const struct response_head *head, struct evbuffer *out)
{
    struct http_head_writer writer;
    begin_head(&writer, head, out);
    write_fields(&writer, head, NULL);
    http_head_writer_end(&writer);
}

static enum http_answer_verdict write_interim(const struct http_answer *answer, const struct response_head *head,
                                              struct evbuffer *out)
{
    if (head->status >= STATUS_FIRST_FINAL || head->status == STATUS_SWITCHING_PROTOCOLS) {
        return ANSWER_INVALID;
    }
    if (answer->request.version_minor > 0) {
        write_head_without_framing(head, out);
    }
    return ANSWER_OK;
}

static enum http_answer_verdict write_switch(struct http_answer *answer, const struct response_head *head,
                                             struct evbuffer *out)
{
    if (!answer->request.is_upgrade) {
        return ANSWER_INVALID;
    }
    write_head_without_framing(head, out);
    answer->head_written = true;
    answer->status = head->status;
    answer->framing = ANSWER_RAW;
    return ANSWER_OK;
}

static enum http_answer_framing choose_framing(struct http_answer_request request, uint16_t status, bool has_length)
{
    if (!has_body(request, status)) {
        return ANSWER_NO_BODY;
    }
    if (has_length) {
        return ANSWER_BY_LENGTH;
    }
    return request.version_minor > 0 ? ANSWER_CHUNKED : ANSWER_UNTIL_CLOSE;
}

static enum http_answer_verdict write_final(struct http_answer *answer, const struct response_head *head,
                                            struct evbuffer *out)
{
    const struct http_answer_request request = answer->request;
    uint64_t length = 0;
    const enum http_length_verdict verdict = http_declared_length(&head->fields, &length);
    if (head->status < STATUS_FIRST_FINAL || verdict == HTTP_LENGTH_BAD) {
        return ANSWER_INVALID;
    }
    const bool has_length = verdict == HTTP_LENGTH_GIVEN && head->status != STATUS_NO_CONTENT;
    answer->head_written = true;
    answer->status = head->status;
    answer->framing = choose_framing(request, head->status, has_length);
    answer->remaining = answer->framing == ANSWER_BY_LENGTH ? length : 0;
    answer->keeps_alive = request.keeps_alive && !request.is_upgrade && answer->framing != ANSWER_UNTIL_CLOSE;

    struct http_head_writer writer;
    begin_head(&writer, head, out);
    write_fields(&writer, head, has_length ? &length : NULL);
    if (answer->framing == ANSWER_CHUNKED) {
        http_head_write_text(&writer, "Transfer-Encoding: chunked\r\n");
    }
    write_connection(&writer, request, answer->keeps_alive);
    http_head_writer_end(&writer);
    return ANSWER_OK;
}

enum http_answer_verdict http_answer_head(struct http_answer *answer, const struct response_head *head,
                                          struct evbuffer *out)
{
    if (answer->head_written || head->status < STATUS_MIN || head->status > STATUS_MAX) {
        return ANSWER_INVALID;
    }
    if (!head->is_final) {
        return write_interim(answer, head, out);
    }
    return head->status == STATUS_SWITCHING_PROTOCOLS ? write_switch(answer, head, out)
                                                      : write_final(answer, head, out);
}

static enum http_answer_verdict write_by_length(struct http_answer *answer, struct evbuffer *body, struct evbuffer *out)
{
    const size_t length = evbuffer_get_length(body);
    if (length <= answer->remaining) {
        buffer_move(body, out, length);
        answer->remaining -= length;
        return ANSWER_OK;
    }
    const size_t fitting = (size_t)answer->remaining;
    buffer_move(body, out, fitting);
    answer->remaining = 0;
    return ANSWER_TOO_LONG;
}

enum http_answer_verdict http_answer_body(struct http_answer *answer, struct evbuffer *body, struct evbuffer *out)
{
    if (!answer->head_written || answer->ended) {
        return ANSWER_INVALID;
    }
    switch (answer->framing) {
    case ANSWER_NO_BODY:
        check(evbuffer_drain(body, evbuffer_get_length(body)) == 0);
        return ANSWER_OK;
    case ANSWER_BY_LENGTH:
        return write_by_length(answer, body, out);
    case ANSWER_CHUNKED:
        http_chunk_write(body, evbuffer_get_length(body), out);
        return ANSWER_OK;
    case ANSWER_UNTIL_CLOSE:
    case ANSWER_RAW:
        buffer_move(body, out, evbuffer_get_length(body));
        return ANSWER_OK;
    }
    return ANSWER_INVALID;
}

enum http_answer_verdict http_answer_end(struct http_answer *answer, struct evbuffer *out)
{
    if (!answer->head_written || answer->ended) {
        return ANSWER_INVALID;
    }
    answer->ended = true;
    if (answer->framing == ANSWER_CHUNKED) {
        http_chunk_write_last(out);
    }
    if (answer->remaining > 0) {
        answer->keeps_alive = false;
        return ANSWER_CUT;
    }
    return ANSWER_OK;
}

bool http_answer_own_body(struct http_answer_request request, uint16_t status, const char *extra_fields,
                          const char *content_type, struct span body, bool closes, struct evbuffer *out)
{
    const bool keeps_alive = request.keeps_alive && !request.is_upgrade && !closes;
    const bool says_body = status != STATUS_NO_CONTENT && status != STATUS_NOT_MODIFIED;
    check(status >= STATUS_FIRST_FINAL && status <= STATUS_MAX);

    struct http_head_writer writer;
    http_head_writer_begin(&writer, out, strlen(extra_fields) + strlen(content_type) + HTTP_HEAD_OWN_MAX);
    write_status_line(&writer, status);
    if (says_body) {
        http_head_write_field(&writer, span_of_string("Content-Type"), span_of_string(content_type));
        http_head_write_length(&writer, span_of_string("Content-Length"), body.length);
    }
    http_head_write_text(&writer, extra_fields);
    write_connection(&writer, request, keeps_alive);
    http_head_writer_end(&writer);
    if (has_body(request, status) && body.length > 0) {
        check(evbuffer_add(out, body.data, body.length) == 0);
    }
    return keeps_alive;
}

bool http_answer_own(struct http_answer_request request, uint16_t status, const char *extra_fields, const char *text,
                     bool closes, struct evbuffer *out)
{
    return http_answer_own_body(request, status, extra_fields, "text/plain; charset=utf-8", span_of_string(text),
                                closes, out);
}
