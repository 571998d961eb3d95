#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/buffer.h>

#include "http_transcript.h"

#include <stdio.h>
#include <stdlib.h>

static void print_head(struct evbuffer *out, const struct http_head *head, bool is_request)
{
    if (is_request) {
        evbuffer_add_printf(out, "head %.*s %.*s 1.%d", (int)head->method.length, (const char *)head->method.data,
                            (int)head->target.length, (const char *)head->target.data, head->version_minor);
        if (head->host.data != NULL) {
            evbuffer_add_printf(out, " host=%.*s", (int)head->host.length, (const char *)head->host.data);
        }
    } else {
        evbuffer_add_printf(out, "head %d %.*s 1.%d", head->status, (int)head->reason.length,
                            (const char *)head->reason.data, head->version_minor);
    }
    switch (head->framing) {
    case HTTP_NO_BODY:
        evbuffer_add_printf(out, " none");
        break;
    case HTTP_BY_LENGTH:
        evbuffer_add_printf(out, " length=%llu", (unsigned long long)head->content_length);
        break;
    case HTTP_CHUNKED:
        evbuffer_add_printf(out, " chunked");
        break;
    case HTTP_UNTIL_CLOSE:
        evbuffer_add_printf(out, " until-close");
        break;
    }
    evbuffer_add_printf(out, "%s%s%s\n", head->keeps_alive ? " keep" : " close", head->is_upgrade ? " upgrade" : "",
                        head->expects_continue ? " continue" : "");
}

struct play {
    struct http_reader *reader;
    bool is_request;
    struct evbuffer *in;
    struct evbuffer *body;
    struct evbuffer *out;
    bool in_body;
    bool is_bad;
};

static void print_event(struct play *play, enum http_event event)
{
    if (play->in_body && event != HTTP_BODY && event != HTTP_MORE) {
        evbuffer_add_printf(play->out, "\n");
        play->in_body = false;
    }
    switch (event) {
    case HTTP_MORE:
        break;
    case HTTP_HEAD:
        assert_true(http_reader_in_message(play->reader));
        assert_false(http_reader_awaits_head(play->reader));
        print_head(play->out, http_reader_head(play->reader), play->is_request);
        break;
    case HTTP_BODY:
        assert_true(evbuffer_get_length(play->body) > 0);
        evbuffer_add_printf(play->out, "%s", play->in_body ? "" : "body ");
        evbuffer_add_buffer(play->out, play->body);
        play->in_body = true;
        break;
    case HTTP_END:
        assert_false(http_reader_in_message(play->reader));
        assert_true(http_reader_awaits_head(play->reader));
        assert_null(http_reader_head(play->reader));
        evbuffer_add_printf(play->out, "end\n");
        break;
    case HTTP_BAD:
        assert_true(strlen(http_reader_error(play->reader).text) > 0);
        evbuffer_add_printf(play->out, "bad %d\n", http_reader_error(play->reader).status);
        play->is_bad = true;
        break;
    }
}

static void read_all(struct play *play, size_t body_max)
{
    enum http_event event = HTTP_MORE;
    do {
        event = http_reader_read(play->reader, play->in, play->body, body_max);
        assert_true(evbuffer_get_length(play->body) <= body_max);
        print_event(play, event);
    } while (event != HTTP_MORE && event != HTTP_BAD);
}

static void add_piece(struct evbuffer *in, const uint8_t *bytes, size_t length, bool chain_by_byte)
{
    if (!chain_by_byte) {
        evbuffer_add(in, bytes, length);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        evbuffer_add_reference(in, bytes + i, 1, NULL, NULL);
    }
}

static void print_rest(struct play *play, bool finishes)
{
    const size_t left = evbuffer_get_length(play->in);
    if (finishes && left == 0) {
        const enum http_event event = http_reader_finish(play->reader);
        print_event(play, event);
        if (event == HTTP_MORE) {
            evbuffer_add_printf(play->out, "clean\n");
        }
    }
    if (play->in_body) {
        evbuffer_add_printf(play->out, "\n");
    }
    if (left > 0) {
        evbuffer_add_printf(play->out, "left %zu\n", left);
    }
}

char *http_transcript(enum http_reader_kind kind, struct span bytes, struct http_delivery delivery)
{
    struct play play = {.reader = http_reader_new(kind),
                        .is_request = kind == HTTP_REQUESTS,
                        .in = evbuffer_new(),
                        .body = evbuffer_new(),
                        .out = evbuffer_new()};
    size_t piece = delivery.first;

    if (delivery.answers_head) {
        http_reader_answers_head(play.reader);
    }
    for (size_t at = 0; at < bytes.length && !play.is_bad; piece = delivery.then) {
        const size_t length = piece < bytes.length - at ? piece : bytes.length - at;
        add_piece(play.in, bytes.data + at, length, delivery.chain_by_byte);
        at += length;
        read_all(&play, delivery.body_max);
    }
    if (!play.is_bad) {
        print_rest(&play, delivery.finishes);
    }
    evbuffer_add(play.out, "", 1);
    char *text = strdup((const char *)evbuffer_pullup(play.out, -1));
    http_reader_destroy(&play.reader);
    assert_null(play.reader);
    evbuffer_free(play.in);
    evbuffer_free(play.body);
    evbuffer_free(play.out);
    return text;
}

static void assert_delivery(enum http_reader_kind kind, struct span bytes, struct http_delivery delivery,
                            const char *expected)
{
    char *text = http_transcript(kind, bytes, delivery);
    if (strcmp(text, expected) != 0) {
        print_error("first %zu, then %zu, chain_by_byte %d, body_max %zu of:\n%.*s\n", delivery.first, delivery.then,
                    delivery.chain_by_byte, delivery.body_max, (int)bytes.length, (const char *)bytes.data);
    }
    assert_string_equal(text, expected);
    free(text);
}

void assert_http_transcript(enum http_reader_kind kind, struct span bytes, bool answers_head, bool finishes,
                            const char *expected)
{
    const struct http_delivery whole = {.first = bytes.length,
                                        .then = bytes.length,
                                        .body_max = SIZE_MAX,
                                        .answers_head = answers_head,
                                        .finishes = finishes};
    struct http_delivery delivery = whole;
    assert_delivery(kind, bytes, delivery, expected);
    delivery.chain_by_byte = true;
    assert_delivery(kind, bytes, delivery, expected);
    delivery.body_max = 1;
    assert_delivery(kind, bytes, delivery, expected);
    delivery = whole;
    delivery.first = delivery.then = 1;
    assert_delivery(kind, bytes, delivery, expected);

    const size_t all_cuts_max = 1500;
    const size_t near = 40;
    const size_t stride = bytes.length <= all_cuts_max ? 1 : bytes.length / 200;
    for (size_t cut = 1; cut < bytes.length; cut += cut < near || cut + stride + near > bytes.length ? 1 : stride) {
        delivery = whole;
        delivery.first = cut;
        assert_delivery(kind, bytes, delivery, expected);
    }
}

void assert_requests(const char *bytes, const char *expected)
{
    assert_http_transcript(HTTP_REQUESTS, span_of_string(bytes), false, false, expected);
}

void assert_answers(const char *bytes, const char *expected)
{
    assert_http_transcript(HTTP_ANSWERS, span_of_string(bytes), false, false, expected);
}

char *with_run(const char *format, char fill, size_t count)
{
    const char *hole = strstr(format, "%s");
    assert_non_null(hole);
    const size_t before = (size_t)(hole - format);
    const size_t after = strlen(hole + 2);
    char *text = malloc(before + count + after + 1);
    assert_non_null(text);
    memcpy(text, format, before);
    memset(text + before, fill, count);
    memcpy(text + before + count, hole + 2, after + 1);
    return text;
}
